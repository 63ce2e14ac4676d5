use smol_str::SmolStr;

use crate::grammar::{clean, plain, started};
use crate::source::{Change, Key, Kind, Mapping, Node, Span};

/// Gives the document the project's own name, whatever its files say: `-p` and `COMPOSE_PROJECT_NAME` stand above them.
pub fn name(root: &mut Node, project: &str) {
    if let Some(members) = root.as_mapping_mut() {
        members.insert("name".into(), Node::string(project, Span::NONE));
    }
}

/// The names and networks that follow from the project's name, and the dependencies that other attributes imply.
/// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#the-default-network>
pub fn fill(root: &mut Node, project: &str, variable: &dyn Fn(&str) -> Option<String>) {
    let mut default_is_used = false;
    for service in services(root) {
        default_is_used |= network(service);
        build(service, variable);
        environment(service, variable);
        mounts(service);
        dependencies(service);
        if let Some(policy) = service.get_mut("pull_policy")
            && policy.as_str() == Some("if_not_present")
        {
            policy.kind = Kind::String("missing".into());
        }
    }
    if default_is_used
        && let Some(networks) = section(root, "networks")
        && !networks.contains_key("default")
    {
        networks.insert("default".into(), defaulted(empty(), "the default network"));
    }
    for name in ["networks", "volumes", "configs", "secrets"] {
        resource_names(root, name, project);
    }
}

fn empty() -> Node {
    Node::empty_mapping(Span::NONE)
}

fn text(text: &str) -> Node {
    Node::string(text, Span::NONE)
}

fn defaulted(mut node: Node, rule: &'static str) -> Node {
    node.record(Change::Defaulted { rule });
    node
}

fn services(root: &mut Node) -> impl Iterator<Item = &mut Node> {
    root.get_mut("services")
        .and_then(Node::as_mapping_mut)
        .into_iter()
        .flat_map(Mapping::values_mut)
}

/// The mapping at `name`, made where there is none. `None`: `node` is no mapping.
fn section<'n>(node: &'n mut Node, name: &str) -> Option<&'n mut Mapping> {
    let member = node
        .as_mapping_mut()?
        .get_or_insert_with(name.into(), empty);
    if member.as_mapping().is_none() {
        member.kind = Mapping::new().into();
    }
    member.as_mapping_mut()
}

/// Puts a default where nothing (or null) stands.
fn put(node: &mut Node, key: &str, value: impl FnOnce() -> Node, rule: &'static str) {
    let Some(members) = node.as_mapping_mut() else {
        return;
    };
    if members.get(key).is_none_or(Node::is_null) {
        members.reserve_exact(1);
        members.insert(key.into(), defaulted(value(), rule));
    }
}

/// Joins a service to the default network where it says nothing of networks; whether it is on it.
fn network(service: &mut Node) -> bool {
    if service.get("provider").is_some() || service.get("network_mode").is_some() {
        return false;
    }
    let joined = service.get("networks").and_then(Node::as_mapping);
    if let Some(networks) = joined
        && !networks.is_empty()
    {
        return networks.contains_key("default");
    }
    let mut networks = Mapping::with_capacity(1);
    networks.insert("default".into(), Node::null(Span::NONE));
    let node = defaulted(
        Node::mapping(networks, Span::NONE),
        "a service without networks joins the default network",
    );
    if let Some(members) = service.as_mapping_mut() {
        members.reserve_exact(1);
        members.insert("networks".into(), node);
    }
    true
}

fn build(service: &mut Node, variable: &dyn Fn(&str) -> Option<String>) {
    let Some(build) = service.get_mut("build") else {
        return;
    };
    if build.get("dockerfile_inline").is_none_or(Node::is_null) {
        put(build, "dockerfile", || text("Dockerfile"), "the usual name");
    }
    if let Some(args) = build.get_mut("args").and_then(Node::as_mapping_mut) {
        take_from_environment(args, variable);
        args.retain(|_, value| !value.is_null());
    }
}

fn environment(service: &mut Node, variable: &dyn Fn(&str) -> Option<String>) {
    if let Some(variables) = service
        .get_mut("environment")
        .and_then(Node::as_mapping_mut)
    {
        take_from_environment(variables, variable);
    }
}

fn take_from_environment(members: &mut Mapping, variable: &dyn Fn(&str) -> Option<String>) {
    for (name, value) in members {
        if value.is_null()
            && let Some(found) = variable(&name.text)
        {
            value.kind = Kind::String(found.into());
        }
    }
}

fn mounts(service: &mut Node) {
    let mounts = service.get_mut("volumes").and_then(Node::as_sequence_mut);
    for mount in mounts.into_iter().flatten() {
        if let Some(target) = mount.get_mut("target")
            && let Some(clean) = target.as_str().map(clean)
        {
            target.kind = Kind::String(clean.into());
        }
    }
}

/// Adds the services that `links`, shared namespaces and `volumes_from` need to `depends_on`.
fn dependencies(service: &mut Node) {
    let mut implied: Vec<(SmolStr, Span, bool, &'static str)> = Vec::new();
    let texts = |key: &str| {
        service
            .get(key)
            .and_then(Node::as_sequence)
            .unwrap_or_default()
            .iter()
            .filter_map(|item| Some((item.as_str()?, item.span)))
    };
    for (link, span) in texts("links") {
        let mut parts = link.split(':');
        let name = match (parts.next(), parts.next(), parts.next()) {
            (Some(name), Some(_), None) => name,
            _ => link,
        };
        implied.push((name.into(), span, true, "`links` needs the service"));
    }
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        if let Some(node) = service.get(key)
            && let Some(name) = node.as_str().and_then(|mode| mode.strip_prefix("service:"))
        {
            let rule = "a shared namespace needs the service";
            implied.push((name.into(), node.span, true, rule));
        }
    }
    for (volumes, span) in texts("volumes_from") {
        if !volumes.starts_with("container:") {
            let name = volumes.split(':').next().unwrap_or(volumes);
            implied.push((name.into(), span, false, "`volumes_from` needs the service"));
        }
    }
    if implied.is_empty() {
        return;
    }
    let Some(dependencies) = section(service, "depends_on") else {
        return;
    };
    for (name, span, restart, rule) in implied {
        if !dependencies.contains_key(&name) {
            let mut dependency = defaulted(started(restart, true), rule);
            dependency.span = span;
            dependencies.insert(Key::new(name, span), dependency);
        }
    }
}

/// Resources without a name are named after their key; those of others by the key alone.
fn resource_names(root: &mut Node, section: &str, project: &str) {
    let resources = root.get_mut(section).and_then(Node::as_mapping_mut);
    for (key, resource) in resources.into_iter().flatten() {
        if resource.is_null() {
            resource.kind = Mapping::new().into();
        }
        let external = match resource.get("external").map(|external| &external.kind) {
            Some(Kind::Bool(external)) => *external,
            Some(kind @ Kind::String(_)) => {
                matches!(kind, Kind::String(text) if is_true(text))
            }
            _ => false,
        };
        let name = if external {
            key.text.to_string()
        } else {
            format!("{project}_{}", key.text)
        };
        put(
            resource,
            "name",
            || text(&name),
            "the key, below the project's name",
        );
    }
}

fn is_true(text: &str) -> bool {
    matches!(
        text.to_ascii_lowercase().as_str(),
        "y" | "yes" | "true" | "on"
    )
}

/// `scale` is the number of replicas where `deploy` names none.
pub fn replicas(root: &mut Node) {
    for service in services(root) {
        let Some(scale) = service.get("scale").cloned() else {
            continue;
        };
        if let Some(deploy) = service.get_mut("deploy") {
            put(deploy, "replicas", || scale, "as many as `scale` says");
        }
    }
}

/// The text of a scalar, however it was written.
pub fn scalar_text(node: &Node) -> Option<String> {
    node.as_str()
        .map(str::to_owned)
        .or_else(|| plain(&node.kind))
}
