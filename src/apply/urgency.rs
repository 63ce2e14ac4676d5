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
        let wait = |step: usize| expected.get(step).copied().unwrap_or_default();
        let mut urgency: Vec<Duration> = (0..plan.steps.len()).map(wait).collect();
        // A step follows earlier ones only.
        for (at, step) in plan.steps.iter().enumerate().rev() {
            for earlier in &step.after {
                urgency[*earlier] = urgency[*earlier].max(wait(*earlier) + urgency[at]);
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
