use std::collections::HashSet;

use smol_str::SmolStr;

use crate::diagnostic::{Diagnostic, Diagnostics, closest};
use crate::source::{Mapping, Node, Span};

/// Brings in the services that are named although none of their profiles is active.
pub fn activate(root: &mut Node, inactive: &mut Mapping, names: &[String]) {
    let Some(services) = root.get_mut("services").and_then(Node::as_mapping_mut) else {
        return;
    };
    for name in names {
        if let Some((key, service)) = inactive.remove_entry(name) {
            services.insert(key, service);
        }
    }
}

/// Leaves only the services that are named and all that they depend on. No name: all stay.
pub fn keep(root: &mut Node, names: &[String], found: &mut Diagnostics) {
    if names.is_empty() {
        return;
    }
    let Some(services) = root.get_mut("services").and_then(Node::as_mapping_mut) else {
        return;
    };
    for name in names {
        if !services.contains_key(name.as_str()) {
            let finding = Diagnostic::error(
                "undefined-service",
                format!("the project has no service `{name}`"),
            )
            .at(Span::NONE, "");
            let known = services.keys().map(|key| &*key.text);
            found.push(match closest(name, known) {
                Some(near) => finding.help(format!("write `{near}`")),
                None => finding,
            });
        }
    }
    let kept = with_dependencies(services, names);
    services.retain(|key, _| kept.contains(&key.text));
}

/// These services and all that they depend on.
pub fn with_dependencies(services: &Mapping, names: &[String]) -> HashSet<SmolStr> {
    let mut kept: HashSet<SmolStr> = HashSet::new();
    let mut open: Vec<SmolStr> = names.iter().map(|name| name.as_str().into()).collect();
    while let Some(name) = open.pop() {
        let dependencies = services
            .get(&name)
            .and_then(|service| service.get("depends_on")?.as_mapping());
        let needed = dependencies.into_iter().flat_map(Mapping::keys);
        open.extend(
            needed
                .map(|key| key.text.clone())
                .filter(|name| !kept.contains(name)),
        );
        kept.insert(name);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{SourceId, parse};

    fn project() -> Node {
        let text = "services:\n  app: {depends_on: {db: {}}}\n  db: {}\n  mail: {}\n";
        let mut found = Diagnostics::default();
        parse(SourceId(0), text, &mut found).remove(0)
    }

    fn names(root: &Node) -> Vec<&str> {
        let services = root.get("services").and_then(Node::as_mapping).unwrap();
        services.keys().map(|key| &*key.text).collect()
    }

    #[test]
    fn dependencies_stay() {
        let mut root = project();
        let mut found = Diagnostics::default();
        keep(&mut root, &["app".to_owned()], &mut found);
        assert_eq!(names(&root), ["app", "db"]);
        assert!(found.is_empty());
    }

    #[test]
    fn an_unknown_name_is_a_finding() {
        let mut found = Diagnostics::default();
        keep(&mut project(), &["ap".to_owned()], &mut found);
        assert!(found.has_errors());
    }
}
