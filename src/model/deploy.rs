use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{ByteSize, Duration};

/// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deploy {
    /// `replicated` or `global`, or the same with `-job`. `None`: `replicated`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#mode>
    pub mode: Option<String>,
    /// `None`: one.
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#replicas>
    pub replicas: Option<u32>,
    /// `vip` or `dnsrr`; only Swarm tells them apart.
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#endpoint_mode>
    pub endpoint_mode: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#labels>
    pub labels: IndexMap<String, String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#resources>
    pub resources: Resources,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#restart_policy>
    pub restart_policy: Option<RestartPolicy>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#update_config>
    pub update_config: Option<UpdateConfig>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#rollback_config>
    pub rollback_config: Option<UpdateConfig>,
    /// Kept as written: only Swarm places containers.
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#placement>
    pub placement: serde_json::Value,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#resources>
    pub limits: Option<Resource>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#resources>
    pub reservations: Option<Resource>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resource {
    /// Number of CPUs, fractions allowed.
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#cpus>
    pub cpus: Option<f64>,
    /// `None`: no limit.
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#memory>
    pub memory: Option<ByteSize>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#pids>
    pub pids: Option<i64>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#devices>
    pub devices: Vec<DeviceRequest>,
    /// Kept as written: only Swarm counts them.
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#resources>
    pub generic_resources: serde_json::Value,
}

/// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#devices>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRequest {
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#capabilities>
    pub capabilities: Vec<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#driver>
    pub driver: Option<String>,
    /// `-1`: all.
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#count>
    pub count: Option<i64>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#device_ids>
    pub device_ids: Vec<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#options>
    pub options: IndexMap<String, String>,
}

/// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#restart_policy>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestartPolicy {
    /// `None`: any.
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#restart_policy>
    pub condition: Option<RestartCondition>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#restart_policy>
    pub delay: Option<Duration>,
    /// `None`: no limit.
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#restart_policy>
    pub max_attempts: Option<u64>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#restart_policy>
    pub window: Option<Duration>,
}

/// When a container that has ended is started again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartCondition {
    None,
    OnFailure,
    Any,
    Always,
    UnlessStopped,
    /// Any other text: Compose reads it, but no engine knows it.
    #[serde(untagged)]
    Other(String),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateConfig {
    /// How many containers at a time; 0: all.
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#update_config>
    pub parallelism: Option<u64>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#update_config>
    pub delay: Option<Duration>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#update_config>
    pub failure_action: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#update_config>
    pub monitor: Option<Duration>,
    /// From 0 to 1.
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#update_config>
    pub max_failure_ratio: Option<f64>,
    /// `start-first` or `stop-first`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#update_config>
    pub order: Option<String>,
}
