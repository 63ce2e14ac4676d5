use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use indexmap::IndexMap;

use super::Timing;
use crate::file;
use crate::observe::labels;
use crate::plan::{Operation, Plan, Step};

/// How long services took to be ready when they were last started, so that those which take longest are started first.
/// What is remembered makes plans faster, never different: it may be lost, or wrong.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Option<PathBuf>);

/// Milliseconds of a service in a project's directory, whatever the project is called there: each test run has a name of
/// its own. Those that were started last come last.
type Times = IndexMap<String, u64>;

/// So many services are remembered.
const KEPT: usize = 500;

impl Readiness {
    /// What is remembered in a directory for caches. `None`: nothing is.
    pub fn within(directory: Option<&Path>) -> Readiness {
        Readiness(directory.map(|directory| directory.join("readiness.json")))
    }

    fn read(&self) -> Times {
        let text = self
            .0
            .as_deref()
            .and_then(|file| std::fs::read_to_string(file).ok());
        text.and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }

    /// How long each step is expected to wait; steps that are no waits, or whose services are not known, not at all.
    pub(super) fn expected(&self, plan: &Plan) -> Vec<Duration> {
        let made = made(plan);
        // Most plans make nothing, and need no file for that.
        let known = match made.is_empty() {
            true => Times::new(),
            false => self.read(),
        };
        let expected = |step: &Step| {
            let times = waited(step, &made).filter_map(|key| known.get(key).copied());
            Duration::from_millis(times.max().unwrap_or_default())
        };
        plan.steps.iter().map(expected).collect()
    }

    /// Remembers how long the waits of a plan took.
    pub(super) fn learn(&self, plan: &Plan, timings: &[Timing]) {
        let Some(file) = self.0.as_deref() else {
            return;
        };
        let made = made(plan);
        let mut learnt: Vec<(String, u64)> = Vec::new();
        for timing in timings {
            let took = timing.end.saturating_sub(timing.start).as_millis();
            let took = u64::try_from(took).unwrap_or(u64::MAX);
            let step = plan.steps.get(timing.step).into_iter();
            let keys = step.flat_map(|step| waited(step, &made));
            learnt.extend(keys.map(|key| (key.clone(), took)));
        }
        if learnt.is_empty() {
            return;
        }
        let mut known = self.read();
        for (key, took) in learnt {
            known.shift_remove(&key);
            known.insert(key, took);
        }
        let excess = known.len().saturating_sub(KEPT);
        known.drain(..excess);
        let written = serde_json::to_string(&known).map_err(Into::into);
        if let Err(error) = written.and_then(|text| file::replace(file, &text)) {
            tracing::debug!(%error, file = %file.display(), "how long services took cannot be remembered");
        }
    }
}

/// The key in [`Times`] of each container that the plan makes, by the container's name.
fn made(plan: &Plan) -> HashMap<&str, String> {
    let steps = plan.steps.iter();
    steps
        .filter_map(|step| match &step.operation {
            Operation::CreateContainer { container } => {
                let directory = container.spec.labels.get(labels::WORKING_DIR)?;
                let key = format!("{} {directory}", container.service);
                Some((container.name.as_str(), key))
            }
            _ => None,
        })
        .collect()
}

/// The new containers that a step waits for. The wait for one that ran before says nothing.
fn waited<'p>(
    step: &'p Step,
    made: &'p HashMap<&str, String>,
) -> impl Iterator<Item = &'p String> + 'p {
    let containers = match &step.operation {
        Operation::Wait { containers, .. } => containers.as_slice(),
        _ => &[],
    };
    containers
        .iter()
        .filter_map(|container| made.get(container.name.as_str()))
}
