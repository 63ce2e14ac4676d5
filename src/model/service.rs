use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    Build, ByteSize, Dependency, Deploy, DeviceRequest, Duration, EndpointConfig, FileReference,
    Healthcheck, Hook, Mount, Port, PullPolicy, ServiceExtension,
};

/// A container's description.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md>
///
/// Field names are those of the specification; where a field is an `Option`, `None` leaves the choice to the image or
/// the engine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#annotations>
    pub annotations: IndexMap<String, String>,
    /// Whether `up` shows what it writes. `None`: it does.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#attach>
    pub attach: Option<bool>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#blkio_config>
    pub blkio_config: Option<BlkioConfig>,
    /// `None`: the image is only pulled.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#build>
    pub build: Option<Build>,
    /// Capabilities beyond the engine's own, such as `NET_ADMIN`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#cap_add>
    pub cap_add: Vec<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#cap_drop>
    pub cap_drop: Vec<String>,
    /// `host` or `private`. `None`: the engine's choice.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#cgroup>
    pub cgroup: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#cgroup_parent>
    pub cgroup_parent: Option<String>,
    /// `None`: the image's. An empty list clears the image's.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#command>
    pub command: Option<Command>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#configs>
    pub configs: Vec<FileReference>,
    /// `None`: project, service and number.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#container_name>
    pub container_name: Option<String>,
    /// Number of usable CPUs; Windows only.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#cpu_count>
    pub cpu_count: Option<i64>,
    /// Percent of the usable CPUs; Windows only.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#cpu_percent>
    pub cpu_percent: Option<f64>,
    /// Microseconds.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#cpu_period>
    pub cpu_period: Option<StringOrNumber>,
    /// Microseconds.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#cpu_quota>
    pub cpu_quota: Option<StringOrNumber>,
    /// Microseconds.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#cpu_rt_period>
    pub cpu_rt_period: Option<StringOrNumber>,
    /// Microseconds.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#cpu_rt_runtime>
    pub cpu_rt_runtime: Option<StringOrNumber>,
    /// A weight against other containers. `None`: the engine's 1024.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#cpu_shares>
    pub cpu_shares: Option<i64>,
    /// Number of CPUs, fractions allowed.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#cpus>
    pub cpus: Option<f64>,
    /// CPUs that it may use: `0-3` or `0,1`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#cpuset>
    pub cpuset: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#credential_spec>
    pub credential_spec: Option<CredentialSpec>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#depends_on>
    pub depends_on: IndexMap<String, Dependency>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#deploy>
    pub deploy: Option<Deploy>,
    /// Kept as written.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#develop>
    pub develop: Option<serde_json::Value>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#device_cgroup_rules>
    pub device_cgroup_rules: Vec<String>,
    /// In the long form.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#devices>
    pub devices: Vec<Device>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#dns>
    pub dns: Vec<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#dns_opt>
    pub dns_opt: Vec<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#dns_search>
    pub dns_search: Vec<String>,
    /// `None`: none.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#domainname>
    #[serde(rename = "domainname")]
    pub domain_name: Option<String>,
    /// `None`: the image's. An empty list clears the image's.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#entrypoint>
    pub entrypoint: Option<Command>,
    /// A `None` value is a variable that is handed through but unset where wharf runs: it is left out.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#environment>
    pub environment: IndexMap<String, Option<String>>,
    /// Ports or ranges, with a protocol or without.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#expose>
    pub expose: Vec<String>,
    /// Containers outside of the project: `NAME` or `NAME:ALIAS`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#external_links>
    pub external_links: Vec<String>,
    /// `host=address` entries.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#extra_hosts>
    pub extra_hosts: Vec<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#gpus>
    pub gpus: Vec<DeviceRequest>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#group_add>
    pub group_add: Vec<String>,
    /// `None`: the image's.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#healthcheck>
    pub healthcheck: Option<Healthcheck>,
    /// `None`: the short id of the container.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#hostname>
    pub hostname: Option<String>,
    /// `None` only where it is built.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#image>
    pub image: Option<String>,
    /// Whether the engine's init is process 1. `None`: as the engine is configured.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#init>
    pub init: Option<bool>,
    /// `shareable`, `host`, `service:NAME` and the like.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ipc>
    pub ipc: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#isolation>
    pub isolation: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#labels>
    pub labels: IndexMap<String, String>,
    /// The files, absolute, that some of the labels come from. Compose's hash of a service counts them; nothing else does.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#label_file>
    #[serde(skip)]
    pub label_files: Vec<String>,
    /// What is wrong with its env files, where it was not meant to run: no container can be made of it. `None`: they were read, or are
    /// not wanted.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#env_file>
    #[serde(skip)]
    pub unread: Option<String>,
    /// Services of the project: `NAME` or `NAME:ALIAS`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#links>
    pub links: Vec<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#logging>
    pub logging: Option<Logging>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#mac_address>
    pub mac_address: Option<String>,
    /// `None`: no limit.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#mem_limit>
    pub mem_limit: Option<ByteSize>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#mem_reservation>
    pub mem_reservation: Option<ByteSize>,
    /// 0 to 100. `None`: the host's.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#mem_swappiness>
    pub mem_swappiness: Option<StringOrNumber>,
    /// `-1`: unlimited.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#memswap_limit>
    pub memswap_limit: Option<ByteSize>,
    /// Kept as written.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#models>
    pub models: Option<serde_json::Value>,
    /// `none`, `host`, `service:NAME` and the like; excludes `networks`. `None`: it joins `networks`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#network_mode>
    pub network_mode: Option<String>,
    /// `None` value: joined with defaults.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#networks>
    pub networks: IndexMap<String, Option<EndpointConfig>>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#oom_kill_disable>
    pub oom_kill_disable: Option<bool>,
    /// -1000 (never killed) to 1000.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#oom_score_adj>
    pub oom_score_adj: Option<i64>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#pid>
    pub pid: Option<String>,
    /// `-1`: unlimited.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#pids_limit>
    pub pids_limit: Option<i64>,
    /// `os/arch/variant`. `None`: the engine's own.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#platform>
    pub platform: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ports>
    pub ports: Vec<Port>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#post_start>
    pub post_start: Vec<Hook>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#pre_start>
    pub pre_start: Vec<Hook>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#pre_stop>
    pub pre_stop: Vec<Hook>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#privileged>
    pub privileged: Option<bool>,
    /// Empty: always active.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#profiles>
    pub profiles: Vec<String>,
    /// Kept as written. `Some`: another program provides the service, and there is no container.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#provider>
    pub provider: Option<serde_json::Value>,
    /// `None`: `missing`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#pull_policy>
    pub pull_policy: Option<PullPolicy>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#read_only>
    pub read_only: Option<bool>,
    /// `None`: `no`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#restart>
    pub restart: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#runtime>
    pub runtime: Option<String>,
    /// Number of containers where `deploy` names none. `None`: one.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#scale>
    pub scale: Option<u32>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#secrets>
    pub secrets: Vec<FileReference>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#security_opt>
    pub security_opt: Vec<String>,
    /// Of `/dev/shm`. `None`: the engine's 64 MiB.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#shm_size>
    pub shm_size: Option<ByteSize>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#stdin_open>
    pub stdin_open: Option<bool>,
    /// Between the stop signal and SIGKILL. `None`: the engine's 10 s.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#stop_grace_period>
    pub stop_grace_period: Option<Duration>,
    /// `None`: the image's, else SIGTERM.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#stop_signal>
    pub stop_signal: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#storage_opt>
    pub storage_opt: IndexMap<String, String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#sysctls>
    pub sysctls: IndexMap<String, String>,
    /// `PATH` or `PATH:OPTIONS` entries.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#tmpfs>
    pub tmpfs: Vec<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#tty>
    pub tty: Option<bool>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ulimits>
    pub ulimits: IndexMap<String, Ulimit>,
    /// Whether the engine's socket is mounted.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#use_api_socket>
    pub use_api_socket: Option<bool>,
    /// `None`: the image's.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#user>
    pub user: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#userns_mode>
    pub userns_mode: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#uts>
    pub uts: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    pub volumes: Vec<Mount>,
    /// Services, or `container:NAME`, with `:ro` or `:rw` behind.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes_from>
    pub volumes_from: Vec<String>,
    /// `None`: the image's.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#working_dir>
    pub working_dir: Option<String>,
    /// What wharf itself is told of the service.
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
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#devices>
    pub source: String,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#devices>
    pub target: String,
    /// Any of `r`, `w`, `m`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#devices>
    pub permissions: String,
}

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#logging>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Logging {
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#logging>
    pub driver: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#logging>
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
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#credential_spec>
    pub config: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#credential_spec>
    pub file: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#credential_spec>
    pub registry: Option<String>,
}

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#blkio_config>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlkioConfig {
    /// 10 to 1000; `None`: the engine's 500.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#weight>
    pub weight: Option<u16>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#weight_device>
    pub weight_device: Vec<WeightDevice>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#device_read_bps-device_write_bps>
    pub device_read_bps: Vec<ThrottleDevice>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#device_read_iops-device_write_iops>
    pub device_read_iops: Vec<ThrottleDevice>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#device_read_bps-device_write_bps>
    pub device_write_bps: Vec<ThrottleDevice>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#device_read_iops-device_write_iops>
    pub device_write_iops: Vec<ThrottleDevice>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WeightDevice {
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#weight_device>
    pub path: String,
    /// 10 to 1000; `None`: the engine's 500.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#weight_device>
    pub weight: u16,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThrottleDevice {
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#device_read_bps-device_write_bps>
    pub path: String,
    /// Bytes or operations per second.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#device_read_bps-device_write_bps>
    pub rate: ByteSize,
}
