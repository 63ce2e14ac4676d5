//! Networks, and who is in them.

use super::container::Endpoint;
use super::world::{World, no_container, refuse};
use crate::engine::{EndpointSpec, EngineNetwork, EngineResult, ErrorKind, EventKind, NetworkSpec};

impl World {
    pub(super) fn network_id(&self, asked: &str) -> Option<String> {
        self.networks
            .values()
            .find(|network| network.name == asked || network.id == asked)
            .map(|network| network.id.clone())
    }

    pub(super) fn create_network(&mut self, spec: &NetworkSpec) -> EngineResult<String> {
        if self.network_id(&spec.name).is_some() {
            return refuse(
                ErrorKind::Conflict,
                format!("network with name `{}` already exists", spec.name),
            );
        }
        let taken = spec.pools.iter().find(|pool| {
            pool.subnet.is_some()
                && self
                    .networks
                    .values()
                    .any(|other| other.pools.iter().any(|own| own.subnet == pool.subnet))
        });
        if let Some(pool) = taken {
            return refuse(
                ErrorKind::Conflict,
                format!(
                    "cannot create network `{}`: pool `{}` overlaps with that of another network",
                    spec.name,
                    pool.subnet.as_deref().unwrap_or_default()
                ),
            );
        }
        let id = self.new_id("network");
        let network = EngineNetwork {
            id: id.clone(),
            name: spec.name.clone(),
            driver: spec.driver.clone().unwrap_or_else(|| "bridge".to_owned()),
            internal: spec.internal,
            attachable: spec.attachable,
            enable_ipv6: spec.enable_ipv6.unwrap_or_default(),
            driver_opts: spec.driver_opts.clone(),
            pools: spec.pools.clone(),
            labels: spec.labels.clone(),
            containers: Vec::new(),
        };
        self.networks.insert(id.clone(), network);
        self.tell_network(&id, "create");
        Ok(id)
    }

    fn tell_network(&mut self, id: &str, action: &str) {
        if let Some(network) = self.networks.get(id) {
            let mut attributes = network.labels.clone();
            attributes.insert("name".to_owned(), network.name.clone());
            attributes.insert("type".to_owned(), network.driver.clone());
            self.tell(EventKind::Network, action, id, attributes);
        }
    }

    /// Ids of the running containers in a network.
    pub(super) fn members(&self, network_id: &str) -> Vec<String> {
        self.units
            .values()
            .filter(|unit| {
                unit.is_running()
                    && unit
                        .networks
                        .values()
                        .any(|endpoint| endpoint.network_id == network_id)
            })
            .map(|unit| unit.id.clone())
            .collect()
    }

    pub(super) fn remove_network(&mut self, asked: &str) -> EngineResult<()> {
        let Some(id) = self.network_id(asked) else {
            return refuse(ErrorKind::NotFound, format!("network `{asked}` not found"));
        };
        let name = self.networks[&id].name.clone();
        if matches!(name.as_str(), "bridge" | "host" | "none") {
            return refuse(
                ErrorKind::Conflict,
                format!("`{name}` is a pre-defined network and cannot be removed"),
            );
        }
        if !self.members(&id).is_empty() {
            return refuse(
                ErrorKind::Conflict,
                format!("cannot remove network `{name}`: it has active endpoints"),
            );
        }
        self.tell_network(&id, "destroy");
        self.networks.shift_remove(&id);
        Ok(())
    }

    pub(super) fn connect(
        &mut self,
        network: &str,
        container: &str,
        spec: &EndpointSpec,
    ) -> EngineResult<()> {
        let Some(network_id) = self.network_id(network) else {
            return refuse(
                ErrorKind::NotFound,
                format!("network `{network}` not found"),
            );
        };
        let name = self.networks[&network_id].name.clone();
        let id = self
            .unit_id(container)
            .ok_or_else(|| no_container(container))?;
        let number = self.units.get_index_of(&id).unwrap_or_default();
        let unit = self.unit(&id)?;
        if unit.network_owner().is_some() {
            return refuse(
                ErrorKind::Conflict,
                format!("container `{container}` shares the network of another container"),
            );
        }
        if unit.networks.contains_key(&name) {
            return refuse(
                ErrorKind::Conflict,
                format!("endpoint of `{container}` already exists in network `{name}`"),
            );
        }
        let endpoint = Endpoint {
            ip_address: address(spec, number),
            spec: spec.clone(),
            network_id: network_id.clone(),
        };
        unit.networks.insert(name, endpoint);
        if self.units[&id].is_running() {
            self.tell_network(&network_id, "connect");
        }
        Ok(())
    }

    pub(super) fn disconnect(
        &mut self,
        network: &str,
        container: &str,
        force: bool,
    ) -> EngineResult<()> {
        let Some(network_id) = self.network_id(network) else {
            return refuse(
                ErrorKind::NotFound,
                format!("network `{network}` not found"),
            );
        };
        let name = self.networks[&network_id].name.clone();
        let unit = self.unit(container)?;
        if unit.networks.shift_remove(&name).is_none() && !force {
            return refuse(
                ErrorKind::Conflict,
                format!("container `{container}` is not connected to network `{name}`"),
            );
        }
        self.tell_network(&network_id, "disconnect");
        Ok(())
    }
}

pub(super) fn address(spec: &EndpointSpec, number: usize) -> String {
    spec.ipv4_address
        .clone()
        .unwrap_or_else(|| format!("172.20.{}.{}", number / 250, number % 250 + 2))
}
