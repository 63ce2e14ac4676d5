use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::artifacts::copy_out;
use super::evidence::Evidence;
use super::job::Job;
use super::junit::{self, Report};
use super::ports::{OpenPort, open_ports};
use crate::apply::{self, ApplyError, Cancel, CancelLevel, Event, Events, Options};
use crate::engine::{
    AttachOptions, ContainerStatus, Engine, EngineError, ExecSpec, LogOptions, StreamChunk,
};
use crate::model::{Project, ResetDeclaration};
use crate::observe::{collect, labels};
use crate::plan::{self, Plan, PlanError, Policy, RunRequest};

/// One job of a test run: a project of its own, and what to run in it.
pub struct TestRun<'r> {
    pub engine: Arc<dyn Engine>,
    /// Already isolated: see [`super::isolate`].
    pub project: &'r Project,
    pub job: &'r Job,
    /// Appended to the declared command.
    pub arguments: &'r [String],
    /// Of the run.
    pub id: &'r str,
    pub policy: Policy,
    pub options: Options,
    /// Where artifacts and logs go; exists.
    pub output: &'r Path,
    /// Tells the containers of one round from those of the next in the same stack; counted from one.
    pub round: u32,
}

/// What happens in a job, for those who watch.
pub enum Told<'e> {
    /// A plan is about to be applied.
    Plan(&'e Plan),
    Applying(&'e Event),
    /// Ports of the services that can be reached from outside.
    Ports(&'e [OpenPort]),
    /// Output of the tests.
    Output(&'e StreamChunk),
    /// The tests failed with this code and are run again, for the so-many-th time.
    Again {
        exit_code: i64,
        attempt: u32,
        of: u32,
    },
    Warning(String),
}

/// How the tests ended.
#[derive(Debug)]
pub enum Verdict {
    /// With this exit code of their own.
    Ended(i64),
    /// They took longer than this.
    TimedOut(Duration),
    Interrupted,
    /// They could not be run, or could not be followed to their end.
    Infrastructure(Failure),
}

/// What of the infrastructure failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(
        "the test service `{0}` is not a service of the project; name one of them in `x-wharf.test.service`"
    )]
    NoService(String),
    #[error("{0}")]
    Build(String),
    #[error("{0}")]
    Crashed(Crash),
    #[error("the reset `{command}` in service `{service}` ended with exit code {exit_code}{}", tail(.output))]
    Reset {
        service: String,
        command: String,
        exit_code: i64,
        output: Vec<String>,
    },
    #[error("service `{0}` does not run, so it cannot be reset")]
    NothingToReset(String),
    #[error("wharf itself failed: {0}")]
    Panic(String),
}

/// A service that ended while the tests ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash {
    pub service: String,
    pub container: String,
    pub exit_code: i64,
    pub out_of_memory: bool,
    /// The last lines of its log.
    pub log: Vec<String>,
    /// What the tests ended with.
    pub tests: i64,
}

impl std::fmt::Display for Crash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "service `{}` ended with exit code {}{} while the tests ran (container `{}`); they failed with exit code {}{}",
            self.service,
            self.exit_code,
            if self.out_of_memory {
                " (out of memory)"
            } else {
                ""
            },
            self.container,
            self.tests,
            tail(&self.log)
        )
    }
}

fn tail(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!("\nlast lines of its output:\n{}", lines.join("\n"))
}

/// How long each part took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Until the tests could start, in seconds. So for all.
    pub start_up: f64,
    pub tests: f64,
    pub collect: f64,
    pub clean_up: f64,
}

/// One run of the tests' command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// `None`: it did not end by itself.
    pub exit_code: Option<i64>,
    pub seconds: f64,
}

/// What became of a job.
#[derive(Debug)]
pub struct JobOutcome {
    pub verdict: Verdict,
    pub phases: Phases,
    pub attempts: Vec<Attempt>,
    pub ports: Vec<OpenPort>,
    /// The kernel killed the tests for lack of memory.
    pub out_of_memory: bool,
    /// Of all attempts. `None`: the tests left no report.
    pub report: Option<Report>,
}

impl TestRun<'_> {
    /// Brings up what the tests need, runs them and collects what they leave; `hear` is told what happens.
    ///
    /// Whatever the verdict, the project is still there afterwards: see [`super::tear_down`].
    pub async fn run(&self, hear: &dyn Fn(Told<'_>), cancel: &Cancel) -> JobOutcome {
        let (events, mut heard) = Events::channel();
        let evidence = RefCell::new(Evidence::default());
        let listening = async {
            while let Some(event) = heard.recv().await {
                evidence.borrow_mut().note(&event);
                hear(Told::Applying(&event));
            }
        };
        let working = async {
            let outcome = self.work(&events, hear, cancel, &evidence).await;
            // The listener ends when nobody can send any more.
            drop(events);
            outcome
        };
        let (mut outcome, ()) = tokio::join!(working, listening);
        let began = Instant::now();
        if cancel.level() < CancelLevel::Now {
            let evidence = evidence.into_inner();
            for problem in evidence.collect(self).await {
                hear(Told::Warning(problem));
            }
        }
        outcome.phases.collect += began.elapsed().as_secs_f64();
        outcome
    }

    async fn work(
        &self,
        events: &Events,
        hear: &dyn Fn(Told<'_>),
        cancel: &Cancel,
        evidence: &RefCell<Evidence>,
    ) -> JobOutcome {
        let began = Instant::now();
        let mut outcome = JobOutcome {
            verdict: Verdict::Interrupted,
            phases: Phases::default(),
            attempts: Vec::new(),
            ports: Vec::new(),
            out_of_memory: false,
            report: None,
        };
        let started = self.start(events, hear, cancel, evidence, &mut outcome.ports);
        let mut container = match started.await {
            Ok(Some(container)) => container,
            Ok(None) => return outcome,
            Err(failure) => {
                outcome.verdict = Verdict::Infrastructure(failure);
                outcome.phases.start_up = began.elapsed().as_secs_f64();
                return outcome;
            }
        };
        outcome.phases.start_up = began.elapsed().as_secs_f64();
        let attempts = self.job.declaration.retries.unwrap_or(0) + 1;
        let mut reports = Vec::new();
        for attempt in 1..=attempts {
            let began = Instant::now();
            let verdict = match self.follow(&container, hear, cancel).await {
                Ok(verdict) => verdict,
                Err(error) => Verdict::Infrastructure(error.into()),
            };
            let seconds = began.elapsed().as_secs_f64();
            let exit_code = match verdict {
                Verdict::Ended(code) => Some(code),
                _ => None,
            };
            outcome.attempts.push(Attempt { exit_code, seconds });
            outcome.phases.tests += seconds;
            outcome.verdict = verdict;
            let failed_with = exit_code.filter(|code| *code != 0);
            let crash = match failed_with {
                Some(code) => self.crash(code).await.ok().flatten(),
                None => None,
            };
            let again = attempt < attempts
                && failed_with.is_some()
                && crash.is_none()
                && cancel.level() == CancelLevel::None;
            let began = Instant::now();
            if cancel.level() < CancelLevel::Now {
                let target = if again {
                    self.output.join(format!("attempt-{attempt}"))
                } else {
                    self.output.to_path_buf()
                };
                match self.collect_artifacts(&container, &target).await {
                    Ok(report) => reports.extend(report),
                    Err(error) if exit_code.is_some() => {
                        outcome.verdict = Verdict::Infrastructure(error.into());
                    }
                    Err(error) => hear(Told::Warning(error.to_string())),
                }
                if let Ok(Some(seen)) = self.engine.inspect_container(&container).await {
                    outcome.out_of_memory = seen.state.exit.is_some_and(|exit| exit.out_of_memory);
                }
            }
            outcome.phases.collect += began.elapsed().as_secs_f64();
            if let Some(crash) = crash {
                outcome.verdict = Verdict::Infrastructure(Failure::Crashed(crash));
            }
            if !again {
                break;
            }
            hear(Told::Again {
                exit_code: failed_with.unwrap_or_default(),
                attempt: attempt + 1,
                of: attempts,
            });
            match self
                .prepare_again(events, hear, cancel, evidence, attempt + 1, &outcome.ports)
                .await
            {
                Ok(Some(next)) => container = next,
                Ok(None) => {
                    outcome.verdict = Verdict::Interrupted;
                    break;
                }
                Err(failure) => {
                    outcome.verdict = Verdict::Infrastructure(failure);
                    break;
                }
            }
        }
        outcome.report = junit::fold_attempts(reports);
        outcome
    }

    /// The container of the tests, created and not started. `None`: interrupted.
    async fn start(
        &self,
        events: &Events,
        hear: &dyn Fn(Told<'_>),
        cancel: &Cancel,
        evidence: &RefCell<Evidence>,
        ports: &mut Vec<OpenPort>,
    ) -> Result<Option<String>, Failure> {
        if !self.bring_up(events, hear, cancel, evidence).await? {
            return Ok(None);
        }
        *ports = open_ports(self.engine.as_ref(), &self.project.name).await?;
        if !ports.is_empty() {
            hear(Told::Ports(ports));
        }
        self.create(events, hear, cancel, evidence, 1, ports).await
    }

    /// Pulls what is missing, and starts what the tests need where somebody has to know its ports before the tests are
    /// created; else the tests' own plan does it. `false`: interrupted.
    async fn bring_up(
        &self,
        events: &Events,
        hear: &dyn Fn(Told<'_>),
        cancel: &Cancel,
        evidence: &RefCell<Evidence>,
    ) -> Result<bool, Failure> {
        let engine = self.engine.as_ref();
        let mut snapshot = collect(engine, self.project).await?;
        let needed = self.job.needed(self.project);
        let order = plan::service_order(self.project, &needed, true)?;
        let mut wanted = order.clone();
        wanted.push(self.job.service().to_owned());
        let policy = Policy {
            services: wanted,
            no_deps: true,
            ..self.policy.clone()
        };
        let pulling = plan::pulls(self.project, &snapshot, &policy)?;
        if !pulling.is_empty() {
            if !self
                .carry_out(&pulling, events, hear, cancel, evidence)
                .await?
            {
                return Ok(false);
            }
            snapshot = collect(engine, self.project).await?;
        }
        let publishes = order.iter().any(|name| {
            let service = self.project.services.get(name);
            service.is_some_and(|service| !service.ports.is_empty())
        });
        if needed.is_empty() || !publishes {
            return Ok(true);
        }
        let policy = Policy {
            services: needed,
            ..self.policy.clone()
        };
        let plan = plan::reconcile(self.project, &snapshot, &policy)?;
        self.carry_out(&plan, events, hear, cancel, evidence).await
    }

    /// `false`: interrupted.
    async fn carry_out(
        &self,
        plan: &Plan,
        events: &Events,
        hear: &dyn Fn(Told<'_>),
        cancel: &Cancel,
        evidence: &RefCell<Evidence>,
    ) -> Result<bool, Failure> {
        if plan.is_empty() {
            return Ok(true);
        }
        evidence.borrow_mut().plan(plan);
        hear(Told::Plan(plan));
        let applied = apply::apply(plan, self.engine.clone(), &self.options, events, cancel).await;
        evidence.borrow_mut().timings(&applied.timings);
        if applied.interrupted {
            return Ok(false);
        }
        applied.into_result()?;
        Ok(true)
    }

    async fn prepare_again(
        &self,
        events: &Events,
        hear: &dyn Fn(Told<'_>),
        cancel: &Cancel,
        evidence: &RefCell<Evidence>,
        attempt: u32,
        ports: &[OpenPort],
    ) -> Result<Option<String>, Failure> {
        if let Some(declared) = self.project.wharf.test.as_ref()
            && let Some(reset) = &declared.reset
            && self.is_running(&reset.service).await?
        {
            self.reset(reset).await?;
        }
        self.create(events, hear, cancel, evidence, attempt, ports)
            .await
    }

    /// Creates the container of the tests, with what it depends on up and ready. `None`: interrupted.
    async fn create(
        &self,
        events: &Events,
        hear: &dyn Fn(Told<'_>),
        cancel: &Cancel,
        evidence: &RefCell<Evidence>,
        attempt: u32,
        ports: &[OpenPort],
    ) -> Result<Option<String>, Failure> {
        let mut variables = IndexMap::from([
            ("WHARF_RUN".to_owned(), self.id.to_owned()),
            ("WHARF_SUITE".to_owned(), self.job.suite.clone()),
            ("WHARF_ATTEMPT".to_owned(), attempt.to_string()),
        ]);
        for port in ports {
            variables.extend(port.variables());
        }
        let slug = format!("{}-{attempt}", self.round);
        let request = self.request(self.arguments, &variables, &slug)?;
        let snapshot = collect(self.engine.as_ref(), self.project).await?;
        let (plan, container) = plan::run(self.project, &snapshot, &self.policy, &request)?;
        evidence.borrow_mut().plan(&plan);
        hear(Told::Plan(&plan));
        let applied = apply::apply(&plan, self.engine.clone(), &self.options, events, cancel).await;
        evidence.borrow_mut().timings(&applied.timings);
        if applied.interrupted {
            return Ok(None);
        }
        let applied = applied.into_result()?;
        let id = applied
            .created
            .iter()
            .find(|(created, _)| *created == container.name)
            .map_or(container.name.clone(), |(_, id)| id.clone());
        Ok(Some(id))
    }

    fn request(
        &self,
        arguments: &[String],
        variables: &IndexMap<String, String>,
        slug: &str,
    ) -> Result<RunRequest, Failure> {
        let service = self
            .job
            .test_service(self.project, arguments, variables)
            .ok_or_else(|| Failure::NoService(self.job.service().to_owned()))?;
        let name = format!("{}-{}-tests-{slug}", self.project.name, self.job.service());
        Ok(RunRequest {
            service_name: self.job.service().to_owned(),
            service,
            name: Some(name),
            slug: slug.to_owned(),
            ..RunRequest::default()
        })
    }

    /// Makes the stack ready for tests, without their container, for a later run. `false`: interrupted.
    pub async fn stand_by(&self, cancel: &Cancel) -> Result<bool, Failure> {
        let events = Events::silent();
        let evidence = RefCell::new(Evidence::default());
        let quiet: &dyn Fn(Told<'_>) = &|_| {};
        if !self.bring_up(&events, quiet, cancel, &evidence).await? {
            return Ok(false);
        }
        let needed = self.job.needed(self.project);
        if needed.is_empty() {
            return Ok(true);
        }
        let snapshot = collect(self.engine.as_ref(), self.project).await?;
        let policy = Policy {
            services: needed,
            ..self.policy.clone()
        };
        let plan = plan::reconcile(self.project, &snapshot, &policy)?;
        self.carry_out(&plan, &events, quiet, cancel, &evidence)
            .await
    }

    /// Leaves a container of the tests' service that does nothing, for those who want to look around.
    pub async fn leave_a_door(&self, cancel: &Cancel) -> Result<(), Failure> {
        let mut request = self.request(&[], &IndexMap::new(), "door")?;
        request.name = Some(format!("{}-{}-door", self.project.name, self.job.service()));
        request.service.entrypoint = Some(vec!["sleep".into(), "infinity".into()]);
        request.service.command = Some(Vec::new());
        request.service.init = Some(true);
        request.service.depends_on.clear();
        let snapshot = collect(self.engine.as_ref(), self.project).await?;
        let (plan, container) = plan::run(self.project, &snapshot, &self.policy, &request)?;
        let events = Events::silent();
        let applied =
            apply::apply(&plan, self.engine.clone(), &self.options, &events, cancel).await;
        applied.into_result()?;
        Ok(self.engine.start_container(&container.name).await?)
    }

    async fn follow(
        &self,
        container: &str,
        hear: &dyn Fn(Told<'_>),
        cancel: &Cancel,
    ) -> Result<Verdict, EngineError> {
        let attach = AttachOptions {
            stdout: true,
            stderr: true,
            ..AttachOptions::default()
        };
        let mut attached = self.engine.attach_container(container, &attach).await?;
        self.engine.start_container(container).await?;
        let limit = self.job.declaration.timeout.map(|timeout| timeout.std());
        let deadline = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let ending = async {
            while let Some(chunk) = attached.output.next().await {
                hear(Told::Output(&chunk?));
            }
            self.engine.wait_container(container).await
        };
        let verdict = tokio::select! {
            code = ending => return Ok(Verdict::Ended(code?)),
            () = deadline => Verdict::TimedOut(limit.unwrap_or_default()),
            () = cancel.reached(CancelLevel::Finish) => Verdict::Interrupted,
        };
        // What the tests have written so far can only be collected once they write no more.
        self.engine.kill_container(container, "SIGKILL").await.ok();
        Ok(verdict)
    }

    /// A service that ended badly while the tests ran. `None`: all that should run still runs.
    async fn crash(&self, tests: i64) -> Result<Option<Crash>, EngineError> {
        let filter = [(labels::PROJECT, self.project.name.as_str())];
        for one in self.engine.list_containers(&filter).await? {
            let one_off = one
                .labels
                .get(labels::ONE_OFF)
                .is_some_and(|word| word == "True");
            let ended = matches!(one.status, ContainerStatus::Exited | ContainerStatus::Dead);
            if one_off || !ended {
                continue;
            }
            let Some(seen) = self.engine.inspect_container(&one.id).await? else {
                continue;
            };
            let exit = seen.state.exit.unwrap_or_default();
            if exit.code == 0 && !exit.out_of_memory {
                continue;
            }
            let options = LogOptions {
                tail: Some(20),
                tty: seen.tty,
                ..LogOptions::default()
            };
            let mut lines = self.engine.container_logs(&one.id, &options).await?;
            let mut log = Vec::new();
            while let Some(Ok(line)) = lines.next().await {
                log.push(String::from_utf8_lossy(&line.bytes).into_owned());
            }
            return Ok(Some(Crash {
                service: one.labels.get(labels::SERVICE).cloned().unwrap_or_default(),
                container: one.name,
                exit_code: exit.code,
                out_of_memory: exit.out_of_memory,
                log,
                tests,
            }));
        }
        Ok(None)
    }

    /// Copies the declared artifacts; the JUnit report among them, if it can be read.
    async fn collect_artifacts(
        &self,
        container: &str,
        target: &Path,
    ) -> Result<Option<Report>, EngineError> {
        let mut report = None;
        for (name, path) in &self.job.declaration.artifacts {
            let file = Path::new(path)
                .file_name()
                .map_or_else(|| PathBuf::from(name), PathBuf::from);
            let to = target.join(file);
            if !copy_out(self.engine.as_ref(), container, path, &to).await? {
                tracing::debug!(name, path, "the tests left no such artifact");
                continue;
            }
            if name == "junit" {
                report = std::fs::read_to_string(&to)
                    .ok()
                    .and_then(|text| junit::read(&text));
            }
        }
        Ok(report)
    }

    async fn container_of(&self, service: &str) -> Result<Option<String>, EngineError> {
        let filter = [
            (labels::PROJECT, self.project.name.as_str()),
            (labels::SERVICE, service),
        ];
        let found = self.engine.list_containers(&filter).await?;
        Ok(found
            .into_iter()
            .find(|one| {
                let one_off = one
                    .labels
                    .get(labels::ONE_OFF)
                    .is_some_and(|word| word == "True");
                !one_off && one.status == ContainerStatus::Running
            })
            .map(|one| one.id))
    }

    async fn is_running(&self, service: &str) -> Result<bool, EngineError> {
        Ok(self.container_of(service).await?.is_some())
    }

    /// Brings the backends back to their first state, as the project declares it.
    pub async fn reset(&self, reset: &ResetDeclaration) -> Result<(), Failure> {
        let container = self
            .container_of(&reset.service)
            .await?
            .ok_or_else(|| Failure::NothingToReset(reset.service.clone()))?;
        let spec = ExecSpec {
            command: reset.command.clone(),
            attach_stdout: true,
            attach_stderr: true,
            ..ExecSpec::default()
        };
        let (exec, mut attached) = self.engine.exec(&container, &spec).await?;
        let mut text = Vec::new();
        while let Some(chunk) = attached.output.next().await {
            text.extend_from_slice(&chunk?.bytes);
        }
        let outcome = self.engine.exec_outcome(&exec).await?;
        match outcome.exit_code {
            Some(0) | None => Ok(()),
            Some(exit_code) => Err(Failure::Reset {
                service: reset.service.clone(),
                command: reset.command.join(" "),
                exit_code,
                output: String::from_utf8_lossy(&text)
                    .lines()
                    .map(str::to_owned)
                    .collect(),
            }),
        }
    }
}
