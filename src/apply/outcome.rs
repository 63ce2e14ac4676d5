use std::time::Duration;

use serde::Serialize;

use super::Applied;
use crate::engine::{ContainerStatus, HealthStatus, PublishedPort};
use crate::observe::ObservedContainer;

/// What runs now.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outcome {
    pub project: String,
    /// Ordered by service and number.
    pub rows: Vec<ServiceRow>,
    pub took: Duration,
}

/// One container.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ServiceRow {
    pub service: String,
    pub container: String,
    pub id: String,
    pub status: ContainerStatus,
    /// `None`: it has no health check.
    pub health: Option<HealthStatus>,
    /// Of a container that does not run.
    pub exit_code: Option<i64>,
    /// wharf's own probe found it healthy before the engine did: `health` may still say `starting`.
    pub healthy_by_own_probe: bool,
    /// Ports that can be reached from outside, without doubles for IPv6.
    pub published: Vec<PublishedPort>,
}

impl Outcome {
    /// The containers of `up` among those of the project. `applied`: what led to it, if anything did.
    pub fn of(
        project: &str,
        containers: &[ObservedContainer],
        applied: Option<&Applied>,
    ) -> Outcome {
        let rows = containers
            .iter()
            .filter(|container| !container.one_off)
            .map(|container| ServiceRow {
                service: container.service.clone(),
                container: container.name.clone(),
                id: container.id.clone(),
                status: container.status,
                health: container.health,
                exit_code: container.exit_code.filter(|_| !container.is_running()),
                healthy_by_own_probe: applied
                    .is_some_and(|applied| applied.by_own_probe.contains(&container.name)),
                published: published(&container.ports),
            })
            .collect();
        Outcome {
            project: project.to_owned(),
            rows,
            took: applied.map(|applied| applied.took).unwrap_or_default(),
        }
    }
}

/// The engine lists `0.0.0.0` and `::` apart; people read them as one.
fn published(ports: &[PublishedPort]) -> Vec<PublishedPort> {
    let mut shown: Vec<PublishedPort> = Vec::new();
    for port in ports.iter().filter(|port| port.host_port.is_some()) {
        let is_double = shown.iter().any(|other| {
            other.host_port == port.host_port
                && other.container_port == port.container_port
                && other.protocol == port.protocol
                && (other.host_ip == port.host_ip
                    || matches!(port.host_ip.as_str(), "::" | "") && other.host_ip == "0.0.0.0")
        });
        if !is_double {
            shown.push(port.clone());
        }
    }
    shown.sort_by(|a, b| {
        (a.container_port, &a.protocol, &a.host_ip).cmp(&(
            b.container_port,
            &b.protocol,
            &b.host_ip,
        ))
    });
    shown
}
