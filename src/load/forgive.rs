use std::collections::HashSet;

use super::Loaded;
use crate::source::{Kind, Node, Span};

impl Loaded {
    /// Lets variables be missing that only containers need, so that images can be built without them: each becomes a note.
    ///
    /// What `image` and `build` of a service require stays an error.
    pub fn forgive_runtime_variables(&mut self) {
        let mut needed = HashSet::new();
        let services = self.root.get("services").and_then(Node::as_mapping);
        for service in services.into_iter().flat_map(|services| services.values()) {
            for attribute in ["image", "build"] {
                if let Some(node) = service.get(attribute) {
                    spans(node, &mut needed);
                }
            }
        }
        let within = |place: Span, value: &Span| {
            place.source == value.source && value.start <= place.start && place.end <= value.end
        };
        let forgiven = self.diagnostics.take(|finding| {
            finding.code == "variable-required"
                && !finding
                    .labels
                    .iter()
                    .any(|label| needed.iter().any(|value| within(label.span, value)))
        });
        let names: HashSet<&String> = forgiven.iter().map(|finding| &finding.message).collect();
        if !names.is_empty() {
            let count = crate::diagnostic::prose::count(names.len(), "variable");
            self.notes.push(format!(
                "{count} that containers require have no value; building images does not need them"
            ));
        }
    }
}

/// The places of all texts of a value.
fn spans(node: &Node, found: &mut HashSet<Span>) {
    match &node.kind {
        Kind::Sequence(items) => items.iter().for_each(|item| spans(item, found)),
        Kind::Mapping(members) => members.values().for_each(|member| spans(member, found)),
        _ => {
            found.insert(node.span);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use crate::load::{Environment, LoadRequest, MemoryDisk, load};

    fn forgiven(text: &str) -> bool {
        let disk = MemoryDisk::default().with("/p/compose.yml", text);
        let environment = Environment {
            working_directory: PathBuf::from("/p"),
            ..Environment::default()
        };
        let mut loaded = load(&LoadRequest::default(), &disk, &environment);
        assert!(loaded.diagnostics.has_errors());
        loaded.forgive_runtime_variables();
        !loaded.diagnostics.has_errors()
    }

    #[test]
    fn only_what_a_build_needs_must_be_set() {
        assert!(forgiven(
            "services:\n  a:\n    build: .\n    environment:\n      URI: ${URI:?say where}\n"
        ));
        assert!(!forgiven(
            "services:\n  a:\n    build:\n      context: .\n      args:\n        URI: ${URI:?say where}\n"
        ));
        assert!(!forgiven(
            "services:\n  a:\n    image: a:${TAG:?say which}\n"
        ));
    }
}
