use std::collections::HashSet;

use smol_str::SmolStr;

use crate::source::{Mapping, Node};

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

/// Leaves only the services that are named and all that they depend on. No name: all stay. A name that no service has keeps nothing.
pub fn keep(root: &mut Node, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let Some(services) = root.get_mut("services").and_then(Node::as_mapping_mut) else {
        return;
    };
    let kept = with_dependencies(services, names);
    services.retain(|key, _| kept.contains(&key.text));
    // As Compose does, a selection forgets the optional dependencies that no active service stands for.
    let names: HashSet<SmolStr> = services.keys().map(|key| key.text.clone()).collect();
    for service in services.values_mut() {
        let Some(members) = service.as_mapping_mut() else {
            continue;
        };
        if let Some(dependencies) = members.get_mut("depends_on").and_then(Node::as_mapping_mut) {
            dependencies.retain(|key, _| names.contains(&key.text));
            if dependencies.is_empty() {
                members.remove("depends_on");
            }
        }
    }
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
    use crate::diagnostic::Diagnostics;
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
    fn dependencies_that_no_active_service_stands_for_are_forgotten() {
        let text = "services:\n  app: {depends_on: {gone: {required: false}}}\n  web: {depends_on: {app: {}, gone: {required: false}}}\n";
        let mut root = parse(SourceId(0), text, &mut Diagnostics::default()).remove(0);
        keep(&mut root, &["web".to_owned()]);
        let dependencies = |name: &str| {
            let service = root.get("services")?.get(name)?;
            Some(service.get("depends_on")?.as_mapping()?.len())
        };
        assert_eq!((dependencies("app"), dependencies("web")), (None, Some(1)));
    }

    #[test]
    fn dependencies_stay() {
        let mut root = project();
        keep(&mut root, &["app".to_owned()]);
        assert_eq!(names(&root), ["app", "db"]);
    }
}
