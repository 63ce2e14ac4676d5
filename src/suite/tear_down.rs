use std::future::Future;
use std::time::Duration;

use futures_util::future::join_all;

use super::lease::RUN;
use crate::engine::{ContainerSummary, Engine, EngineError, EngineResult, ErrorKind};

/// How often what is left is looked for again: a call that was in flight when the run ended may still make something.
const PASSES: u32 = 6;

/// Between two looks, the longer the more there were.
const PAUSE: Duration = Duration::from_millis(40);

/// Removes everything that carries a run's label: containers are killed, then networks and volumes go. Returns what could
/// not be removed, or not even be looked for, each with its reason.
pub async fn tear_down(engine: &dyn Engine, run: &str) -> Vec<String> {
    let mut pass = Pass::default();
    for number in 0..PASSES {
        let was_gone = pass.engine_is_gone;
        pass = Pass::default();
        pass.sweep(engine, run).await;
        // An engine that nobody reaches can take its time to say so.
        if pass.left.is_empty() || (was_gone && pass.engine_is_gone) {
            break;
        }
        // Somebody else may be removing the same, and the engine takes a moment to be done with it.
        tokio::time::sleep(PAUSE * number).await;
    }
    pass.left
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

/// One sweep.
#[derive(Default)]
struct Pass {
    /// What it could not remove, or removed just now and finds all the same.
    left: Vec<String>,
    engine_is_gone: bool,
}

impl Pass {
    async fn sweep(&mut self, engine: &dyn Engine, run: &str) {
        let filter = [(RUN, run)];
        let containers = self.listed("containers", containers_of(engine, run));
        let containers = containers.await;
        if self.engine_is_gone {
            return;
        }
        let killed = join_all(containers.iter().map(|one| async {
            let removed = engine.remove_container(&one.id, true, true).await;
            (format!("container {}", one.name), removed)
        }))
        .await;
        let networks = self.listed("networks", engine.list_networks(&filter)).await;
        let volumes = self.listed("volumes", engine.list_volumes(&filter)).await;
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
        let removed: Vec<_> = killed.into_iter().chain(networks).chain(volumes).collect();
        let found = !removed.is_empty();
        self.left.extend(
            removed
                .into_iter()
                .filter_map(|(what, removed)| Some(format!("{what}: {}", failure(removed)?))),
        );
        if found && self.left.is_empty() {
            // Clean as far as this sweep saw; only one that finds nothing is proof.
            self.look_again(engine, run).await;
        }
    }

    async fn look_again(&mut self, engine: &dyn Engine, run: &str) {
        let filter = [(RUN, run)];
        let containers = self.listed("containers", containers_of(engine, run));
        let containers = containers.await;
        let networks = self.listed("networks", engine.list_networks(&filter)).await;
        let volumes = self.listed("volumes", engine.list_volumes(&filter)).await;
        let containers = containers.into_iter().map(|one| ("container", one.name));
        let networks = networks.into_iter().map(|one| ("network", one.name));
        let volumes = volumes.into_iter().map(|one| ("volume", one.name));
        let all = containers.chain(networks).chain(volumes);
        self.left.extend(all.map(|(what, name)| {
            format!("{what} {name}: the engine still lists it, or it was made meanwhile")
        }));
    }

    /// What a list has; one that fails says nothing about what the others have.
    async fn listed<T>(
        &mut self,
        what: &str,
        listing: impl Future<Output = EngineResult<Vec<T>>>,
    ) -> Vec<T> {
        listing.await.unwrap_or_else(|error| {
            self.engine_is_gone |= error.kind == ErrorKind::Unreachable;
            self.left
                .push(format!("{what}, which cannot be listed: {error}"));
            Vec::new()
        })
    }
}

/// Somebody else's removal is as good as ours.
fn failure(removed: Result<(), EngineError>) -> Option<EngineError> {
    removed
        .err()
        .filter(|error| error.kind != ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::memory::MemoryEngine;
    use crate::engine::{NetworkSpec, VolumeSpec};

    async fn with_a_run() -> MemoryEngine {
        let engine = MemoryEngine::default();
        let labels: indexmap::IndexMap<_, _> = [(RUN.to_owned(), "r".to_owned())].into();
        let network = NetworkSpec {
            name: "n".into(),
            labels: labels.clone(),
            ..NetworkSpec::default()
        };
        engine.create_network(&network).await.unwrap();
        let volume = VolumeSpec {
            name: "v".into(),
            labels,
            ..VolumeSpec::default()
        };
        engine.create_volume(&volume).await.unwrap();
        engine
    }

    #[tokio::test]
    async fn a_list_that_fails_once_leaves_nothing() {
        let engine = with_a_run().await;
        engine.fail_lists(1);
        assert_eq!(tear_down(&engine, "r").await, Vec::<String>::new());
        assert!(engine.list_volumes(&[(RUN, "r")]).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_is_left_has_its_reason() {
        let engine = with_a_run().await;
        engine.fail_lists(usize::MAX);
        let left = tear_down(&engine, "r").await;
        assert_eq!(left.len(), 3, "{left:?}");
        for (what, left) in ["containers", "networks", "volumes"].iter().zip(&left) {
            let told = format!("{what}, which cannot be listed: ");
            assert!(left.starts_with(&told), "{left}");
        }
    }
}
