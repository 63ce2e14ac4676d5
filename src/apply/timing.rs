use std::time::Duration;

use serde::Serialize;

use super::ApplyError;
use crate::plan::Target;

/// When a step ran, for the waterfall.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// Index in the plan.
    pub step: usize,
    pub target: Target,
    pub verb: &'static str,
    /// Since the plan began.
    pub start: Duration,
    pub end: Duration,
    /// The step whose end let this one begin; `None`: it could begin at once.
    pub released_by: Option<usize>,
}

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Applied {
    /// Steps that ended, in the order in which they did.
    pub timings: Vec<Timing>,
    /// In the order in which they happened; the first is the cause of the others, if there are others.
    pub failures: Vec<ApplyError>,
    /// Indices of steps that were not begun.
    pub skipped: Vec<usize>,
    /// The user asked for the end before everything was done.
    pub interrupted: bool,
    /// Containers that wharf's own probe found healthy before the engine said so.
    pub by_own_probe: Vec<String>,
    /// Ids of created containers by name.
    pub created: Vec<(String, String)>,
    pub took: Duration,
}

impl Applied {
    pub fn is_ok(&self) -> bool {
        self.failures.is_empty() && !self.interrupted
    }

    /// The first failure as an error; an interrupt is not one.
    pub fn into_result(mut self) -> Result<Applied, ApplyError> {
        if self.failures.is_empty() {
            Ok(self)
        } else {
            Err(self.failures.swap_remove(0))
        }
    }
}
