use std::time::Duration;

use super::{BuildEvent, BuildFailure, BuildReason};

/// What happens in a run.
#[derive(Clone, Debug, PartialEq)]
pub enum BuildRunEvent {
    Started {
        image: String,
        reason: BuildReason,
    },
    Step {
        image: String,
        event: BuildEvent,
    },
    Unchanged {
        image: String,
        id: String,
    },
    /// It would be built, were it not asked only what would happen.
    Due {
        image: String,
        reason: BuildReason,
    },
    Built {
        image: String,
        id: String,
        duration: Duration,
        /// Bytes of the whole image. `None`: the engine does not say.
        size: Option<u64>,
    },
    Failed(BuildFailure),
    /// Not tried, because another image failed.
    Abandoned {
        image: String,
    },
}

/// How one image of a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageOutcome {
    Built {
        id: String,
        reason: BuildReason,
        /// The builder has pushed it itself; see [`super::Surplus`].
        pushed: bool,
    },
    Unchanged {
        id: String,
    },
    /// It would be built; asked was only what would happen.
    Due(BuildReason),
    Failed(BuildFailure),
    /// Not tried, because another image failed.
    Abandoned,
}

impl ImageOutcome {
    pub fn is_failure(&self) -> bool {
        matches!(self, ImageOutcome::Failed(_) | ImageOutcome::Abandoned)
    }

    /// `None`: there is no image.
    pub fn id(&self) -> Option<&str> {
        match self {
            ImageOutcome::Built { id, .. } | ImageOutcome::Unchanged { id } => Some(id),
            ImageOutcome::Due(_) | ImageOutcome::Failed(_) | ImageOutcome::Abandoned => None,
        }
    }
}
