use indexmap::{IndexMap, IndexSet};

use super::containers::project_labels;
use super::diff::changes;
use super::{Cause, PlanError};
use crate::engine::{NetworkSpec, PoolSpec};
use crate::model::{Network, Project};
use crate::observe::{ObservedNetwork, Snapshot, labels};

/// What becomes of one network.
#[derive(Debug, PartialEq)]
pub(super) enum NetworkAction {
    Keep,
    Create(NetworkSpec),
    /// Everything that is connected has to go first.
    Replace {
        id: String,
        spec: NetworkSpec,
        cause: Cause,
    },
}

/// The network as the project describes it, without wharf's and Compose's labels.
pub(super) fn network_spec(network: &Network) -> NetworkSpec {
    NetworkSpec {
        name: network.name.clone(),
        driver: network.driver.clone(),
        driver_opts: network.driver_opts.clone(),
        internal: network.internal,
        attachable: network.attachable,
        enable_ipv4: network.enable_ipv4,
        enable_ipv6: network.enable_ipv6,
        ipam_driver: network.ipam.driver.clone(),
        ipam_options: network.ipam.options.clone(),
        pools: network
            .ipam
            .config
            .iter()
            .map(|pool| PoolSpec {
                subnet: pool.subnet.clone(),
                gateway: pool.gateway.clone(),
                ip_range: pool.ip_range.clone(),
                aux_addresses: pool.aux_addresses.clone(),
            })
            .collect(),
        labels: network.labels.clone(),
    }
}

/// Actions by the network's name on the engine, for the networks with these keys.
pub(super) fn decide(
    project: &Project,
    snapshot: &Snapshot,
    used: &IndexSet<String>,
    notes: &mut Vec<String>,
) -> Result<IndexMap<String, NetworkAction>, PlanError> {
    let mut actions = IndexMap::new();
    for key in used {
        let Some(network) = project.networks.get(key) else {
            continue;
        };
        let observed = snapshot.networks.get(&network.name);
        let action = match observed {
            _ if network.external => {
                if observed.is_none() {
                    return Err(PlanError::ExternalNetworkMissing {
                        name: network.name.clone(),
                    });
                }
                NetworkAction::Keep
            }
            None => NetworkAction::Create(labelled(project, key, network)),
            Some(observed) if observed.key.is_none() => {
                notes.push(format!(
                    "network `{}` exists and was not made for project `{}`; it is used as it is (write `external: true` to say so)",
                    network.name, project.name
                ));
                NetworkAction::Keep
            }
            Some(observed) => match cause_to_replace(observed, network) {
                None => NetworkAction::Keep,
                Some(cause) => NetworkAction::Replace {
                    id: observed.id.clone(),
                    spec: labelled(project, key, network),
                    cause,
                },
            },
        };
        actions.insert(network.name.clone(), action);
    }
    Ok(actions)
}

fn labelled(project: &Project, key: &str, network: &Network) -> NetworkSpec {
    let mut spec = network_spec(network);
    let packed = labels::pack(&spec).ok();
    spec.labels.extend(project_labels(project));
    spec.labels
        .insert(labels::NETWORK.to_string(), key.to_string());
    if let Some(packed) = packed {
        spec.labels.insert(labels::SPEC.to_string(), packed);
    }
    spec
}

fn cause_to_replace(observed: &ObservedNetwork, network: &Network) -> Option<Cause> {
    let wanted = network_spec(network);
    // Made by another tool: only what the engine tells can be compared.
    let recorded = observed.spec.clone().unwrap_or_else(|| NetworkSpec {
        driver: wanted.driver.as_ref().map(|_| observed.driver.clone()),
        internal: observed.internal,
        attachable: observed.attachable,
        enable_ipv6: wanted.enable_ipv6.map(|_| observed.enable_ipv6),
        ..wanted.clone()
    });
    let fields = changes(&recorded, &wanted);
    (!fields.is_empty()).then_some(Cause::SpecChanged { fields })
}
