mod create;
mod objects;
mod start;

pub(super) use start::is_satisfied;

use std::collections::HashMap;

use super::hook::push_pre_stop;
use super::objects::Objects;
use super::pairing::{Instance, States, existing};
use super::{
    Cause, Gate, Operation, Plan, PlanError, Policy, Pull, Risk, RunRequest, Target,
    container_target, dependencies, image_of, orphans,
};
use crate::model::{Project, PullPolicy};
use crate::observe::{ObservedContainer, Snapshot};

/// Writes the steps down, in an order in which each follows what it needs.
pub(super) struct Emission<'a> {
    pub(super) project: &'a Project,
    pub(super) snapshot: &'a Snapshot,
    pub(super) policy: &'a Policy,
    pub(super) services: &'a States<'a>,
    pub(super) objects: &'a Objects,
    pub(super) plan: Plan,
    /// Steps by image reference, network name, volume name.
    pub(super) pulls: HashMap<String, usize>,
    pub(super) networks: HashMap<String, usize>,
    pub(super) volumes: HashMap<String, usize>,
    /// By the container's final name: the step after which it exists under that name.
    pub(super) creates: HashMap<String, usize>,
    /// By volume: the first container that is created with it. The engine fills an empty volume from the image at that moment, and
    /// two that fill one at the same time fail.
    pub(super) fillers: HashMap<String, usize>,
    /// By the name and by the id of a container that goes.
    pub(super) removals: HashMap<String, usize>,
    /// By the name that a container gives up: the step that names it anew.
    pub(super) renames: HashMap<String, usize>,
    /// By network: the steps after which containers that stay are out of it.
    pub(super) leaves: HashMap<String, Vec<usize>>,
    /// By service: the steps that stop its containers.
    pub(super) stops: HashMap<String, Vec<usize>>,
    /// By service: the steps after which its containers run.
    pub(super) ready: HashMap<String, Vec<usize>>,
    pub(super) waits: HashMap<(String, Gate), Option<usize>>,
}

impl<'a> Emission<'a> {
    pub(super) fn emit(mut self, one_off: Option<&RunRequest>) -> Result<Plan, PlanError> {
        let services = self.services;
        self.pull_images(one_off)?;
        if one_off.is_none() {
            self.remove_orphans();
        }
        for (name, state) in services.iter().rev() {
            for (container, cause) in &state.surplus {
                self.take_away(name, container, cause.clone(), false, Vec::new());
            }
            for instance in &state.instances {
                match (instance.observed, &instance.make, &instance.rejoin) {
                    (Some(old), Some(cause), _) if instance.early => {
                        self.take_away(name, old, cause.clone(), true, Vec::new());
                    }
                    (Some(old), None, Some(cause)) => {
                        self.leave_networks(name, instance, old, cause);
                    }
                    _ => {}
                }
            }
        }
        self.make_networks();
        self.make_volumes();
        self.rename_containers()?;
        for (name, state) in services {
            for instance in &state.instances {
                self.create(name, state, instance)?;
            }
        }
        for (name, state) in services.iter().rev() {
            for instance in &state.instances {
                self.stop(name, instance);
            }
        }
        for (name, state) in services {
            self.start(name, state);
        }
        if self.policy.start {
            self.wait_for_those_that_run();
        }
        if self.policy.wait && self.policy.start {
            for name in services.keys() {
                let is_waited = |gate| {
                    self.waits
                        .get(&(name.clone(), gate))
                        .is_some_and(Option::is_some)
                };
                if !is_waited(Gate::Healthy) && !is_waited(Gate::Completed) {
                    self.wait(name, Gate::Ready, true, Cause::Wanted);
                }
            }
        }
        if let Some(request) = one_off {
            self.create_one_off(request)?;
        }
        Ok(self.plan)
    }

    fn pull_images(&mut self, one_off: Option<&RunRequest>) -> Result<(), PlanError> {
        let made = self
            .services
            .iter()
            .filter(|(_, state)| {
                state
                    .instances
                    .iter()
                    .any(|instance| instance.make.is_some())
            })
            .map(|(name, state)| (name.as_str(), state.service))
            .chain(one_off.map(|request| (request.service_name.as_str(), &request.service)));
        for (name, service) in made {
            let reference = image_of(self.project, name, service);
            if self.snapshot.images.contains_key(&reference) || self.pulls.contains_key(&reference)
            {
                continue;
            }
            if service.build.is_some() {
                self.plan
                    .notes
                    .push(format!("image `{reference}` has to be built first"));
                continue;
            }
            let is_never = match self.policy.pull {
                Pull::Never => true,
                Pull::ByService => service.pull_policy == Some(PullPolicy::Never),
                Pull::Always | Pull::Missing => false,
            };
            if is_never {
                return Err(PlanError::ImageMissing {
                    service: name.to_string(),
                    image: reference,
                });
            }
            let step = self.plan.push(
                Target::Image {
                    reference: reference.clone(),
                },
                Operation::PullImage {
                    reference: reference.clone(),
                    platform: service.platform.clone(),
                },
                Cause::ImageMissing,
                Risk::Safe,
                [],
            );
            self.pulls.insert(reference, step);
        }
        Ok(())
    }

    /// Containers that stay and are to have another name get it, each when nothing has that name any more.
    fn rename_containers(&mut self) -> Result<(), PlanError> {
        let instances = self.services.iter().flat_map(|(name, state)| {
            let renamed = state.instances.iter().filter(|one| one.is_renamed());
            renamed.filter_map(move |one| Some((name, one, one.observed?)))
        });
        let mut waiting: Vec<_> = instances.collect();
        while !waiting.is_empty() {
            let held = |name: &str| waiting.iter().any(|(_, _, holder)| holder.name == name);
            let Some(next) = waiting.iter().position(|(_, one, _)| !held(&one.name)) else {
                return Err(PlanError::NamesInACircle {
                    services: waiting.iter().map(|(name, ..)| (*name).clone()).collect(),
                });
            };
            let (service, instance, observed) = waiting.remove(next);
            let step = self.plan.push(
                Target::Container {
                    service: service.clone(),
                    name: instance.name.clone(),
                },
                Operation::RenameContainer {
                    container: instance.reference(service),
                    name: instance.name.clone(),
                },
                Cause::Renamed {
                    old: observed.name.clone(),
                },
                Risk::Safe,
                self.name_is_free(&instance.name),
            );
            self.creates.insert(instance.name.clone(), step);
            self.renames.insert(observed.name.clone(), step);
        }
        Ok(())
    }

    /// The steps after which no container has the name.
    fn name_is_free(&self, name: &str) -> Vec<usize> {
        let steps = [self.removals.get(name), self.renames.get(name)];
        steps.into_iter().flatten().copied().collect()
    }

    fn remove_orphans(&mut self) {
        let found = orphans::orphans(self.project, self.snapshot);
        if found.is_empty() {
            return;
        }
        if !self.policy.remove_orphans {
            if !self.policy.ignore_orphans {
                self.plan.notes.extend(orphans::note(&found));
            }
            return;
        }
        for container in found {
            let service = container.service.clone();
            self.take_away(&service, container, Cause::Orphan, false, Vec::new());
        }
    }

    /// Stops (after these steps) and removes a container.
    fn take_away(
        &mut self,
        service: &str,
        container: &ObservedContainer,
        cause: Cause,
        hooks: bool,
        after: Vec<usize>,
    ) -> usize {
        let mut after = after;
        if container.is_running() {
            let stop = self.stop_container(service, container, cause.clone(), hooks, after);
            after = vec![stop];
        }
        let step = self.plan.push(
            container_target(container),
            Operation::RemoveContainer {
                container: existing(container, &container.name),
                force: true,
                volumes: false,
            },
            cause,
            Risk::Safe,
            after,
        );
        self.removals.insert(container.id.clone(), step);
        self.removals.insert(container.name.clone(), step);
        step
    }

    /// Stops a container and takes it out of the networks that are replaced.
    fn leave_networks(
        &mut self,
        service: &str,
        instance: &Instance,
        container: &ObservedContainer,
        cause: &Cause,
    ) {
        let objects = self.objects;
        let mut stop = None;
        for (name, id) in objects.networks_under(container) {
            if stop.is_none() && container.is_running() {
                stop =
                    Some(self.stop_container(service, container, cause.clone(), true, Vec::new()));
            }
            let step = self.plan.push(
                container_target(container),
                Operation::LeaveNetwork {
                    container: instance.reference(service),
                    name: name.to_owned(),
                    id: id.to_owned(),
                },
                cause.clone(),
                Risk::Safe,
                stop,
            );
            self.leaves.entry(name.to_owned()).or_default().push(step);
        }
    }

    fn stop_container(
        &mut self,
        service: &str,
        container: &ObservedContainer,
        cause: Cause,
        hooks: bool,
        after: Vec<usize>,
    ) -> usize {
        let mut after = after;
        // Those that need this service stop first.
        for (other, state) in self.services {
            if dependencies(state.service).contains_key(service)
                && let Some(stops) = self.stops.get(other)
            {
                after.extend(stops);
            }
        }
        let service_model = self.services.get(service).map(|state| state.service);
        if let (true, Some(service)) = (hooks, service_model) {
            after = push_pre_stop(&mut self.plan, service, container, &cause, after);
        }
        let step = self.plan.push(
            container_target(container),
            Operation::StopContainer {
                container: existing(container, &container.name),
                grace: self.policy.timeout,
            },
            cause,
            Risk::Interrupts,
            after,
        );
        self.stops
            .entry(service.to_string())
            .or_default()
            .push(step);
        step
    }

    fn removals_of(&self, holds: impl Fn(&ObservedContainer) -> bool) -> Vec<usize> {
        self.snapshot
            .containers
            .iter()
            .filter(|container| holds(container))
            .filter_map(|container| self.removals.get(&container.id).copied())
            .collect()
    }
}
