use std::collections::HashMap;

use bollard::models;
use indexmap::IndexMap;

use crate::engine::{
    Container, ContainerState, ContainerStatus, ContainerSummary, EndpointState, ExitDetail,
    Health, HealthStatus, HealthcheckSpec, MountPoint, PortBinding, ProbeResult, PublishedPort,
    ResourceLimits, RestartPolicySpec,
};

/// A row of `GET /containers/json`.
pub(super) fn summary(row: models::ContainerSummary) -> ContainerSummary {
    use models::ContainerSummaryStateEnum as State;
    ContainerSummary {
        id: row.id.unwrap_or_default(),
        name: own_name(&row.names.unwrap_or_default()),
        image: row.image.unwrap_or_default(),
        image_id: row.image_id.unwrap_or_default(),
        command: row.command.unwrap_or_default(),
        created: row.created.unwrap_or_default(),
        status: match row.state {
            Some(State::RUNNING | State::STOPPING) => ContainerStatus::Running,
            Some(State::PAUSED) => ContainerStatus::Paused,
            Some(State::RESTARTING) => ContainerStatus::Restarting,
            Some(State::EXITED) => ContainerStatus::Exited,
            Some(State::REMOVING) => ContainerStatus::Removing,
            Some(State::DEAD) => ContainerStatus::Dead,
            Some(State::CREATED | State::EMPTY) | None => ContainerStatus::Created,
        },
        status_text: row.status.unwrap_or_default(),
        labels: sorted(row.labels),
        ports: ordered(
            row.ports
                .unwrap_or_default()
                .into_iter()
                .map(|port| PublishedPort {
                    host_ip: port.ip.unwrap_or_default(),
                    container_port: port.private_port,
                    host_port: port.public_port.filter(|port| *port != 0),
                    protocol: port
                        .typ
                        .map_or_else(|| "tcp".to_owned(), |kind| kind.to_string()),
                })
                .collect(),
        ),
        networks: sorted(row.network_settings.and_then(|settings| settings.networks))
            .into_keys()
            .collect(),
        mounts: mounts(row.mounts),
        size: row.size_rw,
    }
}

/// Links show up as further names, with a slash more.
fn own_name(names: &[String]) -> String {
    let trimmed = |name: &String| name.trim_start_matches('/').to_owned();
    names
        .iter()
        .map(trimmed)
        .find(|name| !name.contains('/'))
        .or_else(|| names.first().map(trimmed))
        .unwrap_or_default()
}

/// `GET /containers/{id}/json`
pub(super) fn container(answer: models::ContainerInspectResponse) -> Container {
    let config = answer.config.unwrap_or_default();
    let host = answer.host_config.unwrap_or_default();
    let network = answer.network_settings.unwrap_or_default();
    Container {
        limits: Some(limits(&host)),
        restart: host.restart_policy.as_ref().map(restart),
        port_bindings: port_bindings(host.port_bindings.unwrap_or_default()),
        id: answer.id.unwrap_or_default(),
        name: answer
            .name
            .unwrap_or_default()
            .trim_start_matches('/')
            .to_owned(),
        image: config.image.unwrap_or_default(),
        image_id: answer.image.unwrap_or_default(),
        created: answer.created.unwrap_or_default(),
        state: state(answer.state.unwrap_or_default()),
        labels: sorted(config.labels),
        environment: config.env.unwrap_or_default(),
        tty: config.tty.unwrap_or_default(),
        open_stdin: config.open_stdin.unwrap_or_default(),
        user: config.user.unwrap_or_default(),
        restart_count: answer.restart_count.unwrap_or_default(),
        healthcheck: config.healthcheck.map(healthcheck),
        network_mode: host.network_mode.unwrap_or_default(),
        ipc_mode: host.ipc_mode.unwrap_or_default(),
        pid_mode: host.pid_mode.unwrap_or_default(),
        networks: sorted(network.networks)
            .into_iter()
            .map(|(name, endpoint)| {
                let state = EndpointState {
                    network_id: endpoint.network_id.unwrap_or_default(),
                    ip_address: endpoint.ip_address.unwrap_or_default(),
                    aliases: endpoint.aliases.unwrap_or_default(),
                };
                (name, state)
            })
            .collect(),
        mounts: mounts(answer.mounts),
        ports: ports(network.ports.unwrap_or_default()),
        stop_timeout: config.stop_timeout,
        auto_remove: host.auto_remove.unwrap_or_default(),
    }
}

/// What the engine writes as 0 or empty was not asked for.
fn limits(host: &models::HostConfig) -> ResourceLimits {
    let set = |value: Option<i64>| value.filter(|value| *value != 0);
    ResourceLimits {
        nano_cpus: set(host.nano_cpus),
        cpu_shares: set(host.cpu_shares),
        cpu_period: set(host.cpu_period),
        cpu_quota: set(host.cpu_quota),
        cpu_rt_period: set(host.cpu_realtime_period),
        cpu_rt_runtime: set(host.cpu_realtime_runtime),
        cpuset_cpus: host.cpuset_cpus.clone().filter(|set| !set.is_empty()),
        cpu_count: set(host.cpu_count),
        cpu_percent: set(host.cpu_percent),
        memory: set(host.memory),
        memory_reservation: set(host.memory_reservation),
        memory_swap: set(host.memory_swap),
        // Here 0 is a choice; the engine writes what was not chosen as -1 or not at all.
        memory_swappiness: host.memory_swappiness.filter(|value| *value >= 0),
        pids: set(host.pids_limit),
        blkio_weight: host.blkio_weight.filter(|weight| *weight != 0),
        blkio_weight_device: host
            .blkio_weight_device
            .iter()
            .flatten()
            .filter_map(|device| {
                let weight = u16::try_from(device.weight?).ok()?;
                Some((device.path.clone()?, weight))
            })
            .collect(),
        blkio_read_bps: rates(&host.blkio_device_read_bps),
        blkio_write_bps: rates(&host.blkio_device_write_bps),
        blkio_read_iops: rates(&host.blkio_device_read_iops),
        blkio_write_iops: rates(&host.blkio_device_write_iops),
    }
}

fn rates(devices: &Option<Vec<models::ThrottleDevice>>) -> Vec<(String, i64)> {
    devices
        .iter()
        .flatten()
        .filter_map(|device| Some((device.path.clone()?, device.rate?)))
        .collect()
}

fn restart(policy: &models::RestartPolicy) -> RestartPolicySpec {
    let name = policy.name.as_ref().map(ToString::to_string);
    RestartPolicySpec {
        name: name
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "no".to_owned()),
        maximum_retry_count: policy.maximum_retry_count.unwrap_or_default(),
    }
}

pub(super) fn healthcheck(check: models::HealthConfig) -> HealthcheckSpec {
    let set = |value: Option<i64>| value.filter(|value| *value != 0);
    HealthcheckSpec {
        test: check.test.unwrap_or_default(),
        interval: set(check.interval),
        timeout: set(check.timeout),
        retries: set(check.retries),
        start_period: set(check.start_period),
        start_interval: set(check.start_interval),
    }
}

fn state(state: models::ContainerState) -> ContainerState {
    use models::ContainerStateStatusEnum as Status;
    let never = |time: &str| time.is_empty() || time.starts_with("0001-01-01");
    let time = |time: Option<String>| time.filter(|time| !never(time)).unwrap_or_default();
    let finished_at = time(state.finished_at);
    let code = state.exit_code.unwrap_or_default();
    let error = state.error.unwrap_or_default();
    let out_of_memory = state.oom_killed.unwrap_or_default();
    // A start that fails leaves a code and a reason, but no time.
    let has_ended = !finished_at.is_empty() || !error.is_empty() || code != 0;
    ContainerState {
        status: match state.status {
            Some(Status::RUNNING | Status::STOPPING) => ContainerStatus::Running,
            Some(Status::PAUSED) => ContainerStatus::Paused,
            Some(Status::RESTARTING) => ContainerStatus::Restarting,
            Some(Status::REMOVING) => ContainerStatus::Removing,
            Some(Status::EXITED) => ContainerStatus::Exited,
            Some(Status::DEAD) => ContainerStatus::Dead,
            Some(Status::CREATED | Status::EMPTY) | None => ContainerStatus::Created,
        },
        health: state.health.and_then(health),
        exit: has_ended.then_some(ExitDetail {
            code,
            out_of_memory,
            error,
        }),
        started_at: time(state.started_at),
        finished_at,
        pid: state.pid.unwrap_or_default(),
    }
}

fn health(health: models::Health) -> Option<Health> {
    use models::HealthStatusEnum as Status;
    let status = match health.status {
        Some(Status::STARTING) => HealthStatus::Starting,
        Some(Status::HEALTHY) => HealthStatus::Healthy,
        Some(Status::UNHEALTHY) => HealthStatus::Unhealthy,
        Some(Status::NONE | Status::EMPTY) | None => return None,
    };
    Some(Health {
        status,
        failing_streak: health.failing_streak.unwrap_or_default(),
        probes: health
            .log
            .unwrap_or_default()
            .into_iter()
            .map(|probe| ProbeResult {
                start: probe.start.unwrap_or_default(),
                end: probe.end.unwrap_or_default(),
                exit_code: probe.exit_code.unwrap_or_default(),
                output: probe.output.unwrap_or_default(),
            })
            .collect(),
    })
}

fn mounts(mounts: Option<Vec<models::MountPoint>>) -> Vec<MountPoint> {
    let mut mounts: Vec<MountPoint> = mounts
        .unwrap_or_default()
        .into_iter()
        .map(|mount| MountPoint {
            kind: mount.typ.unwrap_or_default(),
            name: mount.name.unwrap_or_default(),
            source: mount.source.unwrap_or_default(),
            target: mount.destination.unwrap_or_default(),
            writable: mount.rw.unwrap_or_default(),
        })
        .collect();
    mounts.sort_by(|a, b| a.target.cmp(&b.target));
    mounts
}

/// In the order of the container's ports.
fn port_bindings(map: models::PortMap) -> Vec<PortBinding> {
    let mut ports: Vec<PortBinding> = Vec::new();
    for (name, bindings) in map {
        let (number, protocol) = name.split_once('/').unwrap_or((&name, "tcp"));
        let Ok(container_port) = number.parse() else {
            continue;
        };
        let bindings = bindings.unwrap_or_default().into_iter();
        ports.extend(bindings.map(|binding| PortBinding {
            container_port,
            protocol: protocol.to_owned(),
            host_ip: binding.host_ip.unwrap_or_default(),
            host_port: binding.host_port.unwrap_or_default(),
        }));
    }
    // The engine tells them in any order, those of one port in that of the request.
    ports.sort_by(|a, b| (a.container_port, &a.protocol).cmp(&(b.container_port, &b.protocol)));
    ports
}

fn ports(map: models::PortMap) -> Vec<PublishedPort> {
    let mut ports = Vec::new();
    for (name, bindings) in map {
        let (number, protocol) = name.split_once('/').unwrap_or((&name, "tcp"));
        let Ok(container_port) = number.parse() else {
            continue;
        };
        let port = |host_ip: String, host_port| PublishedPort {
            host_ip,
            container_port,
            host_port,
            protocol: protocol.to_owned(),
        };
        match bindings.filter(|bindings| !bindings.is_empty()) {
            None => ports.push(port(String::new(), None)),
            Some(bindings) => ports.extend(bindings.into_iter().map(|binding| {
                port(
                    binding.host_ip.unwrap_or_default(),
                    binding.host_port.and_then(|port| port.parse().ok()),
                )
            })),
        }
    }
    ordered(ports)
}

fn ordered(mut ports: Vec<PublishedPort>) -> Vec<PublishedPort> {
    ports.sort_by(|a, b| {
        let key = |port: &PublishedPort| (port.container_port, port.host_port);
        key(a)
            .cmp(&key(b))
            .then_with(|| a.protocol.cmp(&b.protocol))
            .then_with(|| a.host_ip.cmp(&b.host_ip))
    });
    ports
}

/// The engine's maps have no order; wharf shows them by name.
pub(super) fn sorted<V>(map: Option<HashMap<String, V>>) -> IndexMap<String, V> {
    let mut map: IndexMap<String, V> = map.unwrap_or_default().into_iter().collect();
    map.sort_unstable_keys();
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspected(text: &str) -> Container {
        container(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn an_unhealthy_container_shows_its_probes() {
        let one = inspected(
            r#"{"Id":"abc","Name":"/web","Image":"sha256:1","RestartCount":2,
              "State":{"Status":"running","Running":true,"Pid":7,"ExitCode":0,
                "StartedAt":"2026-01-01T00:00:00.5Z","FinishedAt":"0001-01-01T00:00:00Z",
                "Health":{"Status":"unhealthy","FailingStreak":3,"Log":[
                  {"Start":"2026-01-01T00:00:01+01:00","End":"2026-01-01T00:00:02+01:00","ExitCode":1,"Output":"no"}]}},
              "Config":{"Image":"web:1","Labels":{"b":"2","a":"1"},"Env":["A=1"],"Tty":true,"StopTimeout":5,
                "Healthcheck":{"Test":["CMD","x"],"Interval":1000000000}},
              "HostConfig":{"NetworkMode":"net","AutoRemove":true},
              "NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080"}],"53/udp":null},
                "Networks":{"net":{"NetworkID":"n1","IPAddress":"10.0.0.2","Aliases":["web"]}}},
              "Mounts":[{"Type":"volume","Name":"v","Source":"/x","Destination":"/data","RW":true}]}"#,
        );
        assert_eq!(one.name, "web");
        assert_eq!(one.image, "web:1");
        let health = one.state.health.unwrap();
        assert_eq!(health.status, HealthStatus::Unhealthy);
        assert_eq!(health.probes[0].output, "no");
        assert_eq!(one.state.exit, None);
        assert_eq!(one.state.finished_at, "");
        assert_eq!(one.ports[0].container_port, 53);
        assert_eq!(one.ports[0].host_port, None);
        assert_eq!(one.ports[1].host_port, Some(8080));
        assert_eq!(one.labels.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(one.networks["net"].ip_address, "10.0.0.2");
        assert_eq!(one.healthcheck.unwrap().interval, Some(1_000_000_000));
        assert!(one.mounts[0].writable && one.auto_remove && one.tty);
    }

    #[test]
    fn a_failed_start_is_an_end_with_a_reason() {
        let one = inspected(
            r#"{"State":{"Status":"created","ExitCode":127,"Error":"exec: not found",
               "FinishedAt":"0001-01-01T00:00:00Z"}}"#,
        );
        assert_eq!(one.state.status, ContainerStatus::Created);
        let exit = one.state.exit.unwrap();
        assert_eq!((exit.code, exit.error.as_str()), (127, "exec: not found"));
    }

    #[test]
    fn rows_take_the_containers_own_name() {
        let row = summary(
            serde_json::from_str(
                r#"{"Id":"abc","Names":["/other/alias","/web"],"State":"exited","Status":"Exited (0)",
                    "Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},
                             {"PrivatePort":22,"Type":"tcp"}],
                    "NetworkSettings":{"Networks":{"b":{},"a":{}}},"SizeRw":12}"#,
            )
            .unwrap(),
        );
        assert_eq!(row.name, "web");
        assert_eq!(row.status, ContainerStatus::Exited);
        assert_eq!(row.networks, ["a", "b"]);
        assert_eq!(row.ports[0].host_port, None);
        assert_eq!(row.ports[1].host_ip, "0.0.0.0");
        assert_eq!(row.size, Some(12));
    }
}
