use std::collections::HashMap;

use indexmap::IndexSet;

use super::hook::push_pre_stop;
use super::inherit::has_anonymous_volume;
use super::operation::container_target;
use super::{
    Cause, ContainerRef, DownPolicy, Operation, Plan, RemoveImages, Risk, Target, Verb, image_of,
    orphans,
};
use crate::model::{MountKind, Project, Service};
use crate::observe::{ObservedContainer, Snapshot, labels};

/// The steps that take a project away. `project`: `None` when only its name is known; then everything that carries the
/// name goes, dependents first as far as the containers' labels tell.
pub fn down(project: Option<&Project>, snapshot: &Snapshot, policy: &DownPolicy) -> Plan {
    let mut plan = Plan::new(Verb::Down, snapshot);
    let chosen = choose(project, snapshot, policy, &mut plan.notes);
    let mut stops: HashMap<String, Vec<usize>> = HashMap::new();
    let mut removals: HashMap<String, usize> = HashMap::new();
    for container in dependents_first(&chosen) {
        let mut after: Vec<usize> = Vec::new();
        for other in &chosen {
            if needs(other).contains(&container.service) && other.service != container.service {
                after.extend(stops.get(&other.service).into_iter().flatten());
            }
        }
        let service = project.and_then(|project| {
            project
                .services
                .get(&container.service)
                .or_else(|| project.inactive.get(&container.service))
        });
        let reference = reference(container);
        if container.is_running() && !policy.kill {
            if let Some(service) = service {
                after = push_pre_stop(&mut plan, service, container, &Cause::Requested, after);
            }
            let stop = plan.push(
                container_target(container),
                Operation::StopContainer {
                    container: reference.clone(),
                    grace: policy.timeout,
                },
                Cause::Requested,
                Risk::Interrupts,
                after,
            );
            stops
                .entry(container.service.clone())
                .or_default()
                .push(stop);
            after = vec![stop];
        }
        let has_data = policy.volumes && has_anonymous_volume(container);
        let remove = plan.push(
            container_target(container),
            Operation::RemoveContainer {
                container: reference,
                force: true,
                volumes: policy.volumes,
            },
            Cause::Requested,
            match (has_data, container.is_running()) {
                (true, _) => Risk::LosesData,
                (false, true) => Risk::Interrupts,
                (false, false) => Risk::Safe,
            },
            after,
        );
        if policy.kill {
            stops
                .entry(container.service.clone())
                .or_default()
                .push(remove);
        }
        removals.insert(container.id.clone(), remove);
    }
    if policy.services.is_empty() {
        remove_networks(project, snapshot, &removals, &mut plan);
    }
    if policy.volumes {
        remove_volumes(project, snapshot, policy, &removals, &mut plan);
    }
    remove_images(project, snapshot, policy, &chosen, &removals, &mut plan);
    plan
}

/// The containers that go.
fn choose<'a>(
    project: Option<&Project>,
    snapshot: &'a Snapshot,
    policy: &DownPolicy,
    notes: &mut Vec<String>,
) -> Vec<&'a ObservedContainer> {
    let strangers = project.map_or_else(Vec::new, |project| orphans::orphans(project, snapshot));
    let is_stranger = |container: &ObservedContainer| {
        let is_of_service = project.is_none_or(|project| {
            project.services.contains_key(&container.service)
                || project.inactive.contains_key(&container.service)
        });
        // What `run` has left behind goes with its service.
        let is_foreign = strangers.iter().any(|stranger| stranger.id == container.id);
        !is_of_service || is_foreign && !container.one_off
    };
    let chosen: Vec<&ObservedContainer> = snapshot
        .containers
        .iter()
        .filter(|container| {
            if policy.services.is_empty() {
                policy.remove_orphans || !is_stranger(container)
            } else {
                policy.services.contains(&container.service)
            }
        })
        .collect();
    if policy.services.is_empty() && !policy.remove_orphans {
        let staying: Vec<&ObservedContainer> = strangers
            .iter()
            .copied()
            .filter(|stranger| is_stranger(stranger))
            .collect();
        notes.extend(orphans::note(&staying));
    }
    chosen
}

/// The services that a container's label says it needs.
fn needs(container: &ObservedContainer) -> IndexSet<String> {
    container
        .labels
        .get(labels::DEPENDS_ON)
        .map(|text| labels::parse_depends_on(text).into_keys().collect())
        .unwrap_or_default()
}

/// Containers whose service nobody left needs, again and again; what is left of a circle comes last.
fn dependents_first<'a>(containers: &[&'a ObservedContainer]) -> Vec<&'a ObservedContainer> {
    let mut left: Vec<&ObservedContainer> = containers.to_vec();
    let mut sorted = Vec::new();
    while !left.is_empty() {
        let needed: IndexSet<String> = left
            .iter()
            .flat_map(|container| {
                let own = container.service.clone();
                needs(container)
                    .into_iter()
                    .filter(move |name| *name != own)
            })
            .collect();
        let (free, rest): (Vec<_>, Vec<_>) = left
            .iter()
            .partition(|container| !needed.contains(&container.service));
        if free.is_empty() {
            sorted.extend(rest);
            break;
        }
        sorted.extend(free);
        left = rest;
    }
    sorted
}

fn reference(container: &ObservedContainer) -> ContainerRef {
    ContainerRef {
        service: container.service.clone(),
        name: container.name.clone(),
        id: Some(container.id.clone()),
        status: Some(container.status),
    }
}

/// What the containers of a project use, and what goes once nobody uses it.
struct Used<'a> {
    kind: &'static str,
    name: &'a str,
    operation: Operation,
    target: Target,
    risk: Risk,
}

/// Removes it after the containers of the project that hold it; a container that stays keeps it.
fn remove_used(
    used: Used,
    snapshot: &Snapshot,
    removals: &HashMap<String, usize>,
    plan: &mut Plan,
    holds: impl Fn(&ObservedContainer) -> bool,
) {
    let holders: Vec<&ObservedContainer> = snapshot
        .containers
        .iter()
        .filter(|container| holds(container))
        .collect();
    if let Some(holder) = holders
        .iter()
        .find(|container| !removals.contains_key(&container.id))
    {
        plan.notes.push(format!(
            "{} `{}` stays, because `{}` uses it",
            used.kind, used.name, holder.name
        ));
        return;
    }
    let after: Vec<usize> = holders
        .iter()
        .filter_map(|container| removals.get(&container.id).copied())
        .collect();
    plan.push(
        used.target,
        used.operation,
        Cause::Requested,
        used.risk,
        after,
    );
}

fn remove_networks(
    project: Option<&Project>,
    snapshot: &Snapshot,
    removals: &HashMap<String, usize>,
    plan: &mut Plan,
) {
    for network in snapshot.networks.values() {
        let is_external = project.is_some_and(|project| {
            project
                .networks
                .values()
                .any(|one| one.external && one.name == network.name)
        });
        if network.key.is_none() || is_external {
            continue;
        }
        let name = network.name.clone();
        let used = Used {
            kind: "network",
            name: &network.name,
            target: Target::Network { name: name.clone() },
            operation: Operation::RemoveNetwork {
                name,
                id: network.id.clone(),
            },
            risk: Risk::Safe,
        };
        remove_used(used, snapshot, removals, plan, |container| {
            container.networks.contains_key(&network.name)
        });
    }
    for (name, id) in &snapshot.network_twins {
        plan.push(
            Target::Network { name: name.clone() },
            Operation::RemoveNetwork {
                name: name.clone(),
                id: id.clone(),
            },
            Cause::Leftover,
            Risk::Safe,
            removals.values().copied(),
        );
    }
}

/// Removes the volumes that the project describes; with services, those that only these services mount. What was made for the
/// project and is not described, in these files or any more, may be kept for its data: it goes with the orphans only.
fn remove_volumes(
    project: Option<&Project>,
    snapshot: &Snapshot,
    policy: &DownPolicy,
    removals: &HashMap<String, usize>,
    plan: &mut Plan,
) {
    let mut kept = Vec::new();
    for volume in snapshot.volumes.values() {
        let described = project.and_then(|project| {
            project
                .volumes
                .iter()
                .find(|(_, one)| one.name == volume.name)
        });
        if volume.key.is_none() || described.is_some_and(|(_, one)| one.external) {
            continue;
        }
        match (project, described) {
            (Some(project), Some((key, _))) if !is_only_of(project, key, &policy.services) => {
                continue;
            }
            (Some(_), None) if !policy.services.is_empty() => {
                continue;
            }
            (Some(_), None) if !policy.remove_orphans => {
                kept.push(format!("`{}`", volume.name));
                continue;
            }
            _ => {}
        }
        let name = volume.name.clone();
        let used = Used {
            kind: "volume",
            name: &volume.name,
            target: Target::Volume { name: name.clone() },
            operation: Operation::RemoveVolume { name },
            risk: Risk::LosesData,
        };
        remove_used(used, snapshot, removals, plan, |container| {
            let mut mounts = container.mounts.iter();
            mounts.any(|mount| mount.name == volume.name)
        });
    }
    if !kept.is_empty() {
        plan.notes.push(format!(
            "kept, because the files do not describe {}: {} (`--remove-orphans` removes it with its data)",
            if kept.len() == 1 { "it" } else { "them" },
            kept.join(", ")
        ));
    }
}

/// Whether no service but these mounts a volume; all do when there are none.
fn is_only_of(project: &Project, key: &str, services: &[String]) -> bool {
    let mounts = |service: &Service| {
        let mut mounts = service.volumes.iter();
        mounts.any(|mount| mount.kind == MountKind::Volume && mount.source.as_deref() == Some(key))
    };
    if services.is_empty() {
        return true;
    }
    let all = || project.services.iter().chain(&project.inactive);
    let is_mounted = all().any(|(name, service)| services.contains(name) && mounts(service));
    is_mounted && all().all(|(name, service)| services.contains(name) || !mounts(service))
}

fn remove_images(
    project: Option<&Project>,
    snapshot: &Snapshot,
    policy: &DownPolicy,
    chosen: &[&ObservedContainer],
    removals: &HashMap<String, usize>,
    plan: &mut Plan,
) {
    let Some(project) = project else {
        return;
    };
    let mut references = IndexSet::new();
    for (name, service) in &project.services {
        let is_wanted = match policy.images {
            RemoveImages::None => false,
            RemoveImages::Local => service.image.is_none() && service.build.is_some(),
            RemoveImages::All => true,
        };
        let is_chosen = policy.services.is_empty() || policy.services.contains(name);
        let reference = image_of(project, name, service);
        if is_wanted && is_chosen && snapshot.images.contains_key(&reference) {
            references.insert(reference);
        }
    }
    let after: Vec<usize> = chosen
        .iter()
        .filter_map(|container| removals.get(&container.id).copied())
        .collect();
    for reference in references {
        plan.push(
            Target::Image {
                reference: reference.clone(),
            },
            Operation::RemoveImage { reference },
            Cause::Requested,
            Risk::Safe,
            after.clone(),
        );
    }
}
