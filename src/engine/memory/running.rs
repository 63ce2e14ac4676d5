//! Containers that start, publish ports, are probed and end.

use super::clock::rfc3339;
use super::container::Unit;
use super::networks::address;
use super::world::{World, no_container, refuse};
use crate::engine::{
    ContainerStatus, EngineError, EngineResult, ErrorKind, ExitDetail, Health, HealthStatus,
    LogLine, PortBinding, ProbeResult, PublishedPort,
};

impl World {
    /// Starts a container. True when it was not running.
    pub(super) fn start(&mut self, asked: &str) -> EngineResult<bool> {
        let id = self.unit_id(asked).ok_or_else(|| no_container(asked))?;
        if self.units[&id].status == ContainerStatus::Paused {
            return refuse(
                ErrorKind::Conflict,
                format!("cannot start container `{asked}`: it is paused"),
            );
        }
        if self.units[&id].is_running() {
            return Ok(false);
        }
        match self.prepare_start(&id) {
            Ok(ports) => {
                let now = self.clock.now();
                let log_time = rfc3339(now);
                let unit = self.unit(&id)?;
                unit.ports = ports;
                unit.status = ContainerStatus::Running;
                unit.started_at = now;
                unit.exit = None;
                unit.run += 1;
                unit.probes = 0;
                unit.health = unit.healthcheck.as_ref().map(|_| Health::default());
                for (stream, text) in unit.behaviour.output.clone() {
                    unit.log.push(LogLine {
                        stream,
                        timestamp: Some(log_time.clone()),
                        bytes: text.into(),
                    });
                }
                self.tell_unit(&id, "start", &[]);
                Ok(true)
            }
            Err(error) => {
                let unit = self.unit(&id)?;
                unit.exit = Some(ExitDetail {
                    code: 128,
                    out_of_memory: false,
                    error: error.message.clone(),
                });
                Err(EngineError::new(
                    error.kind,
                    format!("cannot start container `{asked}`: {}", error.message),
                ))
            }
        }
    }

    fn prepare_start(&mut self, id: &str) -> EngineResult<Vec<PublishedPort>> {
        let unit = self.units.get(id).ok_or_else(|| no_container(id))?;
        if let Some(why) = &unit.behaviour.start_error {
            return refuse(ErrorKind::Other, why.clone());
        }
        for owner in unit.namespace_owners() {
            let owner_id = self.unit_id(owner).ok_or_else(|| no_container(owner))?;
            if !self.units[&owner_id].is_running() {
                return refuse(
                    ErrorKind::Conflict,
                    format!("cannot join a namespace of container `{owner}`: it is not running"),
                );
            }
        }
        let number = self.units.get_index_of(id).unwrap_or_default();
        let mut endpoints = unit.networks.clone();
        for (name, endpoint) in &mut endpoints {
            // The engine remembers which network it was: another one of the same name will not do.
            let found = if endpoint.network_id.is_empty() {
                self.network_id(name)
            } else {
                Some(endpoint.network_id.clone()).filter(|id| self.networks.contains_key(id))
            };
            let Some(found) = found else {
                return refuse(ErrorKind::NotFound, format!("network `{name}` not found"));
            };
            endpoint.network_id = found;
            endpoint.ip_address = address(&endpoint.spec, number);
        }
        let ports = self.publish(unit)?;
        self.unit(id)?.networks = endpoints;
        Ok(ports)
    }

    fn publish(&self, unit: &Unit) -> EngineResult<Vec<PublishedPort>> {
        let mut published: Vec<PublishedPort> = Vec::new();
        for binding in &unit.spec.port_bindings {
            let protocol = if binding.protocol.is_empty() {
                "tcp"
            } else {
                &binding.protocol
            };
            let is_free = |port: u16, published: &[PublishedPort]| {
                let clash = |other: &PublishedPort| {
                    other.host_port == Some(port)
                        && other.protocol == protocol
                        && (any_address(&other.host_ip)
                            || any_address(&binding.host_ip)
                            || other.host_ip == binding.host_ip)
                };
                !published.iter().any(clash)
                    && !self
                        .units
                        .values()
                        .filter(|other| other.is_running())
                        .any(|other| other.ports.iter().any(clash))
            };
            let mut wanted = host_ports(binding)?;
            let Some(port) = wanted.find(|port| is_free(*port, &published)) else {
                return refuse(
                    ErrorKind::PortTaken,
                    format!("host port {} is already taken", binding.host_port),
                );
            };
            published.push(PublishedPort {
                host_ip: if binding.host_ip.is_empty() {
                    "0.0.0.0".to_owned()
                } else {
                    binding.host_ip.clone()
                },
                container_port: binding.container_port,
                host_port: Some(port),
                protocol: protocol.to_owned(),
            });
        }
        Ok(published)
    }

    /// Ends a run of a container, if it is still that run. `asked`: by a call rather than by itself.
    pub(super) fn end(&mut self, id: &str, run: u64, code: i64) -> bool {
        let now = self.clock.now();
        let Some(unit) = self.units.get_mut(id) else {
            return false;
        };
        if unit.run != run || !unit.is_running() {
            return false;
        }
        unit.status = ContainerStatus::Exited;
        unit.finished_at = now;
        unit.exit = Some(ExitDetail {
            code,
            ..ExitDetail::default()
        });
        self.tell_unit(id, "die", &[("exitCode", code.to_string())]);
        true
    }

    /// The engine's own removal of a container that was created with it, when it has ended.
    pub(super) fn sweep(&mut self, id: &str) {
        let leaves = self
            .units
            .get(id)
            .is_some_and(|unit| unit.spec.auto_remove && !unit.is_running());
        if leaves {
            self.discard(id, true);
        }
    }

    pub(super) fn discard(&mut self, id: &str, volumes: bool) {
        self.tell_unit(id, "destroy", &[]);
        let Some(unit) = self.units.shift_remove(id) else {
            return;
        };
        if volumes {
            for name in unit.anonymous_volumes {
                let used = self
                    .units
                    .values()
                    .any(|other| other.mounts.iter().any(|mount| mount.name == name));
                if !used {
                    self.volumes.shift_remove(&name);
                }
            }
        }
    }

    /// One probe of the engine's own. False when there is none to do any more.
    pub(super) fn probe(&mut self, id: &str, run: u64) -> bool {
        let now = rfc3339(self.clock.now());
        let Some(unit) = self.units.get_mut(id) else {
            return false;
        };
        if unit.run != run || !unit.is_running() {
            return false;
        }
        let succeeds = unit.probe();
        let in_start_period = unit
            .healthcheck
            .as_ref()
            .is_some_and(|check| check.start_period.is_some_and(|period| period > 0));
        let retries = unit
            .healthcheck
            .as_ref()
            .and_then(|check| check.retries)
            .filter(|retries| *retries > 0)
            .unwrap_or(3);
        let never = unit.behaviour.failing_probes.is_none();
        let Some(health) = &mut unit.health else {
            return false;
        };
        let before = health.status;
        health.probes.push(ProbeResult {
            start: now.clone(),
            end: now,
            exit_code: i64::from(!succeeds),
            output: if succeeds { "ok" } else { "not yet" }.to_owned(),
        });
        if health.probes.len() > 5 {
            health.probes.remove(0);
        }
        if succeeds {
            health.failing_streak = 0;
            health.status = HealthStatus::Healthy;
        } else if !in_start_period || never || before != HealthStatus::Starting {
            health.failing_streak += 1;
            if health.failing_streak >= retries {
                health.status = HealthStatus::Unhealthy;
            }
        }
        let after = health.status;
        if after != before {
            let word = match after {
                HealthStatus::Healthy => "health_status: healthy",
                HealthStatus::Unhealthy => "health_status: unhealthy",
                HealthStatus::Starting => "health_status: starting",
            };
            self.tell_unit(id, word, &[]);
        }
        // Once healthy, or unhealthy for good, nothing changes any more.
        !(after == HealthStatus::Healthy || (never && after == HealthStatus::Unhealthy))
    }
}

fn any_address(address: &str) -> bool {
    matches!(address, "" | "0.0.0.0" | "::")
}

/// The host ports that will do for a binding, in the order in which they are tried.
fn host_ports(binding: &PortBinding) -> EngineResult<std::ops::RangeInclusive<u16>> {
    let text = binding.host_port.as_str();
    if text.is_empty() || text == "0" {
        return Ok(32768..=60999);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => Ok(first..=last),
        _ => refuse(
            ErrorKind::BadRequest,
            format!("`{text}` is neither a port nor a range of ports"),
        ),
    }
}
