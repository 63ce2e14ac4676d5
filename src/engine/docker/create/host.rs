use std::collections::HashMap;

use bollard::models::{
    DeviceMapping, DeviceRequest, HostConfig, HostConfigCgroupnsModeEnum, HostConfigIsolationEnum,
    HostConfigLogConfig, PortBinding, ResourcesUlimits,
};

use super::fields::{map, protocol, restart_policy, some, throttles, weights};
use super::mounts::{bind_text, mount, must_be_short, short};
use crate::engine::{ContainerSpec, EngineInfo, EngineMount};

pub(super) fn host(spec: &ContainerSpec, engine: &EngineInfo) -> HostConfig {
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
