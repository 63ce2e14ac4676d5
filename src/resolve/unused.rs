use std::collections::HashSet;

use crate::source::{Mapping, Node};

/// Removes the networks, volumes, secrets and configs that no active service uses, and returns them by section.
pub fn remove(root: &mut Node) -> Vec<(&'static str, Mapping)> {
    let mut networks = HashSet::new();
    let mut volumes = HashSet::new();
    let mut secrets = HashSet::new();
    let mut configs = HashSet::new();
    let services = root.get("services").and_then(Node::as_mapping);
    for service in services.into_iter().flat_map(Mapping::values) {
        if let Some(joined) = service.get("networks").and_then(Node::as_mapping) {
            networks.extend(joined.keys().map(|key| key.text.clone()));
        }
        volumes.extend(
            items(service, "volumes")
                .iter()
                .filter(|mount| mount.get("type").and_then(Node::as_str) == Some("volume"))
                .filter_map(source),
        );
        secrets.extend(items(service, "secrets").iter().filter_map(source));
        configs.extend(items(service, "configs").iter().filter_map(source));
        if let Some(build) = service.get("build") {
            secrets.extend(items(build, "secrets").iter().filter_map(source));
        }
    }
    let used = [
        ("networks", networks),
        ("volumes", volumes),
        ("secrets", secrets),
        ("configs", configs),
    ];
    used.into_iter()
        .filter_map(|(section, used)| {
            let members = root.get_mut(section)?.as_mapping_mut()?;
            let (kept, unused) = std::mem::take(members)
                .into_iter()
                .partition(|(key, _)| used.contains(&key.text));
            *members = kept;
            if members.is_empty() {
                root.as_mapping_mut()?.shift_remove(section);
            }
            Some((section, unused))
        })
        .collect()
}

fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key)
        .and_then(Node::as_sequence)
        .unwrap_or_default()
}

fn source(node: &Node) -> Option<Box<str>> {
    node.get("source")?.as_str().map(Into::into)
}
