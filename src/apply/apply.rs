use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::try_join_all;
use futures_util::stream::FuturesUnordered;
use indexmap::IndexSet;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::gate::Waiter;
use super::probe::SLOTS;
use super::urgency::Urgency;
use super::watch::Watch;
use super::{
    Applied, ApplyError, Cancel, CancelLevel, EventKind, Events, PortHolder, Readiness, Timing,
    create, hook,
};
use crate::engine::{
    Credentials, Engine, EngineError, EngineResult, ErrorKind, PortBinding, chain,
};
use crate::observe::labels;
use crate::plan::{ContainerRef, NewContainer, Operation, Plan, Risk, Step};

/// Looks up how to authenticate for an image reference.
pub type CredentialsOf = Arc<dyn Fn(&str) -> Option<Credentials> + Send + Sync>;

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
    /// `None`: pull without authentication.
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

struct Execution<'a> {
    plan: &'a Plan,
    engine: Arc<dyn Engine>,
    options: &'a Options,
    events: &'a Events,
    /// `None`: nothing is waited for.
    watch: Option<Watch>,
    slots: Semaphore,
    offset: Duration,
    urgency: Urgency,
    /// Ids of containers that this run made, by their final names.
    ids: Mutex<HashMap<String, String>>,
    by_own_probe: Mutex<Vec<String>>,
}

struct Ended {
    step: usize,
    start: Duration,
    end: Duration,
    result: Result<(), ApplyError>,
}

type Running<'a> = FuturesUnordered<Pin<Box<dyn Future<Output = Ended> + Send + 'a>>>;

impl Execution<'_> {
    async fn run(&self, cancel: &Cancel, applied: &mut Applied) {
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
                () = cancel.reached(CancelLevel::Now) => break,
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

    fn id(&self, container: &ContainerRef) -> Result<String, ApplyError> {
        if let Some(id) = &container.id {
            return Ok(id.clone());
        }
        self.ids
            .lock()
            .ok()
            .and_then(|ids| ids.get(&container.name).cloned())
            .ok_or_else(|| ApplyError::UnknownContainer {
                container: container.name.clone(),
            })
    }

    async fn perform(&self, index: usize, step: &Step) -> Result<(), ApplyError> {
        let engine = &self.engine;
        let failed = |source| ApplyError::Step {
            step: index,
            target: step.target.clone(),
            verb: step.operation.verb(),
            source: Box::new(source),
        };
        let grace = |seconds: &Option<u64>| seconds.map(Duration::from_secs);
        match &step.operation {
            Operation::PullImage {
                reference,
                platform,
            } => self
                .pull(index, reference, platform.as_deref())
                .await
                .map_err(failed),
            Operation::RemoveImage { reference } => {
                let removed = engine.remove_image(reference, false).await;
                self.unless_in_use(step, removed).map_err(failed)
            }
            Operation::CreateNetwork { spec } => {
                create::create_network(engine, spec).await.map_err(failed)
            }
            Operation::RemoveNetwork { name, id } => {
                match gone_is_fine(engine.remove_network(id).await) {
                    Err(error) if is_in_use(&error) => {
                        self.network_in_use(step, name, id, error).await
                    }
                    other => other.map_err(failed),
                }
            }
            Operation::CreateVolume { spec } => engine.create_volume(spec).await.map_err(failed),
            Operation::RemoveVolume { name } => {
                let removed = engine.remove_volume(name, false).await;
                self.unless_in_use(step, removed).map_err(failed)
            }
            Operation::CreateContainer { container } => {
                let ids = self.ids.lock().map(|ids| ids.clone()).unwrap_or_default();
                match create::create(engine, container, &ids).await {
                    Ok(id) => {
                        if let Ok(mut ids) = self.ids.lock() {
                            ids.insert(container.name.clone(), id);
                        }
                        Ok(())
                    }
                    Err(error) => Err(self.cannot_create(container, error, failed).await),
                }
            }
            Operation::UploadFiles { container, files } => {
                let id = self.id(container)?;
                let tar = create::archive(files)?;
                engine
                    .upload_archive(&id, "/", tar, true)
                    .await
                    .map_err(failed)
            }
            Operation::StartContainer { container } => {
                let id = self.id(container)?;
                match engine.start_container(&id).await {
                    Err(error) if error.kind == ErrorKind::PortTaken => {
                        Err(self.port_taken(container, &id, error).await)
                    }
                    other => other.map_err(failed),
                }
            }
            Operation::StopContainer {
                container,
                grace: time,
            } => {
                let id = self.id(container)?;
                gone_is_fine(engine.stop_container(&id, grace(time)).await).map_err(failed)
            }
            Operation::KillContainer { container, signal } => {
                let id = self.id(container)?;
                engine.kill_container(&id, signal).await.map_err(failed)
            }
            Operation::RestartContainer {
                container,
                grace: time,
            } => {
                let id = self.id(container)?;
                engine
                    .restart_container(&id, grace(time))
                    .await
                    .map_err(failed)
            }
            Operation::PauseContainer { container } => {
                let id = self.id(container)?;
                engine.pause_container(&id).await.map_err(failed)
            }
            Operation::UnpauseContainer { container } => {
                let id = self.id(container)?;
                engine.unpause_container(&id).await.map_err(failed)
            }
            Operation::RenameContainer { container, name } => {
                let id = self.id(container)?;
                engine.rename_container(&id, name).await.map_err(failed)
            }
            Operation::LeaveNetwork {
                container,
                name,
                id: network,
            } => {
                let id = self.id(container)?;
                match engine.disconnect_network(network, &id, true).await {
                    // Whoever has removed the network meanwhile has done it.
                    Err(error) if error.kind == ErrorKind::NotFound => {
                        tracing::debug!(%error, network = name, "left already");
                        Ok(())
                    }
                    other => other.map_err(failed),
                }
            }
            Operation::JoinNetwork {
                container,
                name,
                endpoint,
            } => {
                let id = self.id(container)?;
                engine
                    .connect_network(name, &id, endpoint)
                    .await
                    .map_err(failed)
            }
            Operation::UpdateContainer {
                container,
                limits,
                restart,
            } => {
                let id = self.id(container)?;
                engine
                    .update_container(&id, limits, restart.as_ref())
                    .await
                    .map_err(failed)
            }
            Operation::RemoveContainer {
                container,
                force,
                volumes,
            } => {
                let id = self.id(container)?;
                self.remove_container(&id, *force, *volumes)
                    .await
                    .map_err(failed)
            }
            Operation::RunHook {
                container,
                moment,
                hook,
            } => {
                let id = self.id(container)?;
                hook::run(engine, self.events, index, container, &id, *moment, hook)
                    .await
                    .map_err(failed)?
            }
            Operation::RunInit { container, init } => {
                let ids = self.ids.lock().map(|ids| ids.clone()).unwrap_or_default();
                hook::run_init(engine, self.events, index, container, init, &ids)
                    .await
                    .map_err(failed)?
            }
            Operation::Wait {
                service,
                containers,
                gate,
                required,
            } => {
                let Some(watch) = &self.watch else {
                    return Ok(());
                };
                let deadline = self
                    .options
                    .wait_timeout
                    .map(|limit| Instant::now() + limit);
                let waits = containers.iter().map(|container| async move {
                    let id = self.id(container)?;
                    let waiter = Waiter {
                        engine,
                        watch,
                        slots: &self.slots,
                        events: self.events,
                        step: index,
                        service,
                        id: &id,
                        name: &container.name,
                        gate: *gate,
                        deadline,
                        log_lines: self.options.log_lines,
                    };
                    match waiter.pass().await {
                        Ok(by_own_probe) => {
                            if by_own_probe && let Ok(mut found) = self.by_own_probe.lock() {
                                found.push(container.name.clone());
                            }
                            self.events.send(EventKind::Passed {
                                step: index,
                                service: service.clone(),
                                container: container.name.clone(),
                                gate: *gate,
                                by_own_probe,
                            });
                            Ok(())
                        }
                        Err(mut error) => {
                            error.waited_for_by = waited_for_by(self.plan, index);
                            if *required {
                                return Err(ApplyError::Gate(Box::new(error)));
                            }
                            self.events.send(EventKind::Skipped {
                                service: service.clone(),
                                container: container.name.clone(),
                                message: error.to_string(),
                            });
                            Ok(())
                        }
                    }
                });
                try_join_all(waits).await.map(|_| ())
            }
        }
    }

    async fn pull(&self, step: usize, reference: &str, platform: Option<&str>) -> EngineResult<()> {
        let credentials = self
            .options
            .credentials
            .as_ref()
            .and_then(|credentials| credentials(reference));
        let mut stream = self
            .engine
            .pull_image(reference, platform, credentials.as_ref())
            .await?;
        while let Some(progress) = stream.next().await {
            let progress = progress?;
            self.events.send(EventKind::PullProgress {
                step,
                reference: reference.to_string(),
                layer: progress.layer,
                status: progress.status,
                current: progress.current,
                total: progress.total,
            });
        }
        Ok(())
    }

    /// A removal that somebody else has begun is waited for.
    async fn remove_container(&self, id: &str, force: bool, volumes: bool) -> EngineResult<()> {
        match self.engine.remove_container(id, force, volumes).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind == ErrorKind::Conflict => {
                let mut pause = Duration::from_millis(20);
                // About ten seconds; the engine tells no event on which to wait when it is already under way.
                for _ in 0..10 {
                    if self.engine.inspect_container(id).await?.is_none() {
                        return Ok(());
                    }
                    sleep(pause).await;
                    pause *= 2;
                }
                Err(error)
            }
            other => other,
        }
    }

    async fn cannot_create(
        &self,
        container: &NewContainer,
        error: EngineError,
        failed: impl FnOnce(EngineError) -> ApplyError,
    ) -> ApplyError {
        if error.kind == ErrorKind::NotFound {
            let image = self.engine.inspect_image(&container.spec.image).await;
            if let Ok(None) = image {
                return ApplyError::ImageGone {
                    service: container.service.clone(),
                    image: container.spec.image.clone(),
                    source: Box::new(error),
                };
            }
        }
        failed(error)
    }

    /// What is gone already is as good as removed, and what others use may stay where that is fine.
    fn unless_in_use(&self, step: &Step, removed: EngineResult<()>) -> EngineResult<()> {
        match gone_is_fine(removed) {
            Err(error) if error.kind == ErrorKind::Conflict && self.options.used_is_fine => {
                self.events.send(EventKind::StillInUse {
                    target: step.target.clone(),
                    message: error.to_string(),
                });
                Ok(())
            }
            other => other,
        }
    }

    /// Finds out who uses it.
    async fn network_in_use(
        &self,
        step: &Step,
        name: &str,
        id: &str,
        source: EngineError,
    ) -> Result<(), ApplyError> {
        let ids = match self.engine.inspect_network(id).await {
            Ok(Some(network)) => network.containers,
            _ => Vec::new(),
        };
        let mut containers = Vec::new();
        for id in ids {
            let found = self.engine.inspect_container(&id).await;
            containers.push(match found {
                Ok(Some(container)) => container.name,
                _ => id,
            });
        }
        let error = ApplyError::NetworkInUse {
            network: name.to_string(),
            containers,
            source: Box::new(source),
        };
        if self.options.used_is_fine {
            self.events.send(EventKind::StillInUse {
                target: step.target.clone(),
                message: error.to_string(),
            });
            return Ok(());
        }
        Err(error)
    }

    /// Finds out which port it is and who has it.
    async fn port_taken(
        &self,
        container: &ContainerRef,
        id: &str,
        source: EngineError,
    ) -> ApplyError {
        let wanted = self.wanted_ports(container);
        let named = wanted
            .iter()
            .find(|binding| mentions_port(&source, &binding.host_port))
            .or_else(|| wanted.first());
        let port = named.map(describe).unwrap_or_default();
        let host_port: Option<u16> = named.and_then(|binding| binding.host_port.parse().ok());
        let holder = match self.engine.list_containers(&[]).await {
            Ok(all) => all
                .into_iter()
                .find(|other| {
                    other.id != id
                        && host_port.is_some()
                        && other.ports.iter().any(|port| port.host_port == host_port)
                })
                .map(|other| PortHolder {
                    project: other.labels.get(labels::PROJECT).cloned(),
                    container: other.name,
                }),
            Err(_) => None,
        };
        ApplyError::PortTaken {
            service: container.service.clone(),
            container: container.name.clone(),
            port,
            holder: holder.map(Box::new),
            source: Box::new(source),
        }
    }

    fn wanted_ports(&self, container: &ContainerRef) -> Vec<PortBinding> {
        self.plan
            .steps
            .iter()
            .find_map(|step| match &step.operation {
                Operation::CreateContainer { container: new } if new.name == container.name => {
                    Some(new.spec.port_bindings.clone())
                }
                _ => None,
            })
            .unwrap_or_default()
    }
}

fn describe(binding: &PortBinding) -> String {
    let address = if binding.host_ip.is_empty() {
        "0.0.0.0"
    } else {
        &binding.host_ip
    };
    format!("{address}:{}/{}", binding.host_port, binding.protocol)
}

fn mentions_port(error: &EngineError, port: &str) -> bool {
    if port.is_empty() {
        return false;
    }
    let text = chain(error);
    text.match_indices(&format!(":{port}")).any(|(at, found)| {
        !text[at + found.len()..].starts_with(|next: char| next.is_ascii_digit())
    })
}

/// The engine says it in one code with other refusals.
fn is_in_use(error: &EngineError) -> bool {
    chain(error).contains("active endpoints")
}

/// What was to go and is gone already is as good.
fn gone_is_fine(result: EngineResult<()>) -> EngineResult<()> {
    match result {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Services that cannot go on without this step, nearest first.
fn waited_for_by(plan: &Plan, index: usize) -> Vec<String> {
    let mut reached: BTreeSet<usize> = [index].into();
    let mut services = IndexSet::new();
    let own = plan.steps[index].target.service().map(str::to_string);
    for (later, step) in plan.steps.iter().enumerate().skip(index + 1) {
        if step.after.iter().any(|earlier| reached.contains(earlier)) {
            reached.insert(later);
            if let Some(service) = step.target.service() {
                services.insert(service.to_string());
            }
        }
    }
    if let Some(own) = own {
        services.shift_remove(&own);
    }
    services.into_iter().collect()
}
