use std::path::Path;

use crate::diagnostic::Diagnostics;
use crate::grammar::{self, Anchor};
use crate::model::Service;
use crate::source::{Key, Mapping, Node, Span, from_node};

/// Attributes of a service in the short forms of a command line: `run --publish 8080:80 --volume ./data:/data`.
#[derive(Clone, Debug, Default)]
pub struct Fragment<'f> {
    pub ports: &'f [String],
    pub volumes: &'f [String],
    /// Split as a shell would.
    pub entrypoint: Option<&'f str>,
}

impl Fragment<'_> {
    /// Reads them by the rules for files. Relative paths refer to `directory`.
    ///
    /// # Errors
    /// The first text that the rules refuse, in one sentence.
    pub fn read(&self, directory: &Path, home: Option<&Path>) -> Result<Service, String> {
        let texts = |texts: &[String]| {
            let items = texts
                .iter()
                .map(|text| Node::string(text.as_str(), Span::NONE));
            Node::sequence(items.collect(), Span::NONE)
        };
        let mut service = Mapping::new();
        service.insert("ports".into(), texts(self.ports));
        service.insert("volumes".into(), texts(self.volumes));
        if let Some(entrypoint) = self.entrypoint {
            service.insert("entrypoint".into(), Node::string(entrypoint, Span::NONE));
        }
        let below = |key: Key, node: Node| {
            let mut members = Mapping::new();
            members.insert(key, node);
            Node::mapping(members, Span::NONE)
        };
        let service = Node::mapping(service, Span::NONE);
        let mut root = below("services".into(), below("run".into(), service));
        let mut findings = Diagnostics::default();
        grammar::check(&root, &mut findings);
        if !findings.has_errors() {
            grammar::expand(&mut root, false, &mut findings);
            grammar::absolute(&mut root, Anchor { directory, home });
            grammar::canonicalise(&mut root, &mut findings);
        }
        if let Some(finding) = findings.iter().next() {
            return Err(finding.message.clone());
        }
        let service = root
            .get("services")
            .and_then(|services| services.get("run"));
        from_node(service.unwrap_or(&root)).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_those_of_files() {
        let fragment = Fragment {
            ports: &["127.0.0.1:8080:80".into()],
            volumes: &["./data:/data:ro".into()],
            entrypoint: Some("sh -c 'echo a b'"),
        };
        let service = fragment.read(Path::new("/p"), None).unwrap();
        assert_eq!(service.ports[0].target, 80);
        assert_eq!(service.volumes[0].source.as_deref(), Some("/p/data"));
        assert!(service.volumes[0].read_only);
        assert_eq!(service.entrypoint.unwrap(), ["sh", "-c", "echo a b"]);
    }

    #[test]
    fn what_files_may_not_say_is_refused() {
        let fragment = Fragment {
            ports: &["eighty".into()],
            ..Fragment::default()
        };
        assert!(fragment.read(Path::new("/p"), None).is_err());
    }
}
