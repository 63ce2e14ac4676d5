use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, EngineResult};
use crate::observe::labels;

/// A port of a service that can be reached from outside of the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPort {
    pub service: String,
    /// In the container.
    pub port: u16,
    pub protocol: String,
    /// On the engine's host; its name where the engine is elsewhere and the port open to all.
    pub host_ip: String,
    pub host_port: u16,
}

impl OpenPort {
    /// What the tests are told: `WHARF_PORT_DB_5432` and `WHARF_ADDRESS_DB_5432`, with the protocol at the end where it is not
    /// TCP.
    fn variables(&self) -> IndexMap<String, String> {
        let name: String = format!("{}_{}", self.service, self.port)
            .chars()
            .map(|c| match c {
                c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
                _ => '_',
            })
            .collect();
        let name = match self.protocol.as_str() {
            "tcp" => name,
            other => format!("{name}_{}", other.to_ascii_uppercase()),
        };
        IndexMap::from([
            (format!("WHARF_PORT_{name}"), self.host_port.to_string()),
            (format!("WHARF_ADDRESS_{name}"), self.address()),
        ])
    }

    /// `127.0.0.1:32768`.
    pub fn address(&self) -> String {
        let ip = match self.host_ip.as_str() {
            ip if is_wildcard(ip) => "127.0.0.1",
            ip => ip,
        };
        if ip.contains(':') {
            format!("[{ip}]:{}", self.host_port)
        } else {
            format!("{ip}:{}", self.host_port)
        }
    }
}

/// The variables of all ports, and those of which several ports have the same: `my-db` and `my_db` are one there. Of these
/// the first port's count.
pub fn variables(ports: &[OpenPort]) -> (IndexMap<String, String>, Vec<String>) {
    let mut all: IndexMap<String, String> = IndexMap::new();
    let mut clashes = Vec::new();
    for (name, value) in ports.iter().flat_map(OpenPort::variables) {
        if all.contains_key(&name) {
            clashes.push(name);
        } else {
            all.insert(name, value);
        }
    }
    (all, clashes)
}

fn is_wildcard(ip: &str) -> bool {
    matches!(ip, "" | "0.0.0.0" | "::")
}

/// The host of an engine that is reached over a network. `None`: it is on this machine.
fn remote_host(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once("://")?;
    if !matches!(scheme, "tcp" | "http" | "https" | "ssh") {
        return None;
    }
    let authority = rest.split('/').next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    match host.strip_prefix('[') {
        Some(address) => address.split(']').next(),
        None => host.split(':').next(),
    }
    .filter(|host| !host.is_empty())
}

/// The open ports of a project, by service and port; of two addresses for one port the first counts.
pub async fn open_ports(engine: &dyn Engine, project: &str) -> EngineResult<Vec<OpenPort>> {
    let elsewhere = remote_host(&engine.info().address);
    let mut ports: Vec<OpenPort> = Vec::new();
    for container in engine
        .list_containers(&[(labels::PROJECT, project)])
        .await?
    {
        let Some(service) = container.labels.get(labels::SERVICE) else {
            continue;
        };
        for port in container.ports {
            let Some(host_port) = port.host_port else {
                continue;
            };
            let known = ports.iter().any(|known| {
                known.service == *service
                    && known.port == port.container_port
                    && known.protocol == port.protocol
            });
            let host_ip = match elsewhere {
                Some(host) if is_wildcard(&port.host_ip) => host.to_owned(),
                _ => port.host_ip,
            };
            if !known {
                ports.push(OpenPort {
                    service: service.clone(),
                    port: port.container_port,
                    protocol: port.protocol,
                    host_ip,
                    host_port,
                });
            }
        }
    }
    ports.sort_by(|a, b| (&a.service, a.port, &a.protocol).cmp(&(&b.service, b.port, &b.protocol)));
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_where_a_port_is() {
        let port = OpenPort {
            service: "my-db".into(),
            port: 5432,
            protocol: "tcp".into(),
            host_ip: "0.0.0.0".into(),
            host_port: 32768,
        };
        let variables = port.variables();
        assert_eq!(variables["WHARF_PORT_MY_DB_5432"], "32768");
        assert_eq!(variables["WHARF_ADDRESS_MY_DB_5432"], "127.0.0.1:32768");
    }

    #[test]
    fn ports_that_differ_in_protocol_have_variables_of_their_own() {
        let port = |service: &str, protocol: &str, host_port| OpenPort {
            service: service.into(),
            port: 53,
            protocol: protocol.into(),
            host_ip: String::new(),
            host_port,
        };
        let ports = [
            port("my-dns", "tcp", 1),
            port("my-dns", "udp", 2),
            port("my_dns", "tcp", 3),
        ];
        let (all, clashes) = variables(&ports);
        assert_eq!(all["WHARF_PORT_MY_DNS_53"], "1");
        assert_eq!(all["WHARF_PORT_MY_DNS_53_UDP"], "2");
        assert_eq!(clashes, ["WHARF_PORT_MY_DNS_53", "WHARF_ADDRESS_MY_DNS_53"]);
    }

    #[test]
    fn ports_of_a_distant_engine_are_at_its_host() {
        assert_eq!(remote_host("unix:///var/run/docker.sock"), None);
        assert_eq!(remote_host("tcp://docker:2375"), Some("docker"));
        assert_eq!(
            remote_host("ssh://me@build.example:22/run"),
            Some("build.example")
        );
        assert_eq!(remote_host("tcp://[fd00::1]:2376"), Some("fd00::1"));
    }
}
