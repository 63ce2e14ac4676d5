use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A network of the project.
/// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// The engine's name of it.
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#name>
    pub name: String,
    /// `None`: the engine's default driver.
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#driver>
    pub driver: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#driver_opts>
    pub driver_opts: IndexMap<String, String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#ipam>
    pub ipam: Ipam,
    /// It exists already and is never created or removed.
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#external>
    pub external: bool,
    /// Whether nothing outside can be reached from it.
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#internal>
    pub internal: bool,
    /// Whether containers outside of the project may join.
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#attachable>
    pub attachable: bool,
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#labels>
    pub labels: IndexMap<String, String>,
    /// `None`: the engine's choice.
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#enable_ipv4>
    pub enable_ipv4: Option<bool>,
    /// `None`: the engine's choice.
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#enable_ipv6>
    pub enable_ipv6: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ipam {
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#ipam>
    pub driver: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#ipam>
    pub config: Vec<IpamPool>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#ipam>
    pub options: IndexMap<String, String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpamPool {
    /// CIDR.
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#ipam>
    pub subnet: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#ipam>
    pub gateway: Option<String>,
    /// CIDR.
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#ipam>
    pub ip_range: Option<String>,
    /// Addresses of the pool that the driver may not give away, by host.
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md#ipam>
    pub aux_addresses: IndexMap<String, String>,
}

/// How a service joins a network.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#networks>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointConfig {
    /// Further names of the service in this network.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#aliases>
    pub aliases: Vec<String>,
    /// `None`: the engine's choice.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#interface_name>
    pub interface_name: Option<String>,
    /// `None`: the engine gives one.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ipv4_address-ipv6_address>
    pub ipv4_address: Option<String>,
    /// `None`: the engine gives one.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ipv4_address-ipv6_address>
    pub ipv6_address: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#link_local_ips>
    pub link_local_ips: Vec<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#mac_address-1>
    pub mac_address: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#driver_opts>
    pub driver_opts: IndexMap<String, String>,
    /// Higher: connected earlier, and the source of the default gateway on old engines.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#priority>
    pub priority: i64,
    /// Higher: the default gateway; engines from API 1.48.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#gw_priority>
    pub gw_priority: i64,
}
