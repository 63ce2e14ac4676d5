use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::engine::{Engine, EngineResult, ExecSpec, HealthcheckSpec};

/// One run of a health check by wharf itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ProbeRun {
    pub(super) exit_code: i64,
    pub(super) output: String,
    pub(super) took: Duration,
}

/// A health check as wharf runs it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Probe {
    command: Vec<String>,
    timeout: Duration,
    interval: Duration,
}

/// The engine's interval and timeout where none is given.
const DEFAULT: Duration = Duration::from_secs(30);

/// Pauses between probes are at least this long, and at least as long as the probe before took: a probe that costs half a
/// second of processor time must not slow down the start that it waits for.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// A probe that takes longer than this, or than three times the last one, gets a second one beside it: one that hangs must
/// not hold the gate.
const PATIENCE: Duration = Duration::from_secs(2);

/// Probes of one container that may hang at once; they cannot be killed over the engine's API.
const MOST_HANGING: usize = 3;

/// Probes of all containers at once: more would only slow down the starts that they wait for.
pub(super) const SLOTS: usize = 4;

/// What is kept of a probe's output, as much as the engine keeps.
const OUTPUT_LIMIT: usize = 4096;

impl Probe {
    /// `None`: there is nothing that wharf could run.
    pub(super) fn of(check: &HealthcheckSpec) -> Option<Probe> {
        let command = match check.test.split_first() {
            Some((kind, words)) if kind == "CMD" && !words.is_empty() => words.to_vec(),
            Some((kind, [script])) if kind == "CMD-SHELL" => {
                vec!["/bin/sh".to_string(), "-c".to_string(), script.clone()]
            }
            _ => return None,
        };
        let time = |nanos: Option<i64>| match nanos {
            Some(nanos) if nanos > 0 => Duration::from_nanos(nanos.unsigned_abs()),
            _ => DEFAULT,
        };
        Some(Probe {
            command,
            timeout: time(check.timeout),
            interval: time(check.interval),
        })
    }

    /// Probes until one succeeds; never returns when the container cannot be probed. The engine alone decides that a
    /// container is unhealthy, so failures only count for the pace.
    pub(super) async fn until_healthy(
        &self,
        engine: &Arc<dyn Engine>,
        slots: &Semaphore,
        id: &str,
        first: Duration,
        mut hear: impl FnMut(&ProbeRun),
    ) -> ProbeRun {
        let mut running = FuturesUnordered::new();
        let mut next = Instant::now() + first;
        let mut began = next;
        let mut cost = SHORTEST_PAUSE;
        let mut failures = 0u32;
        loop {
            let patience = PATIENCE.max(cost * 3);
            let wake = if running.is_empty() {
                next
            } else {
                began + patience
            };
            tokio::select! {
                Some(result) = running.next(), if !running.is_empty() => {
                    let result: EngineResult<Option<ProbeRun>> = result;
                    let Ok(run) = result else {
                        // It does not run, or cannot be entered: the engine's events say what becomes of it.
                        sleep(self.interval).await;
                        next = Instant::now();
                        continue;
                    };
                    if let Some(run) = run {
                        hear(&run);
                        cost = run.took;
                        if run.exit_code == 0 {
                            return run;
                        }
                    }
                    failures += 1;
                    let growing = Duration::from_millis(10) * failures.min(50);
                    let pause = SHORTEST_PAUSE.max(cost).max(growing).min(self.interval.max(SHORTEST_PAUSE));
                    next = Instant::now() + pause;
                }
                () = sleep_until(wake), if running.len() < MOST_HANGING => {
                    began = Instant::now();
                    running.push(self.bounded(engine, slots, id));
                }
            }
        }
    }

    /// `None`: it did not end in its time.
    async fn bounded(
        &self,
        engine: &Arc<dyn Engine>,
        slots: &Semaphore,
        id: &str,
    ) -> EngineResult<Option<ProbeRun>> {
        match timeout(self.timeout, self.run(engine, slots, id)).await {
            Ok(run) => run.map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn run(
        &self,
        engine: &Arc<dyn Engine>,
        slots: &Semaphore,
        id: &str,
    ) -> EngineResult<ProbeRun> {
        // A closed semaphore bounds nothing; this one is never closed.
        let slot = slots.acquire().await.ok();
        let began = Instant::now();
        let spec = ExecSpec {
            command: self.command.clone(),
            attach_stdout: true,
            attach_stderr: true,
            ..ExecSpec::default()
        };
        let mut running = std::pin::pin!(run_exec(engine, id, &spec, |_| ()));
        let (exit_code, output) = match timeout(PATIENCE, &mut running).await {
            Ok(ended) => ended?,
            // It may hang; others need not wait for that.
            Err(_) => {
                drop(slot);
                running.await?
            }
        };
        Ok(ProbeRun {
            exit_code,
            output,
            took: began.elapsed(),
        })
    }
}

/// Runs a command in a container to its end; returns its exit code and the beginning of its output, and hands every piece
/// of output over as it comes.
pub(super) async fn run_exec(
    engine: &Arc<dyn Engine>,
    container: &str,
    spec: &ExecSpec,
    mut hear: impl FnMut(&[u8]),
) -> EngineResult<(i64, String)> {
    let (exec, attached) = engine.exec(container, spec).await?;
    let mut stream = attached.output;
    let mut output = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        hear(&chunk.bytes);
        let room = OUTPUT_LIMIT.saturating_sub(output.len());
        output.extend_from_slice(&chunk.bytes[..chunk.bytes.len().min(room)]);
    }
    drop(attached.input);
    // The output's end comes a moment before the engine has noted the exit code.
    let mut pause = Duration::from_millis(2);
    loop {
        let outcome = engine.exec_outcome(&exec).await?;
        if let Some(exit_code) = outcome.exit_code.filter(|_| !outcome.running) {
            return Ok((exit_code, String::from_utf8_lossy(&output).into_owned()));
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}
