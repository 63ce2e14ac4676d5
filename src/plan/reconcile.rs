use std::collections::{BTreeSet, HashMap};

use indexmap::{IndexMap, IndexSet};

use super::config_hash;
use super::containers::{bookkeeping, project_labels};
use super::in_place::{Difference, difference};
use super::networks::{self, NetworkAction};
use super::order::tied_to;
use super::volumes::{self, VolumeAction};
use super::{
    Cause, ContainerPlan, ContainerRef, Gate, HookMoment, InheritedVolume, NewContainer, Operation,
    Plan, PlanError, Policy, Pull, Recreate, Risk, RunRequest, StartProbe, Target, Verb,
    container_name, container_spec, dependencies, image_of, orphans, replicas, service_order,
};
use crate::engine::{
    ContainerSpec, ContainerStatus, EngineMountKind, HealthStatus, HealthcheckSpec, ResourceLimits,
    RestartPolicySpec,
};
use crate::model::{Condition, MountKind, Project, Service};
use crate::observe::{ObservedContainer, ObservedImage, Snapshot, labels};

/// The steps that make the engine's state the project's.
///
/// One-shots (services that another awaits with `service_completed_successfully`) that ended well are left alone, unless
/// something that they depend on, or that waits for them, starts in this plan; Compose runs them again every time.
pub fn reconcile(
    project: &Project,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Result<Plan, PlanError> {
    let order = service_order(project, &policy.services, !policy.no_deps)?;
    let verb = if policy.start { Verb::Up } else { Verb::Create };
    plan(project, snapshot, policy, &order, verb, None)
}

/// The steps for the services in `order`, and those that make a container of `run` ready to be started.
pub(super) fn plan(
    project: &Project,
    snapshot: &Snapshot,
    policy: &Policy,
    order: &[String],
    verb: Verb,
    one_off: Option<&RunRequest>,
) -> Result<Plan, PlanError> {
    if !policy.take_over {
        check_directory(project, snapshot)?;
    }
    let mut plan = Plan::new(verb, &project.name, snapshot.fingerprint());
    let needed: Vec<&Service> = order
        .iter()
        .map(|name| &project.services[name])
        .chain(one_off.map(|request| &request.service))
        .collect();
    let objects = Objects::decide(project, snapshot, policy, order, &needed, &mut plan.notes)?;
    let services = decide(project, snapshot, policy, order, &objects, &mut plan.notes)?;
    for instance in services.values().flat_map(|service| &service.instances) {
        if instance.is_unchanged()
            && let Some(observed) = instance.observed
        {
            plan.unchanged.push(observed.name.clone());
        }
    }
    Emission {
        project,
        snapshot,
        policy,
        services: &services,
        objects: &objects,
        plan,
        pulls: HashMap::new(),
        networks: HashMap::new(),
        volumes: HashMap::new(),
        creates: HashMap::new(),
        fillers: HashMap::new(),
        removals: HashMap::new(),
        stops: HashMap::new(),
        ready: HashMap::new(),
        waits: HashMap::new(),
    }
    .emit(one_off)
}

/// A project of this name that belongs to another directory is somebody else's.
fn check_directory(project: &Project, snapshot: &Snapshot) -> Result<(), PlanError> {
    let own = project.directory.display().to_string();
    let other = snapshot
        .containers
        .iter()
        .filter(|container| !container.one_off)
        .filter_map(ObservedContainer::working_directory)
        .find(|directory| !directory.is_empty() && *directory != own);
    match other {
        Some(other) => Err(PlanError::OtherDirectory {
            project: project.name.clone(),
            other: other.to_string(),
        }),
        None => Ok(()),
    }
}

/// Networks and volumes that the services need.
struct Objects {
    networks: IndexMap<String, NetworkAction>,
    volumes: IndexMap<String, VolumeAction>,
}

impl Objects {
    fn decide(
        project: &Project,
        snapshot: &Snapshot,
        policy: &Policy,
        order: &[String],
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
        let mut networks = networks::decide(project, snapshot, &used_networks, notes)?;
        let mut volumes = volumes::decide(
            project,
            snapshot,
            &used_volumes,
            policy.keep_changed_volumes,
            notes,
        )?;
        // What others hold cannot be replaced under them.
        let outsiders: Vec<&ObservedContainer> = snapshot
            .containers
            .iter()
            .filter(|container| container.one_off || !order.contains(&container.service))
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

    /// Why a container has to go before one of these is replaced.
    fn replaced_under(&self, container: &ObservedContainer) -> Option<Cause> {
        let network = self.networks.iter().find(|(name, action)| {
            matches!(action, NetworkAction::Replace { .. })
                && container.networks.contains_key(*name)
        });
        if let Some((network, _)) = network {
            return Some(Cause::NetworkRecreated {
                network: network.clone(),
            });
        }
        let volume = self.volumes.iter().find(|(name, action)| {
            matches!(action, VolumeAction::Replace { .. })
                && container.mounts.iter().any(|mount| mount.name == **name)
        });
        volume.map(|(volume, _)| Cause::VolumeRecreated {
            volume: volume.clone(),
        })
    }
}

/// One service with the containers it is to have.
struct ServiceState<'a> {
    service: &'a Service,
    instances: Vec<Instance<'a>>,
    /// Containers that go.
    surplus: Vec<(&'a ObservedContainer, Cause)>,
}

struct Instance<'a> {
    number: u32,
    name: String,
    observed: Option<&'a ObservedContainer>,
    wanted: ContainerPlan,
    /// Create it, or replace what is there.
    make: Option<Cause>,
    /// The old one goes before the new one is made.
    early: bool,
    update: Option<(Cause, ResourceLimits, Option<RestartPolicySpec>)>,
    /// It does not run and is started (or unpaused).
    start: Option<Cause>,
    /// It runs and starts anew.
    restart: Option<Cause>,
}

impl Instance<'_> {
    fn starts(&self) -> bool {
        self.start.is_some() || self.restart.is_some()
    }

    fn is_unchanged(&self) -> bool {
        self.make.is_none() && self.update.is_none() && !self.starts() && !self.is_renamed()
    }

    fn is_renamed(&self) -> bool {
        self.make.is_none()
            && self
                .observed
                .is_some_and(|observed| observed.name != self.name)
    }

    fn reference(&self, service: &str) -> ContainerRef {
        match self.observed {
            Some(observed) if self.make.is_none() => existing(observed, &self.name),
            _ => ContainerRef::planned(service, &self.name),
        }
    }
}

fn existing(observed: &ObservedContainer, name: &str) -> ContainerRef {
    ContainerRef {
        service: observed.service.clone(),
        name: name.to_string(),
        id: Some(observed.id.clone()),
        status: Some(observed.status),
    }
}

type States<'a> = IndexMap<String, ServiceState<'a>>;

fn decide<'a>(
    project: &'a Project,
    snapshot: &'a Snapshot,
    policy: &Policy,
    order: &[String],
    objects: &Objects,
    notes: &mut Vec<String>,
) -> Result<States<'a>, PlanError> {
    let mut states: States<'a> = IndexMap::new();
    for name in order {
        let service = &project.services[name];
        let mut state = pair(project, snapshot, policy, name, service, notes)?;
        for instance in &mut state.instances {
            compare(name, service, instance, snapshot, policy, objects);
            follow(service, instance, &states, snapshot);
            if policy.start {
                decide_start(project, name, service, instance, policy, &states);
            }
        }
        states.insert(name.clone(), state);
    }
    if policy.start {
        rerun_one_shots(&mut states);
    }
    Ok(states)
}

/// Pairs the containers that are with those that are to be.
fn pair<'a>(
    project: &'a Project,
    snapshot: &'a Snapshot,
    policy: &Policy,
    name: &str,
    service: &'a Service,
    notes: &mut Vec<String>,
) -> Result<ServiceState<'a>, PlanError> {
    let count = replicas(name, service, policy);
    if let Some(fixed) = &service.container_name
        && count > 1
    {
        return Err(PlanError::NameTakenByScale {
            service: name.to_string(),
            name: fixed.clone(),
            count,
        });
    }
    let mut surplus = Vec::new();
    let mut kept: Vec<&ObservedContainer> = Vec::new();
    for container in snapshot.of_service(name) {
        let replaces_living = container
            .labels
            .get(labels::REPLACE)
            .is_some_and(|old| snapshot.container(old).is_some());
        let number_taken = kept.iter().any(|other| other.number == container.number);
        if replaces_living || number_taken || container.number == 0 {
            surplus.push((container, Cause::Leftover));
        } else if kept.len() < count as usize {
            kept.push(container);
        } else {
            surplus.push((container, Cause::Surplus));
        }
    }
    let mut numbers: BTreeSet<u32> = kept.iter().map(|container| container.number).collect();
    let mut slots: Vec<(u32, Option<&ObservedContainer>)> = kept
        .into_iter()
        .map(|container| (container.number, Some(container)))
        .collect();
    let mut next = 1;
    while slots.len() < count as usize {
        if numbers.insert(next) {
            slots.push((next, None));
        }
        next += 1;
    }
    slots.sort_by_key(|(number, _)| *number);
    let mut instances = Vec::new();
    for (number, observed) in slots {
        let wanted = container_spec(project, name, service, number, snapshot.engine, policy)?;
        for note in &wanted.notes {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
        instances.push(Instance {
            number,
            name: container_name(project, name, service, number),
            observed,
            wanted,
            make: None,
            early: false,
            update: None,
            start: None,
            restart: None,
        });
    }
    Ok(ServiceState {
        service,
        instances,
        surplus,
    })
}

/// Decides whether the container has to be made.
fn compare(
    name: &str,
    service: &Service,
    instance: &mut Instance,
    snapshot: &Snapshot,
    policy: &Policy,
    objects: &Objects,
) {
    let Some(observed) = instance.observed else {
        instance.make = Some(Cause::Missing);
        return;
    };
    if let Some(cause) = objects.replaced_under(observed) {
        instance.make = Some(cause);
        instance.early = true;
        return;
    }
    let is_chosen = policy.services.is_empty() || policy.services.iter().any(|one| one == name);
    let recreate = if is_chosen {
        policy.recreate
    } else {
        policy.recreate_dependencies
    };
    match recreate {
        Recreate::Never => return,
        Recreate::Force => {
            instance.make = Some(Cause::Requested);
            return;
        }
        Recreate::Diverged => {}
    }
    let wanted = &instance.wanted.spec;
    match &observed.spec {
        Some(recorded) => match difference(observed, recorded, wanted) {
            Difference::None => {}
            Difference::Update {
                fields,
                limits,
                restart,
            } => {
                instance.update = Some((Cause::SpecChanged { fields }, *limits, restart));
            }
            Difference::Replace { fields } => {
                instance.make = Some(Cause::SpecChanged { fields });
                return;
            }
        },
        None if observed.config_hash == config_hash(service) => {}
        None => {
            instance.make = Some(Cause::HashChanged);
            return;
        }
    }
    if let Some(image) = snapshot.images.get(&wanted.image) {
        let old = observed
            .labels
            .get(labels::IMAGE)
            .filter(|id| !id.is_empty())
            .unwrap_or(&observed.image_id);
        if *old != image.id && observed.image_id != image.id {
            instance.make = Some(Cause::ImageChanged {
                old: old.clone(),
                new: image.id.clone(),
            });
        }
    }
}

/// What happens to a container because of those it is tied to.
fn follow(service: &Service, instance: &mut Instance, states: &States, snapshot: &Snapshot) {
    let Some(observed) = instance.observed else {
        return;
    };
    let made = |other: &str| {
        states
            .get(other)
            .is_some_and(|state| state.instances.iter().any(|one| one.make.is_some()))
    };
    let starts = |other: &str| {
        states
            .get(other)
            .is_some_and(|state| state.instances.iter().any(Instance::starts))
    };
    let early = |other: &str| {
        states
            .get(other)
            .is_some_and(|state| state.instances.iter().any(|one| one.early))
    };
    let mut bound: Vec<String> = tied_to(service).into_iter().map(|(name, _)| name).collect();
    bound.extend(
        service
            .volumes_from
            .iter()
            .filter(|from| !from.starts_with("container:"))
            .map(|from| from.split(':').next().unwrap_or(from).to_string()),
    );
    for other in &bound {
        if made(other) {
            instance.early |= early(other);
            if instance.make.is_none() {
                instance.make = Some(Cause::DependencyRecreated {
                    service: other.clone(),
                });
            }
        }
    }
    if instance.make.is_some() {
        return;
    }
    // Tied to a container that somebody else has replaced meanwhile, or that goes.
    if let Some(other) = service
        .network_mode
        .as_deref()
        .and_then(|mode| mode.strip_prefix("service:"))
        && let Some(id) = observed.network_mode.strip_prefix("container:")
    {
        let living = match states.get(other) {
            Some(state) => state.instances.first().and_then(|first| first.observed),
            None => snapshot.of_service(other).next(),
        };
        if living.is_none_or(|living| living.id != id) {
            instance.make = Some(Cause::DependencyRecreated {
                service: other.to_string(),
            });
            return;
        }
    }
    if !observed.is_running() {
        return;
    }
    for (other, _) in tied_to(service) {
        if starts(&other) {
            instance.restart = Some(Cause::DependencyRestarted { service: other });
            return;
        }
    }
    for (other, dependency) in &service.depends_on {
        if dependency.restart && made(other) {
            instance.restart = Some(Cause::DependencyRecreated {
                service: other.clone(),
            });
            return;
        }
        let restarted = states
            .get(other)
            .is_some_and(|state| state.instances.iter().any(|one| one.restart.is_some()));
        if dependency.restart && restarted {
            instance.restart = Some(Cause::DependencyRestarted {
                service: other.clone(),
            });
            return;
        }
    }
}

fn is_awaited_to_complete(project: &Project, name: &str) -> bool {
    project.services.values().any(|service| {
        service
            .depends_on
            .get(name)
            .is_some_and(|dependency| dependency.condition == Condition::CompletedSuccessfully)
    })
}

fn decide_start(
    project: &Project,
    name: &str,
    service: &Service,
    instance: &mut Instance,
    policy: &Policy,
    states: &States,
) {
    if instance.make.is_some() {
        instance.start = instance.make.clone();
        return;
    }
    let Some(observed) = instance.observed else {
        return;
    };
    if observed.is_running() && observed.status != ContainerStatus::Paused {
        return;
    }
    let is_done = policy.skip_done_one_shots
        && observed.status == ContainerStatus::Exited
        && observed.exit_code == Some(0)
        && is_awaited_to_complete(project, name);
    if !is_done {
        instance.start = Some(Cause::NotRunning);
        return;
    }
    let moved = dependencies(service).into_keys().find(|other| {
        states
            .get(other)
            .is_some_and(|state| state.instances.iter().any(Instance::starts))
    });
    if let Some(service) = moved {
        instance.start = Some(Cause::DependencyRestarted { service });
    }
}

/// A finished one-shot runs again before anything that waits for it; and that may be another one-shot.
fn rerun_one_shots(states: &mut States) {
    loop {
        let mut rerun: Option<(String, String)> = None;
        for (name, state) in states.iter() {
            if !state.instances.iter().any(Instance::starts) {
                continue;
            }
            for (other, dependency) in &state.service.depends_on {
                let is_waiting = dependency.condition == Condition::CompletedSuccessfully
                    && states.get(other).is_some_and(|other| {
                        other.instances.iter().any(|instance| {
                            !instance.starts()
                                && instance
                                    .observed
                                    .is_some_and(|observed| !observed.is_running())
                        })
                    });
                if is_waiting {
                    rerun = Some((other.clone(), name.clone()));
                }
            }
        }
        let Some((name, service)) = rerun else {
            return;
        };
        if let Some(state) = states.get_mut(&name) {
            for instance in &mut state.instances {
                if !instance.starts() {
                    instance.start = Some(Cause::RunsBefore {
                        service: service.clone(),
                    });
                }
            }
        }
    }
}

/// Writes the steps down, in an order in which each follows what it needs.
struct Emission<'a> {
    project: &'a Project,
    snapshot: &'a Snapshot,
    policy: &'a Policy,
    services: &'a States<'a>,
    objects: &'a Objects,
    plan: Plan,
    /// Steps by image reference, network name, volume name.
    pulls: HashMap<String, usize>,
    networks: HashMap<String, usize>,
    volumes: HashMap<String, usize>,
    /// By the container's final name: the step after which it exists under that name.
    creates: HashMap<String, usize>,
    /// By volume: the first container that is created with it. The engine fills an empty volume from the image at that moment, and
    /// two that fill one at the same time fail.
    fillers: HashMap<String, usize>,
    /// By the name and by the id of a container that goes.
    removals: HashMap<String, usize>,
    /// By service: the steps that stop its containers.
    stops: HashMap<String, Vec<usize>>,
    /// By service: the steps after which its containers run.
    ready: HashMap<String, Vec<usize>>,
    waits: HashMap<(String, Gate), Option<usize>>,
}

impl<'a> Emission<'a> {
    fn emit(mut self, one_off: Option<&RunRequest>) -> Result<Plan, PlanError> {
        let services = self.services;
        self.pull_images(one_off)?;
        if one_off.is_none() {
            self.remove_orphans();
        }
        for (name, state) in services.iter().rev() {
            for (container, cause) in &state.surplus {
                self.take_away(name, container, cause.clone(), false, Vec::new());
            }
            for instance in state.instances.iter().filter(|instance| instance.early) {
                if let (Some(old), Some(cause)) = (instance.observed, &instance.make) {
                    self.take_away(name, old, cause.clone(), true, Vec::new());
                }
            }
        }
        self.make_networks();
        self.make_volumes();
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
                Pull::ByService => service.pull_policy.as_deref() == Some("never"),
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
                grace: self.policy.timeout.map(|time| time.as_secs()),
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

    fn make_networks(&mut self) {
        for (name, action) in &self.objects.networks {
            let target = Target::Network { name: name.clone() };
            let step = match action {
                NetworkAction::Keep => continue,
                NetworkAction::Create(spec) => self.plan.push(
                    target,
                    Operation::CreateNetwork { spec: spec.clone() },
                    Cause::Missing,
                    Risk::Safe,
                    [],
                ),
                NetworkAction::Replace { id, spec, cause } => {
                    let holders =
                        self.removals_of(|container| container.networks.contains_key(name));
                    let removal = self.plan.push(
                        target.clone(),
                        Operation::RemoveNetwork {
                            name: name.clone(),
                            id: id.clone(),
                        },
                        cause.clone(),
                        Risk::Interrupts,
                        holders,
                    );
                    self.plan.push(
                        target,
                        Operation::CreateNetwork { spec: spec.clone() },
                        cause.clone(),
                        Risk::Safe,
                        [removal],
                    )
                }
            };
            self.networks.insert(name.clone(), step);
        }
        let unused = |id: &String| {
            let containers = &self.snapshot.containers;
            !containers
                .iter()
                .any(|one| one.networks.values().any(|network| network == id))
        };
        for (name, id) in self
            .snapshot
            .network_twins
            .iter()
            .filter(|(_, id)| unused(id))
        {
            let step = self.plan.push(
                Target::Network { name: name.clone() },
                Operation::RemoveNetwork {
                    name: name.clone(),
                    id: id.clone(),
                },
                Cause::Leftover,
                Risk::Safe,
                [],
            );
            // Until it is gone the engine does not know which of the two is meant.
            self.networks.entry(name.clone()).or_insert(step);
        }
    }

    fn make_volumes(&mut self) {
        for (name, action) in &self.objects.volumes {
            let target = Target::Volume { name: name.clone() };
            let step = match action {
                VolumeAction::Keep => continue,
                VolumeAction::Create(spec) => self.plan.push(
                    target,
                    Operation::CreateVolume { spec: spec.clone() },
                    Cause::Missing,
                    Risk::Safe,
                    [],
                ),
                VolumeAction::Replace { spec, cause } => {
                    let holders = self.removals_of(|container| {
                        container.mounts.iter().any(|mount| mount.name == *name)
                    });
                    let removal = self.plan.push(
                        target.clone(),
                        Operation::RemoveVolume { name: name.clone() },
                        cause.clone(),
                        Risk::LosesData,
                        holders,
                    );
                    self.plan.push(
                        target,
                        Operation::CreateVolume { spec: spec.clone() },
                        cause.clone(),
                        Risk::Safe,
                        [removal],
                    )
                }
            };
            self.volumes.insert(name.clone(), step);
        }
    }

    fn removals_of(&self, holds: impl Fn(&ObservedContainer) -> bool) -> Vec<usize> {
        self.snapshot
            .containers
            .iter()
            .filter(|container| holds(container))
            .filter_map(|container| self.removals.get(&container.id).copied())
            .collect()
    }

    fn create(
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
            if instance.is_renamed() {
                let old = instance
                    .observed
                    .map(|observed| observed.name.clone())
                    .unwrap_or_default();
                let after = self.removals.get(&instance.name).copied();
                let step = self.plan.push(
                    target.clone(),
                    Operation::RenameContainer {
                        container: reference.clone(),
                        name: instance.name.clone(),
                    },
                    Cause::Renamed { old },
                    Risk::Safe,
                    after,
                );
                self.creates.insert(instance.name.clone(), step);
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
        after.extend(self.removals.get(&instance.name));
        let mut spec = wanted.clone();
        spec.labels.extend(bookkeeping(
            self.project,
            name,
            service,
            instance.number,
            false,
            wanted,
        ));
        if let Some(image) = self.snapshot.images.get(&wanted.image) {
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
                let image = self.snapshot.images.get(&wanted.image);
                inherited = inherit(old, wanted, image);
            }
        }
        let references = self.references(name, service, &mut after)?;
        check_foreign(name, service, self.snapshot)?;
        let start_probe = (self.policy.quick_probes && self.snapshot.engine.start_interval)
            .then(|| start_probe(wanted, self.snapshot.images.get(&wanted.image)))
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

    /// The container of `run`, made when everything that it depends on is as it has to be.
    fn create_one_off(&mut self, request: &RunRequest) -> Result<(), PlanError> {
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
        if let Some(image) = self.snapshot.images.get(&spec.image) {
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

    /// The containers that `service:NAME` in the specification stands for; the steps that make them go to `after`.
    fn references(
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

    fn stop(&mut self, name: &str, instance: &Instance) {
        let Some(old) = instance.observed else {
            return;
        };
        if instance.early {
            return;
        }
        if let Some(cause) = &instance.make {
            let create = self.creates.get(&instance.name).copied();
            let removal =
                self.take_away(name, old, cause.clone(), true, create.into_iter().collect());
            let rename = self.plan.push(
                Target::Container {
                    service: name.to_string(),
                    name: instance.name.clone(),
                },
                Operation::RenameContainer {
                    container: instance.reference(name),
                    name: instance.name.clone(),
                },
                cause.clone(),
                Risk::Safe,
                [removal],
            );
            self.creates.insert(instance.name.clone(), rename);
        } else if let Some(cause) = &instance.restart {
            self.stop_container(name, old, cause.clone(), true, Vec::new());
        }
    }

    fn start(&mut self, name: &str, state: &ServiceState) {
        let starting: Vec<&Instance> = state
            .instances
            .iter()
            .filter(|instance| instance.starts())
            .collect();
        if starting.is_empty() {
            return;
        }
        let gates = self.gates(name, state.service);
        // Ports of those that go are free only then.
        let holders = self.removals_of(|container| !container.ports.is_empty());
        for instance in starting {
            let steps = self.start_instance(name, state, instance, &gates, &holders);
            self.ready
                .entry(name.to_string())
                .or_default()
                .extend(steps);
        }
    }

    /// The steps after which everything that a service depends on is as it has to be.
    fn gates(&mut self, name: &str, service: &Service) -> Vec<usize> {
        let mut gates = Vec::new();
        for (other, dependency) in dependencies(service) {
            if !self.services.contains_key(&other) {
                continue;
            }
            let gate = match dependency.condition {
                Condition::Started => None,
                Condition::Healthy => Some(Gate::Healthy),
                Condition::CompletedSuccessfully => Some(Gate::Completed),
            };
            let cause = Cause::AwaitedBy {
                services: vec![name.to_string()],
            };
            match gate {
                None => gates.extend(self.ready.get(&other).into_iter().flatten().copied()),
                Some(gate) => gates.extend(self.wait(&other, gate, dependency.required, cause)),
            }
        }
        // A namespace has to be alive before it is entered.
        for (other, _) in tied_to(service) {
            gates.extend(self.ready.get(&other).into_iter().flatten().copied());
        }
        gates
    }

    fn start_instance(
        &mut self,
        name: &str,
        state: &ServiceState,
        instance: &Instance,
        gates: &[usize],
        holders: &[usize],
    ) -> Option<usize> {
        let cause = instance
            .restart
            .clone()
            .or_else(|| instance.start.clone())?;
        let target = Target::Container {
            service: name.to_string(),
            name: instance.name.clone(),
        };
        let container = instance.reference(name);
        let made = self.creates.get(&instance.name).copied();
        let is_paused = instance.restart.is_none()
            && instance.make.is_none()
            && instance
                .observed
                .is_some_and(|observed| observed.status == ContainerStatus::Paused);
        if is_paused {
            return Some(self.plan.push(
                target,
                Operation::UnpauseContainer { container },
                cause,
                Risk::Safe,
                made,
            ));
        }
        let mut after: Vec<usize> = gates.to_vec();
        after.extend(made);
        after.extend(holders);
        if instance.restart.is_some() {
            after.extend(self.stops.get(name).into_iter().flatten());
        }
        let is_new = instance.make.is_some()
            || instance
                .observed
                .is_some_and(|observed| observed.started_at.is_empty());
        if is_new && !instance.wanted.files.is_empty() {
            let upload = self.plan.push(
                target.clone(),
                Operation::UploadFiles {
                    container: container.clone(),
                    files: instance.wanted.files.clone(),
                },
                cause.clone(),
                Risk::Safe,
                made,
            );
            after.push(upload);
        }
        if instance.number == 1 {
            for index in 0..state.service.pre_start.len() {
                let mut init = init_container(self.project, name, state.service, instance, index);
                let mut step_after = after.clone();
                // What cannot be referred to has been refused when the container itself was planned.
                if let Ok(others) = self.references(name, state.service, &mut step_after) {
                    init.references.extend(others);
                }
                let step = self.plan.push(
                    target.clone(),
                    Operation::RunInit {
                        container: container.clone(),
                        init: Box::new(init),
                    },
                    cause.clone(),
                    Risk::Safe,
                    step_after,
                );
                after.push(step);
            }
        }
        let mut step = self.plan.push(
            target.clone(),
            Operation::StartContainer {
                container: container.clone(),
            },
            cause.clone(),
            Risk::Safe,
            after,
        );
        for hook in &state.service.post_start {
            step = self.plan.push(
                target.clone(),
                Operation::RunHook {
                    container: container.clone(),
                    moment: HookMoment::PostStart,
                    hook: hook.clone(),
                },
                cause.clone(),
                Risk::Safe,
                [step],
            );
        }
        Some(step)
    }

    /// The step that waits for a service, unless it is as it should be already.
    fn wait(&mut self, name: &str, gate: Gate, required: bool, cause: Cause) -> Option<usize> {
        let key = (name.to_string(), gate);
        if let Some(known) = self.waits.get(&key).copied() {
            if let (Some(step), Cause::AwaitedBy { services: more }) = (known, &cause) {
                let step = &mut self.plan.steps[step];
                if let Cause::AwaitedBy { services } = &mut step.cause {
                    services.extend(more.iter().cloned());
                }
                if let (
                    Operation::Wait {
                        required: known, ..
                    },
                    true,
                ) = (&mut step.operation, required)
                {
                    *known = true;
                }
            }
            return known;
        }
        let state = self.services.get(name)?;
        let is_settled = |instance: &Instance| {
            !instance.starts()
                && instance
                    .observed
                    .is_some_and(|observed| is_satisfied(observed, gate))
        };
        let step = if state.instances.iter().all(is_settled) {
            None
        } else {
            let containers = state
                .instances
                .iter()
                .map(|instance| instance.reference(name))
                .collect();
            let after = self.ready.get(name).cloned().unwrap_or_default();
            Some(self.plan.push(
                Target::Service {
                    name: name.to_string(),
                },
                Operation::Wait {
                    service: name.to_string(),
                    containers,
                    gate,
                    required,
                },
                cause,
                Risk::Safe,
                after,
            ))
        };
        self.waits.insert(key, step);
        step
    }
}

/// The named volumes that the engine fills from the image if they are empty when a container is created.
fn filled_volumes(spec: &ContainerSpec) -> impl Iterator<Item = &str> {
    spec.mounts
        .iter()
        .filter(|mount| mount.kind == EngineMountKind::Volume && !mount.no_copy)
        .filter_map(|mount| mount.source.as_deref())
}

/// Whether a container that nothing happens to is past the gate.
fn is_satisfied(observed: &ObservedContainer, gate: Gate) -> bool {
    let is_done = observed.status == ContainerStatus::Exited && observed.exit_code == Some(0);
    let runs = observed.status == ContainerStatus::Running;
    match gate {
        Gate::Healthy => runs && observed.health == Some(HealthStatus::Healthy),
        Gate::Completed => is_done,
        Gate::Ready => {
            is_done
                || runs
                    && observed
                        .health
                        .is_none_or(|health| health == HealthStatus::Healthy)
        }
    }
}

pub(super) fn container_target(container: &ObservedContainer) -> Target {
    Target::Container {
        service: container.service.clone(),
        name: container.name.clone(),
    }
}

/// Adds the hooks that run before a container stops; returns what the stop has to follow.
pub(super) fn push_pre_stop(
    plan: &mut Plan,
    service: &Service,
    container: &ObservedContainer,
    cause: &Cause,
    after: Vec<usize>,
) -> Vec<usize> {
    let mut after = after;
    if container.status != ContainerStatus::Running {
        return after;
    }
    for hook in &service.pre_stop {
        let step = plan.push(
            container_target(container),
            Operation::RunHook {
                container: existing(container, &container.name),
                moment: HookMoment::PreStop,
                hook: hook.clone(),
            },
            cause.clone(),
            Risk::Safe,
            after,
        );
        after = vec![step];
    }
    after
}

/// The container of a `pre_start` hook: the service's own description with the hook's command, sharing the volumes of the
/// service's container.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#pre_start>
fn init_container(
    project: &Project,
    name: &str,
    service: &Service,
    instance: &Instance,
    index: usize,
) -> NewContainer {
    let hook = &service.pre_start[index];
    let mut spec = instance.wanted.spec.clone();
    spec.name = format!("{}-{name}-pre_start-{index}", project.name);
    spec.command = Some(hook.command.clone());
    spec.user = hook.user.clone().or(spec.user);
    spec.working_dir = hook.working_dir.clone().or(spec.working_dir);
    spec.privileged |= hook.privileged;
    spec.environment.extend(hook.environment.clone());
    spec.healthcheck = Some(HealthcheckSpec {
        test: vec!["NONE".to_string()],
        ..HealthcheckSpec::default()
    });
    spec.restart = None;
    spec.port_bindings.clear();
    spec.mounts.clear();
    spec.binds.clear();
    spec.tmpfs.clear();
    spec.volumes_from.push(format!("service:{name}"));
    for endpoint in spec.endpoints.values_mut() {
        // The name and the address are the service's.
        endpoint.aliases.clear();
        endpoint.ipv4_address = None;
        endpoint.ipv6_address = None;
        endpoint.mac_address = None;
    }
    spec.mac_address = None;
    spec.labels.extend(project_labels(project));
    spec.labels
        .insert(labels::SERVICE.to_string(), name.to_string());
    spec.labels
        .insert(labels::ONE_OFF.to_string(), "True".to_string());
    spec.labels
        .insert(labels::HOOK.to_string(), "pre_start".to_string());
    NewContainer {
        service: name.to_string(),
        number: 0,
        name: spec.name.clone(),
        spec,
        references: [(name.to_string(), instance.reference(name))].into(),
        inherited: Vec::new(),
        start_probe: None,
    }
}

/// Services whose containers the specification names as `service:NAME`.
fn referred(service: &Service) -> Vec<(String, &'static str)> {
    let mut all = tied_to(service);
    all.extend(
        service
            .volumes_from
            .iter()
            .filter(|from| !from.starts_with("container:"))
            .map(|from| {
                let other = from.split(':').next().unwrap_or(from);
                (other.to_string(), "volumes_from")
            }),
    );
    all
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

/// Anonymous volumes of the old container that the new one would otherwise get empty.
fn inherit(
    old: &ObservedContainer,
    wanted: &ContainerSpec,
    image: Option<&ObservedImage>,
) -> Vec<InheritedVolume> {
    old.mounts
        .iter()
        .filter(|mount| mount.kind == "volume" && !mount.name.is_empty())
        .filter(|mount| {
            let declared = wanted
                .mounts
                .iter()
                .find(|wanted| wanted.target == mount.target);
            let is_covered = wanted.binds.iter().any(|bind| bind.target == mount.target)
                || wanted.tmpfs.contains_key(&mount.target);
            match declared {
                Some(wanted) => wanted.kind == EngineMountKind::Volume && wanted.source.is_none(),
                None if is_covered => false,
                None => match image {
                    Some(image) => image.volumes.contains(&mount.target),
                    None => is_anonymous(&mount.name),
                },
            }
        })
        .filter(|mount| is_anonymous(&mount.name))
        .map(|mount| InheritedVolume {
            volume: mount.name.clone(),
            target: mount.target.clone(),
        })
        .collect()
}

pub(super) fn has_anonymous_volume(container: &ObservedContainer) -> bool {
    container
        .mounts
        .iter()
        .any(|mount| mount.kind == "volume" && is_anonymous(&mount.name))
}

/// The engine names anonymous volumes with 64 hexadecimal digits.
fn is_anonymous(volume: &str) -> bool {
    volume.len() == 64 && volume.bytes().all(|byte| byte.is_ascii_hexdigit())
}

const SECOND: i64 = 1_000_000_000;
/// The engine's interval where none is given.
const DEFAULT_INTERVAL: i64 = 30 * SECOND;

/// Probes for the first second of a container's life, when most services become ready; slower ones are probed by wharf at
/// a pace that follows the probe's cost. The first failure that counts comes at most a second later than without.
fn start_probe(spec: &ContainerSpec, image: Option<&ObservedImage>) -> Option<StartProbe> {
    let own = spec.healthcheck.clone().unwrap_or_default();
    let inherited = image
        .and_then(|image| image.healthcheck.clone())
        .unwrap_or_default();
    let test = if own.test.is_empty() {
        &inherited.test
    } else {
        &own.test
    };
    if test.is_empty() || test.first().is_some_and(|kind| kind == "NONE") {
        return None;
    }
    let value = |field: fn(&HealthcheckSpec) -> Option<i64>| {
        let set = |check: &HealthcheckSpec| field(check).filter(|time| *time > 0);
        set(&own).or_else(|| set(&inherited))
    };
    if value(|check| check.start_interval).is_some() {
        return None;
    }
    let interval = value(|check| check.interval).unwrap_or(DEFAULT_INTERVAL);
    match value(|check| check.start_period) {
        Some(start_period) => Some(StartProbe {
            start_period,
            start_interval: interval.min(SECOND),
        }),
        None if interval <= SECOND / 5 => None,
        None => Some(StartProbe {
            start_period: interval.min(SECOND),
            start_interval: SECOND / 10,
        }),
    }
}
