use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Everything a container is created with: the canonical specification that wharf records on it and compares with.
///
/// Empty lists and `None` leave the choice to the image or the engine. Times are nanoseconds, sizes bytes.
/// <https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Container/operation/ContainerCreate>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerSpec {
    pub name: String,
    /// A reference or an id.
    pub image: String,
    /// `os/arch[/variant]`.
    pub platform: Option<String>,
    pub hostname: Option<String>,
    pub domain_name: Option<String>,
    pub user: Option<String>,
    pub working_dir: Option<String>,
    /// `None`: the image's; empty: cleared.
    pub entrypoint: Option<Vec<String>>,
    /// `None`: the image's; empty: cleared.
    pub command: Option<Vec<String>>,
    /// `KEY=value` by key; `None` values are handed over without a value, which removes the image's.
    pub environment: IndexMap<String, Option<String>>,
    pub labels: IndexMap<String, String>,
    pub annotations: IndexMap<String, String>,
    pub stop_signal: Option<String>,
    /// Seconds until SIGKILL.
    pub stop_timeout: Option<i64>,
    pub tty: bool,
    pub open_stdin: bool,
    /// Close standard input when the first client leaves.
    pub stdin_once: bool,
    /// `port/protocol`.
    pub exposed_ports: Vec<String>,
    pub healthcheck: Option<HealthcheckSpec>,

    pub mounts: Vec<EngineMount>,
    /// Path to options, as in `--tmpfs path:options`.
    pub tmpfs: IndexMap<String, String>,
    pub binds: Vec<BindMount>,
    pub volumes_from: Vec<String>,
    pub port_bindings: Vec<PortBinding>,

    /// `bridge`, `host`, `none`, `container:ID` or a network's name. `None`: the first of `endpoints`.
    pub network_mode: Option<String>,
    /// In order of connection.
    pub endpoints: IndexMap<String, EndpointSpec>,
    pub dns: Vec<String>,
    pub dns_options: Vec<String>,
    pub dns_search: Vec<String>,
    /// `host:address`.
    pub extra_hosts: Vec<String>,
    /// `container:alias`.
    pub links: Vec<String>,
    pub mac_address: Option<String>,

    pub restart: Option<RestartPolicySpec>,
    /// Remove the container when it ends.
    pub auto_remove: bool,
    pub log: Option<LogConfig>,
    pub init: Option<bool>,
    pub runtime: Option<String>,
    pub isolation: Option<String>,
    pub privileged: bool,
    pub read_only: bool,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub security_opt: Vec<String>,
    pub group_add: Vec<String>,
    pub sysctls: IndexMap<String, String>,
    pub storage_opt: IndexMap<String, String>,
    pub ipc: Option<String>,
    pub pid: Option<String>,
    pub uts: Option<String>,
    pub userns: Option<String>,
    /// `host` or `private`.
    pub cgroup: Option<String>,
    pub cgroup_parent: Option<String>,
    pub shm_size: Option<i64>,
    pub devices: Vec<DeviceMapping>,
    pub device_requests: Vec<DeviceRequestSpec>,
    pub device_cgroup_rules: Vec<String>,
    pub ulimits: Vec<UlimitSpec>,
    pub oom_kill_disable: Option<bool>,
    pub oom_score_adj: Option<i64>,
    pub limits: ResourceLimits,
}

/// What `docker update` can change on a running container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceLimits {
    /// Billionths of a CPU.
    pub nano_cpus: Option<i64>,
    pub cpu_shares: Option<i64>,
    pub cpu_period: Option<i64>,
    pub cpu_quota: Option<i64>,
    pub cpu_rt_period: Option<i64>,
    pub cpu_rt_runtime: Option<i64>,
    pub cpuset_cpus: Option<String>,
    pub cpu_count: Option<i64>,
    pub cpu_percent: Option<i64>,
    pub memory: Option<i64>,
    pub memory_reservation: Option<i64>,
    /// Memory and swap together; `-1`: unlimited.
    pub memory_swap: Option<i64>,
    pub memory_swappiness: Option<i64>,
    pub pids: Option<i64>,
    pub blkio_weight: Option<u16>,
    /// Path and weight.
    pub blkio_weight_device: Vec<(String, u16)>,
    /// Path and bytes per second.
    pub blkio_read_bps: Vec<(String, i64)>,
    pub blkio_write_bps: Vec<(String, i64)>,
    /// Path and operations per second.
    pub blkio_read_iops: Vec<(String, i64)>,
    pub blkio_write_iops: Vec<(String, i64)>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthcheckSpec {
    /// Empty: the image's. `["NONE"]`: none.
    pub test: Vec<String>,
    /// Nanoseconds; `None`: the image's or the engine's default. So for all.
    pub interval: Option<i64>,
    pub timeout: Option<i64>,
    pub retries: Option<i64>,
    pub start_period: Option<i64>,
    /// Only with [`super::EngineInfo::has_start_interval`].
    pub start_interval: Option<i64>,
}

/// A bind in the short form, which makes a missing host path; labels and propagation are options.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BindMount {
    pub source: String,
    pub target: String,
    /// `ro`, `rw`, `z`, `Z`, `rshared`, ..
    pub options: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EngineMount {
    pub kind: EngineMountKind,
    /// Host path, volume name or image; `None`: an anonymous volume or tmpfs.
    #[serde(default)]
    pub source: Option<String>,
    pub target: String,
    #[serde(default)]
    pub read_only: bool,
    #[serde(default)]
    pub consistency: Option<String>,
    #[serde(default)]
    pub propagation: Option<String>,
    /// Bind only: `None` means recursive as the engine's default; `disabled`, `writable`, `readonly`.
    #[serde(default)]
    pub recursive: Option<String>,
    /// Bind only: make a missing host path a directory.
    #[serde(default)]
    pub create_host_path: bool,
    #[serde(default)]
    pub no_copy: bool,
    #[serde(default)]
    pub subpath: Option<String>,
    #[serde(default)]
    pub volume_labels: IndexMap<String, String>,
    #[serde(default)]
    pub tmpfs_size: Option<i64>,
    #[serde(default)]
    pub tmpfs_mode: Option<u32>,
}

impl EngineMount {
    /// A mount that can be written to, without any option.
    pub fn new(kind: EngineMountKind, source: Option<String>, target: String) -> Self {
        EngineMount {
            kind,
            source,
            target,
            read_only: false,
            consistency: None,
            propagation: None,
            recursive: None,
            create_host_path: false,
            no_copy: false,
            subpath: None,
            volume_labels: IndexMap::new(),
            tmpfs_size: None,
            tmpfs_mode: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineMountKind {
    Bind,
    Volume,
    Tmpfs,
    Npipe,
    Cluster,
    Image,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PortBinding {
    pub container_port: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
    /// Empty: all addresses.
    pub host_ip: String,
    /// A port or a range; empty: the engine picks one.
    pub host_port: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointSpec {
    pub aliases: Vec<String>,
    /// `container:alias`.
    pub links: Vec<String>,
    pub ipv4_address: Option<String>,
    pub ipv6_address: Option<String>,
    pub link_local_ips: Vec<String>,
    pub mac_address: Option<String>,
    pub driver_opts: IndexMap<String, String>,
    /// Only with API 1.48 and later.
    pub gw_priority: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestartPolicySpec {
    /// `no`, `always`, `unless-stopped` or `on-failure`.
    pub name: String,
    pub maximum_retry_count: i64,
}

impl RestartPolicySpec {
    /// The names that there are.
    pub const NAMES: [&str; 4] = ["no", "always", "unless-stopped", "on-failure"];

    /// Of `NAME[:COUNT]`. `None`: it is no policy.
    /// <https://docs.docker.com/engine/containers/start-containers-automatically/>
    pub fn parse(text: &str) -> Option<RestartPolicySpec> {
        let (name, count) = text.split_once(':').unwrap_or((text, "0"));
        let maximum_retry_count = count.parse().ok()?;
        RestartPolicySpec::NAMES
            .contains(&name)
            .then(|| RestartPolicySpec {
                name: name.to_owned(),
                maximum_retry_count,
            })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogConfig {
    pub driver: String,
    pub options: IndexMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceMapping {
    pub source: String,
    pub target: String,
    pub permissions: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRequestSpec {
    pub driver: String,
    /// `-1`: all.
    pub count: Option<i64>,
    pub device_ids: Vec<String>,
    pub capabilities: Vec<String>,
    pub options: IndexMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UlimitSpec {
    pub name: String,
    pub soft: i64,
    pub hard: i64,
}

/// A row of the list of containers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerSummary {
    pub id: String,
    /// Without the leading slash.
    pub name: String,
    pub image: String,
    pub image_id: String,
    pub command: String,
    /// Unix seconds.
    pub created: i64,
    pub status: ContainerStatus,
    /// In words: `Up 3 minutes (healthy)`.
    pub status_text: String,
    pub labels: IndexMap<String, String>,
    pub ports: Vec<PublishedPort>,
    pub networks: Vec<String>,
    pub mounts: Vec<MountPoint>,
    /// Bytes the container wrote; `None` unless asked for.
    pub size: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPort {
    /// Empty when not published.
    pub host_ip: String,
    pub container_port: u16,
    /// `None`: exposed, not published.
    pub host_port: Option<u16>,
    pub protocol: String,
}

/// <https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Container/operation/ContainerInspect>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContainerStatus {
    #[default]
    Created,
    Running,
    Paused,
    Restarting,
    Removing,
    Exited,
    Dead,
}

/// One container, inspected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Container {
    pub id: String,
    /// Without the leading slash.
    pub name: String,
    /// The reference it was created with.
    pub image: String,
    pub image_id: String,
    /// RFC 3339.
    pub created: String,
    pub state: ContainerState,
    pub labels: IndexMap<String, String>,
    /// `KEY=value`, image and specification together.
    pub environment: Vec<String>,
    pub tty: bool,
    pub open_stdin: bool,
    pub user: String,
    pub restart_count: i64,
    pub healthcheck: Option<HealthcheckSpec>,
    pub network_mode: String,
    /// `container:ID` where it lives in the IPC namespace of another one; likewise for processes.
    pub ipc_mode: String,
    pub pid_mode: String,
    /// Network name to endpoint.
    pub networks: IndexMap<String, EndpointState>,
    pub mounts: Vec<MountPoint>,
    pub ports: Vec<PublishedPort>,
    /// What it was created with, whether it runs or not.
    pub port_bindings: Vec<PortBinding>,
    /// Seconds until SIGKILL; `None`: the engine's 10.
    pub stop_timeout: Option<i64>,
    pub auto_remove: bool,
    /// As they stand now, which is after every update. `None`: the engine does not say.
    pub limits: Option<ResourceLimits>,
    pub restart: Option<RestartPolicySpec>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointState {
    pub network_id: String,
    pub ip_address: String,
    pub aliases: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerState {
    pub status: ContainerStatus,
    /// `None` when the container has no health check.
    pub health: Option<Health>,
    /// Of the last run; `None` while none has ended.
    pub exit: Option<ExitDetail>,
    /// RFC 3339; empty when never.
    pub started_at: String,
    pub finished_at: String,
    /// On the engine's host; 0 when not running.
    pub pid: i64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExitDetail {
    pub code: i64,
    pub out_of_memory: bool,
    /// The engine's own words when the start failed.
    pub error: String,
}

/// The endpoint option that names the interface in the container.
/// <https://docs.docker.com/reference/cli/docker/network/connect/#ifname>
pub const INTERFACE_NAME: &str = "com.docker.network.endpoint.ifname";

/// A container that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreatedContainer {
    pub id: String,
    /// What the engine leaves out or does otherwise than it was asked, in its own words.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    pub status: HealthStatus,
    pub failing_streak: i64,
    /// The newest last; the engine keeps five.
    pub probes: Vec<ProbeResult>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    #[default]
    Starting,
    Healthy,
    Unhealthy,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProbeResult {
    /// RFC 3339.
    pub start: String,
    pub end: String,
    pub exit_code: i64,
    pub output: String,
}

/// What is mounted in a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MountPoint {
    /// `bind`, `volume`, `tmpfs`, ..
    pub kind: String,
    /// The volume's name; empty for others.
    pub name: String,
    pub source: String,
    pub target: String,
    pub writable: bool,
}
