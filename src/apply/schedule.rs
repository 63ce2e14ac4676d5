use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;

use super::urgency::Urgency;
use super::watch::Watch;
use super::{Applied, ApplyError, Cancel, CancelLevel, EventKind, Events, Options, Timing};
use crate::engine::{Engine, chain};
use crate::plan::{ContainerRef, Gate, Operation, Plan};

/// A plan on its way: which step begins when.
pub(super) struct Execution<'a> {
    pub(super) plan: &'a Plan,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) options: &'a Options,
    pub(super) events: &'a Events,
    /// `None`: nothing is waited for.
    pub(super) watch: Option<Watch>,
    pub(super) slots: Semaphore,
    pub(super) offset: Duration,
    pub(super) urgency: Urgency,
    /// Ids of containers that this run made, by their final names.
    pub(super) ids: Mutex<HashMap<String, String>>,
    pub(super) by_own_probe: Mutex<Vec<String>>,
}

struct Ended {
    step: usize,
    start: Duration,
    end: Duration,
    result: Result<(), ApplyError>,
}

type Running<'a> = FuturesUnordered<Pin<Box<dyn Future<Output = Ended> + Send + 'a>>>;

impl Execution<'_> {
    /// Until everything is done, or nothing more can be begun.
    pub(super) async fn run(&self, cancel: &Cancel, applied: &mut Applied) {
        let steps = &self.plan.steps;
        let mut missing: Vec<usize> = steps.iter().map(|step| step.after.len()).collect();
        let mut followers: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
        for (index, step) in steps.iter().enumerate() {
            for earlier in &step.after {
                followers[*earlier].push(index);
            }
        }
        let urgency = &self.urgency;
        let mut ready: BTreeSet<_> = (0..steps.len())
            .filter(|step| missing[*step] == 0)
            .map(|step| urgency.rank(step))
            .collect();
        let mut running: Vec<usize> = Vec::new();
        let mut released_by: HashMap<usize, usize> = HashMap::new();
        let mut untouched: BTreeSet<usize> = (0..steps.len()).collect();
        let mut calls: Running = FuturesUnordered::new();
        let mut gates: Running = FuturesUnordered::new();
        let mut stopping = false;
        loop {
            if !stopping {
                let mut later = BTreeSet::new();
                for rank in std::mem::take(&mut ready) {
                    let (_, index) = rank;
                    if steps[index].operation.only_waits() {
                        gates.push(Box::pin(self.step(index)));
                    } else if calls.len() < self.options.concurrency.max(1)
                        && urgency.may_begin(self.plan, index, &running)
                    {
                        calls.push(Box::pin(self.step(index)));
                        running.push(index);
                    } else {
                        later.insert(rank);
                        continue;
                    }
                    untouched.remove(&index);
                }
                ready = later;
            }
            if calls.is_empty() && gates.is_empty() {
                break;
            }
            let ended = tokio::select! {
                Some(ended) = calls.next(), if !calls.is_empty() => ended,
                Some(ended) = gates.next(), if !gates.is_empty() => ended,
                () = cancel.reached(CancelLevel::Finish), if !applied.interrupted => {
                    applied.interrupted = true;
                    stopping = true;
                    gates.clear();
                    self.events.send(EventKind::Interrupted);
                    continue;
                }
                () = cancel.reached(CancelLevel::Now) => {
                    // Whoever asks twice at once may be heard here first.
                    applied.interrupted = true;
                    break;
                }
            };
            let step = &steps[ended.step];
            running.retain(|step| *step != ended.step);
            applied.timings.push(Timing {
                step: ended.step,
                target: step.target.clone(),
                verb: step.operation.verb(),
                start: ended.start,
                end: ended.end,
                released_by: released_by.get(&ended.step).copied(),
            });
            match ended.result {
                Ok(()) => {
                    for follower in &followers[ended.step] {
                        missing[*follower] -= 1;
                        if missing[*follower] == 0 {
                            released_by.insert(*follower, ended.step);
                            ready.insert(urgency.rank(*follower));
                        }
                    }
                }
                Err(error) => {
                    applied.failures.push(error);
                    if !self.plan.verb.goes_on_after_failure() {
                        stopping = true;
                        gates.clear();
                    }
                }
            }
        }
        if !applied.interrupted && applied.failures.is_empty() {
            self.look_again(applied).await;
        }
        for index in untouched {
            self.events.send(EventKind::StepSkipped {
                step: index,
                target: steps[index].target.clone(),
                verb: steps[index].operation.verb(),
            });
            applied.skipped.push(index);
        }
        if let Ok(ids) = self.ids.lock() {
            applied.created = ids
                .iter()
                .map(|(name, id)| (name.clone(), id.clone()))
                .collect();
            applied.created.sort();
        }
        if let Ok(mut found) = self.by_own_probe.lock() {
            applied.by_own_probe = std::mem::take(&mut found);
        }
    }

    /// What was ready and has ended since, while other things were done, is no success.
    async fn look_again(&self, applied: &mut Applied) {
        for (index, step) in self.plan.steps.iter().enumerate() {
            if let Operation::Wait {
                service,
                containers,
                gate: gate @ Gate::Ready,
                required,
            } = &step.operation
            {
                let ended: Vec<ContainerRef> = containers
                    .iter()
                    .filter(|container| self.has_ended(container))
                    .cloned()
                    .collect();
                let looked = self.wait(index, service, &ended, *gate, *required).await;
                applied.failures.extend(looked.err());
            }
        }
    }

    async fn step(&self, index: usize) -> Ended {
        let step = &self.plan.steps[index];
        let (target, verb) = (step.target.clone(), step.operation.verb());
        self.events.send(EventKind::StepStarted {
            step: index,
            target: target.clone(),
            verb,
        });
        let start = self.now();
        let result = self.perform(index, step).await;
        let end = self.now();
        let took = end.saturating_sub(start);
        self.events.send(match &result {
            Ok(()) => EventKind::StepFinished {
                step: index,
                target,
                verb,
                took,
            },
            Err(error) => EventKind::StepFailed {
                step: index,
                target,
                verb,
                took,
                error: chain(error),
            },
        });
        Ended {
            step: index,
            start,
            end,
            result,
        }
    }

    fn now(&self) -> Duration {
        self.events.elapsed().saturating_sub(self.offset)
    }
}
