use std::sync::Arc;
use std::time::Duration;

/// Names one step of one build; the same step never starts twice in it.
pub type StepId = Arc<str>;

/// What happens while one image is built, in the order in which the engine tells it.
#[derive(Clone, Debug, PartialEq)]
pub enum BuildEvent {
    StepStarted {
        step: StepId,
        /// The engine's own words: `[dev 2/7] RUN apt-get update`.
        name: String,
    },
    StepCompleted {
        step: StepId,
        name: String,
        /// Taken from the cache: the step did not run.
        cached: bool,
        /// How long the step ran by the engine's clock.
        duration: Duration,
    },
    StepFailed {
        step: StepId,
        name: String,
        error: String,
    },
    /// One line of a step's output, without its end.
    Output {
        step: StepId,
        stream: Stream,
        line: String,
    },
    /// How far a transfer has come (context upload, layer download, export).
    Transfer {
        step: StepId,
        /// What is moved.
        name: String,
        /// Bytes so far.
        current: u64,
        /// Bytes in all. `None`: not known yet.
        total: Option<u64>,
        done: bool,
    },
    /// The Dockerfile's checker has something to say.
    Warning {
        message: String,
        /// First and last line in the Dockerfile. `None`: no place is known.
        lines: Option<(u32, u32)>,
        url: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}
