use super::Resolved;
use crate::source::{Node, Span};

/// What a field of a container, a network or a volume belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner<'a> {
    /// By the service's name.
    Service(&'a str),
    /// By the engine's name of the network.
    Network(&'a str),
    /// By the engine's name of the volume.
    Volume(&'a str),
}

/// Attributes that may be written under `deploy` as well.
const ELSEWHERE: [(&str, &str); 7] = [
    ("mem_limit", "deploy.resources.limits.memory"),
    ("cpus", "deploy.resources.limits.cpus"),
    ("pids_limit", "deploy.resources.limits.pids"),
    ("mem_reservation", "deploy.resources.reservations.memory"),
    ("gpus", "deploy.resources.reservations.devices"),
    ("restart", "deploy.restart_policy"),
    ("ipam.config", "ipam.config"),
];

impl Resolved {
    /// Where the value of a field is written that is named as [`crate::plan::FieldChange`] does: `environment.LEVEL`,
    /// `ports.80/tcp`, `volumes./data`. `None`: nowhere, as with defaults.
    pub fn field(&self, owner: Owner<'_>, field: &str) -> Option<Span> {
        let (section, name) = match owner {
            Owner::Service(name) => ("services", name),
            Owner::Network(name) => {
                let mut all = self.project.networks.iter();
                (
                    "networks",
                    all.find(|(_, one)| one.name == name)?.0.as_str(),
                )
            }
            Owner::Volume(name) => {
                let mut all = self.project.volumes.iter();
                ("volumes", all.find(|(_, one)| one.name == name)?.0.as_str())
            }
        };
        let object = self.document.get(section)?.get(name)?;
        let mut field = field.to_string();
        if let (Owner::Service(_), Some(rest)) = (owner, field.strip_prefix("networks.")) {
            // The engine's name of the network, and the project's.
            let network = self.project.networks.iter().find_map(|(key, network)| {
                let rest = rest.strip_prefix(&network.name)?;
                (rest.is_empty() || rest.starts_with('.')).then(|| format!("networks.{key}{rest}"))
            });
            field = network.unwrap_or(field);
        }
        let mut places = vec![field.clone()];
        if field == "secrets and configs" {
            places = vec!["configs".to_string(), "secrets".to_string()];
        }
        for (own, other) in ELSEWHERE {
            if field == own || field.starts_with(&format!("{own}.")) {
                places.push(other.to_string());
            }
        }
        places.iter().find_map(|place| below(object, place))
    }
}

/// The value at the end of the path, or the last one on the way that is no mapping.
fn below(node: &Node, path: &str) -> Option<Span> {
    let written = |node: &Node| node.span.is_some().then_some(node.span);
    if path.is_empty() {
        return written(node);
    }
    if let Some(entries) = node.as_sequence() {
        let entry = entries.iter().find(|entry| names(entry, path));
        return entry.and_then(written).or_else(|| written(node));
    }
    let Some(mapping) = node.as_mapping() else {
        return written(node);
    };
    // Keys may have dots themselves: the longest that fits is meant.
    let fitting = mapping.iter().filter(|(key, _)| {
        let rest = path.strip_prefix(&*key.text);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    });
    let (key, value) = fitting.max_by_key(|(key, _)| key.text.len())?;
    let rest = path[key.text.len()..].trim_start_matches('.');
    let named = rest.is_empty() && key.span.is_some();
    below(value, rest).or_else(|| named.then_some(key.span))
}

/// Whether an entry of a list is the one that a field's name means: a port by `80/tcp`, a mount by its target.
fn names(entry: &Node, name: &str) -> bool {
    let text = |key: &str| {
        let node = entry.get(key)?;
        let number = node.as_int().map(|number| number.to_string());
        node.as_str().map(str::to_string).or(number)
    };
    let Some(target) = text("target").or_else(|| text("source")) else {
        return entry.as_str() == Some(name);
    };
    let protocol = text("protocol").unwrap_or_else(|| "tcp".to_string());
    target == name || format!("{target}/{protocol}") == name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Environment, LoadRequest, MemoryDisk, load};
    use crate::resolve::{Options, resolve};

    #[test]
    fn fields_are_found_where_they_are_written() {
        let text = "services:\n  app:\n    image: i\n    environment:\n      A: one\n    ports: ['8080:80']\n    volumes:\n      - data:/d\n    labels: {a.b: c}\n    deploy: {resources: {limits: {cpus: 2}}}\n    networks: {back: {aliases: [x]}}\nvolumes:\n  data: {driver_opts: {x: y}}\nnetworks: {back: }\n";
        let disk = MemoryDisk::default().with("/p/compose.yaml", text);
        let environment = Environment {
            working_directory: "/p".into(),
            ..Environment::default()
        };
        let request = LoadRequest {
            files: vec!["compose.yaml".into()],
            ..LoadRequest::default()
        };
        let loaded = load(&request, &disk, &environment);
        let resolved = resolve(loaded, &disk, &environment, &Options::default());
        assert!(!resolved.diagnostics.has_errors());
        let line = |owner, field: &str| {
            let span = resolved.field(owner, field)?;
            let place = resolved.sources.locate(span)?;
            place.split(':').nth(1)?.parse::<usize>().ok()
        };
        let app = Owner::Service("app");
        assert_eq!(line(app, "environment.A"), Some(5));
        assert_eq!(line(app, "environment.B"), None);
        assert_eq!(line(app, "ports.80/tcp"), Some(6));
        assert_eq!(line(app, "volumes./d"), Some(8));
        assert_eq!(line(app, "labels.a.b"), Some(9));
        assert_eq!(line(app, "cpus"), Some(10));
        assert_eq!(line(app, "networks.p_back.aliases"), Some(11));
        assert_eq!(line(Owner::Volume("p_data"), "driver_opts.x"), Some(13));
        assert_eq!(line(Owner::Network("p_other"), "driver"), None);
    }
}
