use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, EndpointIpamConfig, EndpointSettings,
    HealthConfig, HostConfig, HostConfigCgroupnsModeEnum, HostConfigIsolationEnum,
    HostConfigLogConfig, Mount, MountBindOptions, MountBindOptionsPropagationEnum,
    MountImageOptions, MountTmpfsOptions, MountType, MountVolumeOptions, NetworkingConfig,
    PortBinding, ResourcesBlkioWeightDevice, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum, ThrottleDevice,
};
use indexmap::IndexMap;

use crate::engine::{
    BindMount, ContainerSpec, EndpointSpec, EngineError, EngineInfo, EngineMount, EngineMountKind,
    EngineResult, ErrorKind, HealthcheckSpec, INTERFACE_NAME, ResourceLimits, RestartPolicySpec,
};

/// The body of `POST /containers/create`, and the networks that must be connected afterwards.
/// <https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Container/operation/ContainerCreate>
pub(super) fn body<'a>(
    spec: &'a ContainerSpec,
    engine: &EngineInfo,
) -> EngineResult<(serde_json::Value, Vec<(&'a str, &'a EndpointSpec)>)> {
    check(spec, engine)?;
    let primary = spec
        .network_mode
        .as_deref()
        .or_else(|| spec.endpoints.keys().next().map(String::as_str));
    let mut now = HashMap::new();
    let mut later = Vec::new();
    for (network, endpoint) in &spec.endpoints {
        let is_primary = primary == Some(network.as_str());
        if is_primary || engine.has_many_endpoints_at_create() {
            let mut settings = endpoint_settings(endpoint);
            if is_primary && engine.has_endpoint_mac_address() && settings.mac_address.is_none() {
                settings.mac_address = spec.mac_address.clone();
            }
            now.insert(network.clone(), settings);
        } else {
            later.push((network.as_str(), endpoint));
        }
    }
    // The address needs an endpoint to stand on, also on a network that is not asked for more.
    if let (Some(address), Some(network)) = (&spec.mac_address, primary)
        && engine.has_endpoint_mac_address()
        && !now.contains_key(network)
        && !(matches!(network, "host" | "none") || network.starts_with("container:"))
    {
        let settings = EndpointSettings {
            mac_address: Some(address.clone()),
            ..EndpointSettings::default()
        };
        now.insert(network.to_owned(), settings);
    }
    let mut container = container(spec, engine);
    if let Some(host) = &mut container.host_config {
        host.network_mode = primary.map(str::to_owned);
    }
    container.networking_config = (!now.is_empty()).then_some(NetworkingConfig {
        endpoints_config: Some(now),
    });
    let mut body = serde_json::to_value(container).map_err(|error| {
        EngineError::new(
            ErrorKind::Other,
            format!(
                "cannot write the specification of container `{}`: {error}",
                spec.name
            ),
        )
    })?;
    // Before API 1.44 the address is a field of the container, which bollard's type lacks.
    if !engine.has_endpoint_mac_address() {
        let address = spec.mac_address.as_deref().or_else(|| {
            let endpoint = spec.endpoints.get(primary?)?;
            endpoint.mac_address.as_deref()
        });
        if let (Some(address), Some(fields)) = (address, body.as_object_mut()) {
            fields.insert("MacAddress".to_owned(), address.into());
        }
    }
    Ok((body, later))
}

/// Refuses what this engine would drop without a word.
fn check(spec: &ContainerSpec, engine: &EngineInfo) -> EngineResult<()> {
    let refuse = |what: String, needs: &str| {
        Err(EngineError::new(
            ErrorKind::Unsupported,
            format!(
                "cannot create container `{}`: {what} needs {needs}; this engine is {} (API {})",
                spec.name, engine.version, engine.api
            ),
        ))
    };
    for mount in &spec.mounts {
        if mount.subpath.is_some()
            && mount.kind == EngineMountKind::Volume
            && !engine.has_volume_subpath()
        {
            return refuse(
                format!("the subpath of the volume at `{}`", mount.target),
                "API 1.45 (Docker Engine 26.0)",
            );
        }
        if mount.kind == EngineMountKind::Image && !engine.has_image_mounts() {
            return refuse(
                format!("the image mount at `{}`", mount.target),
                "API 1.48 (Docker Engine 28.0)",
            );
        }
        if matches!(mount.recursive.as_deref(), Some("writable" | "readonly"))
            && !engine.has_recursive_read_only()
        {
            return refuse(
                format!(
                    "the choice of recursion for the bind mount at `{}`",
                    mount.target
                ),
                "API 1.44 (Docker Engine 25.0)",
            );
        }
    }
    if !spec.annotations.is_empty() && !engine.has_annotations() {
        return refuse("an annotation".to_owned(), "API 1.43 (Docker Engine 24.0)");
    }
    for (network, endpoint) in &spec.endpoints {
        let names_interface = endpoint.driver_opts.contains_key(INTERFACE_NAME);
        if names_interface && !engine.has_interface_names() {
            return refuse(
                format!("the name of the interface in network `{network}`"),
                "API 1.49 (Docker Engine 28.1)",
            );
        }
        if endpoint.gw_priority != 0 && !engine.has_gateway_priority() {
            return refuse(
                format!("the gateway priority of network `{network}`"),
                "API 1.48 (Docker Engine 28.0)",
            );
        }
    }
    Ok(())
}

fn container(spec: &ContainerSpec, engine: &EngineInfo) -> ContainerCreateBody {
    let mut exposed = spec.exposed_ports.clone();
    for port in &spec.port_bindings {
        let port = format!("{}/{}", port.container_port, protocol(&port.protocol));
        if !exposed.contains(&port) {
            exposed.push(port);
        }
    }
    ContainerCreateBody {
        hostname: spec.hostname.clone(),
        domainname: spec.domain_name.clone(),
        user: spec.user.clone(),
        exposed_ports: some(exposed),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(spec.tty),
        open_stdin: Some(spec.open_stdin),
        stdin_once: Some(spec.stdin_once),
        env: some(variables(&spec.environment)),
        cmd: spec.command.clone(),
        healthcheck: spec
            .healthcheck
            .as_ref()
            .map(|check| healthcheck(check, engine)),
        image: Some(spec.image.clone()),
        working_dir: spec.working_dir.clone(),
        entrypoint: spec.entrypoint.clone(),
        labels: Some(map(&spec.labels)),
        stop_signal: spec.stop_signal.clone(),
        stop_timeout: spec.stop_timeout,
        host_config: Some(host(spec, engine)),
        ..ContainerCreateBody::default()
    }
}

fn host(spec: &ContainerSpec, engine: &EngineInfo) -> HostConfig {
    let mut ports: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for port in &spec.port_bindings {
        ports
            .entry(format!(
                "{}/{}",
                port.container_port,
                protocol(&port.protocol)
            ))
            .or_default()
            .get_or_insert_default()
            .push(PortBinding {
                host_ip: Some(port.host_ip.clone()),
                host_port: Some(port.host_port.clone()),
            });
    }
    let limits = &spec.limits;
    let (as_binds, as_mounts): (Vec<&EngineMount>, Vec<&EngineMount>) = spec
        .mounts
        .iter()
        .partition(|mount| must_be_short(mount, engine));
    let binds = spec.binds.iter().map(bind_text);
    HostConfig {
        binds: some(binds.chain(as_binds.into_iter().map(short)).collect()),
        mounts: some(as_mounts.into_iter().map(mount).collect()),
        tmpfs: (!spec.tmpfs.is_empty()).then(|| map(&spec.tmpfs)),
        volumes_from: some(spec.volumes_from.clone()),
        port_bindings: Some(ports),
        dns: some(spec.dns.clone()),
        dns_options: some(spec.dns_options.clone()),
        dns_search: some(spec.dns_search.clone()),
        extra_hosts: Some(spec.extra_hosts.clone()),
        links: some(spec.links.clone()),
        restart_policy: spec.restart.as_ref().map(restart_policy),
        auto_remove: Some(spec.auto_remove),
        log_config: spec.log.as_ref().map(|log| HostConfigLogConfig {
            typ: Some(log.driver.clone()),
            config: Some(map(&log.options)),
        }),
        init: spec.init,
        runtime: spec.runtime.clone(),
        isolation: spec.isolation.as_deref().map(|isolation| match isolation {
            "process" => HostConfigIsolationEnum::PROCESS,
            "hyperv" => HostConfigIsolationEnum::HYPERV,
            _ => HostConfigIsolationEnum::DEFAULT,
        }),
        privileged: Some(spec.privileged),
        readonly_rootfs: Some(spec.read_only),
        cap_add: some(capabilities(&spec.cap_add)),
        cap_drop: some(capabilities(&spec.cap_drop)),
        security_opt: some(security_options(spec, engine)),
        group_add: some(spec.group_add.clone()),
        sysctls: (!spec.sysctls.is_empty()).then(|| map(&spec.sysctls)),
        storage_opt: (!spec.storage_opt.is_empty()).then(|| map(&spec.storage_opt)),
        annotations: (!spec.annotations.is_empty()).then(|| map(&spec.annotations)),
        ipc_mode: spec.ipc.clone(),
        pid_mode: spec.pid.clone(),
        uts_mode: spec.uts.clone(),
        userns_mode: spec.userns.clone(),
        cgroupns_mode: spec.cgroup.as_deref().map(|cgroup| match cgroup {
            "host" => HostConfigCgroupnsModeEnum::HOST,
            "private" => HostConfigCgroupnsModeEnum::PRIVATE,
            _ => HostConfigCgroupnsModeEnum::EMPTY,
        }),
        cgroup_parent: spec.cgroup_parent.clone(),
        shm_size: spec.shm_size,
        devices: some(
            spec.devices
                .iter()
                .map(|device| DeviceMapping {
                    path_on_host: Some(device.source.clone()),
                    path_in_container: Some(device.target.clone()),
                    cgroup_permissions: Some(device.permissions.clone()),
                })
                .collect(),
        ),
        device_requests: some(
            spec.device_requests
                .iter()
                .map(|request| DeviceRequest {
                    driver: Some(request.driver.clone()),
                    count: request.count,
                    device_ids: some(request.device_ids.clone()),
                    capabilities: some(request.capabilities.clone()).map(|all| vec![all]),
                    options: (!request.options.is_empty()).then(|| map(&request.options)),
                })
                .collect(),
        ),
        device_cgroup_rules: some(spec.device_cgroup_rules.clone()),
        ulimits: some(
            spec.ulimits
                .iter()
                .map(|limit| ResourcesUlimits {
                    name: Some(limit.name.clone()),
                    soft: Some(limit.soft),
                    hard: Some(limit.hard),
                })
                .collect(),
        ),
        oom_kill_disable: spec.oom_kill_disable,
        oom_score_adj: spec.oom_score_adj,
        nano_cpus: limits.nano_cpus,
        cpu_shares: limits.cpu_shares,
        cpu_period: limits.cpu_period,
        cpu_quota: limits.cpu_quota,
        cpu_realtime_period: limits.cpu_rt_period,
        cpu_realtime_runtime: limits.cpu_rt_runtime,
        cpuset_cpus: limits.cpuset_cpus.clone(),
        cpu_count: limits.cpu_count,
        cpu_percent: limits.cpu_percent,
        memory: limits.memory,
        memory_reservation: limits.memory_reservation,
        memory_swap: limits.memory_swap,
        memory_swappiness: limits.memory_swappiness,
        pids_limit: limits.pids,
        blkio_weight: limits.blkio_weight,
        blkio_weight_device: weights(limits),
        blkio_device_read_bps: throttles(&limits.blkio_read_bps),
        blkio_device_write_bps: throttles(&limits.blkio_write_bps),
        blkio_device_read_iops: throttles(&limits.blkio_read_iops),
        blkio_device_write_iops: throttles(&limits.blkio_write_iops),
        ..HostConfig::default()
    }
}

/// The names as the engine itself writes them: `CAP_NET_ADMIN`, `ALL`.
fn capabilities(names: &[String]) -> Vec<String> {
    let full = |name: &String| {
        let name = name.to_uppercase();
        match name == "ALL" || name.starts_with("CAP_") {
            true => name,
            false => format!("CAP_{name}"),
        }
    };
    names.iter().map(full).collect()
}

/// Only Windows containers know credential specifications; other engines refuse containers for them.
fn security_options(spec: &ContainerSpec, engine: &EngineInfo) -> Vec<String> {
    let is_windows = engine.operating_system == "windows";
    let options = spec.security_opt.iter();
    options
        .filter(|option| is_windows || !option.starts_with("credentialspec="))
        .cloned()
        .collect()
}

fn bind_text(bind: &BindMount) -> String {
    let mut text = format!("{}:{}", bind.source, bind.target);
    if !bind.options.is_empty() {
        text.push(':');
        text.push_str(&bind.options.join(","));
    }
    text
}

/// Before API 1.42 only the short form of a bind mount makes a missing host path.
fn must_be_short(mount: &EngineMount, engine: &EngineInfo) -> bool {
    mount.kind == EngineMountKind::Bind
        && mount.create_host_path
        && mount.recursive.is_none()
        && !engine.has_create_mountpoint()
}

fn short(mount: &EngineMount) -> String {
    let mut options = Vec::new();
    if mount.read_only {
        options.push("ro".to_owned());
    }
    options.extend(mount.propagation.clone());
    options.extend(mount.consistency.clone());
    bind_text(&BindMount {
        source: mount.source.clone().unwrap_or_default(),
        target: mount.target.clone(),
        options,
    })
}

fn mount(mount: &EngineMount) -> Mount {
    let volume = mount.kind == EngineMountKind::Volume;
    let bind = mount.kind == EngineMountKind::Bind;
    Mount {
        typ: Some(match mount.kind {
            EngineMountKind::Bind => MountType::BIND,
            EngineMountKind::Volume => MountType::VOLUME,
            EngineMountKind::Tmpfs => MountType::TMPFS,
            EngineMountKind::Npipe => MountType::NPIPE,
            EngineMountKind::Cluster => MountType::CLUSTER,
            EngineMountKind::Image => MountType::IMAGE,
        }),
        source: mount.source.clone(),
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        consistency: mount.consistency.clone(),
        bind_options: bind.then(|| MountBindOptions {
            propagation: mount.propagation.as_deref().and_then(propagation),
            create_mountpoint: mount.create_host_path.then_some(true),
            non_recursive: (mount.recursive.as_deref() == Some("disabled")).then_some(true),
            read_only_non_recursive: (mount.recursive.as_deref() == Some("writable"))
                .then_some(true),
            read_only_force_recursive: (mount.recursive.as_deref() == Some("readonly"))
                .then_some(true),
        }),
        volume_options: volume.then(|| MountVolumeOptions {
            no_copy: mount.no_copy.then_some(true),
            labels: (!mount.volume_labels.is_empty()).then(|| map(&mount.volume_labels)),
            subpath: mount.subpath.clone(),
            ..MountVolumeOptions::default()
        }),
        tmpfs_options: (mount.kind == EngineMountKind::Tmpfs).then(|| MountTmpfsOptions {
            size_bytes: mount.tmpfs_size,
            mode: mount.tmpfs_mode.map(i64::from),
            ..MountTmpfsOptions::default()
        }),
        image_options: (mount.kind == EngineMountKind::Image && mount.subpath.is_some()).then(
            || MountImageOptions {
                subpath: mount.subpath.clone(),
            },
        ),
    }
}

fn propagation(name: &str) -> Option<MountBindOptionsPropagationEnum> {
    use MountBindOptionsPropagationEnum::{PRIVATE, RPRIVATE, RSHARED, RSLAVE, SHARED, SLAVE};
    match name {
        "private" => Some(PRIVATE),
        "rprivate" => Some(RPRIVATE),
        "shared" => Some(SHARED),
        "rshared" => Some(RSHARED),
        "slave" => Some(SLAVE),
        "rslave" => Some(RSLAVE),
        _ => None,
    }
}

pub(super) fn restart_policy(policy: &RestartPolicySpec) -> RestartPolicy {
    RestartPolicy {
        name: Some(match policy.name.as_str() {
            "always" => RestartPolicyNameEnum::ALWAYS,
            "unless-stopped" => RestartPolicyNameEnum::UNLESS_STOPPED,
            "on-failure" => RestartPolicyNameEnum::ON_FAILURE,
            _ => RestartPolicyNameEnum::NO,
        }),
        maximum_retry_count: (policy.maximum_retry_count != 0)
            .then_some(policy.maximum_retry_count),
    }
}

fn healthcheck(check: &HealthcheckSpec, engine: &EngineInfo) -> HealthConfig {
    HealthConfig {
        test: some(check.test.clone()),
        interval: check.interval,
        timeout: check.timeout,
        retries: check.retries,
        start_period: check.start_period,
        start_interval: check.start_interval.filter(|_| engine.has_start_interval()),
    }
}

pub(super) fn endpoint_settings(endpoint: &EndpointSpec) -> EndpointSettings {
    let address = endpoint.ipv4_address.is_some()
        || endpoint.ipv6_address.is_some()
        || !endpoint.link_local_ips.is_empty();
    EndpointSettings {
        aliases: some(endpoint.aliases.clone()),
        links: some(endpoint.links.clone()),
        mac_address: endpoint.mac_address.clone(),
        driver_opts: (!endpoint.driver_opts.is_empty()).then(|| map(&endpoint.driver_opts)),
        gw_priority: (endpoint.gw_priority != 0).then_some(endpoint.gw_priority),
        // Until the container starts, this is all that tells the address.
        ip_address: endpoint.ipv4_address.clone(),
        ipam_config: address.then(|| EndpointIpamConfig {
            ipv4_address: endpoint.ipv4_address.clone(),
            ipv6_address: endpoint.ipv6_address.clone(),
            link_local_ips: some(endpoint.link_local_ips.clone()),
        }),
        ..EndpointSettings::default()
    }
}

pub(super) fn weights(limits: &ResourceLimits) -> Option<Vec<ResourcesBlkioWeightDevice>> {
    some(
        limits
            .blkio_weight_device
            .iter()
            .map(|(path, weight)| ResourcesBlkioWeightDevice {
                path: Some(path.clone()),
                weight: Some(usize::from(*weight)),
            })
            .collect(),
    )
}

pub(super) fn throttles(rates: &[(String, i64)]) -> Option<Vec<ThrottleDevice>> {
    some(
        rates
            .iter()
            .map(|(path, rate)| ThrottleDevice {
                path: Some(path.clone()),
                rate: Some(*rate),
            })
            .collect(),
    )
}

/// `KEY=value`; a key alone removes the image's variable.
pub(super) fn variables(environment: &IndexMap<String, Option<String>>) -> Vec<String> {
    environment
        .iter()
        .map(|(name, value)| match value {
            Some(value) => format!("{name}={value}"),
            None => name.clone(),
        })
        .collect()
}

fn protocol(name: &str) -> &str {
    if name.is_empty() { "tcp" } else { name }
}

pub(super) fn map(map: &IndexMap<String, String>) -> HashMap<String, String> {
    map.iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// `None` for an empty list, which leaves the choice to the image or the engine.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ApiVersion, PortBinding as Port};

    fn engine(minor: u16) -> EngineInfo {
        EngineInfo {
            address: "unix:///x".into(),
            version: "1".into(),
            api: ApiVersion(1, minor),
            operating_system: "linux".into(),
            architecture: "amd64".into(),
            id: String::new(),
            podman: false,
            containerd_store: false,
        }
    }

    fn on_two_networks() -> ContainerSpec {
        let mut spec = ContainerSpec {
            name: "web".into(),
            image: "i".into(),
            mac_address: Some("02:42:ac:11:00:02".into()),
            ..ContainerSpec::default()
        };
        for name in ["back", "front"] {
            spec.endpoints.insert(
                name.into(),
                EndpointSpec {
                    aliases: vec!["web".into()],
                    ipv4_address: Some("10.0.0.2".into()),
                    ..EndpointSpec::default()
                },
            );
        }
        spec
    }

    #[test]
    fn an_old_engine_gets_one_network_now_and_the_rest_later() {
        let spec = on_two_networks();
        let (old, later) = body(&spec, &engine(41)).unwrap();
        assert_eq!(old["HostConfig"]["NetworkMode"], "back");
        assert_eq!(
            old["NetworkingConfig"]["EndpointsConfig"]
                .as_object()
                .unwrap()
                .len(),
            1
        );
        assert_eq!(old["MacAddress"], "02:42:ac:11:00:02");
        assert_eq!(later.len(), 1);
        assert_eq!(later[0].0, "front");

        let (new, later) = body(&spec, &engine(45)).unwrap();
        let endpoints = &new["NetworkingConfig"]["EndpointsConfig"];
        assert_eq!(endpoints["back"]["MacAddress"], "02:42:ac:11:00:02");
        assert_eq!(endpoints["front"]["IPAMConfig"]["IPv4Address"], "10.0.0.2");
        assert_eq!(new.get("MacAddress"), None);
        assert!(later.is_empty());
    }

    #[test]
    fn start_interval_is_left_out_where_it_would_be_dropped() {
        let spec = ContainerSpec {
            healthcheck: Some(HealthcheckSpec {
                test: vec!["CMD".into(), "true".into()],
                interval: Some(2_000_000_000),
                start_interval: Some(100_000_000),
                ..HealthcheckSpec::default()
            }),
            ..ContainerSpec::default()
        };
        let check = |minor| body(&spec, &engine(minor)).unwrap().0["Healthcheck"].clone();
        assert_eq!(check(41).get("StartInterval"), None);
        assert_eq!(check(44)["StartInterval"], 100_000_000);
        assert_eq!(check(41)["Interval"], 2_000_000_000_i64);
    }

    #[test]
    fn what_would_be_dropped_in_silence_is_refused() {
        let volume = |kind, subpath: Option<&str>, recursive: Option<&str>| ContainerSpec {
            name: "web".into(),
            mounts: vec![EngineMount {
                read_only: true,
                recursive: recursive.map(str::to_owned),
                subpath: subpath.map(str::to_owned),
                ..EngineMount::new(kind, Some("v".into()), "/data".into())
            }],
            ..ContainerSpec::default()
        };
        let mut annotated = ContainerSpec::default();
        annotated.annotations.insert("a".into(), "b".into());
        let mut preferred = ContainerSpec::default();
        preferred.endpoints.insert(
            "n".into(),
            EndpointSpec {
                gw_priority: 1,
                ..EndpointSpec::default()
            },
        );
        for (spec, enough) in [
            (volume(EngineMountKind::Volume, Some("a"), None), 45),
            (volume(EngineMountKind::Image, None, None), 48),
            (volume(EngineMountKind::Bind, None, Some("readonly")), 44),
            (annotated, 43),
            (preferred, 48),
        ] {
            let error = body(&spec, &engine(enough - 1)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unsupported);
            assert!(
                error.message.contains(&format!("API 1.{enough}")),
                "{error}"
            );
            assert!(body(&spec, &engine(enough)).is_ok());
        }
    }

    #[test]
    fn fields_take_the_engines_form() {
        let spec = ContainerSpec {
            entrypoint: Some(Vec::new()),
            environment: [
                ("A".to_owned(), Some("1".to_owned())),
                ("B".to_owned(), None),
            ]
            .into_iter()
            .collect(),
            binds: vec![BindMount {
                source: "/src".into(),
                target: "/dst".into(),
                options: vec!["ro".into(), "z".into()],
            }],
            port_bindings: vec![
                Port {
                    container_port: 80,
                    protocol: "tcp".into(),
                    host_ip: "127.0.0.1".into(),
                    host_port: "8080".into(),
                },
                Port {
                    container_port: 80,
                    ..Port::default()
                },
            ],
            restart: Some(RestartPolicySpec {
                name: "on-failure".into(),
                maximum_retry_count: 3,
            }),
            cgroup: Some("host".into()),
            cap_add: vec!["net_admin".into(), "CAP_CHOWN".into(), "ALL".into()],
            security_opt: vec!["credentialspec=file://x".into(), "label:disable".into()],
            network_mode: Some("container:abc".into()),
            ..ContainerSpec::default()
        };
        let (body, _) = body(&spec, &engine(41)).unwrap();
        assert_eq!(body["Entrypoint"], serde_json::json!([]));
        assert_eq!(body.get("Cmd"), None);
        assert_eq!(body["Env"], serde_json::json!(["A=1", "B"]));
        assert_eq!(body["ExposedPorts"], serde_json::json!({"80/tcp": {}}));
        let host = &body["HostConfig"];
        assert_eq!(host["Binds"], serde_json::json!(["/src:/dst:ro,z"]));
        assert_eq!(host["PortBindings"]["80/tcp"][0]["HostPort"], "8080");
        assert_eq!(host["PortBindings"]["80/tcp"][1]["HostPort"], "");
        assert_eq!(host["RestartPolicy"]["Name"], "on-failure");
        assert_eq!(host["RestartPolicy"]["MaximumRetryCount"], 3);
        assert_eq!(host["CgroupnsMode"], "host");
        assert_eq!(host["NetworkMode"], "container:abc");
        let capabilities = serde_json::json!(["CAP_NET_ADMIN", "CAP_CHOWN", "ALL"]);
        assert_eq!(host["CapAdd"], capabilities);
        assert_eq!(host["SecurityOpt"], serde_json::json!(["label:disable"]));
        assert_eq!(host.get("Mounts"), None);
    }
}
