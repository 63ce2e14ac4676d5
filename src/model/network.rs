use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A network of the project.
/// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// The engine's name of it.
    pub name: String,
    /// `None`: the engine's default driver.
    pub driver: Option<String>,
    pub driver_opts: IndexMap<String, String>,
    pub ipam: Ipam,
    /// It exists already and is never created or removed.
    pub external: bool,
    pub internal: bool,
    pub attachable: bool,
    pub labels: IndexMap<String, String>,
    pub enable_ipv4: Option<bool>,
    pub enable_ipv6: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ipam {
    pub driver: Option<String>,
    pub config: Vec<IpamPool>,
    pub options: IndexMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpamPool {
    /// CIDR.
    pub subnet: Option<String>,
    pub gateway: Option<String>,
    /// CIDR.
    pub ip_range: Option<String>,
    pub aux_addresses: IndexMap<String, String>,
}

/// How a service joins a network.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#networks>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointConfig {
    pub aliases: Vec<String>,
    pub interface_name: Option<String>,
    pub ipv4_address: Option<String>,
    pub ipv6_address: Option<String>,
    pub link_local_ips: Vec<String>,
    pub mac_address: Option<String>,
    pub driver_opts: IndexMap<String, String>,
    /// Higher: connected earlier, and the source of the default gateway on old engines.
    pub priority: i64,
    pub gw_priority: i64,
}
