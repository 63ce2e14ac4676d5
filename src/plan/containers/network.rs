use indexmap::{IndexMap, IndexSet};

use super::{container_name, replicas};
use crate::engine::{EndpointSpec, INTERFACE_NAME, PortBinding};
use crate::model::{EndpointConfig, Project, Service};
use crate::plan::{PlanError, Policy};

/// The network mode and the endpoints, the one to be connected first at the beginning.
pub fn networking(
    project: &Project,
    name: &str,
    service: &Service,
    container: &str,
    policy: &Policy,
) -> Result<(String, IndexMap<String, EndpointSpec>), PlanError> {
    if let Some(mode) = &service.network_mode {
        return Ok((mode.clone(), IndexMap::new()));
    }
    let default = EndpointConfig::default();
    let mut joined: Vec<(&str, &EndpointConfig)> = service
        .networks
        .iter()
        .map(|(key, config)| (key.as_str(), config.as_ref().unwrap_or(&default)))
        .collect();
    if joined.is_empty() {
        if !project.networks.contains_key("default") {
            return Ok(("none".to_string(), IndexMap::new()));
        }
        joined.push(("default", &default));
    }
    joined.sort_by(|a, b| b.1.priority.cmp(&a.1.priority).then_with(|| a.0.cmp(b.0)));
    let links = links(project, service, policy);
    let mut endpoints = IndexMap::new();
    for (index, (key, config)) in joined.into_iter().enumerate() {
        let network = project
            .networks
            .get(key)
            .ok_or_else(|| PlanError::BadValue {
                service: name.to_string(),
                reason: format!("it joins the network `{key}`, which the project does not declare"),
            })?;
        let aliases: IndexSet<String> = [container.to_string(), name.to_string()]
            .into_iter()
            .chain(config.aliases.iter().cloned())
            .collect();
        let mut driver_opts = config.driver_opts.clone();
        if let Some(interface) = &config.interface_name {
            driver_opts.insert(INTERFACE_NAME.to_string(), interface.clone());
        }
        endpoints.insert(
            network.name.clone(),
            EndpointSpec {
                aliases: aliases.into_iter().collect(),
                links: links.clone(),
                ipv4_address: config.ipv4_address.clone(),
                ipv6_address: config.ipv6_address.clone(),
                link_local_ips: config.link_local_ips.clone(),
                mac_address: config
                    .mac_address
                    .clone()
                    .or_else(|| service.mac_address.clone().filter(|_| index == 0)),
                driver_opts,
                gw_priority: config.gw_priority,
            },
        );
    }
    let first = endpoints.keys().next().cloned().unwrap_or_default();
    Ok((first, endpoints))
}

/// What the container is linked to on the engine's own bridge, which knows no names. Networks of a project carry links at their endpoints.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#links>
pub fn bridge_links(project: &Project, service: &Service, policy: &Policy) -> Vec<String> {
    match service.network_mode.as_deref() {
        Some("bridge" | "default") => links(project, service, policy),
        _ => Vec::new(),
    }
}

/// `container:alias` for each container of a linked service, and for external ones.
fn links(project: &Project, service: &Service, policy: &Policy) -> Vec<String> {
    let mut all = IndexSet::new();
    for link in &service.links {
        let (other, alias) = link.split_once(':').unwrap_or((link, link));
        let Some(linked) = project.services.get(other) else {
            continue;
        };
        for number in 1..=replicas(other, linked, policy) {
            let container = container_name(project, other, linked, number);
            all.insert(format!("{container}:{alias}"));
            all.insert(format!("{container}:{other}-{number}"));
        }
    }
    for link in &service.external_links {
        let (container, alias) = link.split_once(':').unwrap_or((link, link));
        all.insert(format!("{container}:{alias}"));
    }
    all.into_iter().collect()
}

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#expose>
fn expose(name: &str, service: &Service) -> Result<Vec<String>, PlanError> {
    let mut ports = Vec::new();
    for entry in &service.expose {
        let (range, protocol) = entry.split_once('/').unwrap_or((entry, "tcp"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        match (first.parse::<u16>(), last.parse::<u16>()) {
            (Ok(first), Ok(last)) if first <= last => {
                ports.extend((first..=last).map(|port| format!("{port}/{protocol}")));
            }
            _ => {
                return Err(PlanError::BadValue {
                    service: name.to_string(),
                    reason: format!(
                        "`expose: {entry}` is not a port; write `8000`, `8000/udp` or `8000-8010`"
                    ),
                });
            }
        }
    }
    Ok(ports)
}

/// What the container lets others reach: `expose`, and the ports that it publishes.
pub fn exposed_ports(name: &str, service: &Service) -> Result<Vec<String>, PlanError> {
    let published = service.ports.iter();
    let published = published.map(|port| format!("{}/{}", port.target, port.protocol));
    let mut ports = expose(name, service)?;
    ports.extend(published);
    ports.sort();
    ports.dedup();
    Ok(ports)
}

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ports>
pub fn port_bindings(service: &Service) -> Vec<PortBinding> {
    let ports = service.ports.iter();
    ports
        .map(|port| PortBinding {
            container_port: port.target,
            protocol: port.protocol.to_string(),
            host_ip: port.host_ip.clone().unwrap_or_default(),
            host_port: port.published.clone().unwrap_or_default(),
        })
        .collect()
}

/// `host:address`, as the engine writes them.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#extra_hosts>
pub fn extra_hosts(service: &Service) -> Vec<String> {
    let entries = service.extra_hosts.iter();
    entries
        .map(|entry| match entry.split_once('=') {
            Some((host, address)) => format!("{host}:{address}"),
            None => entry.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_engines_own_bridge_has_links_of_its_own() {
        let with = |mode: &str| {
            let text = format!(
                r#"{{"name": "p", "services": {{
                    "app": {{"network_mode": "{mode}", "links": ["db:base"], "external_links": ["other"]}},
                    "db": {{"network_mode": "{mode}"}}}}}}"#
            );
            let project: Project = serde_json::from_str(&text).unwrap();
            bridge_links(&project, &project.services["app"], &Policy::default())
        };
        let links = ["p-db-1:base", "p-db-1:db-1", "other:other"];
        assert_eq!(with("bridge"), links);
        assert!(with("host").is_empty());
    }
}
