use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::Semaphore;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};

use super::probe::{Probe, ProbeRun};
use super::watch::{Notice, Watch};
use super::{EventKind, Events, GateError, GateFailure, LastProbe};
use crate::engine::{
    Container, ContainerStatus, Engine, ErrorKind, HealthStatus, HealthcheckSpec, LogOptions,
};
use crate::plan::Gate;

/// One container in front of one gate.
pub(super) struct Waiter<'a> {
    pub(super) engine: &'a Arc<dyn Engine>,
    pub(super) watch: &'a Watch,
    /// Own probes that may run at once.
    pub(super) slots: &'a Semaphore,
    pub(super) events: &'a Events,
    pub(super) step: usize,
    pub(super) service: &'a str,
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) gate: Gate,
    /// `None`: no limit.
    pub(super) deadline: Option<Instant>,
    /// Lines of the log that an error shows.
    pub(super) log_lines: u64,
}

/// What a look at the container says.
#[derive(Debug, PartialEq)]
enum Verdict {
    Open,
    Pending,
    Closed(GateFailure),
}

/// How long a container that has no health check is given to end, before it is told that it has none.
const FIRST_END: Duration = Duration::from_millis(500);

/// How long a container without a health check has to have run: what cannot work at all ends at once.
const SETTLE: Duration = Duration::from_millis(100);

/// Times that the engine may restart a container before waiting for it is given up.
const RESTARTS: i64 = 3;

/// From this interval on, the engine's own start probes are as quick as wharf's.
const QUICK: i64 = 250_000_000;

type Probing<'a> = Pin<Box<dyn Future<Output = ProbeRun> + Send + 'a>>;

impl Waiter<'_> {
    /// Returns once the container is past the gate: whether wharf's own probe said so before the engine did.
    pub(super) async fn pass(&self) -> Result<bool, GateError> {
        let began = Instant::now();
        let mut notices = self.watch.subscribe();
        if let Err(reason) = self.watch.live().await {
            let failure = GateFailure::Engine(reason);
            return Err(self.failed(failure, None, None, began).await);
        }
        let last_own: Mutex<Option<ProbeRun>> = Mutex::new(None);
        let mut probing: Option<Probing<'_>> = None;
        let mut told = None;
        let mut told_probe = String::new();
        let mut run = String::new();
        let mut restarts_before = None;
        loop {
            let container = match self.engine.inspect_container(self.id).await {
                Ok(Some(container)) => Some(container),
                Ok(None) => {
                    return Err(self.failed(GateFailure::Gone, None, None, began).await);
                }
                // It may come back; the watch says when, or that it does not.
                Err(error) if error.kind == ErrorKind::Unreachable => None,
                Err(error) => {
                    let failure = GateFailure::Engine(error.to_string());
                    return Err(self.failed(failure, None, None, began).await);
                }
            };
            if let Some(container) = &container {
                let before = *restarts_before.get_or_insert(container.restart_count);
                self.tell(container, &mut told, &mut told_probe);
                match judge(container, self.gate, container.restart_count - before) {
                    Verdict::Open if is_unproven(container) && began.elapsed() < SETTLE => {
                        tokio::select! {
                            () = self.noticed(&mut notices) => {}
                            () = sleep_until(began + SETTLE) => {}
                        }
                        continue;
                    }
                    Verdict::Open => return Ok(false),
                    // One that ends at once has a more telling reason than that nobody can say whether it is healthy.
                    Verdict::Closed(GateFailure::NoHealthcheck) if began.elapsed() < FIRST_END => {
                        tokio::select! {
                            () = self.noticed(&mut notices) => {}
                            () = sleep_until(began + FIRST_END) => {}
                        }
                        continue;
                    }
                    Verdict::Closed(failure) => {
                        let own = last_own.lock().ok().and_then(|last| last.clone());
                        return Err(self.failed(failure, Some(container), own, began).await);
                    }
                    Verdict::Pending => {}
                }
                if run != container.state.started_at {
                    run.clone_from(&container.state.started_at);
                    probing = self.probing(container, &last_own);
                }
            }
            tokio::select! {
                () = self.noticed(&mut notices) => {}
                _ = async { match &mut probing { Some(probing) => probing.await, None => std::future::pending().await } } => {
                    return Ok(true);
                }
                reason = self.watch.broken() => {
                    let failure = GateFailure::Engine(reason);
                    return Err(self.failed(failure, container.as_ref(), None, began).await);
                }
                () = async { match self.deadline { Some(deadline) => sleep_until(deadline).await, None => std::future::pending().await } } => {
                    let own = last_own.lock().ok().and_then(|last| last.clone());
                    return Err(self.failed(GateFailure::TimedOut, container.as_ref(), own, began).await);
                }
            }
        }
    }

    /// Returns once something may have happened to the container.
    async fn noticed(&self, notices: &mut tokio::sync::broadcast::Receiver<Notice>) {
        loop {
            match notices.recv().await {
                Ok(Notice::Container(id)) if id != self.id => {}
                Ok(_) | Err(RecvError::Lagged(_)) => return,
                // The watch has ended; its state says why.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }

    /// Own probes for a container whose health is waited for.
    fn probing<'b>(
        &'b self,
        container: &Container,
        last: &'b Mutex<Option<ProbeRun>>,
    ) -> Option<Probing<'b>> {
        let is_starting = container
            .state
            .health
            .as_ref()
            .is_some_and(|health| health.status == HealthStatus::Starting);
        if self.gate == Gate::Completed
            || container.state.status != ContainerStatus::Running
            || !is_starting
        {
            return None;
        }
        let check = container.healthcheck.as_ref()?;
        let probe = Probe::of(check)?;
        let first = first_probe(check);
        let hear = move |run: &ProbeRun| {
            self.events.send(EventKind::Probe {
                service: self.service.to_string(),
                container: self.name.to_string(),
                own: true,
                exit_code: run.exit_code,
                took: run.took,
                output: run.output.clone(),
            });
            if let Ok(mut last) = last.lock() {
                *last = Some(run.clone());
            }
        };
        Some(Box::pin(async move {
            probe
                .until_healthy(self.engine, self.slots, self.id, first, hear)
                .await
        }))
    }

    fn tell(
        &self,
        container: &Container,
        told: &mut Option<(ContainerStatus, Option<HealthStatus>)>,
        told_probe: &mut String,
    ) {
        let health = container.state.health.as_ref();
        if let Some(probe) = health.and_then(|health| health.probes.last())
            && *told_probe != probe.start
        {
            told_probe.clone_from(&probe.start);
            self.events.send(EventKind::Probe {
                service: self.service.to_string(),
                container: self.name.to_string(),
                own: false,
                exit_code: probe.exit_code,
                took: Duration::ZERO,
                output: probe.output.clone(),
            });
        }
        let state = (container.state.status, health.map(|health| health.status));
        if *told != Some(state) {
            *told = Some(state);
            self.events.send(EventKind::Waiting {
                step: self.step,
                service: self.service.to_string(),
                container: self.name.to_string(),
                gate: self.gate,
                status: state.0,
                health: state.1,
            });
        }
    }

    async fn failed(
        &self,
        failure: GateFailure,
        container: Option<&Container>,
        own: Option<ProbeRun>,
        began: Instant,
    ) -> GateError {
        let state = container.map(|container| &container.state);
        let exit = state.and_then(|state| state.exit.as_ref());
        let is_running = state.is_some_and(|state| state.status == ContainerStatus::Running);
        let health = state.and_then(|state| state.health.as_ref());
        let by_engine = health
            .and_then(|health| health.probes.last())
            .map(|probe| LastProbe {
                exit_code: probe.exit_code,
                output: probe.output.clone(),
            });
        let by_us = own.map(|run| LastProbe {
            exit_code: run.exit_code,
            output: run.output,
        });
        GateError {
            service: self.service.to_string(),
            container: self.name.to_string(),
            gate: self.gate,
            status: state.map(|state| state.status).unwrap_or_default(),
            health: health.map(|health| health.status),
            exit_code: exit.filter(|_| !is_running).map(|exit| exit.code),
            out_of_memory: exit.is_some_and(|exit| exit.out_of_memory && !is_running),
            last_probe: by_engine.or(by_us),
            log: match container {
                Some(container) => self.last_log_lines(container.tty).await,
                None => Vec::new(),
            },
            waited_for_by: Vec::new(),
            took: began.elapsed(),
            failure,
        }
    }

    /// Best effort: an error about a service must not be lost for an error about its log.
    async fn last_log_lines(&self, tty: bool) -> Vec<String> {
        let options = LogOptions {
            tail: Some(self.log_lines),
            tty,
            ..LogOptions::default()
        };
        let Ok(mut stream) = self.engine.container_logs(self.id, &options).await else {
            return Vec::new();
        };
        let mut lines = Vec::new();
        while let Some(Ok(line)) = stream.next().await {
            lines.push(String::from_utf8_lossy(&line.bytes).trim_end().to_string());
        }
        lines
    }
}

/// How long to leave the first probes to the engine.
fn first_probe(check: &HealthcheckSpec) -> Duration {
    match (check.start_interval, check.start_period) {
        (Some(interval), Some(period)) if (1..=QUICK).contains(&interval) && period > 0 => {
            Duration::from_nanos(period.unsigned_abs())
        }
        _ => Duration::from_millis(20),
    }
}

/// Whether it runs, and nothing but that says that it works.
fn is_unproven(container: &Container) -> bool {
    container.state.status == ContainerStatus::Running && container.state.health.is_none()
}

fn judge(container: &Container, gate: Gate, restarts: i64) -> Verdict {
    let state = &container.state;
    let code = state.exit.as_ref().map_or(0, |exit| exit.code);
    let health = state.health.as_ref().map(|health| health.status);
    match (state.status, gate) {
        (ContainerStatus::Removing, _) => Verdict::Closed(GateFailure::Gone),
        (ContainerStatus::Exited | ContainerStatus::Dead, Gate::Completed) => match code {
            0 => Verdict::Open,
            _ => Verdict::Closed(GateFailure::Failed),
        },
        (ContainerStatus::Exited, Gate::Ready) if code == 0 => Verdict::Open,
        (ContainerStatus::Exited | ContainerStatus::Dead, _) => {
            Verdict::Closed(GateFailure::Exited)
        }
        (ContainerStatus::Restarting | ContainerStatus::Running, _) if restarts >= RESTARTS => {
            Verdict::Closed(GateFailure::Restarting)
        }
        (ContainerStatus::Running, Gate::Healthy | Gate::Ready) => match health {
            Some(HealthStatus::Healthy) => Verdict::Open,
            Some(HealthStatus::Unhealthy) => Verdict::Closed(GateFailure::Unhealthy),
            Some(HealthStatus::Starting) => Verdict::Pending,
            None if gate == Gate::Ready => Verdict::Open,
            None => Verdict::Closed(GateFailure::NoHealthcheck),
        },
        (
            ContainerStatus::Running
            | ContainerStatus::Created
            | ContainerStatus::Paused
            | ContainerStatus::Restarting,
            _,
        ) => Verdict::Pending,
    }
}
