use std::collections::BTreeMap;

use futures_util::future::join_all;
use indexmap::IndexMap;

use super::hold::{TAKEN, WARM};
use super::lease::{LEASE, Lease, RUN};
use super::tear_down::tear_down;
use crate::engine::{Engine, EngineResult};
use crate::observe::labels;

/// What an engine has of a test run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remains {
    /// `container NAME`, `network NAME`, `volume NAME`.
    pub things: Vec<String>,
    /// Names of the Compose projects.
    pub projects: Vec<String>,
    /// Somebody is still at work with it, or it cannot be told.
    pub held: bool,
    /// Somebody wants to look at it.
    pub kept: bool,
    /// It was made ready for a next run.
    pub warm: bool,
    /// And that run has come.
    pub taken: bool,
}

/// The test runs of which an engine has anything, by id.
pub async fn remains(engine: &dyn Engine) -> EngineResult<BTreeMap<String, Remains>> {
    let filter = [(LEASE, "")];
    let mut runs: BTreeMap<String, Remains> = BTreeMap::new();
    let mut taken = Vec::new();
    let mut note = |thing: String, labels: &IndexMap<String, String>| {
        let Some(run) = labels.get(RUN) else { return };
        let remains = runs.entry(run.clone()).or_default();
        remains.things.push(thing);
        if let Some(project) = labels.get(labels::PROJECT)
            && !remains.projects.contains(project)
        {
            remains.projects.push(project.clone());
        }
        let lease = Lease::on(labels);
        remains.kept |= lease.as_ref().is_some_and(|lease| lease.kept);
        remains.warm |= labels.contains_key(WARM);
        // A lease that cannot be read may be one of a later wharf.
        remains.held |= lease.is_none_or(|lease| lease.is_held());
    };
    let (containers, networks, volumes) = futures_util::try_join!(
        engine.list_containers(&filter),
        engine.list_networks(&filter),
        engine.list_volumes(&filter),
    )?;
    for one in containers {
        note(format!("container {}", one.name), &one.labels);
    }
    for one in networks {
        note(format!("network {}", one.name), &one.labels);
    }
    for one in volumes {
        if one.labels.contains_key(TAKEN)
            && let Some(run) = one.labels.get(RUN)
        {
            taken.push(run.clone());
        }
        note(format!("volume {}", one.name), &one.labels);
    }
    for run in taken {
        if let Some(remains) = runs.get_mut(&run) {
            remains.taken = true;
        }
    }
    Ok(runs)
}

/// Removes what runs without a living owner have left, and nothing else. Returns the runs that are gone, and what could
/// not be removed.
pub async fn sweep(engine: &dyn Engine) -> EngineResult<(Vec<String>, Vec<String>)> {
    let dead: Vec<String> = remains(engine)
        .await?
        .into_iter()
        .filter(|(_, remains)| !remains.held)
        .map(|(run, _)| run)
        .collect();
    let swept = join_all(dead.iter().map(|run| tear_down(engine, run))).await;
    Ok((dead, swept.concat()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::engine::VolumeSpec;
    use crate::engine::memory::MemoryEngine;

    async fn volume(engine: &MemoryEngine, name: &str, labels: IndexMap<String, String>) {
        let spec = VolumeSpec {
            name: name.to_owned(),
            labels,
            ..VolumeSpec::default()
        };
        engine.create_volume(&spec).await.unwrap();
    }

    #[tokio::test]
    async fn only_what_has_no_living_owner_goes() {
        let engine = MemoryEngine::default();
        let held = Lease::of_this_process(Duration::from_secs(60));
        let mut dead = held.clone();
        dead.started += 1;
        let mut kept = Lease::for_good();
        kept.boot = "earlier".into();
        volume(&engine, "bystander", IndexMap::new()).await;
        volume(&engine, "held", held.labels("r1")).await;
        volume(&engine, "dead", dead.labels("r2")).await;
        // Taken over: the owner that made it is gone, another one holds it.
        volume(&engine, "old", dead.labels("r3")).await;
        volume(&engine, "new", held.labels("r3")).await;
        volume(&engine, "kept", kept.labels("r4")).await;
        let (gone, left) = sweep(&engine).await.unwrap();
        assert_eq!(gone, ["r2"]);
        assert!(left.is_empty());
        let mut names: Vec<String> = engine
            .list_volumes(&[])
            .await
            .unwrap()
            .into_iter()
            .map(|volume| volume.name)
            .collect();
        names.sort();
        assert_eq!(names, ["bystander", "held", "kept", "new", "old"]);
        assert!(remains(&engine).await.unwrap()["r4"].kept);
    }
}
