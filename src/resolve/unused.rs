use std::collections::HashSet;

use smol_str::SmolStr;

use crate::source::{Mapping, Node};

/// Removes the networks, volumes, secrets, configs and models that no active service uses. What no inactive service uses either is
/// returned, by section.
pub fn remove(root: &mut Node, inactive: &Mapping) -> Vec<(&'static str, Mapping)> {
    let mut used = Used::default();
    let services = root.get("services").and_then(Node::as_mapping);
    for service in services.into_iter().flat_map(Mapping::values) {
        used.add(service);
    }
    if injects_secrets(root) {
        // Which of them, only the templates say.
        let secrets = root.get("secrets").and_then(Node::as_mapping);
        let names = secrets.into_iter().flat_map(Mapping::keys);
        used.secrets.extend(names.map(|key| key.text.clone()));
    }
    let mut asleep = Used::default();
    for service in inactive.values() {
        asleep.add(service);
    }
    used.sections()
        .into_iter()
        .zip(asleep.sections())
        .filter_map(|((section, used), (_, asleep))| {
            let members = root.get_mut(section)?.as_mapping_mut()?;
            let (kept, mut unused): (Mapping, Mapping) = std::mem::take(members)
                .into_iter()
                .partition(|(key, _)| used.contains(&key.text));
            *members = kept;
            if members.is_empty() {
                root.as_mapping_mut()?.remove(section);
            }
            unused.retain(|key, _| !asleep.contains(&key.text));
            Some((section, unused))
        })
        .collect()
}

/// Whether a configuration layer, of a service or of the whole project, may use secrets.
fn injects_secrets(root: &Node) -> bool {
    let services = root.get("services").and_then(Node::as_mapping);
    std::iter::once(root)
        .chain(services.into_iter().flat_map(Mapping::values))
        .filter_map(|owner| owner.get("x-wharf"))
        .flat_map(|wharf| items(wharf, "config"))
        .any(|file| file.get("allow-secrets").and_then(Node::as_bool) == Some(true))
}

/// The names that services use.
#[derive(Default)]
struct Used {
    networks: HashSet<SmolStr>,
    volumes: HashSet<SmolStr>,
    secrets: HashSet<SmolStr>,
    configs: HashSet<SmolStr>,
    models: HashSet<SmolStr>,
}

impl Used {
    fn add(&mut self, service: &Node) {
        self.networks.extend(keys(service, "networks"));
        self.models.extend(keys(service, "models"));
        self.volumes.extend(
            items(service, "volumes")
                .iter()
                .filter(|mount| mount.get("type").and_then(Node::as_str) == Some("volume"))
                .filter_map(source),
        );
        self.secrets
            .extend(items(service, "secrets").iter().filter_map(source));
        self.configs
            .extend(items(service, "configs").iter().filter_map(source));
        if let Some(build) = service.get("build") {
            self.secrets
                .extend(items(build, "secrets").iter().filter_map(source));
        }
    }

    fn sections(self) -> [(&'static str, HashSet<SmolStr>); 5] {
        [
            ("networks", self.networks),
            ("volumes", self.volumes),
            ("secrets", self.secrets),
            ("configs", self.configs),
            ("models", self.models),
        ]
    }
}

fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key)
        .and_then(Node::as_sequence)
        .unwrap_or_default()
}

fn keys(node: &Node, name: &str) -> impl Iterator<Item = SmolStr> {
    let members = node.get(name).and_then(Node::as_mapping);
    members
        .into_iter()
        .flat_map(Mapping::keys)
        .map(|key| key.text.clone())
}

fn source(node: &Node) -> Option<SmolStr> {
    node.get("source")?.as_str().map(Into::into)
}
