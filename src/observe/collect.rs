use chrono::Utc;
use futures_util::stream::{FuturesUnordered, StreamExt};
use futures_util::try_join;
use indexmap::{IndexMap, IndexSet};

use super::labels;
use super::snapshot::{
    EngineTraits, ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume, Snapshot,
    Stranger,
};
use crate::engine::{Engine, EngineResult};
use crate::model::{MountKind, Project};

/// How many inspections are under way at once: enough to hide the engine's latency, few enough for its file handles.
const INSPECTIONS: usize = 32;

/// What a project refers to that its labels do not find: images, and objects of other owners.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// Image references.
    pub images: IndexSet<String>,
    /// Engine's names of networks.
    pub networks: IndexSet<String>,
    /// Engine's names of volumes.
    pub volumes: IndexSet<String>,
    /// Names or ids of containers.
    pub containers: IndexSet<String>,
    /// Names that the files give to the project's own containers.
    pub own_names: IndexSet<String>,
}

/// Everything the project names.
pub fn references(project: &Project) -> References {
    let mut found = References::default();
    for network in project.networks.values() {
        found.networks.insert(network.name.clone());
    }
    for volume in project.volumes.values() {
        found.volumes.insert(volume.name.clone());
    }
    for (name, service) in &project.services {
        found.images.insert(service.image_name(&project.name, name));
        for mount in &service.volumes {
            if mount.kind == MountKind::Image {
                found.images.extend(mount.source.clone());
            }
        }
        found.own_names.extend(service.container_name.clone());
        let modes = [&service.network_mode, &service.ipc, &service.pid];
        for mode in modes.into_iter().flatten() {
            if let Some(container) = mode.strip_prefix("container:") {
                found.containers.insert(container.to_string());
            }
        }
        for link in &service.external_links {
            let container = link.split(':').next().unwrap_or(link);
            found.containers.insert(container.to_string());
        }
        for from in &service.volumes_from {
            if let Some(rest) = from.strip_prefix("container:") {
                let container = rest.split(':').next().unwrap_or(rest);
                found.containers.insert(container.to_string());
            }
        }
    }
    found
}

/// Reads what the engine has of the project: three lists and one inspection for each object, all at once.
pub async fn collect(engine: &dyn Engine, project: &Project) -> EngineResult<Snapshot> {
    read(engine, &project.name, &references(project)).await
}

/// Reads what the engine has of a project of which only the name is known.
pub async fn collect_by_name(engine: &dyn Engine, project: &str) -> EngineResult<Snapshot> {
    read(engine, project, &References::default()).await
}

async fn read(
    engine: &dyn Engine,
    project: &str,
    references: &References,
) -> EngineResult<Snapshot> {
    let (containers, (networks, network_twins), volumes, images, foreign) = try_join!(
        collect_containers(engine, project, None),
        networks(engine, project, references),
        volumes(engine, project, references),
        images(engine, references),
        foreign(engine, references),
    )?;
    let strangers = strangers(engine, project, references, &containers).await?;
    Ok(Snapshot {
        project: project.to_string(),
        containers,
        networks,
        network_twins,
        volumes,
        images,
        foreign,
        strangers,
        engine: EngineTraits::from(engine.info()),
    })
}

/// Reads the containers of a project and nothing else; `service`: of that one only.
pub async fn collect_containers(
    engine: &dyn Engine,
    project: &str,
    service: Option<&str>,
) -> EngineResult<Vec<ObservedContainer>> {
    let of_service = service.map(|service| (labels::SERVICE, service));
    let filter: Vec<(&str, &str)> = [(labels::PROJECT, project)]
        .into_iter()
        .chain(of_service)
        .collect();
    let listed = engine.list_containers(&filter).await?;
    // A container may go between list and inspection: `None` is not an error.
    let mut containers: Vec<ObservedContainer> = concurrently(
        listed
            .iter()
            .map(|summary| engine.inspect_container(&summary.id)),
    )
    .await?
    .into_iter()
    .flatten()
    .map(ObservedContainer::from)
    .collect();
    containers.sort_by(|a, b| {
        (&a.service, a.number, &a.created, &a.id).cmp(&(&b.service, b.number, &b.created, &b.id))
    });
    Ok(containers)
}

async fn networks(
    engine: &dyn Engine,
    project: &str,
    references: &References,
) -> EngineResult<(IndexMap<String, ObservedNetwork>, Vec<(String, String)>)> {
    let filter = [(labels::PROJECT, project)];
    let (listed, named) = try_join!(
        engine.list_networks(&filter),
        concurrently(
            references
                .networks
                .iter()
                .map(|name| engine.inspect_network(name))
        ),
    )?;
    let mut networks: IndexMap<String, ObservedNetwork> = IndexMap::new();
    let mut twins = Vec::new();
    for network in named.into_iter().flatten().chain(listed) {
        match networks.get(&network.name) {
            Some(known) if known.id != network.id => twins.push((network.name, network.id)),
            Some(_) => {}
            None => {
                networks.insert(network.name.clone(), ObservedNetwork::new(network, project));
            }
        }
    }
    networks.sort_keys();
    Ok((networks, twins))
}

async fn volumes(
    engine: &dyn Engine,
    project: &str,
    references: &References,
) -> EngineResult<IndexMap<String, ObservedVolume>> {
    let filter = [(labels::PROJECT, project)];
    let (listed, named) = try_join!(
        engine.list_volumes(&filter),
        concurrently(
            references
                .volumes
                .iter()
                .map(|name| engine.inspect_volume(name))
        ),
    )?;
    let mut volumes: IndexMap<_, _> = named
        .into_iter()
        .flatten()
        .chain(listed)
        .map(|volume| (volume.name.clone(), ObservedVolume::new(volume, project)))
        .collect();
    volumes.sort_keys();
    Ok(volumes)
}

async fn images(
    engine: &dyn Engine,
    references: &References,
) -> EngineResult<IndexMap<String, ObservedImage>> {
    let now = Utc::now();
    let found = concurrently(references.images.iter().map(|reference| async move {
        let image = engine.inspect_image(reference).await?;
        Ok(image.map(|image| (reference.clone(), ObservedImage::new(image, now))))
    }))
    .await?;
    let mut images: IndexMap<_, _> = found.into_iter().flatten().collect();
    images.sort_keys();
    Ok(images)
}

async fn foreign(
    engine: &dyn Engine,
    references: &References,
) -> EngineResult<IndexMap<String, String>> {
    let found = concurrently(references.containers.iter().map(|name| async move {
        let container = engine.inspect_container(name).await?;
        Ok(container.map(|container| (name.clone(), container.id)))
    }))
    .await?;
    let mut containers: IndexMap<_, _> = found.into_iter().flatten().collect();
    containers.sort_keys();
    Ok(containers)
}

/// Nobody is asked for where the project's containers have their names already.
async fn strangers(
    engine: &dyn Engine,
    project: &str,
    references: &References,
    own: &[ObservedContainer],
) -> EngineResult<IndexMap<String, Stranger>> {
    let free = references
        .own_names
        .iter()
        .filter(|name| own.iter().all(|container| container.name != **name));
    let found = concurrently(free.map(|name| engine.inspect_container(name))).await?;
    let mut strangers: IndexMap<_, _> = found
        .into_iter()
        .flatten()
        .map(|container| {
            let owner = container.labels.get(labels::PROJECT).cloned();
            let stranger = Stranger {
                id: container.id,
                project: owner.filter(|owner| !owner.is_empty()),
            };
            (container.name, stranger)
        })
        // What is found by its id has another name; one of the project's own may have come meanwhile.
        .filter(|(name, one)| {
            references.own_names.contains(name) && one.project.as_deref() != Some(project)
        })
        .collect();
    strangers.sort_keys();
    Ok(strangers)
}

/// Runs the calls side by side, at most [`INSPECTIONS`] at once; the first failure ends them all. Order is not kept.
async fn concurrently<T, F>(calls: impl Iterator<Item = F>) -> EngineResult<Vec<T>>
where
    F: Future<Output = EngineResult<T>>,
{
    let mut waiting = calls;
    let mut running: FuturesUnordered<F> = waiting.by_ref().take(INSPECTIONS).collect();
    let mut done = Vec::new();
    while let Some(result) = running.next().await {
        done.push(result?);
        running.extend(waiting.next());
    }
    Ok(done)
}
