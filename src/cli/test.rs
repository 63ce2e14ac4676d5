use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;

use super::build;
use super::carry_out::explain;
use super::context::{Context, Purpose};
use super::slug::slug;
use super::{Exit, Failure, interrupt};
use crate::apply::Events;
use crate::engine::{Engine, LogStream};
use crate::plan::{Plan, Policy};
use crate::report::{Tone, prose};
use crate::suite::{self, Lease, Phases, Summary, TestRun, Verdict, isolate, tear_down};

/// Run the tests of an env in a copy of their own, collect what they leave, and take everything down
///
/// The exit code is the tests' own; 6 when they could not be run, 124 when they took too long, 130 when interrupted.
#[derive(Args, Debug)]
pub struct Test {
    /// Where results go (default: .wharf/runs/)
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Leave the copy as it is at the end, or only after a failure
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always", value_parser = ["always", "on-failure"])]
    pub keep: Option<String>,
    /// Build no image
    #[arg(long)]
    pub no_build: bool,
    /// Give the tests that much time instead of the declared one
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
    #[arg(value_name = "ENV")]
    pub words: Vec<String>,
    /// Appended to the declared command
    #[arg(last = true, value_name = "ARGS")]
    pub arguments: Vec<String>,
}

/// After which others may take away what a run on another machine has left.
const LEASE_LIFETIME: Duration = Duration::from_secs(6 * 3600);

impl Test {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let default = ["test".to_owned()];
        let words =
            if self.words.is_empty() && !context.files_are_named() && context.globals.env.is_none()
            {
                &default[..]
            } else {
                &self.words
            };
        let scope = context.project(words, Purpose::Run)?;
        if let Some(word) = scope.words.first() {
            return Err(Failure::Usage(format!(
                "`{word}` is not an env\nhelp: the envs are {}; arguments for the tests follow `--`",
                context.envs().join(", ")
            )));
        }
        let env = scope.env().map(str::to_owned);
        let run = slug(6);
        let name = format!("{}-{run}", scope.name());
        let mut project = context.project_named(env.clone(), &name)?.project;
        let declared = project.wharf.test.as_ref();
        let first = declared.and_then(|test| test.suites().into_values().next());
        let Some(mut declaration) = first else {
            return Err(Failure::Usage(
                "this env declares no tests\nhelp: add `x-wharf: {test: {service: app, command: [..]}}` to its layer".into(),
            ));
        };
        if let Some(timeout) = &self.timeout {
            declaration.timeout = Some(timeout.parse().map_err(Failure::Usage)?);
        }
        for note in isolate(
            &mut project,
            &Lease::of_this_process(LEASE_LIFETIME).labels(&run),
        ) {
            context.console.note(&note);
        }
        let output = match &self.output {
            Some(directory) => {
                let directory = context.environment.working_directory.join(directory);
                std::fs::create_dir_all(&directory).map(|()| directory)
            }
            None => suite::directory(&project.directory, &run),
        }
        .map_err(|error| {
            Failure::Usage(format!("cannot make a directory for the results: {error}"))
        })?;

        let cancel = interrupt::listen();
        let docker = context.docker().await?;
        let policy = Policy {
            services: declaration.service.iter().cloned().collect(),
            environment: context.environment.variables.clone(),
            ..Policy::default()
        };
        if !self.no_build {
            build::for_services(
                context,
                &docker,
                &project,
                &policy,
                build::BuildMode::Changed,
                &cancel,
            )
            .await
            .map_err(infrastructure)?;
        }
        let engine: Arc<dyn Engine> = Arc::new(docker);
        let test = TestRun {
            engine: engine.clone(),
            project: &project,
            declaration: &declaration,
            arguments: &self.arguments,
            policy,
            options: context.apply_options(),
            output: &output,
        };
        let mut phases = Phases::default();
        let verdict = watch(context, &test, &cancel, &mut phases).await;
        if let Err(error) = test.collect_logs().await {
            context
                .console
                .warn(&format!("the services' logs are not complete: {error}"));
        }
        let keep = match self.keep.as_deref() {
            Some("always") => true,
            Some(_) => !matches!(verdict, Verdict::Ended(0)),
            None => false,
        };
        let began = Instant::now();
        if keep {
            context.console.say(&format!(
                "kept as project `{name}`; look inside with `wharf -p {name} shell {}`, remove it with `wharf -p {name} down --volumes`",
                declaration.service.as_deref().unwrap_or_default()
            ));
        } else {
            let left = tear_down(engine.as_ref(), &run).await?;
            for what in &left {
                context.console.warn(&format!("not removed: {what}"));
            }
        }
        phases.clean_up = began.elapsed().as_secs_f64();
        let summary = Summary::new(&run, &name, env, &verdict, phases);
        if let Err(error) = summary.write(&output) {
            context
                .console
                .warn(&format!("cannot write the summary: {error}"));
        }
        tell(context, &verdict, &phases, &output);
        Ok(match verdict {
            Verdict::Ended(code) => Exit::of_command(code),
            Verdict::TimedOut(_) => Exit::TIMEOUT,
            Verdict::Interrupted => Exit::INTERRUPTED,
            Verdict::Infrastructure(_) => Exit::INFRASTRUCTURE,
        })
    }
}

/// Images that cannot be built are the infrastructure's fault; an interrupt and a missing engine keep their own codes.
fn infrastructure(failure: Failure) -> Failure {
    match failure {
        Failure::Apply(message) | Failure::Worded { message, .. } => {
            Failure::Infrastructure(message)
        }
        other => other,
    }
}

/// Runs the tests, showing first the start-up and then their output.
async fn watch(
    context: &Context,
    test: &TestRun<'_>,
    cancel: &crate::apply::Cancel,
    phases: &mut Phases,
) -> Verdict {
    let progress = RefCell::new(context.progress());
    let (events, mut heard) = Events::channel();
    let console = context.console.clone();
    let show = move |chunk: crate::engine::StreamChunk| match chunk.stream {
        LogStream::Stderr => console.raw_talk(&chunk.bytes),
        LogStream::Stdout => console.raw_data(&chunk.bytes),
    };
    let showing = async {
        while let Some(event) = heard.recv().await {
            progress.borrow_mut().applying(&event);
        }
        progress.borrow_mut().end();
    };
    let expect = |plan: &Plan| progress.borrow_mut().expect(plan);
    let running = test.run(events, expect, show, cancel, phases);
    let (verdict, ()) = tokio::join!(running, showing);
    verdict
}

fn tell(context: &Context, verdict: &Verdict, phases: &Phases, output: &std::path::Path) {
    let console = &context.console;
    let (tone, words) = match verdict {
        Verdict::Ended(0) => (Tone::Good, "tests passed".to_owned()),
        Verdict::Ended(code) => (Tone::Bad, format!("tests failed with exit code {code}")),
        Verdict::TimedOut(limit) => (
            Tone::Bad,
            format!(
                "tests stopped: they took longer than {}",
                prose::stopwatch(*limit)
            ),
        ),
        Verdict::Interrupted => (Tone::Warning, "interrupted".to_owned()),
        Verdict::Infrastructure(failure) => {
            let message = match failure {
                suite::Failure::Apply(error) => explain(error).to_string(),
                other => other.to_string(),
            };
            console.error(&message);
            (Tone::Bad, "the tests could not be run".to_owned())
        }
    };
    let time = |seconds: f64| prose::stopwatch(Duration::from_secs_f64(seconds.max(0.0)));
    console.insist(&format!(
        "{} (start-up {}, tests {}, clean-up {})",
        console.paint(tone, &words),
        time(phases.start_up),
        time(phases.tests),
        time(phases.collect + phases.clean_up),
    ));
    let shown = output
        .strip_prefix(&context.environment.working_directory)
        .unwrap_or(output);
    console.say(&format!("results in {}", shown.display()));
}
