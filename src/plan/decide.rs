use indexmap::IndexMap;

use super::config_hash;
use super::in_place::{Difference, difference};
use super::inherit::has_anonymous_volume;
use super::objects::Objects;
use super::order::{bound_to, service_order, tied_to};
use super::pairing::{Instance, States, as_it_is, pair};
use super::{Cause, PlanError, Policy, Recreate, dependencies};
use crate::engine::ContainerStatus;
use crate::model::{Condition, Project, Service};
use crate::observe::{ObservedContainer, Snapshot, labels};

pub(super) fn decide<'a>(
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
            follow(project, service, instance, &states, snapshot);
            settle_rejoining(instance, objects);
            if policy.start {
                decide_start(project, name, service, instance, policy, &states);
            }
        }
        states.insert(name.clone(), state);
    }
    if policy.start {
        rerun_one_shots(&mut states);
        if policy.follow_outsiders {
            add_followers(project, snapshot, policy, objects, &mut states)?;
        }
    }
    Ok(states)
}

/// Running containers outside of the selection that what happens to it would leave behind: those in a namespace that is
/// replaced or starts anew, and those that ask to be restarted with what they depend on. They are not compared.
fn add_followers<'a>(
    project: &'a Project,
    snapshot: &'a Snapshot,
    policy: &Policy,
    objects: &Objects,
    states: &mut States<'a>,
) -> Result<(), PlanError> {
    for name in service_order(project, &[], true)? {
        let service = &project.services[&name];
        let mut leaders = bound_to(service);
        if !policy.no_deps {
            let restarting = service.depends_on.iter().filter(|(_, one)| one.restart);
            leaders.extend(restarting.map(|(other, _)| other.clone()));
        }
        let is_concerned = leaders.iter().any(|other| {
            states.get(other).is_some_and(|state| {
                let mut instances = state.instances.iter();
                instances.any(|one| one.make.is_some() || one.starts())
            })
        });
        // One that refers to what is not there cannot be made, nor started in a namespace of what does not run; a whole
        // `up` does both.
        let there = |other: &String| snapshot.of_service(other).next();
        let is_whole = bound_to(service)
            .iter()
            .all(|other| states.contains_key(other) || there(other).is_some())
            && tied_to(service).iter().all(|(other, _)| {
                states.contains_key(other) || there(other).is_some_and(|one| one.is_running())
            });
        if states.contains_key(&name) || !is_concerned || !is_whole {
            continue;
        }
        let mut state = as_it_is(project, snapshot, policy, &name, service)?;
        // Several containers cannot take the one name that the files have given them since.
        if service.container_name.is_some() && state.instances.len() > 1 {
            continue;
        }
        for instance in &mut state.instances {
            follow(project, service, instance, states, snapshot);
            settle_rejoining(instance, objects);
            instance.start.clone_from(&instance.make);
        }
        let moves = |one: &Instance| one.make.is_some() || one.starts();
        if state.instances.iter().any(moves) {
            states.insert(name, state);
        }
    }
    Ok(())
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
    if let Some(cause) = objects.volume_under(observed) {
        instance.make = Some(cause);
        instance.early = true;
        return;
    }
    instance.rejoin = objects
        .network_under(observed)
        .or_else(|| lost_network(observed, instance, objects));
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
    if policy.renew_anonymous_volumes && has_anonymous_volume(observed) {
        instance.make = Some(Cause::Requested);
        return;
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

/// A network that the container was made for, and is not in any more.
fn lost_network(
    observed: &ObservedContainer,
    instance: &Instance,
    objects: &Objects,
) -> Option<Cause> {
    let made_for = &observed.spec.as_ref()?.endpoints;
    let mut wanted = instance.wanted.spec.endpoints.keys();
    let lost = wanted.find(|name| {
        made_for.contains_key(*name)
            && !observed.networks.contains_key(*name)
            && objects.networks.contains_key(*name)
    })?;
    Some(Cause::NetworkLost {
        network: lost.clone(),
    })
}

/// A container that is made anew holds no network that is replaced; one that only changes networks starts again if it has to be stopped
/// for it.
fn settle_rejoining(instance: &mut Instance, objects: &Objects) {
    let Some(observed) = instance.observed else {
        return;
    };
    let is_held = objects.network_under(observed).is_some();
    if instance.make.is_some() {
        instance.rejoin = None;
        instance.early |= is_held || objects.volume_under(observed).is_some();
    } else if instance.rejoin.is_some() && is_held && observed.is_running() {
        instance.restart = None;
        instance.start.clone_from(&instance.rejoin);
    }
}

/// What happens to a container because of those it is tied to.
fn follow(
    project: &Project,
    service: &Service,
    instance: &mut Instance,
    states: &States,
    snapshot: &Snapshot,
) {
    follow_leaders(service, instance, states, snapshot);
    if instance.restart.is_some()
        && let Some(owner) = instance
            .observed
            .and_then(|observed| lost_owner(project, service, observed, states, snapshot))
    {
        instance.restart = None;
        instance.make = Some(Cause::DependencyRestarted { service: owner });
    }
}

/// The service in whose namespace the container runs, and can start no more: its container goes because fewer are wanted, or
/// it ends by itself, as a one-shot to which the files tie nothing any longer.
fn lost_owner(
    project: &Project,
    service: &Service,
    observed: &ObservedContainer,
    states: &States,
    snapshot: &Snapshot,
) -> Option<String> {
    let bound = bound_to(service);
    observed.namespace_owners().find_map(|id| {
        let owner = snapshot.containers.iter().find(|one| one.id == id)?;
        let mut stay = states.get(&owner.service)?.instances.iter();
        let stays = stay.any(|one| one.observed.is_some_and(|observed| observed.id == id));
        let ends =
            !bound.contains(&owner.service) && is_awaited_to_complete(project, &owner.service);
        (!stays || ends).then(|| owner.service.clone())
    })
}

fn follow_leaders(
    service: &Service,
    instance: &mut Instance,
    states: &States,
    snapshot: &Snapshot,
) {
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
    for other in &bound_to(service) {
        if made(other) && (instance.make.is_some() || is_bound(observed, other)) {
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
    // Its namespace goes with the container that it runs in now, whatever the files say by now.
    for id in observed.namespace_owners() {
        let owner = states.iter().find_map(|(name, state)| {
            let mut instances = state.instances.iter();
            let owner = instances.find(|one| {
                one.make.is_some() && one.observed.is_some_and(|observed| observed.id == id)
            })?;
            Some((name, owner.early))
        });
        if let Some((owner, early)) = owner {
            instance.early |= early;
            instance.make = Some(Cause::DependencyRecreated {
                service: owner.clone(),
            });
            return;
        }
    }
    // Tied to a container that somebody else has replaced meanwhile, or that goes.
    for (wanted, actual) in [
        (&service.network_mode, &observed.network_mode),
        (&service.ipc, &observed.ipc_mode),
        (&service.pid, &observed.pid_mode),
    ] {
        let Some(other) = wanted
            .as_deref()
            .and_then(|mode| mode.strip_prefix("service:"))
        else {
            continue;
        };
        let Some(id) = actual.strip_prefix("container:") else {
            continue;
        };
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

/// Whether the container, as it is, shares a namespace or volumes with those of `other`; the files may say so only since.
fn is_bound(observed: &ObservedContainer, other: &str) -> bool {
    let Some(recorded) = &observed.spec else {
        return true;
    };
    let named = |text: &str| {
        text.strip_prefix("service:")
            .is_some_and(|rest| rest.split(':').next() == Some(other))
    };
    let modes = [&recorded.network_mode, &recorded.ipc, &recorded.pid];
    modes.into_iter().flatten().any(|mode| named(mode))
        || recorded.volumes_from.iter().any(|from| named(from))
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
