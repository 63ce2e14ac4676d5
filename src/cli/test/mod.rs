//! `wharf test`: what is tested, in which stacks, and what is said about it.

mod chosen;
mod list;
mod record;
mod sources;
mod stack;
mod stand_by;
mod view;
mod watch;

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use futures_util::FutureExt;
use futures_util::future::join_all;

use self::chosen::Chosen;
use self::record::Recording;
use self::stack::{Maker, Stack, StackUse};
use self::view::View;
use super::context::Context;
use super::slug::slug;
use super::sweeping::say_swept;
use super::{Exit, Failure, interrupt};
use crate::apply::{Cancel, CancelLevel};
use crate::engine::{Engine, ErrorKind};
use crate::suite::{
    self, Ending, Job, JobOutcome, JobSummary, Lease, Report, Shard, Sign, TestRun, Verdict,
};

/// Run the tests of an env in a copy of its own, and always clean up
///
/// What the tests leave is collected before everything is taken down.
///
/// The exit code is the tests' own; 6 when they could not be run, 124 when they took too long, 130 when interrupted.
#[derive(Args, Clone, Debug)]
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
    /// Run failed tests again, so often, instead of what is declared
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=100))]
    pub retries: Option<u32>,
    /// Run only this part of the tests, the second of three for example
    #[arg(long, value_name = "2/3")]
    pub shards: Option<Shard>,
    /// Divide the tests among so many stacks at once
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub parallel: u32,
    /// Take a stack that stands ready, and prepare one for the next run afterwards
    #[arg(long, conflicts_with = "watch")]
    pub warm: bool,
    /// Run the tests again whenever their files change
    #[arg(long, conflicts_with_all = ["keep", "output"])]
    pub watch: bool,
    /// List the runs whose results are kept
    #[arg(long, exclusive = true)]
    pub list: bool,
    /// Prepare a stack for the next run and look after it until it is taken
    #[arg(long, hide = true)]
    pub stand_by: bool,
    #[arg(value_name = "[ENV] [SUITE]")]
    pub words: Vec<String>,
    /// Appended to the declared command
    #[arg(last = true, value_name = "ARGS")]
    pub arguments: Vec<String>,
}

impl Test {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        if self.list {
            return list::list(context).await;
        }
        let chosen = Chosen::of(&self, context)?;
        let cancel = interrupt::listen();
        let docker = context.docker().await?;
        let engine: Arc<dyn Engine> = Arc::new(docker.clone());
        let maker = Maker {
            context,
            docker: &docker,
            engine: &engine,
            chosen: &chosen,
            build: !self.no_build,
            cancel: &cancel,
        };
        if self.stand_by {
            return stand_by::stand_by(&maker).await;
        }
        // What killed runs have left goes while this one starts.
        let sweeper = engine.clone();
        let sweeping = tokio::spawn(async move { suite::sweep(sweeper.as_ref()).await });
        let ended = if self.watch {
            watch::watch(&maker, &self).await
        } else {
            self.once(&maker).await
        };
        if let Ok(swept) = sweeping.await {
            say_swept(context, swept);
        }
        ended
    }

    async fn once(&self, maker: &Maker<'_>) -> Result<Exit, Failure> {
        let context = maker.context;
        let chosen = maker.chosen;
        let id = slug(6);
        let mut recording = Recording::begin(context, chosen, &id, self.output.as_deref())?;
        let mut cleaning = Vec::new();
        let mut fatal: Option<Failure> = None;
        let mut jobs: Vec<JobSummary> = Vec::new();
        let mut reports: Vec<(String, Report)> = Vec::new();
        let several = chosen.jobs.len() > 1;
        let usage = match self.warm {
            true => StackUse::Warm,
            false => StackUse::Once,
        };
        for group in chosen.groups() {
            if fatal.is_some() || maker.cancel.level() != CancelLevel::None {
                break;
            }
            let mut stacks = Vec::new();
            for job in group {
                let own = if several {
                    format!("{id}-{}", jobs.len() + stacks.len() + 1)
                } else {
                    id.clone()
                };
                match maker.make(job, &own, usage).await {
                    Ok(stack) => {
                        recording.note(context, &stack).await;
                        stacks.push(Ok(stack));
                    }
                    Err(failure) => stacks.push(Err(failure)),
                }
            }
            let running = group.iter().zip(stacks).map(|(job, stack)| {
                let output = recording.output_of(job, several);
                async move {
                    self.run_job(maker, job, stack, output, group.len() > 1)
                        .await
                }
            });
            for ran in join_all(running).await {
                let ran = match ran {
                    Ok(ran) => ran,
                    Err(failure) => {
                        fatal.get_or_insert(failure);
                        continue;
                    }
                };
                if ran.kept {
                    recording.keep();
                }
                if let Some(stack) = ran.left {
                    let engine = maker.engine.clone();
                    let calm = maker.cancel.clone();
                    cleaning.push((
                        jobs.len(),
                        tokio::spawn(async move {
                            let began = Instant::now();
                            let left = clean_up(engine.as_ref(), &stack, &calm).await;
                            (left, began.elapsed().as_secs_f64())
                        }),
                    ));
                }
                reports.extend(ran.report.map(|report| (ran.summary.name.clone(), report)));
                jobs.push(ran.summary);
            }
        }
        for (job, cleaning) in cleaning {
            let (left, took) = cleaning.await.map_err(anyhow::Error::from)?;
            jobs[job].phases.clean_up = took;
            if !left.is_empty() {
                context.console.warn(&format!(
                    "not removed: {}\nhelp: `wharf gc` removes what is left",
                    left.join("; ")
                ));
            }
        }
        if jobs.is_empty() {
            return Err(fatal.unwrap_or(Failure::Interrupted));
        }
        let is_over = maker.cancel.level() != CancelLevel::None;
        let cut_short = match &fatal {
            Some(Failure::Interrupted) => Some(Ending::Interrupted),
            Some(_) => Some(Ending::Infrastructure),
            None => is_over.then_some(Ending::Interrupted),
        };
        // What ran before it still has results.
        let exit = recording
            .conclude(context, chosen, jobs, reports, cut_short)
            .await;
        match fatal {
            Some(Failure::Interrupted) | None => {}
            Some(failure) => return Err(failure),
        }
        if self.warm && !is_over {
            stand_by::spawn(context, chosen);
        }
        Ok(exit)
    }

    /// Runs one job in its stack. What is left of the stack afterwards is in the answer.
    async fn run_job(
        &self,
        maker: &Maker<'_>,
        job: &Job,
        stack: Result<Stack, Failure>,
        output: std::io::Result<PathBuf>,
        beside_others: bool,
    ) -> Result<Ran, Failure> {
        let context = maker.context;
        let stack = match stack {
            Ok(stack) => stack,
            // Images that cannot be built are the infrastructure's fault; what is wrong with the files is not.
            Err(failure) if is_infrastructure(&failure) => {
                let outcome = failed(suite::Failure::Build(failure.to_string()));
                let summary = JobSummary::new(job, "", false, &outcome);
                View::new(context, job, beside_others).verdict(&outcome);
                return Ok(Ran {
                    summary,
                    report: None,
                    left: None,
                    kept: false,
                });
            }
            Err(other) => return Err(other),
        };
        let output = output.map_err(|error| {
            Failure::Usage(format!("cannot make a directory for the results: {error}"))
        })?;
        let document = stack.document();
        if let Err(error) = std::fs::write(output.join("project.yml"), document) {
            context
                .console
                .warn(&format!("cannot write the merged project: {error}"));
        }
        let run = TestRun {
            engine: maker.engine.clone(),
            project: &stack.project,
            job,
            arguments: &self.arguments,
            id: &stack.id,
            policy: stack.policy.clone(),
            options: context.apply_options(),
            output: &output,
            round: 1,
        };
        let view = View::new(context, job, beside_others);
        let mut outcome = guarded(&run, &view, maker.cancel).await;
        view.verdict(&outcome);
        let wanted = match self.keep.as_deref() {
            Some("always") => true,
            // Whoever ends a run has seen enough of it.
            Some(_) => !matches!(outcome.verdict, Verdict::Ended(0) | Verdict::Interrupted),
            None => false,
        };
        let keep = wanted && maker.cancel.level() < CancelLevel::Now;
        if keep {
            self.keep(maker, &run, &stack).await;
        }
        let summary = JobSummary::new(job, &stack.name, stack.warm, &outcome);
        Ok(Ran {
            summary,
            report: outcome.report.take(),
            left: (!keep).then_some(stack.id),
            kept: keep,
        })
    }

    async fn keep(&self, maker: &Maker<'_>, run: &TestRun<'_>, stack: &Stack) {
        let console = &maker.context.console;
        if let Err(failure) = run.leave_a_door(&Cancel::never()).await {
            console.warn(&format!("no container to look around from: {failure}"));
        }
        let engine = maker.engine.as_ref();
        let lease = Lease::for_good();
        let kept = suite::put_up(engine, &stack.name, &stack.id, &lease, Sign::Kept).await;
        if let Err(error) = kept {
            console.warn(&format!("the next wharf will remove the stack: {error}"));
        }
        console.insist(&format!(
            "kept as run {id}; look inside with `wharf shell --run {id}`, remove it with `wharf gc --run {id}`",
            id = stack.id
        ));
    }
}

/// An engine that does not answer at all keeps its own code.
fn is_infrastructure(failure: &Failure) -> bool {
    match failure {
        Failure::Apply(_) | Failure::Worded { .. } | Failure::Infrastructure(_) => true,
        Failure::Engine(error) => error.kind != ErrorKind::Unreachable,
        _ => false,
    }
}

/// What one job came to.
struct Ran {
    summary: JobSummary,
    report: Option<Report>,
    /// The id of what has to be taken down. `None`: nothing, or it is kept.
    left: Option<String>,
    kept: bool,
}

fn failed(failure: suite::Failure) -> JobOutcome {
    JobOutcome::new(Verdict::Infrastructure(failure))
}

/// Runs a job; a panic in wharf is a failure of the infrastructure, after which everything is taken down all the same.
async fn guarded(run: &TestRun<'_>, view: &View<'_>, cancel: &Cancel) -> JobOutcome {
    let hear = |told: suite::Told<'_>| view.show(told);
    let running = AssertUnwindSafe(run.run(&hear, cancel)).catch_unwind();
    running.await.unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or(panic.downcast_ref::<&str>().copied())
            .unwrap_or("it panicked");
        failed(suite::Failure::Panic(message.to_owned()))
    })
}

/// Takes a stack down. After a second Ctrl-C calls were left in flight, which may still make something: they are given a
/// moment.
async fn clean_up(engine: &dyn Engine, id: &str, cancel: &Cancel) -> Vec<String> {
    let left = suite::tear_down(engine, id).await;
    if cancel.level() < CancelLevel::Now {
        return left;
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    suite::tear_down(engine, id).await
}

/// The exit code of a run.
fn exit(verdict: Ending, exit_code: Option<i64>) -> Exit {
    match verdict {
        Ending::Passed | Ending::Failed => exit_code.map_or(Exit::OK, Exit::of_command),
        Ending::TimedOut => Exit::TIMEOUT,
        Ending::Interrupted => Exit::INTERRUPTED,
        Ending::Infrastructure => Exit::INFRASTRUCTURE,
    }
}
