use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    Build, ByteSize, Dependency, Deploy, DeviceRequest, Duration, EndpointConfig, FileReference,
    Healthcheck, Hook, Mount, Port, ServiceExtension,
};

/// A container's description.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md>
///
/// Field names are those of the specification; where a field is an `Option`, `None` leaves the choice to the image or
/// the engine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    pub annotations: IndexMap<String, String>,
    pub attach: Option<bool>,
    pub blkio_config: Option<BlkioConfig>,
    pub build: Option<Build>,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub cgroup: Option<String>,
    pub cgroup_parent: Option<String>,
    /// `None`: the image's. An empty list clears the image's.
    pub command: Option<Command>,
    pub configs: Vec<FileReference>,
    pub container_name: Option<String>,
    pub cpu_count: Option<i64>,
    pub cpu_percent: Option<f64>,
    /// Microseconds.
    pub cpu_period: Option<StringOrNumber>,
    /// Microseconds.
    pub cpu_quota: Option<StringOrNumber>,
    pub cpu_rt_period: Option<StringOrNumber>,
    pub cpu_rt_runtime: Option<StringOrNumber>,
    pub cpu_shares: Option<i64>,
    /// Number of CPUs, fractions allowed.
    pub cpus: Option<f64>,
    pub cpuset: Option<String>,
    pub credential_spec: Option<CredentialSpec>,
    pub depends_on: IndexMap<String, Dependency>,
    pub deploy: Option<Deploy>,
    pub develop: Option<serde_json::Value>,
    pub device_cgroup_rules: Vec<String>,
    pub devices: Vec<Device>,
    pub dns: Vec<String>,
    pub dns_opt: Vec<String>,
    pub dns_search: Vec<String>,
    #[serde(rename = "domainname")]
    pub domain_name: Option<String>,
    /// `None`: the image's. An empty list clears the image's.
    pub entrypoint: Option<Command>,
    /// A `None` value is a variable that is handed through but unset where wharf runs: it is left out.
    pub environment: IndexMap<String, Option<String>>,
    pub expose: Vec<String>,
    pub external_links: Vec<String>,
    /// `host=address` entries.
    pub extra_hosts: Vec<String>,
    pub gpus: Vec<DeviceRequest>,
    pub group_add: Vec<String>,
    pub healthcheck: Option<Healthcheck>,
    pub hostname: Option<String>,
    pub image: Option<String>,
    pub init: Option<bool>,
    pub ipc: Option<String>,
    pub isolation: Option<String>,
    pub labels: IndexMap<String, String>,
    pub links: Vec<String>,
    pub logging: Option<Logging>,
    pub mac_address: Option<String>,
    pub mem_limit: Option<ByteSize>,
    pub mem_reservation: Option<ByteSize>,
    pub mem_swappiness: Option<StringOrNumber>,
    /// `-1`: unlimited.
    pub memswap_limit: Option<ByteSize>,
    pub models: Option<serde_json::Value>,
    pub network_mode: Option<String>,
    /// `None` value: joined with defaults.
    pub networks: IndexMap<String, Option<EndpointConfig>>,
    pub oom_kill_disable: Option<bool>,
    pub oom_score_adj: Option<i64>,
    pub pid: Option<String>,
    pub pids_limit: Option<i64>,
    pub platform: Option<String>,
    pub ports: Vec<Port>,
    pub post_start: Vec<Hook>,
    pub pre_start: Vec<Hook>,
    pub pre_stop: Vec<Hook>,
    pub privileged: Option<bool>,
    pub profiles: Vec<String>,
    pub provider: Option<serde_json::Value>,
    pub pull_policy: Option<String>,
    pub read_only: Option<bool>,
    pub restart: Option<String>,
    pub runtime: Option<String>,
    pub scale: Option<u32>,
    pub secrets: Vec<FileReference>,
    pub security_opt: Vec<String>,
    pub shm_size: Option<ByteSize>,
    pub stdin_open: Option<bool>,
    pub stop_grace_period: Option<Duration>,
    pub stop_signal: Option<String>,
    pub storage_opt: IndexMap<String, String>,
    pub sysctls: IndexMap<String, String>,
    pub tmpfs: Vec<String>,
    pub tty: Option<bool>,
    pub ulimits: IndexMap<String, Ulimit>,
    pub use_api_socket: Option<bool>,
    pub user: Option<String>,
    pub userns_mode: Option<String>,
    pub uts: Option<String>,
    pub volumes: Vec<Mount>,
    pub volumes_from: Vec<String>,
    pub working_dir: Option<String>,
    #[serde(rename = "x-wharf")]
    pub wharf: ServiceExtension,
}

impl Service {
    /// The image that its containers are made from: its own name for it, or the one that building it gives.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#using-build-and-image>
    pub fn image_name(&self, project: &str, service: &str) -> String {
        self.image
            .clone()
            .unwrap_or_else(|| format!("{project}-{service}"))
    }
}

/// An argument vector; shell strings have been split.
pub type Command = Vec<String>;

/// A number that Compose also accepts, and prints, as text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StringOrNumber {
    Number(i64),
    Text(String),
}

impl StringOrNumber {
    /// `None` when the text is no whole number.
    pub fn number(&self) -> Option<i64> {
        match self {
            StringOrNumber::Number(number) => Some(*number),
            StringOrNumber::Text(text) => text.parse().ok(),
        }
    }
}

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#devices>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Device {
    pub source: String,
    pub target: String,
    /// Any of `r`, `w`, `m`.
    pub permissions: String,
}

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#logging>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Logging {
    pub driver: Option<String>,
    pub options: IndexMap<String, String>,
}

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ulimits>
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Ulimit {
    /// Soft and hard alike; `-1`: unlimited.
    Single(i64),
    Pair {
        soft: i64,
        hard: i64,
    },
}

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#credential_spec>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CredentialSpec {
    pub config: Option<String>,
    pub file: Option<String>,
    pub registry: Option<String>,
}

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#blkio_config>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlkioConfig {
    pub weight: Option<u16>,
    pub weight_device: Vec<WeightDevice>,
    pub device_read_bps: Vec<ThrottleDevice>,
    pub device_read_iops: Vec<ThrottleDevice>,
    pub device_write_bps: Vec<ThrottleDevice>,
    pub device_write_iops: Vec<ThrottleDevice>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WeightDevice {
    pub path: String,
    pub weight: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThrottleDevice {
    pub path: String,
    /// Bytes or operations per second.
    pub rate: ByteSize,
}
