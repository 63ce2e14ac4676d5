//! A service as the engine is told it.

use indexmap::{IndexMap, IndexSet};

use super::files::service_files;
use super::{FileUpload, PlanError, Policy, config_hash};
use crate::engine::{
    BindMount, ContainerSpec, DeviceMapping, DeviceRequestSpec, EndpointSpec, EngineMount,
    EngineMountKind, HealthcheckSpec, LogConfig, PortBinding, ResourceLimits, RestartPolicySpec,
    UlimitSpec,
};
use crate::model::{
    DeviceRequest, EndpointConfig, Mount, MountKind, Project, RestartCondition, Service,
    StringOrNumber, Ulimit,
};
use crate::observe::{EngineTraits, labels};

/// One container of a service: the canonical specification, without wharf's and Compose's own labels, and the files that
/// go into it. Other services appear as `service:NAME`, not by id, so that it does not change with every run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerPlan {
    pub spec: ContainerSpec,
    pub files: Vec<FileUpload>,
    /// What the engine will not honour.
    pub notes: Vec<String>,
}

/// The image of a service: its own name for it, or the one that building it gives.
pub fn image_of(project: &Project, name: &str, service: &Service) -> String {
    service.image_name(&project.name, name)
}

/// The name of a service's container.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#container_name>
pub fn container_name(project: &Project, name: &str, service: &Service, number: u32) -> String {
    let dash = project.separator();
    service
        .container_name
        .clone()
        .unwrap_or_else(|| format!("{}{dash}{name}{dash}{number}", project.name))
}

/// How many containers the service is to have.
pub fn replicas(name: &str, service: &Service, policy: &Policy) -> u32 {
    let deployed = service.deploy.as_ref().and_then(|deploy| deploy.replicas);
    policy
        .scale
        .get(name)
        .copied()
        .or(service.scale)
        .or(deployed)
        .unwrap_or(1)
}

/// The service's container number `number`.
pub fn container_spec(
    project: &Project,
    name: &str,
    service: &Service,
    number: u32,
    engine: EngineTraits,
    policy: &Policy,
) -> Result<ContainerPlan, PlanError> {
    if service.provider.is_some() {
        return Err(PlanError::Unsupported {
            service: name.to_string(),
            reason: "it has a `provider`, and wharf runs only containers".to_string(),
        });
    }
    let mut notes = Vec::new();
    let container = container_name(project, name, service, number);
    let files = service_files(project, name, service, policy)?;
    let (mut mounts, mut binds) = mounts(project, name, service, engine)?;
    mounts.extend(files.mounts);
    if service.use_api_socket == Some(true) {
        let socket = policy
            .api_socket
            .as_ref()
            .map(|path| path.display().to_string())
            .unwrap_or_else(|| "/var/run/docker.sock".to_string());
        binds.push(BindMount {
            source: socket,
            target: "/var/run/docker.sock".to_string(),
            options: Vec::new(),
        });
    }
    let (network_mode, endpoints) = networking(project, name, service, &container, policy)?;
    if !engine.gateway_priority && endpoints.values().any(|endpoint| endpoint.gw_priority != 0) {
        notes.push(format!(
            "service `{name}`: this engine has no `gw_priority`; it picks the gateway itself"
        ));
    }
    let healthcheck = healthcheck(service, engine);
    if let Some(check) = &service.healthcheck
        && check.start_interval.is_some()
        && !engine.start_interval
    {
        notes.push(format!(
            "service `{name}`: this engine has no `start_interval`; it probes every `interval`, and wharf probes itself while it waits"
        ));
    }
    let mut own_labels = service.labels.clone();
    if let Some(digest) = files.digest {
        own_labels.insert(labels::FILES.to_string(), digest);
    }
    let mut exposed: Vec<String> = expose(name, service)?
        .into_iter()
        .chain(
            service
                .ports
                .iter()
                .map(|port| format!("{}/{}", port.target, port.protocol)),
        )
        .collect();
    exposed.sort();
    exposed.dedup();
    let spec = ContainerSpec {
        name: container,
        image: image_of(project, name, service),
        platform: service.platform.clone(),
        hostname: service.hostname.clone(),
        domain_name: service.domain_name.clone(),
        user: service.user.clone(),
        working_dir: service.working_dir.clone(),
        entrypoint: service.entrypoint.clone(),
        command: service.command.clone(),
        environment: service.environment.clone(),
        labels: own_labels,
        annotations: service.annotations.clone(),
        stop_signal: service.stop_signal.clone(),
        stop_timeout: service.stop_grace_period.map(|grace| grace.seconds()),
        tty: service.tty.unwrap_or(false),
        open_stdin: service.stdin_open.unwrap_or(false),
        stdin_once: false,
        exposed_ports: exposed,
        healthcheck,
        mounts,
        tmpfs: service
            .tmpfs
            .iter()
            .map(|entry| match entry.split_once(':') {
                Some((path, options)) => (path.to_string(), options.to_string()),
                None => (entry.clone(), String::new()),
            })
            .collect(),
        binds,
        volumes_from: service
            .volumes_from
            .iter()
            .map(|from| match from.strip_prefix("container:") {
                Some(container) => container.to_string(),
                None => format!("service:{from}"),
            })
            .collect(),
        port_bindings: service
            .ports
            .iter()
            .map(|port| PortBinding {
                container_port: port.target,
                protocol: port.protocol.to_string(),
                host_ip: port.host_ip.clone().unwrap_or_default(),
                host_port: port.published.clone().unwrap_or_default(),
            })
            .collect(),
        mac_address: service.mac_address.clone(),
        network_mode: Some(network_mode),
        endpoints,
        dns: service.dns.clone(),
        dns_options: service.dns_opt.clone(),
        dns_search: service.dns_search.clone(),
        extra_hosts: service
            .extra_hosts
            .iter()
            .map(|entry| match entry.split_once('=') {
                Some((host, address)) => format!("{host}:{address}"),
                None => entry.clone(),
            })
            .collect(),
        links: Vec::new(),
        restart: restart_policy(name, service)?,
        auto_remove: false,
        log: service.logging.as_ref().and_then(|logging| {
            (logging.driver.is_some() || !logging.options.is_empty()).then(|| LogConfig {
                driver: logging.driver.clone().unwrap_or_default(),
                options: logging.options.clone(),
            })
        }),
        init: service.init,
        runtime: service.runtime.clone(),
        isolation: service.isolation.clone(),
        privileged: service.privileged.unwrap_or(false),
        read_only: service.read_only.unwrap_or(false),
        cap_add: service.cap_add.clone(),
        cap_drop: service.cap_drop.clone(),
        security_opt: security_options(service),
        group_add: service.group_add.clone(),
        sysctls: service.sysctls.clone(),
        storage_opt: service.storage_opt.clone(),
        ipc: service.ipc.clone(),
        pid: service.pid.clone(),
        uts: service.uts.clone(),
        userns: service.userns_mode.clone(),
        cgroup: service.cgroup.clone(),
        cgroup_parent: service.cgroup_parent.clone(),
        shm_size: service.shm_size.map(|size| size.0),
        devices: service
            .devices
            .iter()
            .filter(|device| !is_cdi(&device.source))
            .map(|device| DeviceMapping {
                source: device.source.clone(),
                target: if device.target.is_empty() {
                    device.source.clone()
                } else {
                    device.target.clone()
                },
                permissions: if device.permissions.is_empty() {
                    "rwm".to_string()
                } else {
                    device.permissions.clone()
                },
            })
            .collect(),
        device_requests: device_requests(service),
        device_cgroup_rules: service.device_cgroup_rules.clone(),
        ulimits: service
            .ulimits
            .iter()
            .map(|(name, limit)| {
                let (soft, hard) = match *limit {
                    Ulimit::Single(both) => (both, both),
                    Ulimit::Pair { soft, hard } => (soft, hard),
                };
                UlimitSpec {
                    name: name.clone(),
                    soft,
                    hard,
                }
            })
            .collect(),
        oom_kill_disable: service.oom_kill_disable,
        oom_score_adj: service.oom_score_adj,
        limits: limits(name, service)?,
    };
    Ok(ContainerPlan {
        spec,
        files: files.uploads,
        notes,
    })
}

/// The labels that tie a container to its project. The image's id is known only when it is created.
pub(super) fn bookkeeping(
    project: &Project,
    name: &str,
    service: &Service,
    number: u32,
    one_off: bool,
    canonical: &ContainerSpec,
) -> IndexMap<String, String> {
    let mut own = project_labels(project);
    let mut set = |key: &str, value: String| own.insert(key.to_string(), value);
    set(labels::SERVICE, name.to_string());
    set(labels::CONTAINER_NUMBER, number.to_string());
    set(
        labels::ONE_OFF,
        if one_off { "True" } else { "False" }.to_string(),
    );
    set(labels::CONFIG_HASH, config_hash(service));
    set(labels::DEPENDS_ON, labels::depends_on(&service.depends_on));
    set(labels::WORKING_DIR, project.directory.display().to_string());
    let files: Vec<String> = project
        .files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    set(labels::CONFIG_FILES, files.join(","));
    if let Ok(packed) = labels::pack(canonical) {
        set(labels::SPEC, packed);
    }
    own
}

/// The labels that every object of a project has.
pub(super) fn project_labels(project: &Project) -> IndexMap<String, String> {
    let mut own = IndexMap::new();
    own.insert(labels::PROJECT.to_string(), project.name.clone());
    own.insert(
        labels::VERSION.to_string(),
        labels::COMPOSE_VERSION.to_string(),
    );
    own.insert(
        labels::WHARF_VERSION.to_string(),
        env!("CARGO_PKG_VERSION").to_string(),
    );
    if let Some(env) = &project.env {
        own.insert(labels::ENV.to_string(), env.clone());
    }
    own
}

fn unsupported(service: &str, reason: String) -> PlanError {
    PlanError::Unsupported {
        service: service.to_string(),
        reason,
    }
}

fn mounts(
    project: &Project,
    name: &str,
    service: &Service,
    engine: EngineTraits,
) -> Result<(Vec<EngineMount>, Vec<BindMount>), PlanError> {
    let mut mounts = Vec::new();
    let mut binds = Vec::new();
    for mount in &service.volumes {
        if let Some(bind) = short_bind(mount) {
            binds.push(bind);
            continue;
        }
        let volume = mount.volume.clone().unwrap_or_default();
        let bind = mount.bind.clone().unwrap_or_default();
        let tmpfs = mount.tmpfs.clone().unwrap_or_default();
        let image = mount.image.clone().unwrap_or_default();
        let kind = match mount.kind {
            MountKind::Bind => EngineMountKind::Bind,
            MountKind::Volume => EngineMountKind::Volume,
            MountKind::Tmpfs => EngineMountKind::Tmpfs,
            MountKind::Npipe => EngineMountKind::Npipe,
            MountKind::Cluster => EngineMountKind::Cluster,
            MountKind::Image => EngineMountKind::Image,
        };
        if volume.subpath.is_some() && !engine.volume_subpath {
            return Err(unsupported(
                name,
                format!(
                    "`{}` mounts a `subpath` of a volume, which needs API 1.45; this engine would mount the whole volume",
                    mount.target
                ),
            ));
        }
        if kind == EngineMountKind::Image && !engine.image_mounts {
            return Err(unsupported(
                name,
                format!("`{}` mounts an image, which needs API 1.48", mount.target),
            ));
        }
        let source = match (mount.kind, &mount.source) {
            (MountKind::Volume | MountKind::Cluster, Some(key)) => Some(
                project
                    .volumes
                    .get(key)
                    .map_or_else(|| key.clone(), |volume| volume.name.clone()),
            ),
            (_, source) => source.clone(),
        };
        mounts.push(EngineMount {
            kind,
            source,
            target: mount.target.clone(),
            read_only: mount.read_only,
            consistency: mount.consistency.clone(),
            propagation: bind.propagation,
            recursive: bind.recursive,
            create_host_path: bind.create_host_path,
            no_copy: volume.nocopy,
            subpath: volume.subpath.or(image.subpath),
            volume_labels: volume.labels,
            tmpfs_size: tmpfs.size.map(|size| size.0),
            tmpfs_mode: tmpfs.mode,
        });
    }
    Ok((mounts, binds))
}

/// Old engines make a missing host path, and relabel for SELinux, only in the short form of a bind.
fn short_bind(mount: &Mount) -> Option<BindMount> {
    let options = mount.bind.clone().unwrap_or_default();
    if mount.kind != MountKind::Bind
        || options.recursive.is_some()
        || !(options.create_host_path || options.selinux.is_some())
    {
        return None;
    }
    let mut words = vec![if mount.read_only { "ro" } else { "rw" }.to_string()];
    words.extend(options.selinux);
    words.extend(options.propagation);
    Some(BindMount {
        source: mount.source.clone()?,
        target: mount.target.clone(),
        options: words,
    })
}

/// The network mode and the endpoints, the one to be connected first at the beginning.
fn networking(
    project: &Project,
    name: &str,
    service: &Service,
    container: &str,
    policy: &Policy,
) -> Result<(String, IndexMap<String, EndpointSpec>), PlanError> {
    if let Some(mode) = &service.network_mode {
        return Ok((mode.clone(), IndexMap::new()));
    }
    let default = EndpointConfig::default();
    let mut joined: Vec<(&str, &EndpointConfig)> = service
        .networks
        .iter()
        .map(|(key, config)| (key.as_str(), config.as_ref().unwrap_or(&default)))
        .collect();
    if joined.is_empty() {
        if !project.networks.contains_key("default") {
            return Ok(("none".to_string(), IndexMap::new()));
        }
        joined.push(("default", &default));
    }
    joined.sort_by(|a, b| b.1.priority.cmp(&a.1.priority).then_with(|| a.0.cmp(b.0)));
    let links = links(project, service, policy);
    let mut endpoints = IndexMap::new();
    for (index, (key, config)) in joined.into_iter().enumerate() {
        let network = project
            .networks
            .get(key)
            .ok_or_else(|| PlanError::BadValue {
                service: name.to_string(),
                reason: format!("it joins the network `{key}`, which the project does not declare"),
            })?;
        let aliases: IndexSet<String> = [container.to_string(), name.to_string()]
            .into_iter()
            .chain(config.aliases.iter().cloned())
            .collect();
        let mut driver_opts = config.driver_opts.clone();
        if let Some(interface) = &config.interface_name {
            driver_opts.insert(
                "com.docker.network.endpoint.ifname".to_string(),
                interface.clone(),
            );
        }
        endpoints.insert(
            network.name.clone(),
            EndpointSpec {
                aliases: aliases.into_iter().collect(),
                links: links.clone(),
                ipv4_address: config.ipv4_address.clone(),
                ipv6_address: config.ipv6_address.clone(),
                link_local_ips: config.link_local_ips.clone(),
                mac_address: config
                    .mac_address
                    .clone()
                    .or_else(|| service.mac_address.clone().filter(|_| index == 0)),
                driver_opts,
                gw_priority: config.gw_priority,
            },
        );
    }
    let first = endpoints.keys().next().cloned().unwrap_or_default();
    Ok((first, endpoints))
}

/// `container:alias` for each container of a linked service, and for external ones.
fn links(project: &Project, service: &Service, policy: &Policy) -> Vec<String> {
    let mut all = IndexSet::new();
    for link in &service.links {
        let (other, alias) = link.split_once(':').unwrap_or((link, link));
        let Some(linked) = project.services.get(other) else {
            continue;
        };
        for number in 1..=replicas(other, linked, policy) {
            let container = container_name(project, other, linked, number);
            all.insert(format!("{container}:{alias}"));
            all.insert(format!("{container}:{other}-{number}"));
        }
    }
    for link in &service.external_links {
        let (container, alias) = link.split_once(':').unwrap_or((link, link));
        all.insert(format!("{container}:{alias}"));
    }
    all.into_iter().collect()
}

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#expose>
fn expose(name: &str, service: &Service) -> Result<Vec<String>, PlanError> {
    let mut ports = Vec::new();
    for entry in &service.expose {
        let (range, protocol) = entry.split_once('/').unwrap_or((entry, "tcp"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        match (first.parse::<u16>(), last.parse::<u16>()) {
            (Ok(first), Ok(last)) if first <= last => {
                ports.extend((first..=last).map(|port| format!("{port}/{protocol}")));
            }
            _ => {
                return Err(PlanError::BadValue {
                    service: name.to_string(),
                    reason: format!(
                        "`expose: {entry}` is not a port; write `8000`, `8000/udp` or `8000-8010`"
                    ),
                });
            }
        }
    }
    Ok(ports)
}

fn healthcheck(service: &Service, engine: EngineTraits) -> Option<HealthcheckSpec> {
    let check = service.healthcheck.as_ref()?;
    if check.is_disabled() {
        return Some(HealthcheckSpec {
            test: vec!["NONE".to_string()],
            ..HealthcheckSpec::default()
        });
    }
    Some(HealthcheckSpec {
        test: check.test.clone(),
        interval: check.interval.map(|time| time.nanos()),
        timeout: check.timeout.map(|time| time.nanos()),
        retries: check
            .retries
            .map(|count| i64::try_from(count).unwrap_or(i64::MAX)),
        start_period: check.start_period.map(|time| time.nanos()),
        start_interval: check
            .start_interval
            .filter(|_| engine.start_interval)
            .map(|time| time.nanos()),
    })
}

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#restart>
fn restart_policy(name: &str, service: &Service) -> Result<Option<RestartPolicySpec>, PlanError> {
    if let Some(policy) = service
        .deploy
        .as_ref()
        .and_then(|deploy| deploy.restart_policy.as_ref())
    {
        let word = match &policy.condition {
            Some(RestartCondition::None) => "no",
            Some(RestartCondition::OnFailure) => "on-failure",
            Some(RestartCondition::UnlessStopped) => "unless-stopped",
            Some(RestartCondition::Any | RestartCondition::Always) | None => "always",
            Some(RestartCondition::Other(word)) => {
                return Err(PlanError::BadValue {
                    service: name.to_string(),
                    reason: format!(
                        "`deploy.restart_policy.condition: {word}` is none of `none`, `on-failure` and `any`"
                    ),
                });
            }
        };
        let attempts = policy.max_attempts.filter(|_| word == "on-failure");
        return Ok(Some(RestartPolicySpec {
            name: word.to_string(),
            maximum_retry_count: attempts
                .map_or(0, |count| i64::try_from(count).unwrap_or(i64::MAX)),
        }));
    }
    let Some(text) = &service.restart else {
        return Ok(None);
    };
    let refuse = || PlanError::BadValue {
        service: name.to_string(),
        reason: format!(
            "`restart: {text}` is none of `no`, `always`, `unless-stopped`, `on-failure` and `on-failure:3`"
        ),
    };
    let (word, count) = match text.split_once(':') {
        Some((word, count)) => (word, count.parse().map_err(|_| refuse())?),
        None => (text.as_str(), 0),
    };
    if !matches!(word, "no" | "always" | "unless-stopped" | "on-failure") {
        return Err(refuse());
    }
    Ok(Some(RestartPolicySpec {
        name: word.to_string(),
        maximum_retry_count: count,
    }))
}

fn security_options(service: &Service) -> Vec<String> {
    let mut options = service.security_opt.clone();
    if let Some(credentials) = &service.credential_spec {
        let parts = [
            ("config", &credentials.config),
            ("file", &credentials.file),
            ("registry", &credentials.registry),
        ];
        for (scheme, value) in parts {
            if let Some(value) = value {
                options.push(format!("credentialspec={scheme}://{value}"));
            }
        }
    }
    options
}

/// Devices of the Container Device Interface are named `vendor.com/class=name`.
fn is_cdi(source: &str) -> bool {
    !source.starts_with('/') && source.contains('/') && source.contains('=')
}

fn device_requests(service: &Service) -> Vec<DeviceRequestSpec> {
    let request = |device: &DeviceRequest, extra: Option<&str>| {
        let mut capabilities = device.capabilities.clone();
        if let Some(extra) = extra
            && !capabilities.iter().any(|capability| capability == extra)
        {
            capabilities.push(extra.to_string());
        }
        DeviceRequestSpec {
            driver: device.driver.clone().unwrap_or_default(),
            count: match device.count {
                None if device.device_ids.is_empty() => Some(-1),
                count => count,
            },
            device_ids: device.device_ids.clone(),
            capabilities,
            options: device.options.clone(),
        }
    };
    let cdi: Vec<String> = service
        .devices
        .iter()
        .map(|device| device.source.clone())
        .filter(|source| is_cdi(source))
        .collect();
    let reserved = service
        .deploy
        .iter()
        .filter_map(|deploy| deploy.resources.reservations.as_ref())
        .flat_map(|reservation| &reservation.devices);
    let mut requests: Vec<DeviceRequestSpec> = reserved
        .map(|device| request(device, None))
        .chain(service.gpus.iter().map(|gpu| request(gpu, Some("gpu"))))
        .collect();
    if !cdi.is_empty() {
        requests.push(DeviceRequestSpec {
            driver: "cdi".to_string(),
            device_ids: cdi,
            ..DeviceRequestSpec::default()
        });
    }
    requests
}

/// Limits of `deploy` win over those of the service itself.
fn limits(name: &str, service: &Service) -> Result<ResourceLimits, PlanError> {
    let number = |value: &Option<StringOrNumber>, field: &str| match value {
        None => Ok(None),
        Some(value) => value.number().map(Some).ok_or_else(|| PlanError::BadValue {
            service: name.to_string(),
            reason: format!("`{field}` is not a whole number"),
        }),
    };
    // `cpu_period` and its like may be durations; the engine wants microseconds.
    let micros = |value: &Option<StringOrNumber>, field: &str| match value {
        Some(StringOrNumber::Text(text)) if text.parse::<i64>().is_err() => text
            .parse::<crate::model::Duration>()
            .map(|time| Some(time.nanos() / 1000))
            .map_err(|reason| PlanError::BadValue {
                service: name.to_string(),
                reason: format!("`{field}`: {reason}"),
            }),
        other => number(other, field),
    };
    let nano = |cpus: f64| (cpus * 1e9).round() as i64;
    let deploy = service.deploy.clone().unwrap_or_default();
    let most = deploy.resources.limits.unwrap_or_default();
    let least = deploy.resources.reservations.unwrap_or_default();
    let blkio = service.blkio_config.clone().unwrap_or_default();
    let rates = |devices: Vec<crate::model::ThrottleDevice>| {
        devices
            .into_iter()
            .map(|device| (device.path, device.rate.0))
            .collect()
    };
    Ok(ResourceLimits {
        nano_cpus: most.cpus.or(service.cpus).map(nano),
        cpu_shares: service.cpu_shares,
        cpu_period: micros(&service.cpu_period, "cpu_period")?,
        cpu_quota: micros(&service.cpu_quota, "cpu_quota")?,
        cpu_rt_period: micros(&service.cpu_rt_period, "cpu_rt_period")?,
        cpu_rt_runtime: micros(&service.cpu_rt_runtime, "cpu_rt_runtime")?,
        cpuset_cpus: service.cpuset.clone(),
        cpu_count: service.cpu_count,
        cpu_percent: service.cpu_percent.map(|percent| percent.round() as i64),
        memory: most.memory.or(service.mem_limit).map(|size| size.0),
        memory_reservation: least.memory.or(service.mem_reservation).map(|size| size.0),
        memory_swap: service.memswap_limit.map(|size| size.0),
        memory_swappiness: number(&service.mem_swappiness, "mem_swappiness")?,
        pids: most.pids.or(service.pids_limit),
        blkio_weight: blkio.weight,
        blkio_weight_device: blkio
            .weight_device
            .into_iter()
            .map(|device| (device.path, device.weight))
            .collect(),
        blkio_read_bps: rates(blkio.device_read_bps),
        blkio_write_bps: rates(blkio.device_write_bps),
        blkio_read_iops: rates(blkio.device_read_iops),
        blkio_write_iops: rates(blkio.device_write_iops),
    })
}
