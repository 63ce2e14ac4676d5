use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// What a network is created with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkSpec {
    pub name: String,
    /// `None`: `bridge`.
    pub driver: Option<String>,
    pub driver_opts: IndexMap<String, String>,
    pub internal: bool,
    pub attachable: bool,
    pub enable_ipv4: Option<bool>,
    pub enable_ipv6: Option<bool>,
    pub ipam_driver: Option<String>,
    pub ipam_options: IndexMap<String, String>,
    pub pools: Vec<PoolSpec>,
    pub labels: IndexMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PoolSpec {
    pub subnet: Option<String>,
    pub gateway: Option<String>,
    pub ip_range: Option<String>,
    pub aux_addresses: IndexMap<String, String>,
}

/// A network that exists.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EngineNetwork {
    pub id: String,
    pub name: String,
    pub driver: String,
    pub internal: bool,
    pub attachable: bool,
    pub enable_ipv6: bool,
    pub driver_opts: IndexMap<String, String>,
    pub pools: Vec<PoolSpec>,
    pub labels: IndexMap<String, String>,
    /// Ids of the connected containers; empty in lists.
    pub containers: Vec<String>,
}
