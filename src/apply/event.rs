use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::engine::{ContainerStatus, HealthStatus};
use crate::plan::{Gate, Target};

/// Something that happened while a plan was applied.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Since the plan began.
    pub at: Duration,
    #[serde(flatten)]
    pub kind: EventKind,
}

/// `step` is the index of a step in the plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum EventKind {
    Started {
        steps: usize,
    },
    StepStarted {
        step: usize,
        target: Target,
        /// [`crate::plan::Operation::verb`].
        verb: &'static str,
    },
    StepFinished {
        step: usize,
        target: Target,
        verb: &'static str,
        took: Duration,
    },
    StepFailed {
        step: usize,
        target: Target,
        verb: &'static str,
        took: Duration,
        /// The error and what caused it, in one line.
        error: String,
    },
    /// It was not begun, because of a failure or an interrupt before it.
    StepSkipped {
        step: usize,
        target: Target,
        verb: &'static str,
    },
    /// Part of a `StepStarted` pull.
    PullProgress {
        step: usize,
        reference: String,
        layer: String,
        status: String,
        /// Bytes.
        current: Option<i64>,
        total: Option<i64>,
    },
    /// A gate is not open yet. Given once for each container, and again when its state changes.
    Waiting {
        step: usize,
        service: String,
        container: String,
        gate: Gate,
        status: ContainerStatus,
        health: Option<HealthStatus>,
    },
    /// A health probe ended. `own`: wharf ran it; else the engine did.
    Probe {
        service: String,
        container: String,
        own: bool,
        exit_code: i64,
        took: Duration,
        output: String,
    },
    /// A container is past its gate.
    Passed {
        step: usize,
        service: String,
        container: String,
        gate: Gate,
        /// wharf's own probe said so before the engine did.
        by_own_probe: bool,
    },
    /// Output of a `post_start`, `pre_stop` or `pre_start` hook, line by line.
    HookOutput {
        step: usize,
        service: String,
        container: String,
        line: String,
    },
    /// What others wait for, but can do without (`required: false`), did not come about.
    Skipped {
        service: String,
        container: String,
        message: String,
    },
    /// The engine leaves out or does otherwise something that a new container was to have, in its own words.
    Warning {
        service: String,
        container: String,
        message: String,
    },
    /// What was to go stays, because others use it.
    StillInUse {
        target: Target,
        message: String,
    },
    /// The first request to end has arrived.
    Interrupted,
    Finished {
        took: Duration,
        failed: bool,
    },
}

/// Where events go. Sending never blocks and never fails: nobody has to listen.
#[derive(Clone, Debug)]
pub struct Events {
    sender: Option<mpsc::UnboundedSender<Event>>,
    began: Arc<Instant>,
}

impl Events {
    /// The receiver ends when the last clone of the sender is gone.
    pub fn channel() -> (Events, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let events = Events {
            sender: Some(sender),
            began: Arc::new(Instant::now()),
        };
        (events, receiver)
    }

    /// Events that nobody hears.
    pub fn silent() -> Events {
        Events {
            sender: None,
            began: Arc::new(Instant::now()),
        }
    }

    pub fn send(&self, kind: EventKind) {
        if let Some(sender) = &self.sender {
            let event = Event {
                at: self.began.elapsed(),
                kind,
            };
            // A receiver that has gone away has heard enough.
            let _ = sender.send(event);
        }
    }

    /// Since the channel was made.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}
