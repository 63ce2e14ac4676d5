//! Whether the parts of a project fit together, one rule a file.

mod build;
mod container_name;
mod cycle;
mod dependency;
mod external;
mod file_object;
mod healthcheck;
mod image;
mod limits;
mod mount;
mod mount_target;
mod network;
mod port;
mod reference;
mod scale;
mod test_suite;
mod watch;

use super::selection::with_dependencies;
use crate::diagnostic::Diagnostics;
use crate::source::{Key, Mapping, Node, Sources, Span};

/// A document in its long form, seen by the rules.
pub struct View<'d> {
    root: &'d Node,
    /// Services that no active profile brings in.
    inactive: &'d Mapping,
}

/// One service of the document.
#[derive(Clone, Copy)]
pub struct Service<'d> {
    pub name: &'d str,
    /// Where its name is written.
    pub span: Span,
    pub node: &'d Node,
}

/// Rules for the document as it was merged, whatever profiles are active.
pub fn structure(root: &Node, found: &mut Diagnostics) {
    let inactive = Mapping::new();
    let view = View {
        root,
        inactive: &inactive,
    };
    external::check(&view, found);
    file_object::check_sources(&view, found);
    mount::check(&view, found);
    watch::check_paths(&view, found);
}

/// Rules for the canonical document with its active services. `meant`: those that are to run, with what they depend on; the others
/// may name their containers as these do. `None`: all are.
pub fn consistency(
    root: &Node,
    inactive: &Mapping,
    sources: &Sources,
    meant: Option<&[String]>,
    found: &mut Diagnostics,
) {
    let view = View { root, inactive };
    image::check(&view, found);
    build::check(&view, found);
    network::check(&view, found);
    healthcheck::check(&view, found);
    dependency::check(&view, found);
    reference::check(&view, found);
    scale::check(&view, found);
    limits::check(&view, found);
    watch::check_targets(&view, found);
    mount_target::check(&view, found);
    file_object::check_content(&view, found);
    let services = root.get("services").and_then(Node::as_mapping);
    let meant = services
        .zip(meant)
        .map(|(services, meant)| with_dependencies(services, meant));
    container_name::check(&view, meant.as_ref(), found);
    port::check(&view, sources, found);
    cycle::check(&view, found);
    test_suite::check(&view, found);
}

impl<'d> View<'d> {
    pub fn services(&self) -> impl Iterator<Item = Service<'d>> + use<'d> {
        self.section("services").map(|(key, node)| Service {
            name: &key.text,
            span: key.span,
            node,
        })
    }

    pub fn service(&self, name: &str) -> Option<Service<'d>> {
        let services = self.root.get("services")?.as_mapping()?;
        let (key, node) = services.get_key_value(name)?;
        Some(Service {
            name: &key.text,
            span: key.span,
            node,
        })
    }

    /// The members of a top-level section.
    pub fn section(&self, name: &str) -> impl Iterator<Item = (&'d Key, &'d Node)> + use<'d> {
        self.root
            .get(name)
            .and_then(Node::as_mapping)
            .into_iter()
            .flatten()
    }

    pub fn has(&self, section: &str, name: &str) -> bool {
        self.root
            .get(section)
            .is_some_and(|section| section.get(name).is_some())
    }
}

impl<'d> Service<'d> {
    pub fn get(&self, key: &str) -> Option<&'d Node> {
        self.node.get(key)
    }

    pub fn items(&self, key: &str) -> &'d [Node] {
        items(self.node, key)
    }

    pub fn members(&self, key: &str) -> impl Iterator<Item = (&'d Key, &'d Node)> + use<'d> {
        self.get(key)
            .and_then(Node::as_mapping)
            .into_iter()
            .flatten()
    }
}

/// The items of a list below `node`; none when there is no such list.
pub fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key)
        .and_then(Node::as_sequence)
        .unwrap_or_default()
}

/// The first place that stands in a file.
pub fn first_span(spans: impl IntoIterator<Item = Span>) -> Span {
    spans
        .into_iter()
        .find(|span| span.is_some())
        .unwrap_or(Span::NONE)
}
