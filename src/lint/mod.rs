//! What is allowed but seldom meant: the rules of `wharf lint` beyond what is wrong, one a file.

mod bake;
mod data;
mod doubtful;
mod fixed_name;
mod gate;
mod identity;
mod image_cycle;
mod missing_file;
mod reach;
mod redundant;
mod refused;
mod shared_image;
mod unbuildable;
mod unused;

pub use image_cycle::image_cycle;
pub use missing_file::missing_files;
pub use redundant::redundant;
pub use refused::refused;
pub use unbuildable::unbuildable;

use crate::build::ImageGraph;
use crate::diagnostic::Diagnostics;
use crate::load::Disk;
use crate::resolve::Resolved;
use crate::source::{Node, Path, Span};

/// What the rules look at.
struct Subject<'r> {
    resolved: &'r Resolved,
    images: &'r ImageGraph,
    disk: &'r dyn Disk,
}

/// Everything that is worth saying about a project without errors; reads its Dockerfiles.
///
/// A project with errors has no findings here: most of them would only follow from the errors.
pub fn advise(resolved: &Resolved, disk: &dyn Disk) -> Diagnostics {
    let mut found = Diagnostics::default();
    if resolved.diagnostics.has_errors() {
        return found;
    }
    let services: Vec<String> = resolved.project.services.keys().cloned().collect();
    found.extend(refused(resolved, &services));
    redundant(resolved, &mut found);
    let images = ImageGraph::of(&resolved.project, disk).unwrap_or_else(|cycle| {
        // It leaves no graph.
        found.push(image_cycle(resolved, &cycle));
        ImageGraph::default()
    });
    let subject = Subject {
        resolved,
        images: &images,
        disk,
    };
    for rule in [
        unbuildable::check,
        doubtful::check,
        missing_file::check,
        shared_image::check,
        bake::check,
        identity::check,
        gate::check,
        reach::check,
        data::check,
        fixed_name::check,
        unused::check,
    ] {
        rule(&subject, &mut found);
    }
    found
}

impl<'r> Subject<'r> {
    fn node(&self, path: &[&str]) -> Option<&'r Node> {
        node(self.resolved, path)
    }

    /// Where the value at `path` is written; [`Span::NONE`] where nobody wrote it.
    fn span(&self, path: &[&str]) -> Span {
        self.node(path).map_or(Span::NONE, |node| node.span)
    }

    /// Where the key at `path` is written.
    fn key(&self, path: &[&str]) -> Span {
        key(self.resolved, path)
    }

    /// The value at `path`, or else its key.
    fn place(&self, path: &[&str]) -> Span {
        place(self.resolved, path)
    }
}

fn node<'r>(resolved: &'r Resolved, path: &[&str]) -> Option<&'r Node> {
    resolved.document.at(&Path::keys(path.iter().copied()))
}

fn key(resolved: &Resolved, path: &[&str]) -> Span {
    let Some((last, above)) = path.split_last() else {
        return Span::NONE;
    };
    node(resolved, above)
        .and_then(Node::as_mapping)
        .and_then(|members| members.get_key_value(last))
        .map_or(Span::NONE, |(key, _)| key.span)
}

fn place(resolved: &Resolved, path: &[&str]) -> Span {
    match node(resolved, path) {
        Some(node) if node.span.is_some() => node.span,
        _ => key(resolved, path),
    }
}

/// A project of these files, and the disk that they lie on.
#[cfg(test)]
fn resolved(files: &[(&str, &str)]) -> (Resolved, crate::load::MemoryDisk) {
    use crate::load::{Environment, LoadRequest, MemoryDisk, load};
    use crate::resolve::{Options, resolve};

    let disk = files
        .iter()
        .fold(MemoryDisk::default(), |disk, (path, text)| {
            disk.with(format!("/p/{path}"), *text)
        });
    let environment = Environment {
        working_directory: "/p".into(),
        ..Environment::default()
    };
    let loaded = load(&LoadRequest::default(), &disk, &environment);
    let resolved = resolve(loaded, &disk, &environment, &Options::default());
    let errors: Vec<_> = resolved.diagnostics.iter().collect();
    assert!(!resolved.diagnostics.has_errors(), "{errors:#?}");
    (resolved, disk)
}

/// Codes and messages of what the rules say about a project.
#[cfg(test)]
fn advice(files: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
    let (resolved, disk) = resolved(files);
    advise(&resolved, &disk)
        .iter()
        .map(|finding| {
            let place = finding
                .labels
                .iter()
                .find(|label| label.primary)
                .and_then(|label| resolved.sources.slice(label.span));
            (
                format!("{}: {}", finding.code, finding.message),
                place.map(str::to_owned),
            )
        })
        .collect()
}
