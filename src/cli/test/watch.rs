use std::path::{Path, PathBuf};

use super::stack::{Maker, Stack};
use super::view::View;
use super::{Test, exit, guarded};
use crate::apply::CancelLevel;
use crate::cli::slug::slug;
use crate::cli::{Exit, Failure, build};
use crate::layer;
use crate::model::MountKind;
use crate::suite::{self, Job, JobSummary, TestRun, Verdict};
use crate::watch::{Changes, Filter, Root, Watcher};

/// What tools leave beside sources; none of it is a change of them.
const LEFT_BEHIND: [&str; 6] = [
    "**/.wharf",
    "**/__pycache__",
    "**/*.pyc",
    "**/.pytest_cache",
    "**/.coverage*",
    "**/node_modules",
];

/// A stack that stays between rounds.
struct Standing {
    stack: Stack,
    /// Tests have run in it since it was made or reset.
    touched: bool,
    /// Something of it has failed: there is no first state to bring it back to.
    broken: bool,
}

/// Runs the tests whenever their files change, until Ctrl-C. The exit code is that of the last round.
pub async fn watch(maker: &Maker<'_>, test: &Test) -> Result<Exit, Failure> {
    let mut standing: Vec<Option<Standing>> = maker.chosen.jobs.iter().map(|_| None).collect();
    let ended = rounds(maker, test, &mut standing).await;
    for one in standing.into_iter().flatten() {
        put_down(maker, one).await;
    }
    ended
}

async fn put_down(maker: &Maker<'_>, standing: Standing) {
    let console = &maker.context.console;
    for what in suite::tear_down(maker.engine.as_ref(), &standing.stack.id).await {
        console.warn(&format!("not removed: {what}"));
    }
}

async fn rounds(
    maker: &Maker<'_>,
    test: &Test,
    standing: &mut [Option<Standing>],
) -> Result<Exit, Failure> {
    let console = &maker.context.console;
    let mut last = Exit::OK;
    let mut watcher: Option<Watcher> = None;
    for round in 1.. {
        for (job, slot) in maker.chosen.jobs.iter().zip(standing.iter_mut()) {
            if maker.cancel.level() != CancelLevel::None {
                return Ok(last);
            }
            match run_once(maker, test, job, slot, round).await {
                Ok(code) => last = code,
                Err(Failure::Interrupted) => return Ok(last),
                Err(failure) => {
                    last = failure.exit();
                    if !matches!(failure, Failure::Project | Failure::Told) {
                        console.error(&failure.to_string());
                    }
                }
            }
        }
        let watcher = match &mut watcher {
            Some(watcher) => watcher,
            // Begun after the first round: what it builds and writes is no change.
            none => none.insert(
                Watcher::start(roots(maker, standing)?)
                    .map_err(|error| Failure::Apply(error.to_string()))?,
            ),
        };
        console.say("waiting for changes; Ctrl-C ends");
        let changing = async {
            tokio::select! {
                changes = watcher.next() => changes,
                () = maker.cancel.reached(CancelLevel::Finish) => Ok(None),
            }
        };
        // The preparation is not dropped in the middle: it would leave half a stack.
        let (changes, ()) = tokio::join!(changing, make_ready(maker, standing));
        match changes.map_err(|error| Failure::Apply(error.to_string()))? {
            Some(changes) => console.say(&said(&changes, &maker.chosen.directory)),
            None => return Ok(last),
        }
    }
    Ok(last)
}

fn said(changes: &Changes, directory: &Path) -> String {
    let first = changes.first().unwrap_or(directory);
    let first = first.strip_prefix(directory).unwrap_or(first).display();
    match changes.len() {
        0 | 1 => format!("changed: {first}"),
        count => format!("changed: {first} and {} more", count - 1),
    }
}

/// Runs a job in its stack, in a new one where the old one is not what is wanted now.
async fn run_once(
    maker: &Maker<'_>,
    test: &Test,
    job: &Job,
    slot: &mut Option<Standing>,
    round: u32,
) -> Result<Exit, Failure> {
    let fresh = maker.make(job, &slug(6), false).await?;
    let same = slot
        .as_ref()
        .is_some_and(|old| old.stack.digest == fresh.digest && !old.touched);
    if !same {
        if let Some(old) = slot.take() {
            put_down(maker, old).await;
        }
        *slot = Some(Standing {
            stack: fresh,
            touched: false,
            broken: false,
        });
    }
    let Some(standing) = slot else {
        return Ok(Exit::OK);
    };
    standing.touched = true;
    let output = maker
        .chosen
        .directory
        .join(".wharf/watch")
        .join(job.directory());
    // The results of the round before are no results of this one.
    let _ = std::fs::remove_dir_all(&output);
    std::fs::create_dir_all(&output).map_err(|error| {
        Failure::Usage(format!("cannot make a directory for the results: {error}"))
    })?;
    let stack = &standing.stack;
    let run = run_in(maker, test, job, stack, &output, round);
    let view = View::new(maker.context, job, false);
    let outcome = guarded(&run, &view, maker.cancel).await;
    view.verdict(&outcome);
    standing.broken = matches!(outcome.verdict, Verdict::Infrastructure(_));
    let summary = JobSummary::new(job, &stack.name, false, &outcome);
    Ok(exit(summary.verdict, summary.exit_code))
}

fn run_in<'r>(
    maker: &Maker<'_>,
    test: &'r Test,
    job: &'r Job,
    stack: &'r Stack,
    output: &'r Path,
    round: u32,
) -> TestRun<'r> {
    TestRun {
        engine: maker.engine.clone(),
        project: &stack.project,
        job,
        arguments: &test.arguments,
        id: &stack.id,
        policy: stack.policy.clone(),
        options: maker.context.apply_options(),
        output,
        round,
    }
}

/// Brings every stack back to its first state while nobody waits: as the project declares it, else by a new stack.
async fn make_ready(maker: &Maker<'_>, standing: &mut [Option<Standing>]) {
    let console = &maker.context.console;
    for (job, slot) in maker.chosen.jobs.iter().zip(standing.iter_mut()) {
        let Some(old) = slot.as_mut().filter(|old| old.touched) else {
            continue;
        };
        let declared = old.stack.project.wharf.test.as_ref();
        if !old.broken
            && let Some(reset) = declared.and_then(|test| test.reset.clone())
            && job_uses(job, &old.stack, &reset.service)
        {
            let run = TestRun {
                engine: maker.engine.clone(),
                project: &old.stack.project,
                job,
                arguments: &[],
                id: &old.stack.id,
                policy: old.stack.policy.clone(),
                options: maker.context.apply_options(),
                output: Path::new("/"),
                round: 1,
            };
            match run.reset(&reset).await {
                Ok(()) => {
                    old.touched = false;
                    continue;
                }
                Err(failure) => console.warn(&format!("the stack is replaced: {failure}")),
            }
        }
        if let Some(old) = slot.take() {
            put_down(maker, old).await;
        }
        let Ok(stack) = maker.make(job, &slug(6), false).await else {
            // The next round says what is wrong.
            continue;
        };
        let new = slot.insert(Standing {
            stack,
            touched: false,
            broken: false,
        });
        let run = TestRun {
            engine: maker.engine.clone(),
            project: &new.stack.project,
            job,
            arguments: &[],
            id: &new.stack.id,
            policy: new.stack.policy.clone(),
            options: maker.context.apply_options(),
            output: Path::new("/"),
            round: 1,
        };
        if let Err(failure) = run.stand_by(maker.cancel).await {
            console.warn(&format!("cannot prepare the next stack: {failure}"));
        }
    }
}

/// Whether a service runs in the job's stack.
fn job_uses(job: &Job, stack: &Stack, service: &str) -> bool {
    let needed = job.needed(&stack.project);
    !needed.is_empty()
        && crate::plan::service_order(&stack.project, &needed, true)
            .is_ok_and(|order| order.iter().any(|name| name == service))
}

/// What is watched: the project's files, what is mounted where the tests run, and what images are built from.
fn roots(maker: &Maker<'_>, standing: &[Option<Standing>]) -> Result<Vec<Root>, Failure> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for (job, one) in maker.chosen.jobs.iter().zip(standing) {
        let Some(one) = one else { continue };
        // Not as it runs: what a configured image is built from is in the files alone.
        let project = &one.stack.resolved.project;
        paths.extend(project.files.iter().cloned());
        let mounts = project.services.get(job.service());
        let mounts = mounts.into_iter().flat_map(|service| &service.volumes);
        paths.extend(
            mounts
                .filter(|mount| mount.kind == MountKind::Bind)
                .filter_map(|mount| mount.source.as_ref().map(PathBuf::from)),
        );
        let graph = build::graph_of(project, maker.context, &one.stack.resolved)?;
        let mut services = job.needed(project);
        services.push(job.service().to_owned());
        for file in services
            .iter()
            .flat_map(|name| layer::declared(project, name))
        {
            let written = file.template.iter().chain(&file.file);
            paths.extend(written.map(PathBuf::from));
        }
        for key in graph.needed_by(project, services.iter().map(String::as_str)) {
            if let Some(image) = graph.images.get(&key) {
                paths.extend(image.context_directory().map(Path::to_path_buf));
            }
        }
    }
    paths.sort();
    // A directory brings in what is below it.
    paths.dedup_by(|later, earlier| later.starts_with(&*earlier));
    paths
        .into_iter()
        .map(|path| {
            let filter = Filter::new()
                .ignoring_all(&path, LEFT_BEHIND)
                .map_err(|error| Failure::Apply(error.to_string()))?;
            Ok(Root { path, filter })
        })
        .collect()
}
