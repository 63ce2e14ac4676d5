//! A service as the engine is told it.

mod devices;
mod health;
mod labels;
mod limits;
mod mounts;
mod network;
mod restart;

use devices::{device_mappings, device_requests};
use health::healthcheck;
pub(super) use labels::{bookkeeping, project_labels};
use limits::{limits, ulimits};
use mounts::{api_socket, mounts, tmpfs, volumes_from};
use network::{bridge_links, exposed_ports, extra_hosts, networking, port_bindings};
pub use restart::{RESTART_POLICIES, restart_policy};

use super::files::service_files;
use super::{FileUpload, PlanError, Policy};
use crate::engine::{ContainerSpec, LogConfig};
use crate::model::{Project, Service};
use crate::observe::{self, EngineTraits};

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
    if let Some(why) = &service.unread {
        return Err(PlanError::Unread(why.clone()));
    }
    let files = service_files(project, name, service)?;
    let (mut mounts, mut binds) = mounts(project, name, service, engine)?;
    mounts.extend(files.mounts);
    binds.extend(api_socket(service, policy));
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
        own_labels.insert(observe::labels::FILES.to_string(), digest);
    }
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
        exposed_ports: exposed_ports(name, service)?,
        healthcheck,
        mounts,
        tmpfs: tmpfs(service),
        binds,
        volumes_from: volumes_from(service),
        port_bindings: port_bindings(service),
        mac_address: service.mac_address.clone(),
        network_mode: Some(network_mode),
        endpoints,
        dns: service.dns.clone(),
        dns_options: service.dns_opt.clone(),
        dns_search: service.dns_search.clone(),
        extra_hosts: extra_hosts(service),
        links: bridge_links(project, service, policy),
        restart: restart_policy(name, service)?,
        auto_remove: false,
        log: logging(service),
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
        devices: device_mappings(service),
        device_requests: device_requests(service),
        device_cgroup_rules: service.device_cgroup_rules.clone(),
        ulimits: ulimits(service),
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

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#logging>
fn logging(service: &Service) -> Option<LogConfig> {
    let logging = service.logging.as_ref()?;
    let is_said = logging.driver.is_some() || !logging.options.is_empty();
    is_said.then(|| LogConfig {
        driver: logging.driver.clone().unwrap_or_default(),
        options: logging.options.clone(),
    })
}

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#security_opt>
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
