use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::behaviour::Behaviour;
use super::clock::rfc3339;
use crate::engine::{
    Container, ContainerSpec, ContainerState, ContainerStatus, ContainerSummary, EndpointSpec,
    EndpointState, ExitDetail, Health, HealthStatus, HealthcheckSpec, Image, LogLine, MountPoint,
    PublishedPort,
};

/// A container of the in-memory engine.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    pub id: String,
    pub spec: ContainerSpec,
    pub image_id: String,
    pub environment: Vec<String>,
    /// Of the specification and the image together; `None`: no check.
    pub healthcheck: Option<HealthcheckSpec>,
    pub behaviour: Behaviour,
    /// Unix nanoseconds.
    pub created: i64,
    pub status: ContainerStatus,
    pub health: Option<Health>,
    /// Probes since the start.
    pub probes: u32,
    pub exit: Option<ExitDetail>,
    pub started_at: i64,
    pub finished_at: i64,
    /// How often it was started: tells the tasks of an earlier run that they are late.
    pub run: u64,
    pub restart_count: i64,
    pub networks: IndexMap<String, Endpoint>,
    pub mounts: Vec<MountPoint>,
    pub anonymous_volumes: Vec<String>,
    pub ports: Vec<PublishedPort>,
    pub log: Vec<LogLine>,
    /// Absolute path to content, of what was uploaded.
    pub files: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Endpoint {
    pub spec: EndpointSpec,
    /// Empty until the first start.
    pub network_id: String,
    pub ip_address: String,
}

impl Unit {
    pub(super) fn is_running(&self) -> bool {
        matches!(
            self.status,
            ContainerStatus::Running | ContainerStatus::Paused
        )
    }

    /// The container whose network it lives in.
    pub(super) fn network_owner(&self) -> Option<&str> {
        self.spec
            .network_mode
            .as_deref()?
            .strip_prefix("container:")
    }

    /// The containers in whose network, IPC or process namespace it lives.
    pub(super) fn namespace_owners(&self) -> impl Iterator<Item = &str> {
        [&self.spec.network_mode, &self.spec.ipc, &self.spec.pid]
            .into_iter()
            .filter_map(|mode| mode.as_deref()?.strip_prefix("container:"))
    }

    /// Whether a command is the container's own health check.
    pub(super) fn is_probe(&self, command: &[String]) -> bool {
        let test = self.healthcheck.as_ref().map(|check| check.test.as_slice());
        match test {
            Some([kind, words @ ..]) if kind == "CMD" => command == words,
            Some([kind, script]) if kind == "CMD-SHELL" => {
                matches!(command, [shell, flag, text]
                    if shell.ends_with("sh") && flag == "-c" && text == script)
            }
            _ => false,
        }
    }

    /// Whether the probe that is due succeeds.
    pub(super) fn probe(&mut self) -> bool {
        self.probes += 1;
        self.behaviour
            .failing_probes
            .is_some_and(|failing| self.probes > failing)
    }

    pub(super) fn inspected(&self) -> Container {
        let time = |nanos: i64| {
            if nanos == 0 {
                String::new()
            } else {
                rfc3339(nanos)
            }
        };
        Container {
            id: self.id.clone(),
            name: self.spec.name.clone(),
            image: self.spec.image.clone(),
            image_id: self.image_id.clone(),
            created: rfc3339(self.created),
            state: ContainerState {
                status: self.status,
                health: self.health.clone(),
                exit: self.exit.clone(),
                started_at: time(self.started_at),
                finished_at: time(self.finished_at),
                pid: if self.is_running() { 1000 } else { 0 },
            },
            labels: self.spec.labels.clone(),
            environment: self.environment.clone(),
            tty: self.spec.tty,
            open_stdin: self.spec.open_stdin,
            user: self.spec.user.clone().unwrap_or_default(),
            restart_count: self.restart_count,
            healthcheck: self.healthcheck.clone(),
            port_bindings: self.spec.port_bindings.clone(),
            network_mode: self.network_mode(),
            ipc_mode: self.spec.ipc.clone().unwrap_or_default(),
            pid_mode: self.spec.pid.clone().unwrap_or_default(),
            networks: self
                .networks
                .iter()
                .map(|(name, endpoint)| {
                    let state = EndpointState {
                        network_id: endpoint.network_id.clone(),
                        ip_address: if self.is_running() {
                            endpoint.ip_address.clone()
                        } else {
                            String::new()
                        },
                        aliases: endpoint.spec.aliases.clone(),
                    };
                    (name.clone(), state)
                })
                .collect(),
            mounts: self.mounts.clone(),
            ports: self.shown_ports(),
            stop_timeout: self.spec.stop_timeout,
            auto_remove: self.spec.auto_remove,
            limits: Some(self.spec.limits.clone()),
            restart: Some(self.spec.restart.clone().unwrap_or_else(|| {
                crate::engine::RestartPolicySpec {
                    name: "no".to_owned(),
                    maximum_retry_count: 0,
                }
            })),
        }
    }

    pub(super) fn network_mode(&self) -> String {
        self.spec
            .network_mode
            .clone()
            .or_else(|| self.spec.endpoints.keys().next().cloned())
            .unwrap_or_else(|| "bridge".to_owned())
    }

    fn shown_ports(&self) -> Vec<PublishedPort> {
        if self.is_running() {
            self.ports.clone()
        } else {
            Vec::new()
        }
    }

    pub(super) fn summary(&self) -> ContainerSummary {
        let health = match self.health.as_ref().map(|health| health.status) {
            Some(HealthStatus::Starting) => " (health: starting)",
            Some(HealthStatus::Healthy) => " (healthy)",
            Some(HealthStatus::Unhealthy) => " (unhealthy)",
            None => "",
        };
        let code = self.exit.as_ref().map_or(0, |exit| exit.code);
        ContainerSummary {
            id: self.id.clone(),
            name: self.spec.name.clone(),
            image: self.spec.image.clone(),
            image_id: self.image_id.clone(),
            command: self.spec.command.clone().unwrap_or_default().join(" "),
            created: self.created / 1_000_000_000,
            status: self.status,
            status_text: match self.status {
                ContainerStatus::Running => format!("Up 1 second{health}"),
                ContainerStatus::Paused => "Up 1 second (Paused)".to_owned(),
                ContainerStatus::Restarting => format!("Restarting ({code}) 1 second ago"),
                ContainerStatus::Exited => format!("Exited ({code}) 1 second ago"),
                ContainerStatus::Dead => "Dead".to_owned(),
                ContainerStatus::Removing => "Removal In Progress".to_owned(),
                ContainerStatus::Created => "Created".to_owned(),
            },
            labels: self.spec.labels.clone(),
            ports: self.shown_ports(),
            networks: self.networks.keys().cloned().collect(),
            mounts: self.mounts.clone(),
            size: None,
        }
    }
}

/// The check that a container has: the specification's, completed by the image's.
pub(super) fn healthcheck(spec: &ContainerSpec, image: &Image) -> Option<HealthcheckSpec> {
    let mut check = match (&spec.healthcheck, &image.healthcheck) {
        (Some(own), Some(base)) if own.test.is_empty() => HealthcheckSpec {
            test: base.test.clone(),
            interval: own.interval.or(base.interval),
            timeout: own.timeout.or(base.timeout),
            retries: own.retries.or(base.retries),
            start_period: own.start_period.or(base.start_period),
            start_interval: own.start_interval.or(base.start_interval),
        },
        (Some(own), _) => own.clone(),
        (None, base) => base.clone()?,
    };
    if check.test.is_empty() || check.test[0] == "NONE" {
        return None;
    }
    check.test.retain(|word| !word.is_empty());
    Some(check)
}
