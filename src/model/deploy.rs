use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{ByteSize, Duration};

/// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deploy {
    pub mode: Option<String>,
    /// `None`: one.
    pub replicas: Option<u32>,
    pub endpoint_mode: Option<String>,
    pub labels: IndexMap<String, String>,
    pub resources: Resources,
    pub restart_policy: Option<RestartPolicy>,
    pub update_config: Option<UpdateConfig>,
    pub rollback_config: Option<UpdateConfig>,
    pub placement: serde_json::Value,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    pub limits: Option<Resource>,
    pub reservations: Option<Resource>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resource {
    /// Number of CPUs, fractions allowed.
    pub cpus: Option<f64>,
    pub memory: Option<ByteSize>,
    pub pids: Option<i64>,
    pub devices: Vec<DeviceRequest>,
    pub generic_resources: serde_json::Value,
}

/// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#devices>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRequest {
    pub capabilities: Vec<String>,
    pub driver: Option<String>,
    /// `-1`: all.
    pub count: Option<i64>,
    pub device_ids: Vec<String>,
    pub options: IndexMap<String, String>,
}

/// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#restart_policy>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestartPolicy {
    pub condition: Option<RestartCondition>,
    pub delay: Option<Duration>,
    pub max_attempts: Option<u64>,
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
    pub parallelism: Option<u64>,
    pub delay: Option<Duration>,
    pub failure_action: Option<String>,
    pub monitor: Option<Duration>,
    pub max_failure_ratio: Option<f64>,
    pub order: Option<String>,
}
