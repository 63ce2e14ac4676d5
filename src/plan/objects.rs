use indexmap::{IndexMap, IndexSet};

use super::networks::{self, NetworkAction};
use super::volumes::{self, VolumeAction};
use super::{Cause, PlanError, Policy};
use crate::model::{MountKind, Project, Service};
use crate::observe::{ObservedContainer, Snapshot};

/// Networks and volumes that the services need.
pub(super) struct Objects {
    pub(super) networks: IndexMap<String, NetworkAction>,
    pub(super) volumes: IndexMap<String, VolumeAction>,
}

impl Objects {
    /// `order` are the services of the selection, `moving` those beside it whose containers are made anew.
    pub(super) fn decide(
        project: &Project,
        snapshot: &Snapshot,
        policy: &Policy,
        order: &[String],
        moving: &[String],
        needed: &[&Service],
        notes: &mut Vec<String>,
    ) -> Result<Self, PlanError> {
        let mut used_networks = IndexSet::new();
        let mut used_volumes = IndexSet::new();
        for service in needed {
            if service.network_mode.is_none() {
                used_networks.extend(service.networks.keys().cloned());
                if service.networks.is_empty() {
                    used_networks.insert("default".to_string());
                }
            }
            used_volumes.extend(
                service
                    .volumes
                    .iter()
                    .filter(|mount| matches!(mount.kind, MountKind::Volume | MountKind::Cluster))
                    .filter_map(|mount| mount.source.clone()),
            );
        }
        if policy.all_resources {
            used_networks.extend(project.networks.keys().cloned());
            used_volumes.extend(project.volumes.keys().cloned());
        }
        let mut networks = networks::decide(project, snapshot, &used_networks, notes)?;
        let mut volumes = volumes::decide(
            project,
            snapshot,
            &used_volumes,
            policy.changed_volumes,
            notes,
        )?;
        // What others hold cannot be replaced under them.
        let outsiders: Vec<&ObservedContainer> = snapshot
            .containers
            .iter()
            .filter(|container| container.one_off || !order.contains(&container.service))
            .filter(|container| container.one_off || !moving.contains(&container.service))
            .filter(|container| {
                !policy.remove_orphans || project.services.contains_key(&container.service)
            })
            .collect();
        for (name, action) in &mut networks {
            let holder = outsiders
                .iter()
                .find(|container| container.networks.contains_key(name));
            if let (NetworkAction::Replace { cause, .. }, Some(holder)) = (&*action, holder) {
                notes.push(format!(
                    "network `{name}` has changed ({cause}) and is kept, because `{}` uses it",
                    holder.name
                ));
                *action = NetworkAction::Keep;
            }
        }
        for (name, action) in &mut volumes {
            let holder = outsiders
                .iter()
                .find(|container| container.mounts.iter().any(|mount| mount.name == *name));
            if let (VolumeAction::Replace { cause, .. }, Some(holder)) = (&*action, holder) {
                notes.push(format!(
                    "volume `{name}` has changed ({cause}) and is kept, because `{}` uses it",
                    holder.name
                ));
                *action = VolumeAction::Keep;
            }
        }
        Ok(Objects { networks, volumes })
    }

    /// Takes over what others need and the engine lacks; what it has stays as it is for them.
    pub(super) fn add_missing(&mut self, others: Objects) {
        for (name, action) in others.networks {
            if matches!(action, NetworkAction::Create(_)) {
                self.networks.entry(name).or_insert(action);
            }
        }
        for (name, action) in others.volumes {
            if matches!(action, VolumeAction::Create(_)) {
                self.volumes.entry(name).or_insert(action);
            }
        }
    }

    /// The networks of a container that are replaced, each with its present id.
    pub(super) fn networks_under<'o>(
        &'o self,
        container: &'o ObservedContainer,
    ) -> impl Iterator<Item = (&'o str, &'o str)> {
        self.networks
            .iter()
            .filter_map(|(name, action)| match action {
                NetworkAction::Replace { id, .. } if container.networks.contains_key(name) => {
                    Some((name.as_str(), id.as_str()))
                }
                _ => None,
            })
    }

    /// Why a container cannot stay as it is: it is in a network that is replaced.
    pub(super) fn network_under(&self, container: &ObservedContainer) -> Option<Cause> {
        let (network, _) = self.networks_under(container).next()?;
        Some(Cause::NetworkRecreated {
            network: network.to_owned(),
        })
    }

    /// Why a container has to go: it holds a volume that is replaced.
    pub(super) fn volume_under(&self, container: &ObservedContainer) -> Option<Cause> {
        let volume = self.volumes.iter().find(|(name, action)| {
            matches!(action, VolumeAction::Replace { .. })
                && container.mounts.iter().any(|mount| mount.name == **name)
        });
        volume.map(|(volume, _)| Cause::VolumeRecreated {
            volume: volume.clone(),
        })
    }
}
