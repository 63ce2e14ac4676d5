use clap::Args;

use super::context::Context;
use super::{Exit, Failure};
use crate::engine::PublishedPort;

/// Show where a port of a container is published
#[derive(Args, Debug)]
pub struct Port {
    /// Which container, if the service has several
    #[arg(long, value_name = "N")]
    pub index: Option<u32>,
    #[arg(long, default_value = "tcp", value_parser = ["tcp", "udp", "sctp"], value_name = "PROTOCOL")]
    pub protocol: String,
    #[arg(value_name = "[ENV] SERVICE PORT", required = true, num_args = 2..)]
    pub words: Vec<String>,
}

impl Port {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.identify(&self.words)?;
        let (service, rest) = scope.service_and_command("port")?;
        let [port] = rest.as_slice() else {
            return Err(Failure::Usage(format!(
                "`port` needs one port of the container: `wharf port {service} 80`"
            )));
        };
        let (number, protocol) = split(port, &self.protocol)?;
        let engine = context.engine().await?;
        let container = match context.globals.as_compose {
            // Compose finds only what runs.
            true => scope.running_container(&engine, &service, self.index).await,
            false => scope.container(&engine, &service, self.index).await,
        }?;
        let is_exposed = container
            .ports
            .iter()
            .any(|port| port.container_port == number && port.protocol == protocol);
        match published(&container.ports, number, protocol) {
            Some(address) => context.console.data(&address),
            // Compose tells of a port that is exposed only as if it had a place.
            None if context.globals.as_compose && is_exposed => context.console.data(":0"),
            None => {
                let ports: Vec<String> = container
                    .ports
                    .iter()
                    .filter(|port| port.host_port.is_some())
                    .map(|port| format!("{}/{}", port.container_port, port.protocol))
                    .collect();
                let known = match ports.is_empty() {
                    true => "it publishes no port".to_owned(),
                    false => format!("it publishes {}", ports.join(", ")),
                };
                return Err(Failure::Worded {
                    message: format!(
                        "port {number}/{protocol} of container `{}` is not published; {known}",
                        container.name
                    ),
                    compose: format!(
                        "no port {number}/{protocol} for container {}: {}",
                        container.name,
                        ports.join(", ")
                    ),
                    exit: Exit::APPLY,
                });
            }
        }
        Ok(Exit::OK)
    }
}

/// `80` or `80/udp`.
fn split<'p>(port: &'p str, protocol: &'p str) -> Result<(u16, &'p str), Failure> {
    let (number, protocol) = port.split_once('/').unwrap_or((port, protocol));
    match number.parse() {
        Ok(number) => Ok((number, protocol)),
        Err(_) => Err(Failure::Usage(format!(
            "`{port}` is not a port; write a number from 1 to 65535"
        ))),
    }
}

fn published(ports: &[PublishedPort], number: u16, protocol: &str) -> Option<String> {
    let port = ports.iter().find(|port| {
        port.container_port == number && port.protocol == protocol && port.host_port.is_some()
    })?;
    let host = port.host_port?;
    Some(match port.host_ip.contains(':') {
        true => format!("[{}]:{host}", port.host_ip),
        false => format!("{}:{host}", port.host_ip),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_told_by_number_and_protocol() {
        let port = |host_ip: &str, protocol: &str, host_port| PublishedPort {
            host_ip: host_ip.into(),
            container_port: 53,
            host_port,
            protocol: protocol.into(),
        };
        let ports = [
            port("", "tcp", None),
            port("127.0.0.1", "udp", Some(5300)),
            port("::", "sctp", Some(5301)),
        ];
        assert_eq!(published(&ports, 53, "tcp"), None);
        assert_eq!(
            published(&ports, 53, "udp").as_deref(),
            Some("127.0.0.1:5300")
        );
        assert_eq!(published(&ports, 53, "sctp").as_deref(), Some("[::]:5301"));
        assert!(matches!(split("53/udp", "tcp"), Ok((53, "udp"))));
        assert!(split("http", "tcp").is_err());
    }
}
