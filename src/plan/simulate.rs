//! A pure stand-in for an engine, for laws about plans: it does the steps to a snapshot and refuses what an engine would.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::{ContainerRef, NewContainer, Operation, Plan};
use crate::engine::{ContainerStatus, HealthStatus, MountPoint, PublishedPort};
use crate::observe::{
    ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume, Snapshot, labels,
};

/// Does the steps in this order.
pub(super) fn simulate(
    world: &Snapshot,
    plan: &Plan,
    order: &[usize],
    serial: &mut u64,
) -> Snapshot {
    let mut world = world.clone();
    let mut ids: IndexMap<String, String> = IndexMap::new();
    let mut done = BTreeSet::new();
    for index in order {
        let step = &plan.steps[*index];
        assert!(
            step.after.iter().all(|earlier| done.contains(earlier)),
            "step {} before those it follows\n{plan}",
            index + 1
        );
        done.insert(*index);
        *serial += 1;
        if let Err(refusal) = perform(&mut world, &step.operation, &mut ids, *serial) {
            panic!("step {}: {refusal}\n{plan}", index + 1);
        }
    }
    world.containers.sort_by(|a, b| {
        (&a.service, a.number, &a.created, &a.id).cmp(&(&b.service, b.number, &b.created, &b.id))
    });
    world.networks.sort_keys();
    world.volumes.sort_keys();
    world
}

fn perform(
    world: &mut Snapshot,
    operation: &Operation,
    ids: &mut IndexMap<String, String>,
    serial: u64,
) -> Result<(), String> {
    match operation {
        Operation::PullImage { reference, .. } => {
            world.images.insert(
                reference.clone(),
                ObservedImage {
                    id: format!("sha256:{reference}"),
                    ..ObservedImage::default()
                },
            );
        }
        Operation::RemoveImage { reference } => {
            world.images.shift_remove(reference);
        }
        Operation::CreateNetwork { spec } => {
            if world.networks.contains_key(&spec.name) {
                return Err(format!("network {} exists", spec.name));
            }
            let network = ObservedNetwork {
                id: format!("network{serial}"),
                name: spec.name.clone(),
                key: spec.labels.get(labels::NETWORK).cloned(),
                spec: spec
                    .labels
                    .get(labels::SPEC)
                    .and_then(|text| labels::unpack(text)),
                labels: spec.labels.clone(),
                ..ObservedNetwork::default()
            };
            world.networks.insert(spec.name.clone(), network);
        }
        Operation::RemoveNetwork { name, .. } => {
            let holder = world
                .containers
                .iter()
                .find(|container| container.networks.contains_key(name));
            if let Some(holder) = holder {
                return Err(format!("network {name} is used by {}", holder.name));
            }
            world
                .networks
                .shift_remove(name)
                .ok_or(format!("no network {name}"))?;
        }
        Operation::CreateVolume { spec } => {
            let volume = ObservedVolume {
                name: spec.name.clone(),
                key: spec.labels.get(labels::VOLUME).cloned(),
                spec: spec
                    .labels
                    .get(labels::SPEC)
                    .and_then(|text| labels::unpack(text)),
                labels: spec.labels.clone(),
                ..ObservedVolume::default()
            };
            if world.volumes.insert(spec.name.clone(), volume).is_some() {
                return Err(format!("volume {} exists", spec.name));
            }
        }
        Operation::RemoveVolume { name } => {
            let holder = world
                .containers
                .iter()
                .find(|container| container.mounts.iter().any(|mount| mount.name == *name));
            if let Some(holder) = holder {
                return Err(format!("volume {name} is used by {}", holder.name));
            }
            world
                .volumes
                .shift_remove(name)
                .ok_or(format!("no volume {name}"))?;
        }
        Operation::CreateContainer { container } => create(world, container, ids, serial)?,
        Operation::StartContainer { container } => {
            let owners: Vec<String> = find(world, ids, container)?
                .namespace_owners()
                .map(str::to_string)
                .collect();
            for id in owners {
                let other = world
                    .container(&id)
                    .ok_or("the namespace's container is gone")?;
                if !other.is_running() {
                    return Err(format!("{} does not run", other.name));
                }
            }
            let one = find(world, ids, container)?;
            one.status = ContainerStatus::Running;
            one.started_at = format!("t{serial}");
            one.exit_code = None;
            one.health = one.healthcheck.as_ref().map(|_| HealthStatus::Starting);
        }
        Operation::StopContainer { container, .. } => {
            let one = find(world, ids, container)?;
            one.status = ContainerStatus::Exited;
            one.exit_code = Some(143);
        }
        Operation::RemoveContainer { container, .. } => {
            let id = find(world, ids, container)?.id.clone();
            world.containers.retain(|one| one.id != id);
        }
        Operation::RenameContainer { container, name } => {
            if world.containers.iter().any(|one| one.name == *name) {
                return Err(format!("the name {name} is taken"));
            }
            find(world, ids, container)?.name.clone_from(name);
        }
        Operation::LeaveNetwork {
            container, name, ..
        } => {
            let one = find(world, ids, container)?;
            if one.is_running() {
                return Err(format!("{} runs in {name}", one.name));
            }
            one.networks.shift_remove(name);
        }
        Operation::JoinNetwork {
            container, name, ..
        } => {
            let network = world
                .networks
                .get(name)
                .ok_or(format!("no network {name}"))?;
            let id = network.id.clone();
            let one = find(world, ids, container)?;
            if one.networks.insert(name.clone(), id).is_some() {
                return Err(format!("{} is in {name} already", one.name));
            }
        }
        Operation::UpdateContainer {
            container,
            limits,
            restart,
        } => {
            let one = find(world, ids, container)?;
            one.limits = Some(limits.clone());
            if restart.is_some() {
                one.restart.clone_from(restart);
            }
        }
        Operation::UnpauseContainer { container } => {
            find(world, ids, container)?.status = ContainerStatus::Running;
        }
        Operation::Wait {
            containers, gate, ..
        } => {
            for container in containers {
                let one = find(world, ids, container)?;
                if !one.is_running() && one.exit_code != Some(0) {
                    return Err(format!("waits for {}, which does not run", one.name));
                }
                if one.health.is_some() {
                    one.health = Some(HealthStatus::Healthy);
                }
                if *gate == super::Gate::Completed {
                    one.status = ContainerStatus::Exited;
                    one.exit_code = Some(0);
                }
            }
        }
        other => return Err(format!("{} is not simulated", other.verb())),
    }
    Ok(())
}

fn find<'a>(
    world: &'a mut Snapshot,
    ids: &IndexMap<String, String>,
    container: &ContainerRef,
) -> Result<&'a mut ObservedContainer, String> {
    let id = container
        .id
        .as_ref()
        .or_else(|| ids.get(&container.name))
        .ok_or(format!("nothing made {}", container.name))?;
    world
        .containers
        .iter_mut()
        .find(|one| one.id == *id)
        .ok_or(format!("{} is gone", container.name))
}

fn create(
    world: &mut Snapshot,
    new: &NewContainer,
    ids: &mut IndexMap<String, String>,
    serial: u64,
) -> Result<(), String> {
    let spec = &new.spec;
    let image = world
        .images
        .get(&spec.image)
        .ok_or(format!("no image {}", spec.image))?;
    if world.containers.iter().any(|one| one.name == spec.name) {
        return Err(format!("the name {} is taken", spec.name));
    }
    let mut networks = IndexMap::new();
    for name in spec.endpoints.keys() {
        let network = world
            .networks
            .get(name)
            .ok_or(format!("no network {name}"))?;
        networks.insert(name.clone(), network.id.clone());
    }
    for mount in &spec.mounts {
        if let Some(source) = &mount.source
            && !world.volumes.contains_key(source)
        {
            return Err(format!("no volume {source}"));
        }
    }
    let mut modes =
        [&spec.network_mode, &spec.ipc, &spec.pid].map(|mode| mode.clone().unwrap_or_default());
    for (service, reference) in &new.references {
        let id = reference
            .id
            .as_ref()
            .or_else(|| ids.get(&reference.name))
            .ok_or(format!("nothing made {}", reference.name))?;
        if world.container(id).is_none() {
            return Err(format!("{} is gone", reference.name));
        }
        for mode in &mut modes {
            if *mode == format!("service:{service}") {
                *mode = format!("container:{id}");
            }
        }
    }
    let [network_mode, ipc_mode, pid_mode] = modes;
    // Short ids differ, as real ones do.
    let id = format!("{serial:012x}{:052x}", 0);
    let mut labels = spec.labels.clone();
    labels.insert(labels::IMAGE.to_string(), image.id.clone());
    let label = |key: &str| labels.get(key).cloned().unwrap_or_default();
    ids.insert(new.name.clone(), id.clone());
    world.containers.push(ObservedContainer {
        name: spec.name.clone(),
        service: label(labels::SERVICE),
        number: label(labels::CONTAINER_NUMBER).parse().unwrap_or(0),
        one_off: label(labels::ONE_OFF) == "True",
        status: ContainerStatus::Created,
        image: spec.image.clone(),
        image_id: image.id.clone(),
        config_hash: label(labels::CONFIG_HASH),
        spec: labels
            .get(labels::SPEC)
            .and_then(|text| labels::unpack(text)),
        network_mode,
        ipc_mode,
        pid_mode,
        networks,
        mounts: spec
            .mounts
            .iter()
            .enumerate()
            .map(|(index, mount)| {
                let inherited = new
                    .inherited
                    .iter()
                    .find(|volume| volume.target == mount.target)
                    .map(|volume| volume.volume.clone());
                MountPoint {
                    kind: "volume".to_string(),
                    name: mount
                        .source
                        .clone()
                        .or(inherited)
                        .unwrap_or_else(|| format!("{:064x}", serial * 100 + index as u64)),
                    target: mount.target.clone(),
                    writable: true,
                    ..MountPoint::default()
                }
            })
            .collect(),
        ports: spec
            .port_bindings
            .iter()
            .map(|binding| PublishedPort {
                host_port: binding.host_port.parse().ok(),
                container_port: binding.container_port,
                ..PublishedPort::default()
            })
            .collect(),
        healthcheck: spec.healthcheck.clone(),
        created: format!("{serial:08}"),
        limits: Some(spec.limits.clone()),
        restart: spec.restart.clone(),
        labels,
        id,
        ..ObservedContainer::default()
    });
    Ok(())
}
