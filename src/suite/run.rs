use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;

use super::artifacts::copy_out;
use crate::apply::{self, ApplyError, Cancel, CancelLevel, Events, Options};
use crate::engine::{AttachOptions, Engine, EngineError, LogOptions, StreamChunk};
use crate::model::{Project, Service, SuiteDeclaration};
use crate::observe::{collect, labels};
use crate::plan::{self, Plan, PlanError, Policy, RunRequest};

/// One test run: a project of its own, and what to run in it.
pub struct TestRun<'r> {
    pub engine: Arc<dyn Engine>,
    /// Already isolated: see [`super::isolate`].
    pub project: &'r Project,
    pub declaration: &'r SuiteDeclaration,
    /// Appended to the declared command.
    pub arguments: &'r [String],
    pub policy: Policy,
    pub options: Options,
    /// Where artifacts and logs go; exists.
    pub output: &'r Path,
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
}

/// How long each part took.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct Phases {
    /// Until the tests could start, in seconds. So for all.
    pub start_up: f64,
    pub tests: f64,
    pub collect: f64,
    pub clean_up: f64,
}

impl TestRun<'_> {
    /// Brings up what the tests need, runs them and collects what they leave. `expect` is told each plan before it is
    /// applied, `show` gets the tests' output as it comes.
    ///
    /// Whatever the verdict, the project is still there afterwards: see [`tear_down`].
    pub async fn run(
        &self,
        events: Events,
        mut expect: impl FnMut(&Plan),
        show: impl FnMut(StreamChunk),
        cancel: &Cancel,
        phases: &mut Phases,
    ) -> Verdict {
        let began = Instant::now();
        let container = match self.prepare(events, &mut expect, cancel).await {
            Ok(Some(container)) => container,
            Ok(None) => return Verdict::Interrupted,
            Err(failure) => return Verdict::Infrastructure(failure),
        };
        phases.start_up = began.elapsed().as_secs_f64();
        let began = Instant::now();
        let verdict = match self.follow(&container, show, cancel).await {
            Ok(verdict) => verdict,
            Err(failure) => Verdict::Infrastructure(failure.into()),
        };
        phases.tests = began.elapsed().as_secs_f64();
        let began = Instant::now();
        if cancel.level() < CancelLevel::Now
            && let Err(failure) = self.collect_artifacts(&container).await
            && let Verdict::Ended(_) = verdict
        {
            return Verdict::Infrastructure(failure.into());
        }
        phases.collect = began.elapsed().as_secs_f64();
        verdict
    }

    /// The id of the tests' container, created and not started. `None`: interrupted.
    async fn prepare(
        &self,
        events: Events,
        expect: &mut impl FnMut(&Plan),
        cancel: &Cancel,
    ) -> Result<Option<String>, Failure> {
        let name = &self.declaration.service.clone().unwrap_or_default();
        let service = self
            .project
            .services
            .get(name)
            .ok_or_else(|| Failure::NoService(name.clone()))?;
        let request = RunRequest {
            service_name: name.clone(),
            service: self.service(service),
            slug: "tests".into(),
            ..RunRequest::default()
        };
        let engine = self.engine.as_ref();
        let mut snapshot = collect(engine, self.project).await?;
        let pulling = plan::pulls(self.project, &snapshot, &self.policy)?;
        if !pulling.is_empty() {
            expect(&pulling);
            let pulled = apply::apply(
                &pulling,
                self.engine.clone(),
                &self.options,
                &events,
                cancel,
            )
            .await;
            if pulled.interrupted {
                return Ok(None);
            }
            pulled.into_result()?;
            snapshot = collect(engine, self.project).await?;
        }
        let (plan, container) = plan::run(self.project, &snapshot, &self.policy, &request)?;
        expect(&plan);
        let applied =
            apply::apply(&plan, self.engine.clone(), &self.options, &events, cancel).await;
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

    /// The test service with the declaration's command and environment.
    fn service(&self, service: &Service) -> Service {
        let mut service = service.clone();
        if !self.declaration.command.is_empty() || !self.arguments.is_empty() {
            let declared = match self.declaration.command.as_slice() {
                [] => service.command.clone().unwrap_or_default(),
                command => command.to_vec(),
            };
            service.command = Some([declared, self.arguments.to_vec()].concat());
        }
        service
            .environment
            .extend(self.declaration.environment.clone());
        service.ports.clear();
        service.tty = None;
        service.stdin_open = None;
        service
    }

    async fn follow(
        &self,
        container: &str,
        mut show: impl FnMut(StreamChunk),
        cancel: &Cancel,
    ) -> Result<Verdict, EngineError> {
        let attach = AttachOptions {
            stdout: true,
            stderr: true,
            ..AttachOptions::default()
        };
        let mut attached = self.engine.attach_container(container, &attach).await?;
        self.engine.start_container(container).await?;
        let limit = self.declaration.timeout.map(|timeout| timeout.0);
        let deadline = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let ending = async {
            while let Some(chunk) = attached.output.next().await {
                show(chunk?);
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

    async fn collect_artifacts(&self, container: &str) -> Result<(), EngineError> {
        for (name, path) in &self.declaration.artifacts {
            let file = Path::new(path)
                .file_name()
                .map_or_else(|| PathBuf::from(name), PathBuf::from);
            let target = self.output.join(file);
            if !copy_out(self.engine.as_ref(), container, path, &target).await? {
                tracing::debug!(name, path, "the tests left no such artifact");
            }
        }
        Ok(())
    }

    /// Writes the log of every container of the run to `logs/NAME.log`, with the engine's times.
    pub async fn collect_logs(&self) -> Result<(), EngineError> {
        let directory = self.output.join("logs");
        let failed = |error: std::io::Error| {
            EngineError::new(
                crate::engine::ErrorKind::Other,
                format!("cannot write logs to `{}`: {error}", directory.display()),
            )
        };
        std::fs::create_dir_all(&directory).map_err(failed)?;
        let containers = self
            .engine
            .list_containers(&[(labels::PROJECT, &self.project.name)])
            .await?;
        let options = LogOptions {
            timestamps: true,
            ..LogOptions::default()
        };
        for container in containers {
            let mut text = Vec::new();
            let mut lines = self.engine.container_logs(&container.id, &options).await?;
            while let Some(line) = lines.next().await {
                let line = line?;
                text.extend(line.timestamp.unwrap_or_default().bytes());
                text.push(b' ');
                text.extend(&line.bytes);
                text.push(b'\n');
            }
            let short = container
                .name
                .strip_prefix(&format!("{}-", self.project.name))
                .unwrap_or(&container.name);
            std::fs::write(directory.join(format!("{short}.log")), text).map_err(failed)?;
        }
        Ok(())
    }
}
