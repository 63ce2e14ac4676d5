use std::collections::HashMap;

use bollard::models::{
    EndpointIpamConfig, EndpointSettings, ResourcesBlkioWeightDevice, RestartPolicy,
    RestartPolicyNameEnum, ThrottleDevice,
};
use indexmap::IndexMap;

use crate::engine::{EndpointSpec, ResourceLimits, RestartPolicySpec};

pub(in crate::engine::docker) fn restart_policy(policy: &RestartPolicySpec) -> RestartPolicy {
    RestartPolicy {
        name: Some(match policy.name.as_str() {
            "always" => RestartPolicyNameEnum::ALWAYS,
            "unless-stopped" => RestartPolicyNameEnum::UNLESS_STOPPED,
            "on-failure" => RestartPolicyNameEnum::ON_FAILURE,
            _ => RestartPolicyNameEnum::NO,
        }),
        maximum_retry_count: (policy.maximum_retry_count != 0)
            .then_some(policy.maximum_retry_count),
    }
}

pub(in crate::engine::docker) fn endpoint_settings(endpoint: &EndpointSpec) -> EndpointSettings {
    let address = endpoint.ipv4_address.is_some()
        || endpoint.ipv6_address.is_some()
        || !endpoint.link_local_ips.is_empty();
    EndpointSettings {
        aliases: some(endpoint.aliases.clone()),
        links: some(endpoint.links.clone()),
        mac_address: endpoint.mac_address.clone(),
        driver_opts: (!endpoint.driver_opts.is_empty()).then(|| map(&endpoint.driver_opts)),
        gw_priority: (endpoint.gw_priority != 0).then_some(endpoint.gw_priority),
        // Until the container starts, this is all that tells the address.
        ip_address: endpoint.ipv4_address.clone(),
        ipam_config: address.then(|| EndpointIpamConfig {
            ipv4_address: endpoint.ipv4_address.clone(),
            ipv6_address: endpoint.ipv6_address.clone(),
            link_local_ips: some(endpoint.link_local_ips.clone()),
        }),
        ..EndpointSettings::default()
    }
}

pub(in crate::engine::docker) fn weights(
    limits: &ResourceLimits,
) -> Option<Vec<ResourcesBlkioWeightDevice>> {
    some(
        limits
            .blkio_weight_device
            .iter()
            .map(|(path, weight)| ResourcesBlkioWeightDevice {
                path: Some(path.clone()),
                weight: Some(usize::from(*weight)),
            })
            .collect(),
    )
}

pub(in crate::engine::docker) fn throttles(rates: &[(String, i64)]) -> Option<Vec<ThrottleDevice>> {
    some(
        rates
            .iter()
            .map(|(path, rate)| ThrottleDevice {
                path: Some(path.clone()),
                rate: Some(*rate),
            })
            .collect(),
    )
}

/// `KEY=value`; a key alone removes the image's variable.
pub(in crate::engine::docker) fn variables(
    environment: &IndexMap<String, Option<String>>,
) -> Vec<String> {
    environment
        .iter()
        .map(|(name, value)| match value {
            Some(value) => format!("{name}={value}"),
            None => name.clone(),
        })
        .collect()
}

pub(super) fn protocol(name: &str) -> &str {
    if name.is_empty() { "tcp" } else { name }
}

pub(in crate::engine::docker) fn map(map: &IndexMap<String, String>) -> HashMap<String, String> {
    map.iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// `None` for an empty list, which leaves the choice to the image or the engine.
pub(super) fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
