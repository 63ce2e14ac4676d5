use std::cmp::Reverse;
use std::time::Duration;

use crate::plan::{Operation, Plan};

/// How long it takes, from each step of a plan on, until all that follows it is done: as far as that is known, the time for
/// which is waited.
pub(super) struct Urgency(Vec<Duration>);

/// By so much a step has to be more urgent than another for the other to stand back.
const LEAD: Duration = Duration::from_secs(1);

impl Urgency {
    /// `expected`: how long each step will wait.
    pub(super) fn of(plan: &Plan, expected: &[Duration]) -> Urgency {
        let mut followers: Vec<Vec<usize>> = vec![Vec::new(); plan.steps.len()];
        let mut missing = vec![0; plan.steps.len()];
        for (index, step) in plan.steps.iter().enumerate() {
            for earlier in &step.after {
                followers[*earlier].push(index);
                missing[*earlier] += 1;
            }
        }
        let mut urgency = vec![Duration::ZERO; plan.steps.len()];
        let mut open: Vec<usize> = (0..missing.len()).filter(|at| missing[*at] == 0).collect();
        while let Some(at) = open.pop() {
            let after = followers[at]
                .iter()
                .map(|follower| urgency[*follower])
                .max();
            urgency[at] = after.unwrap_or_default() + expected.get(at).copied().unwrap_or_default();
            for earlier in &plan.steps[at].after {
                missing[*earlier] -= 1;
                if missing[*earlier] == 0 {
                    open.push(*earlier);
                }
            }
        }
        Urgency(urgency)
    }

    /// Sorts the most urgent steps first, and those that are alike as the plan has them.
    pub(super) fn rank(&self, step: usize) -> (Reverse<Duration>, usize) {
        (Reverse(self.0[step]), step)
    }

    /// Whether a step may begin beside those that run. Containers that start together take each other's time: the one on
    /// which everything waits has the engine for itself, because the others have time enough.
    pub(super) fn may_begin(&self, plan: &Plan, step: usize, running: &[usize]) -> bool {
        let is_more_urgent = |other: &&usize| self.0[**other] > self.0[step] + LEAD;
        !running
            .iter()
            .filter(is_more_urgent)
            .any(|other| brings_up(&plan.steps[*other].operation))
    }
}

/// The short steps between nothing and a container that runs.
fn brings_up(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::CreateContainer { .. }
            | Operation::UploadFiles { .. }
            | Operation::StartContainer { .. }
    )
}
