use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use futures_util::StreamExt;
use futures_util::future::join_all;
use indexmap::IndexMap;
use serde::Serialize;

use super::run::TestRun;
use crate::apply::{Event, EventKind, Timing};
use crate::engine::{Container, ContainerSummary, Engine, EngineError, EngineResult, LogOptions};
use crate::observe::labels;
use crate::plan::Plan;

/// What is noted while a job runs, and what is asked of the engine before everything goes: enough to find out later why
/// it went as it did.
#[derive(Debug, Default)]
pub struct Evidence {
    plans: Vec<String>,
    timings: Vec<Timing>,
    /// By container.
    probes: IndexMap<String, Vec<Probe>>,
}

/// A health probe.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Probe {
    /// wharf ran it while it waited; else the engine did.
    own: bool,
    /// Seconds since the start-up began, for those that wharf saw end.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<f64>,
    /// RFC 3339, for those in the engine's own history.
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    exit_code: i64,
    output: String,
}

/// What a container was at the end.
#[derive(Debug, Serialize)]
struct LastState {
    service: String,
    /// What it was made from: the id of an image that was built for the run, else the project's name of it.
    image: String,
    image_id: String,
    status: crate::engine::ContainerStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i64>,
    out_of_memory: bool,
    started_at: String,
    finished_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<crate::engine::HealthStatus>,
    /// While wharf waited for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    probes: Vec<Probe>,
    /// The last ones that the engine remembers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    health_log: Vec<Probe>,
}

impl LastState {
    fn new(seen: Container, probes: Vec<Probe>) -> LastState {
        let exit = seen.state.exit.unwrap_or_default();
        let ended = !seen.state.finished_at.is_empty();
        let health = seen.state.health.unwrap_or_default();
        LastState {
            service: seen
                .labels
                .get(labels::SERVICE)
                .cloned()
                .unwrap_or_default(),
            image: seen.image,
            image_id: seen.image_id,
            status: seen.state.status,
            exit_code: ended.then_some(exit.code),
            out_of_memory: exit.out_of_memory,
            started_at: seen.state.started_at,
            finished_at: seen.state.finished_at,
            health: (!health.probes.is_empty()).then_some(health.status),
            probes,
            health_log: health
                .probes
                .into_iter()
                .map(|probe| Probe {
                    own: false,
                    at: None,
                    start: Some(probe.start),
                    end: Some(probe.end),
                    exit_code: probe.exit_code,
                    output: probe.output,
                })
                .collect(),
        }
    }
}

impl Evidence {
    pub fn note(&mut self, event: &Event) {
        if let EventKind::Probe {
            container,
            own,
            exit_code,
            output,
            ..
        } = &event.kind
        {
            self.probes
                .entry(container.clone())
                .or_default()
                .push(Probe {
                    own: *own,
                    at: Some(event.at.as_secs_f64()),
                    start: None,
                    end: None,
                    exit_code: *exit_code,
                    output: output.clone(),
                });
        }
    }

    pub fn plan(&mut self, plan: &Plan) {
        self.plans.push(plan.to_string());
    }

    pub fn timings(&mut self, timings: &[Timing]) {
        self.timings.extend(timings.iter().cloned());
    }

    /// Writes `logs/`, `containers.json`, `plan.txt` and `timings.json` into the job's directory. Returns what could not
    /// be had.
    pub async fn collect(mut self, run: &TestRun<'_>) -> Vec<String> {
        let engine = run.engine.as_ref();
        let mut problems = Vec::new();
        let wrote = |name: &str, result: io::Result<()>| {
            result.err().map(|error| {
                format!(
                    "cannot write `{}`: {error}",
                    run.output.join(name).display()
                )
            })
        };
        let plan = fs::write(run.output.join("plan.txt"), self.plans.join("\n"));
        problems.extend(wrote("plan.txt", plan));
        problems.extend(wrote(
            "timings.json",
            json(run.output, "timings.json", &self.timings),
        ));
        let filter = [(labels::PROJECT, run.project.name.as_str())];
        let containers = match engine.list_containers(&filter).await {
            Ok(containers) => containers,
            Err(error) => {
                problems.push(error.to_string());
                return problems;
            }
        };
        let logs = run.output.join("logs");
        problems.extend(wrote("logs", fs::create_dir_all(&logs)));
        let looked = join_all(containers.iter().map(|container| {
            let file = logs.join(format!("{}.log", short(run, container)));
            async move { look(engine, &container.id, &file).await }
        }))
        .await;
        let mut states = IndexMap::new();
        for (container, (seen, logged)) in containers.iter().zip(looked) {
            if let Err(error) = logged {
                problems.push(format!("the services' logs are not complete: {error}"));
            }
            match seen {
                Ok(Some(seen)) => {
                    let probes = self
                        .probes
                        .shift_remove(&container.name)
                        .unwrap_or_default();
                    states.insert(short(run, container), LastState::new(seen, probes));
                }
                Ok(None) => {}
                Err(error) => problems.push(error.to_string()),
            }
        }
        let states = json(run.output, "containers.json", &states);
        problems.extend(wrote("containers.json", states));
        problems
    }
}

/// The container's name without the project's.
fn short(run: &TestRun<'_>, container: &ContainerSummary) -> String {
    container
        .name
        .strip_prefix(&format!("{}-", run.project.name))
        .unwrap_or(&container.name)
        .to_owned()
}

fn json(directory: &Path, name: &str, value: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
    fs::write(directory.join(name), text + "\n")
}

/// A container as it is, and whether its log could be written.
async fn look(
    engine: &dyn Engine,
    id: &str,
    file: &Path,
) -> (EngineResult<Option<Container>>, EngineResult<()>) {
    match engine.inspect_container(id).await {
        Ok(Some(seen)) => {
            let logged = log(engine, id, seen.tty, file).await;
            (Ok(Some(seen)), logged)
        }
        other => (other, Ok(())),
    }
}

/// Writes the log of a container, line by line with the engine's times.
async fn log(engine: &dyn Engine, id: &str, tty: bool, file: &Path) -> EngineResult<()> {
    let options = LogOptions {
        timestamps: true,
        tty,
        ..LogOptions::default()
    };
    let mut lines = engine.container_logs(id, &options).await?;
    let cannot_write = |error: io::Error| {
        EngineError::new(
            crate::engine::ErrorKind::Other,
            format!("cannot write `{}`: {error}", file.display()),
        )
    };
    // A log may be larger than the memory.
    let mut text = BufWriter::new(fs::File::create(file).map_err(cannot_write)?);
    while let Some(line) = lines.next().await {
        let line = line?;
        let time = line.timestamp.unwrap_or_default();
        text.write_all(time.as_bytes())
            .and_then(|()| text.write_all(b" "))
            .and_then(|()| text.write_all(&line.bytes))
            .and_then(|()| text.write_all(b"\n"))
            .map_err(cannot_write)?;
    }
    text.flush().map_err(cannot_write)
}
