use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// What a volume is created with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeSpec {
    pub name: String,
    /// `None`: `local`.
    pub driver: Option<String>,
    pub driver_opts: IndexMap<String, String>,
    pub labels: IndexMap<String, String>,
}

/// A volume that exists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineVolume {
    pub name: String,
    pub driver: String,
    pub driver_opts: IndexMap<String, String>,
    pub labels: IndexMap<String, String>,
    /// RFC 3339.
    pub created: String,
    pub mountpoint: String,
}
