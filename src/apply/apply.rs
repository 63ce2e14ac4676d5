use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::probe::SLOTS;
use super::schedule::Execution;
use super::urgency::Urgency;
use super::watch::Watch;
use super::{Applied, ApplyError, Cancel, EventKind, Events, Readiness};
use crate::engine::{CredentialsOf, Engine};
use crate::plan::{Plan, Risk};

/// Bounds and inputs of [`apply()`].
#[derive(Clone)]
pub struct Options {
    /// Engine calls at once; waits do not count.
    pub concurrency: usize,
    /// For each gate, from the moment it is waited for. `None`: no limit.
    pub wait_timeout: Option<Duration>,
    /// Steps that lose data may run.
    pub allow_data_loss: bool,
    /// A network, volume or image that others use stays, with a warning; `false`: that is a failure.
    pub used_is_fine: bool,
    /// Lines of a service's log that an error shows.
    pub log_lines: u64,
    /// Where it fails, images are pulled without authentication. `None`: they always are.
    pub credentials: Option<CredentialsOf>,
    /// What is known of services, and learnt.
    pub readiness: Readiness,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            concurrency: 16,
            wait_timeout: None,
            allow_data_loss: false,
            used_is_fine: false,
            log_lines: 20,
            credentials: None,
            readiness: Readiness::default(),
        }
    }
}

/// Runs the plan. Every step begins as soon as all that it follows have succeeded. After a failure, plans that build
/// something begin nothing more; plans that take something away go on with what the failure does not concern.
pub async fn apply(
    plan: &Plan,
    engine: Arc<dyn Engine>,
    options: &Options,
    events: &Events,
    cancel: &Cancel,
) -> Applied {
    let began = Instant::now();
    let offset = events.elapsed();
    events.send(EventKind::Started {
        steps: plan.steps.len(),
    });
    let mut applied = Applied::default();
    if !options.allow_data_loss
        && let Some(step) = plan.steps.iter().find(|step| step.risk == Risk::LosesData)
    {
        applied.failures.push(ApplyError::DataLossRefused {
            target: step.target.clone(),
        });
        applied.skipped = (0..plan.steps.len()).collect();
    } else {
        let watch = plan
            .steps
            .iter()
            .any(|step| step.operation.only_waits())
            .then(|| Watch::open(engine.clone(), plan.project.clone()));
        let execution = Execution {
            plan,
            engine,
            options,
            events,
            watch,
            slots: Semaphore::new(SLOTS),
            offset,
            urgency: Urgency::of(plan, &options.readiness.expected(plan)),
            ids: Mutex::new(HashMap::new()),
            by_own_probe: Mutex::new(Vec::new()),
        };
        execution.run(cancel, &mut applied).await;
        options.readiness.learn(plan, &applied.timings);
    }
    applied.took = began.elapsed();
    events.send(EventKind::Finished {
        took: applied.took,
        failed: !applied.failures.is_empty(),
    });
    applied
}
