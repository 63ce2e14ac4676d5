use super::{Expansion, default};
use crate::source::{Mapping, Node, Span};

/// A config's or secret's name becomes `{source: name}`.
pub fn file_reference(node: &mut Node, _: &mut Expansion) {
    member(node, "source");
}

/// As [`file_reference`], with the target `/run/secrets/<source>` where none is said.
pub fn secret_reference(node: &mut Node, _: &mut Expansion) {
    member(node, "source");
    let target = format!(
        "/run/secrets/{}",
        node.get("source")
            .and_then(Node::as_str)
            .unwrap_or_default()
    );
    default(node, "target", || Node::string(target, Span::NONE));
}

/// Paths become `{path, required}`.
pub fn env_file(node: &mut Node, _: &mut Expansion) {
    if node.as_str().is_some() {
        let span = node.span;
        let only = std::mem::replace(node, Node::null(span));
        *node = Node::sequence(vec![only], span);
    }
    for entry in node.as_sequence_mut().into_iter().flatten() {
        member(entry, "path");
        default(entry, "required", || Node::bool(true, Span::NONE));
    }
}

/// A text becomes the only member of a mapping.
pub fn member(node: &mut Node, key: &str) {
    if node.as_str().is_some() {
        let span = node.span;
        let only = std::mem::replace(node, Node::null(span));
        let history = only.history.clone();
        let mut members = Mapping::new();
        members.insert(key.into(), only);
        node.kind = members.into();
        node.history = history;
    }
}
