use std::collections::BTreeMap;

use futures_util::future::join_all;
use indexmap::IndexMap;

use super::hold::{TAKEN, WARM};
use super::lease::{LEASE, Lease, RUN};
use super::tear_down::{is_of, tear_down};
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
    /// It is held only because a lease of it cannot be read.
    pub unreadable: bool,
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
        match lease {
            Some(lease) => remains.held |= lease.is_held(),
            None => remains.unreadable = true,
        }
    };
    let (containers, networks, volumes) = futures_util::try_join!(
        engine.list_containers(&filter),
        engine.list_networks(&filter),
        engine.list_volumes(&filter),
    )?;
    for one in containers {
        let is_own = |run: &String| is_of(run, &one);
        if !one.labels.get(RUN).is_some_and(is_own) {
            continue;
        }
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
    for remains in runs.values_mut() {
        // A lease that cannot be read may be one of a later wharf.
        remains.unreadable &= !remains.held;
        remains.held |= remains.unreadable;
    }
    Ok(runs)
}

/// Whether `id` is a run's own, or that of one of its stacks: a run with several has one id for each, its own with a number.
pub fn is_stack_of(run: &str, id: &str) -> bool {
    let rest = id.strip_prefix(run);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
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
    use crate::engine::memory::{Behaviour, MemoryEngine};
    use crate::engine::{ContainerSpec, VolumeSpec};

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

    #[tokio::test]
    async fn what_was_started_from_a_committed_image_is_not_the_runs() {
        let engine = MemoryEngine::default();
        engine.add_image("app", Behaviour::default());
        let mut dead = Lease::of_this_process(Duration::from_secs(60));
        dead.started += 1;
        for name in ["p-test-r1abc2-app-tests-1-1", "bystander"] {
            let spec = ContainerSpec {
                name: name.to_owned(),
                image: "app".to_owned(),
                labels: dead.labels("r1abc2"),
                ..ContainerSpec::default()
            };
            engine.create_container(&spec).await.unwrap();
        }
        let (gone, _) = sweep(&engine).await.unwrap();
        assert_eq!(gone, ["r1abc2"]);
        let left = engine.list_containers(&[]).await.unwrap();
        let names: Vec<&str> = left.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["bystander"]);
    }

    #[tokio::test]
    async fn a_lease_that_cannot_be_read_says_so() {
        let engine = MemoryEngine::default();
        let held = Lease::of_this_process(Duration::from_secs(60));
        let odd = |run: &str| {
            let mut labels = held.labels(run);
            labels.insert(LEASE.to_owned(), "{".to_owned());
            labels
        };
        volume(&engine, "a", odd("r1")).await;
        volume(&engine, "b", odd("r2")).await;
        volume(&engine, "c", held.labels("r2")).await;
        let runs = remains(&engine).await.unwrap();
        assert!(runs["r1"].held && runs["r1"].unreadable);
        assert!(runs["r2"].held && !runs["r2"].unreadable);
    }

    #[test]
    fn a_run_is_named_with_all_its_stacks() {
        assert!(is_stack_of("a1", "a1") && is_stack_of("a1", "a1-2"));
        assert!(!is_stack_of("a1", "a12") && !is_stack_of("a1-2", "a1"));
    }
}
