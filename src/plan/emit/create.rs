use indexmap::IndexMap;

use super::Emission;
use crate::engine::{ContainerSpec, EngineMountKind};
use crate::model::Service;
use crate::observe::{ObservedImage, Snapshot, labels};
use crate::plan::containers::bookkeeping;
use crate::plan::inherit::inherit;
use crate::plan::order::referred;
use crate::plan::pairing::{Instance, ServiceState, existing};
use crate::plan::start_probe::start_probe;
use crate::plan::{
    Cause, ContainerRef, NewContainer, Operation, PlanError, Risk, RunRequest, Target,
    container_spec,
};

impl Emission<'_> {
    pub(super) fn create(
        &mut self,
        name: &str,
        state: &ServiceState,
        instance: &Instance,
    ) -> Result<(), PlanError> {
        let target = Target::Container {
            service: name.to_string(),
            name: instance.name.clone(),
        };
        let reference = instance.reference(name);
        let Some(cause) = &instance.make else {
            if let Some(cause) = &instance.rejoin {
                self.join_networks(name, instance, cause);
            }
            if let Some((cause, limits, restart)) = &instance.update {
                self.plan.push(
                    target,
                    Operation::UpdateContainer {
                        container: reference,
                        limits: limits.clone(),
                        restart: restart.clone(),
                    },
                    cause.clone(),
                    Risk::Safe,
                    [],
                );
            }
            return Ok(());
        };
        let service = state.service;
        let wanted = &instance.wanted.spec;
        let mut after = self.needs(wanted);
        after.extend(self.name_is_free(&instance.name));
        let mut spec = wanted.clone();
        spec.labels.extend(bookkeeping(
            self.project,
            name,
            service,
            instance.number,
            false,
            wanted,
        ));
        if let Some(image) = self.real_image(&wanted.image) {
            spec.labels
                .insert(labels::IMAGE.to_string(), image.id.clone());
        }
        let mut inherited = Vec::new();
        if let Some(old) = instance.observed {
            if instance.early {
                after.extend(self.removals.get(&old.id));
            } else {
                let short: String = old.id.chars().take(12).collect();
                spec.name = format!("{short}_{}", instance.name);
                // An interrupted run may have left one of this very name.
                after.extend(self.removals.get(&spec.name));
                spec.labels
                    .insert(labels::REPLACE.to_string(), old.id.clone());
            }
            if !self.policy.renew_anonymous_volumes {
                let image = self.real_image(&wanted.image);
                inherited = inherit(old, wanted, image);
            }
        }
        after.extend(self.linked(service, wanted));
        let references = self.references(name, service, &mut after)?;
        check_foreign(name, service, self.snapshot)?;
        let start_probe = (self.policy.quick_probes && self.snapshot.engine.start_interval)
            .then(|| start_probe(wanted, self.real_image(&wanted.image)))
            .flatten();
        let step = self.plan.push(
            target,
            Operation::CreateContainer {
                container: Box::new(NewContainer {
                    service: name.to_string(),
                    number: instance.number,
                    spec,
                    name: instance.name.clone(),
                    references,
                    inherited,
                    start_probe,
                }),
            },
            cause.clone(),
            Risk::Safe,
            after,
        );
        self.creates.insert(instance.name.clone(), step);
        for volume in filled_volumes(wanted) {
            self.fillers.entry(volume.to_string()).or_insert(step);
        }
        Ok(())
    }

    /// Connects a container that stays with the networks that it has left or lost.
    fn join_networks(&mut self, name: &str, instance: &Instance, cause: &Cause) {
        let Some(observed) = instance.observed else {
            return;
        };
        let objects = self.objects;
        let left: Vec<&str> = objects
            .networks_under(observed)
            .map(|(name, _)| name)
            .collect();
        for (network, endpoint) in &instance.wanted.spec.endpoints {
            let is_in = observed.networks.contains_key(network);
            if is_in && !left.contains(&network.as_str()) {
                continue;
            }
            let mut after: Vec<usize> = self.networks.get(network).copied().into_iter().collect();
            after.extend(self.creates.get(&instance.name));
            let step = self.plan.push(
                Target::Container {
                    service: name.to_owned(),
                    name: instance.name.clone(),
                },
                Operation::JoinNetwork {
                    container: instance.reference(name),
                    name: network.clone(),
                    endpoint: Box::new(endpoint.clone()),
                },
                cause.clone(),
                Risk::Safe,
                after,
            );
            self.creates.insert(instance.name.clone(), step);
        }
    }

    /// An image that is there already; the id of one that is built meanwhile is noted when its container is made.
    fn real_image(&self, reference: &str) -> Option<&ObservedImage> {
        let image = self.snapshot.images.get(reference)?;
        (!image.is_pretended()).then_some(image)
    }

    /// The container of `run`, made when everything that it depends on is as it has to be.
    pub(super) fn create_one_off(&mut self, request: &RunRequest) -> Result<(), PlanError> {
        let name = request.service_name.as_str();
        let service = &request.service;
        let mut wanted = container_spec(
            self.project,
            name,
            service,
            1,
            self.snapshot.engine,
            self.policy,
        )?;
        request.shape(self.project, &mut wanted.spec);
        let mut after = self.needs(&wanted.spec);
        after.extend(self.gates(name, service));
        let references = self.references(name, service, &mut after)?;
        check_foreign(name, service, self.snapshot)?;
        let mut spec = wanted.spec.clone();
        spec.labels.extend(bookkeeping(
            self.project,
            name,
            service,
            1,
            true,
            &wanted.spec,
        ));
        // The record is what `up` compares with, and `up` leaves these containers alone.
        spec.labels.shift_remove(labels::SPEC);
        spec.labels
            .insert(labels::SLUG.to_string(), request.slug.clone());
        if let Some(image) = self.real_image(&spec.image) {
            spec.labels
                .insert(labels::IMAGE.to_string(), image.id.clone());
        }
        let target = Target::Container {
            service: name.to_string(),
            name: spec.name.clone(),
        };
        let container = ContainerRef::planned(name, &spec.name);
        let step = self.plan.push(
            target.clone(),
            Operation::CreateContainer {
                container: Box::new(NewContainer {
                    service: name.to_string(),
                    number: 1,
                    name: spec.name.clone(),
                    spec,
                    references,
                    inherited: Vec::new(),
                    start_probe: None,
                }),
            },
            Cause::Requested,
            Risk::Safe,
            after,
        );
        if !wanted.files.is_empty() {
            self.plan.push(
                target,
                Operation::UploadFiles {
                    container,
                    files: wanted.files,
                },
                Cause::Requested,
                Risk::Safe,
                [step],
            );
        }
        Ok(())
    }

    /// The steps that make what a container is created with.
    fn needs(&self, wanted: &ContainerSpec) -> Vec<usize> {
        let pull = self.pulls.get(&wanted.image);
        let networks = wanted
            .endpoints
            .keys()
            .filter_map(|network| self.networks.get(network));
        let volumes = wanted
            .mounts
            .iter()
            .filter_map(|mount| self.volumes.get(mount.source.as_ref()?));
        let fillers = filled_volumes(wanted).filter_map(|volume| self.fillers.get(volume));
        pull.into_iter()
            .chain(networks)
            .chain(volumes)
            .chain(fillers)
            .copied()
            .collect()
    }

    /// The steps that make what the container is linked to: on its own bridge the engine looks for it at once.
    fn linked(&self, service: &Service, wanted: &ContainerSpec) -> Vec<usize> {
        if wanted.links.is_empty() {
            return Vec::new();
        }
        let instances = service.links.iter().filter_map(|link| {
            let other = link.split(':').next().unwrap_or(link);
            self.services.get(other).map(|state| &state.instances)
        });
        instances
            .flatten()
            .filter_map(|instance| self.creates.get(&instance.name).copied())
            .collect()
    }

    /// The containers that `service:NAME` in the specification stands for; the steps that make them go to `after`.
    pub(super) fn references(
        &self,
        name: &str,
        service: &Service,
        after: &mut Vec<usize>,
    ) -> Result<IndexMap<String, ContainerRef>, PlanError> {
        let mut references = IndexMap::new();
        for (other, attribute) in referred(service) {
            let (container, step) = self.refer(name, &other, attribute)?;
            after.extend(step);
            references.insert(other, container);
        }
        Ok(references)
    }

    /// The container that `service:OTHER` stands for, and the step that makes it.
    fn refer(
        &self,
        service: &str,
        other: &str,
        attribute: &'static str,
    ) -> Result<(ContainerRef, Option<usize>), PlanError> {
        if let Some(instance) = self
            .services
            .get(other)
            .and_then(|state| state.instances.first())
        {
            let step = self.creates.get(&instance.name).copied();
            return Ok((instance.reference(other), step));
        }
        let observed = self.snapshot.of_service(other).next();
        observed
            .map(|container| (existing(container, &container.name), None))
            .ok_or_else(|| PlanError::ReferenceNotRunning {
                service: service.to_string(),
                attribute: attribute.to_string(),
                other: other.to_string(),
                why: "has no container".to_string(),
            })
    }
}

/// The named volumes that the engine fills from the image if they are empty when a container is created.
fn filled_volumes(spec: &ContainerSpec) -> impl Iterator<Item = &str> {
    spec.mounts
        .iter()
        .filter(|mount| mount.kind == EngineMountKind::Volume && !mount.no_copy)
        .filter_map(|mount| mount.source.as_deref())
}

fn check_foreign(name: &str, service: &Service, snapshot: &Snapshot) -> Result<(), PlanError> {
    let modes = [
        ("network_mode", service.network_mode.as_deref()),
        ("ipc", service.ipc.as_deref()),
        ("pid", service.pid.as_deref()),
    ];
    let from = service
        .volumes_from
        .iter()
        .map(|from| ("volumes_from", Some(from.as_str())));
    for (attribute, mode) in modes.into_iter().chain(from) {
        let Some(rest) = mode.and_then(|mode| mode.strip_prefix("container:")) else {
            continue;
        };
        let container = rest.split(':').next().unwrap_or(rest);
        if !snapshot.foreign.contains_key(container) {
            return Err(PlanError::ForeignContainerMissing {
                service: name.to_string(),
                attribute: attribute.to_string(),
                container: container.to_string(),
            });
        }
    }
    Ok(())
}
