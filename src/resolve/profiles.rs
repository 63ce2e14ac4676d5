use crate::source::{Mapping, Node};

/// Splits the services of which no profile is active off the document and returns them, in their order.
///
/// A service without profiles is always active; `*` activates all.
/// <https://github.com/compose-spec/compose-spec/blob/main/15-profiles.md>
pub fn deactivate(root: &mut Node, active: &[String]) -> Mapping {
    let Some(services) = root.get_mut("services").and_then(Node::as_mapping_mut) else {
        return Mapping::new();
    };
    if services.values().all(|service| is_active(service, active)) {
        return Mapping::new();
    }
    let (kept, inactive) = std::mem::take(services)
        .into_iter()
        .partition(|(_, service)| is_active(service, active));
    *services = kept;
    inactive
}

fn is_active(service: &Node, active: &[String]) -> bool {
    let profiles = of(service);
    // Compose takes the empty profile for an active one.
    profiles.is_empty()
        || profiles.iter().any(|profile| {
            profile.is_empty() || active.iter().any(|name| name == "*" || name == profile)
        })
}

/// The profiles that a service names.
pub fn of(service: &Node) -> Vec<&str> {
    service
        .get("profiles")
        .and_then(Node::as_sequence)
        .unwrap_or_default()
        .iter()
        .filter_map(Node::as_str)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    fn project() -> Node {
        let service = |profiles: &[&str]| {
            let profiles = profiles
                .iter()
                .map(|name| Node::string(*name, Span::NONE))
                .collect();
            let mut members = Mapping::new();
            members.insert("profiles".into(), Node::sequence(profiles, Span::NONE));
            Node::mapping(members, Span::NONE)
        };
        let mut services = Mapping::new();
        services.insert("app".into(), service(&[]));
        services.insert("debug".into(), service(&["dev", "debug"]));
        let mut root = Mapping::new();
        root.insert("services".into(), Node::mapping(services, Span::NONE));
        Node::mapping(root, Span::NONE)
    }

    #[test]
    fn a_service_needs_one_active_profile() {
        for (active, left_out) in [
            (vec![], 1),
            (vec!["dev"], 0),
            (vec!["*"], 0),
            (vec!["x"], 1),
        ] {
            let active: Vec<String> = active.into_iter().map(str::to_owned).collect();
            assert_eq!(deactivate(&mut project(), &active).len(), left_out);
        }
    }
}
