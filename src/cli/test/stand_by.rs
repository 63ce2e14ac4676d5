use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::chosen::Chosen;
use super::stack::{Maker, StackUse};
use crate::apply::CancelLevel;
use crate::cli::context::Context;
use crate::cli::slug::slug;
use crate::cli::{Exit, Failure, process};
use crate::suite::{self, Job, Lease, Sign, TestRun};

/// How long a stack stands ready before it goes.
const LIFETIME: Duration = Duration::from_secs(30 * 60);
/// How often it is looked whether somebody has taken it.
const TICK: Duration = Duration::from_secs(1);

/// Starts a process of its own that prepares stacks for the next run with the same command line.
pub fn spawn(context: &Context, chosen: &Chosen) {
    let log = suite::own_directory(&chosen.directory).map(|own| own.join("stand-by.log"));
    let started = log.and_then(std::fs::File::create).and_then(|log| {
        process::again("--stand-by")?
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
    });
    match started {
        Ok(_) => context
            .console
            .say("a fresh stack is being prepared for the next run"),
        Err(error) => context
            .console
            .warn(&format!("cannot prepare a stack for the next run: {error}")),
    }
}

/// Prepares a stack for each job, and looks after them until each is taken or too old. Nobody waits for this process.
pub async fn stand_by(maker: &Maker<'_>) -> Result<Exit, Failure> {
    // A terminal that is closed, and Ctrl-C in it, are no business of this process.
    let _ = rustix::process::setsid();
    let engine = maker.engine.as_ref();
    let lease = Lease::of_this_process(LIFETIME);
    let mut ready: Vec<(String, String)> = Vec::new();
    let prepared = prepare(maker, &mut ready).await;
    if prepared.is_ok() {
        let deadline = tokio::time::sleep(LIFETIME);
        tokio::pin!(deadline);
        while !ready.is_empty() {
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = maker.cancel.reached(CancelLevel::Finish) => break,
                () = &mut deadline => break,
            }
            let mut waiting = Vec::new();
            for (id, project) in ready {
                if !suite::is_taken(engine, &project).await.unwrap_or(false) {
                    waiting.push((id, project));
                }
            }
            ready = waiting;
        }
    }
    for (id, project) in ready {
        // Whoever takes it at this moment keeps it.
        let ours = suite::put_up(engine, &project, &id, &lease, Sign::Taken).await;
        if ours.unwrap_or(true) {
            for what in suite::tear_down(engine, &id).await {
                maker.context.console.warn(&format!("not removed: {what}"));
            }
        }
    }
    prepared.map(|()| Exit::OK)
}

/// `ready` gets the id and project of each stack, also of one that is not complete.
async fn prepare(maker: &Maker<'_>, ready: &mut Vec<(String, String)>) -> Result<(), Failure> {
    let engine = maker.engine.as_ref();
    let mut there: Vec<(String, usize)> = Vec::new();
    for job in &maker.chosen.jobs {
        let id = slug(6);
        let stack = maker.make(job, &id, StackUse::Compared).await?;
        let former = purpose(maker, job);
        for what in suite::retire_warm(engine, &former, &stack.digest, &stack.lease).await? {
            maker.context.console.warn(&format!("not removed: {what}"));
        }
        let known = there.iter().position(|(digest, _)| *digest == stack.digest);
        let known = match known {
            Some(known) => known,
            None => {
                let count = suite::count_warm(engine, &stack.digest).await?;
                there.push((stack.digest.clone(), count));
                there.len() - 1
            }
        };
        if let Some(rest) = there[known].1.checked_sub(1) {
            there[known].1 = rest;
            continue;
        }
        ready.push((id.clone(), stack.name.clone()));
        let run = TestRun {
            engine: maker.engine.clone(),
            project: &stack.project,
            job,
            arguments: &[],
            id: &id,
            policy: stack.policy.clone(),
            options: maker.context.apply_options(),
            output: Path::new("/"),
            round: 1,
        };
        let stands = run
            .stand_by(maker.cancel)
            .await
            .map_err(|failure| Failure::Infrastructure(failure.to_string()))?;
        if !stands {
            return Err(Failure::Interrupted);
        }
        let sign = Sign::Warm {
            digest: &stack.digest,
            purpose: &purpose(maker, job),
        };
        suite::put_up(engine, &stack.name, &id, &stack.lease, sign).await?;
    }
    Ok(())
}

/// What a stack is prepared for, whatever the files say: a job of this checkout.
fn purpose(maker: &Maker<'_>, job: &Job) -> String {
    let chosen = maker.chosen;
    let text = format!("{}\n{}\n{job}", chosen.directory.display(), chosen.name);
    hex::encode(Sha256::digest(text))
}
