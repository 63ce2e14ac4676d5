use std::sync::atomic::{AtomicU32, Ordering};

use super::lease::{LEASE, Lease, RUN};
use super::tear_down::tear_down;
use crate::engine::{Engine, EngineResult, EngineVolume, VolumeSpec};
use crate::observe::labels;

/// Label with the digest of what a stack that is ready for the next run was made from.
pub const WARM: &str = "wharf.warm";

/// Label with what such a stack is for: a job of a checkout, whatever its files said when it was made.
pub const WARM_FOR: &str = "wharf.warm-for";

/// Label of the sign that somebody has taken it.
pub const TAKEN: &str = "wharf.taken";

static TAKING: AtomicU32 = AtomicU32::new(0);

/// What an empty volume beside a run's objects says about the run. Labels of existing objects cannot be changed, so
/// whoever takes a run over says so with one more object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign<'s> {
    /// It stays until somebody removes it.
    Kept,
    /// It is ready for the next run that asks for this digest.
    Warm {
        digest: &'s str,
        /// See [`WARM_FOR`].
        purpose: &'s str,
    },
    /// Somebody has taken it; the first one wins.
    Taken,
}

/// Puts up a sign. `project`: the Compose project's name. Returns whether the sign is ours: of several who put up the
/// same one, one wins.
pub async fn put_up(
    engine: &dyn Engine,
    project: &str,
    run: &str,
    lease: &Lease,
    sign: Sign<'_>,
) -> EngineResult<bool> {
    let word = match sign {
        Sign::Kept => "kept",
        Sign::Warm { .. } => "warm",
        Sign::Taken => "taken",
    };
    let mut own = lease.labels(run);
    own.insert(labels::PROJECT.to_owned(), project.to_owned());
    match sign {
        Sign::Warm { digest, purpose } => {
            own.insert(WARM_FOR.to_owned(), purpose.to_owned());
            own.insert(WARM.to_owned(), digest.to_owned())
        }
        Sign::Taken => {
            // One process may want several stacks.
            let number = TAKING.fetch_add(1, Ordering::Relaxed);
            own.insert(TAKEN.to_owned(), format!("{}-{number}", std::process::id()))
        }
        Sign::Kept => None,
    };
    let name = format!("{project}_{word}");
    let spec = VolumeSpec {
        name: name.clone(),
        labels: own.clone(),
        ..VolumeSpec::default()
    };
    // An engine answers with the volume that is there when two create one of the same name.
    engine.create_volume(&spec).await?;
    let made = engine.inspect_volume(&name).await?;
    let ours = |made: &EngineVolume| {
        [LEASE, TAKEN]
            .iter()
            .all(|key| made.labels.get(*key) == own.get(*key))
    };
    Ok(made.as_ref().is_some_and(ours))
}

/// A stack that nobody has touched since it was made ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmStack {
    pub run: String,
    pub project: String,
    /// What its objects were made under. More of them are made under the same, so that nothing of it counts as changed.
    pub lease: Lease,
}

/// Takes a warm stack that was made from what `digest` stands for. `None`: there is none, or others were quicker.
pub async fn take_warm(
    engine: &dyn Engine,
    digest: &str,
    lease: &Lease,
) -> EngineResult<Option<WarmStack>> {
    for volume in engine.list_volumes(&[(WARM, digest)]).await? {
        let (Some(run), Some(project)) =
            (volume.labels.get(RUN), volume.labels.get(labels::PROJECT))
        else {
            continue;
        };
        let Some(made_under) = Lease::on(&volume.labels).filter(Lease::is_held) else {
            // Nobody looks after it any more: it may be on its way out.
            continue;
        };
        if put_up(engine, project, run, lease, Sign::Taken).await? {
            return Ok(Some(WarmStack {
                run: run.clone(),
                project: project.clone(),
                lease: made_under,
            }));
        }
    }
    Ok(None)
}

/// Removes the stacks that stand ready for a job as its files were before: nobody asks for them any more. Returns what could not be
/// removed, each with its reason.
pub async fn retire_warm(
    engine: &dyn Engine,
    purpose: &str,
    digest: &str,
    lease: &Lease,
) -> EngineResult<Vec<String>> {
    let mut left = Vec::new();
    for volume in engine.list_volumes(&[(WARM_FOR, purpose)]).await? {
        let labels = &volume.labels;
        let (Some(run), Some(project)) = (labels.get(RUN), labels.get(labels::PROJECT)) else {
            continue;
        };
        if labels.get(WARM).is_some_and(|one| one != digest)
            && put_up(engine, project, run, lease, Sign::Taken).await?
        {
            left.extend(tear_down(engine, run).await);
        }
    }
    Ok(left)
}

/// How many stacks stand ready for this digest.
pub async fn count_warm(engine: &dyn Engine, digest: &str) -> EngineResult<usize> {
    let mut count = 0;
    for volume in engine.list_volumes(&[(WARM, digest)]).await? {
        let held = Lease::on(&volume.labels).is_some_and(|lease| lease.is_held());
        if let Some(project) = volume.labels.get(labels::PROJECT)
            && held
            && !is_taken(engine, project).await?
        {
            count += 1;
        }
    }
    Ok(count)
}

/// Whether somebody has taken a warm stack, or it is gone.
pub async fn is_taken(engine: &dyn Engine, project: &str) -> EngineResult<bool> {
    let warm = engine.inspect_volume(&format!("{project}_warm")).await?;
    let taken = engine.inspect_volume(&format!("{project}_taken")).await?;
    Ok(warm.is_none() || taken.is_some())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::memory::MemoryEngine;

    #[tokio::test]
    async fn of_two_who_take_a_warm_stack_one_gets_it() {
        let engine = MemoryEngine::default();
        let lease = Lease::of_this_process(Duration::from_secs(60));
        let warm = Sign::Warm {
            digest: "d1",
            purpose: "p",
        };
        put_up(&engine, "p-test-x", "x", &lease, warm)
            .await
            .unwrap();
        assert_eq!(take_warm(&engine, "d2", &lease).await.unwrap(), None);
        assert!(!is_taken(&engine, "p-test-x").await.unwrap());
        let first = take_warm(&engine, "d1", &lease).await.unwrap();
        assert_eq!(first.unwrap().project, "p-test-x");
        assert_eq!(take_warm(&engine, "d1", &lease).await.unwrap(), None);
        assert!(is_taken(&engine, "p-test-x").await.unwrap());
    }

    #[tokio::test]
    async fn stacks_of_what_the_files_said_before_go() {
        let engine = MemoryEngine::default();
        let lease = Lease::of_this_process(Duration::from_secs(60));
        for (run, digest, purpose) in [("a", "old", "p"), ("b", "new", "p"), ("c", "old", "q")] {
            let warm = Sign::Warm { digest, purpose };
            let project = format!("p-test-{run}");
            put_up(&engine, &project, run, &lease, warm).await.unwrap();
        }
        let stays = retire_warm(&engine, "p", "new", &lease).await.unwrap();
        assert_eq!(stays, Vec::<String>::new());
        let left = engine.list_volumes(&[]).await.unwrap();
        let mut runs: Vec<&str> = left.iter().map(|one| one.labels[RUN].as_str()).collect();
        runs.sort_unstable();
        assert_eq!(runs, ["b", "c"]);
    }
}
