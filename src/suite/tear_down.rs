use std::time::Duration;

use futures_util::future::join_all;

use super::lease::RUN;
use crate::engine::{ContainerSummary, Engine, EngineError, EngineResult, ErrorKind};

/// How often what is left is looked for again: a call that was in flight when the run ended may still make something.
const PASSES: u32 = 6;

/// Between two looks, the longer the more there were.
const PAUSE: Duration = Duration::from_millis(40);

/// Removes everything that carries a run's label: containers are killed, then networks and volumes go. Returns what could
/// not be removed, each with its reason.
pub async fn tear_down(engine: &dyn Engine, run: &str) -> EngineResult<Vec<String>> {
    let mut left = Vec::new();
    for number in 0..PASSES {
        left = pass(engine, run).await?;
        if left.is_empty() {
            return Ok(left);
        }
        // Somebody else may be removing the same, and the engine takes a moment to be done with it.
        tokio::time::sleep(PAUSE * number).await;
    }
    Ok(left)
}

/// The containers of a run.
pub(super) async fn containers_of(
    engine: &dyn Engine,
    run: &str,
) -> EngineResult<Vec<ContainerSummary>> {
    let all = engine.list_containers(&[(RUN, run)]).await?;
    Ok(all.into_iter().filter(|one| is_of(run, one)).collect())
}

/// Whether a container with a run's label was made for it. An image that was committed from one of its containers hands
/// the labels on to what is started from it; the name, in which every container of a run has the run's id, it does not.
pub(super) fn is_of(run: &str, container: &ContainerSummary) -> bool {
    !run.is_empty() && container.name.contains(run)
}

/// One sweep; what it could not remove, or removed just now and has to look for again.
async fn pass(engine: &dyn Engine, run: &str) -> EngineResult<Vec<String>> {
    let filter = [(RUN, run)];
    let containers = containers_of(engine, run).await?;
    let killed = join_all(containers.iter().map(|one| async {
        let removed = engine.remove_container(&one.id, true, true).await;
        (format!("container {}", one.name), removed)
    }))
    .await;
    let networks = engine.list_networks(&filter).await?;
    let volumes = engine.list_volumes(&filter).await?;
    let (networks, volumes) = futures_util::join!(
        join_all(networks.iter().map(|one| async {
            (
                format!("network {}", one.name),
                engine.remove_network(&one.id).await,
            )
        })),
        join_all(volumes.iter().map(|one| async {
            (
                format!("volume {}", one.name),
                engine.remove_volume(&one.name, true).await,
            )
        })),
    );
    let found = !(killed.is_empty() && networks.is_empty() && volumes.is_empty());
    let mut left: Vec<String> = killed
        .into_iter()
        .chain(networks)
        .chain(volumes)
        .filter_map(|(what, removed)| Some(format!("{what}: {}", failure(removed)?)))
        .collect();
    if found && left.is_empty() {
        // Clean as far as this sweep saw; only one that finds nothing is proof.
        let filter = [(RUN, run)];
        let (containers, networks, volumes) = futures_util::try_join!(
            containers_of(engine, run),
            engine.list_networks(&filter),
            engine.list_volumes(&filter),
        )?;
        left.extend(
            containers
                .into_iter()
                .map(|one| format!("container {}", one.name)),
        );
        left.extend(
            networks
                .into_iter()
                .map(|one| format!("network {}", one.name)),
        );
        left.extend(
            volumes
                .into_iter()
                .map(|one| format!("volume {}", one.name)),
        );
    }
    Ok(left)
}

/// Somebody else's removal is as good as ours.
fn failure(removed: Result<(), EngineError>) -> Option<EngineError> {
    removed
        .err()
        .filter(|error| error.kind != ErrorKind::NotFound)
}
