use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::engine::{Container, ContainerSummary, HealthcheckSpec, MountPoint, PortBinding};
use crate::model::Duration;
use crate::observe::labels;

/// Where an engine mounts secrets.
const SECRETS: &str = "/run/secrets";

/// A project that containers may have come from.
#[derive(Debug, Default)]
pub struct Described {
    services: IndexMap<String, Service>,
    /// By name, whether nothing outside can be reached from it.
    pub networks: IndexMap<String, bool>,
    /// By name, what makes it.
    pub volumes: IndexMap<String, String>,
    /// By name, the file on the engine's host.
    secrets: IndexMap<String, String>,
}

#[derive(Debug, Default)]
struct Service {
    scale: u64,
    image: String,
    labels: IndexMap<String, String>,
    environment: IndexMap<String, Option<String>>,
    healthcheck: Option<HealthcheckSpec>,
    /// By network, the names there.
    networks: IndexMap<String, Vec<String>>,
    ports: Vec<PortBinding>,
    volumes: Vec<Value>,
    secrets: Vec<Value>,
}

impl Described {
    /// Adds a container: one more of its service if there are others of it, else a service with the container's name.
    pub fn add(&mut self, row: &ContainerSummary, container: &Container) {
        let own = row.labels.get(labels::SERVICE).unwrap_or(&row.name);
        let service = self.services.entry(own.clone()).or_insert_with(|| Service {
            image: row.image.clone(),
            labels: foreign(&row.labels),
            ..Service::default()
        });
        service.scale += 1;
        service.environment = container
            .environment
            .iter()
            .map(|variable| match variable.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (variable.clone(), None),
            })
            .collect();
        service.healthcheck.clone_from(&container.healthcheck);
        service.networks.clear();
        for (name, endpoint) in &container.networks {
            let aliases = endpoint.aliases.clone();
            service.networks.insert(name.clone(), aliases);
            self.networks.entry(name.clone()).or_default();
        }
        for port in &container.port_bindings {
            if !service.ports.contains(port) {
                service.ports.push(port.clone());
            }
        }
        let mut mounts: Vec<&MountPoint> = container.mounts.iter().collect();
        mounts.sort_by(|a, b| a.target.cmp(&b.target));
        for mount in mounts {
            let list = match mount.kind.as_str() {
                "bind" if mount.target.starts_with(SECRETS) => {
                    let name = mount.target.rsplit('/').next().unwrap_or_default();
                    self.secrets.insert(name.to_owned(), mount.source.clone());
                    let secret = json!({"source": name, "target": mount.target});
                    push_new(&mut service.secrets, secret);
                    continue;
                }
                "volume" => {
                    self.volumes.entry(mount.name.clone()).or_default();
                    &mount.name
                }
                "bind" => &mount.source,
                _ => continue,
            };
            let mut volume = json!({"type": mount.kind, "source": list, "target": mount.target});
            set(&mut volume, "read_only", !mount.writable, true);
            push_new(&mut service.volumes, volume);
        }
    }

    /// The document, in the long form of each attribute.
    /// <https://github.com/compose-spec/compose-spec/blob/main/spec.md>
    pub fn document(&self, name: Option<&str>) -> Value {
        let mut services = Map::new();
        for (name, service) in &self.services {
            services.insert(name.clone(), service.document());
        }
        let networks: Map<String, Value> = self
            .networks
            .iter()
            .map(|(name, internal)| {
                let mut network = json!({});
                set(&mut network, "internal", *internal, true);
                (name.clone(), network)
            })
            .collect();
        let volumes: Map<String, Value> = self
            .volumes
            .iter()
            .map(|(name, driver)| {
                let volume = match driver.as_str() {
                    "" | "local" => json!({}),
                    driver => json!({"name": name, "driver": driver}),
                };
                (name.clone(), volume)
            })
            .collect();
        let secrets: Map<String, Value> = self
            .secrets
            .iter()
            .map(|(name, file)| (name.clone(), json!({"name": name, "file": file})))
            .collect();
        let mut document = json!({});
        set(&mut document, "name", name.is_some(), name);
        set(&mut document, "services", true, services);
        set(&mut document, "networks", !networks.is_empty(), networks);
        set(&mut document, "volumes", !volumes.is_empty(), volumes);
        set(&mut document, "secrets", !secrets.is_empty(), secrets);
        document
    }
}

impl Service {
    fn document(&self) -> Value {
        let mut service = json!({"image": self.image, "scale": self.scale});
        let environment = &self.environment;
        set(
            &mut service,
            "environment",
            !environment.is_empty(),
            json!(environment),
        );
        if let Some(check) = &self.healthcheck {
            set(&mut service, "healthcheck", true, healthcheck(check));
        }
        set(
            &mut service,
            "labels",
            !self.labels.is_empty(),
            json!(self.labels),
        );
        let networks: Map<String, Value> = self
            .networks
            .iter()
            .map(|(name, aliases)| {
                let mut network = json!({});
                set(
                    &mut network,
                    "aliases",
                    !aliases.is_empty(),
                    aliases.clone(),
                );
                (name.clone(), network)
            })
            .collect();
        set(&mut service, "networks", !networks.is_empty(), networks);
        let ports: Vec<Value> = self.ports.iter().map(port).collect();
        set(&mut service, "ports", !ports.is_empty(), ports);
        for (key, list) in [("secrets", &self.secrets), ("volumes", &self.volumes)] {
            set(&mut service, key, !list.is_empty(), list.clone());
        }
        service
    }
}

fn healthcheck(check: &HealthcheckSpec) -> Value {
    let mut document = json!({});
    set(
        &mut document,
        "test",
        !check.test.is_empty(),
        check.test.clone(),
    );
    for (key, nanos) in [
        ("timeout", check.timeout),
        ("interval", check.interval),
        ("start_period", check.start_period),
        ("start_interval", check.start_interval),
    ] {
        if let Some(nanos) = nanos {
            let time = Duration::from_nanos(nanos).to_string();
            set(&mut document, key, true, time);
        }
    }
    if let Some(retries) = check.retries {
        set(&mut document, "retries", true, retries);
    }
    document
}

fn port(port: &PortBinding) -> Value {
    let mut document = json!({"target": port.container_port, "protocol": port.protocol});
    let (address, published) = (&port.host_ip, &port.host_port);
    set(
        &mut document,
        "host_ip",
        !address.is_empty(),
        address.clone(),
    );
    set(
        &mut document,
        "published",
        !published.is_empty(),
        published.clone(),
    );
    document
}

/// The labels of the user and of the image: without those of Compose, wharf and Docker Desktop.
fn foreign(labels: &IndexMap<String, String>) -> IndexMap<String, String> {
    let is_foreign =
        |key: &str| !labels::is_bookkeeping(key) && !key.starts_with("desktop.docker.io");
    let labels = labels.iter().filter(|(key, _)| is_foreign(key));
    labels
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn set(document: &mut Value, key: &str, is_set: bool, value: impl Into<Value>) {
    if let Some(members) = document.as_object_mut().filter(|_| is_set) {
        members.insert(key.to_owned(), value.into());
    }
}

fn push_new(list: &mut Vec<Value>, value: Value) {
    if !list.contains(&value) {
        list.push(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::EndpointState;

    fn mount(kind: &str, name: &str, source: &str, target: &str) -> MountPoint {
        MountPoint {
            kind: kind.into(),
            name: name.into(),
            source: source.into(),
            target: target.into(),
            writable: kind != "bind",
        }
    }

    /// As `docker compose alpha generate` 2.40.3 tells it.
    #[test]
    fn a_project_is_told_from_its_containers() {
        let labels = [(labels::SERVICE, "web"), ("mine", "1")];
        let row = |number: u32| ContainerSummary {
            name: format!("p-web-{number}"),
            image: "x:1".into(),
            labels: labels
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            ..ContainerSummary::default()
        };
        let endpoint = EndpointState {
            aliases: vec!["al".into()],
            ..EndpointState::default()
        };
        let container = Container {
            environment: vec!["A=1$x".into()],
            healthcheck: Some(HealthcheckSpec {
                test: vec!["CMD-SHELL".into(), "true".into()],
                interval: Some(90_000_000_000),
                ..HealthcheckSpec::default()
            }),
            networks: IndexMap::from([("net".to_owned(), endpoint)]),
            port_bindings: vec![PortBinding {
                container_port: 80,
                protocol: "tcp".into(),
                host_ip: "127.0.0.1".into(),
                host_port: "8080".into(),
            }],
            mounts: vec![
                mount("volume", "vol", "/var/lib/vol", "/v"),
                mount("bind", "", "/src", "/b"),
                mount("bind", "", "/src/s.txt", "/run/secrets/s"),
                mount("tmpfs", "", "", "/t"),
            ],
            ..Container::default()
        };
        let mut described = Described::default();
        described.add(&row(2), &container);
        described.add(&row(1), &container);
        described.networks.insert("net".into(), true);
        described.volumes.insert("vol".into(), "local".into());
        assert_eq!(
            described.document(None),
            json!({
                "services": {"web": {
                    "image": "x:1",
                    "scale": 2,
                    "environment": {"A": "1$x"},
                    "healthcheck": {"test": ["CMD-SHELL", "true"], "interval": "1m30s"},
                    "labels": {"mine": "1"},
                    "networks": {"net": {"aliases": ["al"]}},
                    "ports": [{"target": 80, "protocol": "tcp", "host_ip": "127.0.0.1", "published": "8080"}],
                    "secrets": [{"source": "s", "target": "/run/secrets/s"}],
                    "volumes": [
                        {"type": "bind", "source": "/src", "target": "/b", "read_only": true},
                        {"type": "volume", "source": "vol", "target": "/v"},
                    ],
                }},
                "networks": {"net": {"internal": true}},
                "volumes": {"vol": {}},
                "secrets": {"s": {"name": "s", "file": "/src/s.txt"}},
            })
        );
        assert_eq!(described.document(Some("p"))["name"], "p");
    }
}
