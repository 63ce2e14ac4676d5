//! What the verbs share: images, then a plan, shown while it happens.

use std::error::Error;
use std::sync::Arc;

use super::context::Context;
use super::{Exit, Failure, interrupt};
use crate::apply::{self, Applied, ApplyError, Cancel, Events, Options};
use crate::engine::Engine;
use crate::model::Project;
use crate::observe::{Snapshot, collect};
use crate::plan::{Plan, PlanError, Policy, pulls, reconcile};

/// Applies a plan and shows it; the first failure ends the verb.
pub async fn carry_out(
    context: &Context,
    engine: &Arc<dyn Engine>,
    plan: &Plan,
    options: Options,
    cancel: &Cancel,
) -> Result<Applied, Failure> {
    let mut progress = context.progress();
    progress.expect(plan);
    for note in &plan.notes {
        context.console.note(note);
    }
    let (events, mut heard) = Events::channel();
    let showing = async {
        while let Some(event) = heard.recv().await {
            progress.applying(&event);
        }
        progress.end();
    };
    let working = async {
        let applied = apply::apply(plan, engine.clone(), &options, &events, cancel).await;
        // The view ends when nobody can send any more.
        drop(events);
        applied
    };
    let (applied, ()) = tokio::join!(working, showing);
    if applied.interrupted {
        context
            .console
            .say("interrupted; run the same command again to go on from here");
        return Err(Failure::Interrupted);
    }
    applied.into_result().map_err(|error| explain(&error))
}

/// Brings what the policy asks for into being: missing images are pulled, then the rest is planned against what is there.
pub async fn bring_up(
    context: &Context,
    engine: &Arc<dyn Engine>,
    project: &Project,
    policy: &Policy,
    options: Options,
    cancel: &Cancel,
) -> Result<(Plan, Applied), Failure> {
    let mut snapshot = collect(engine.as_ref(), project).await?;
    let pulling = pulls(project, &snapshot, policy).map_err(planning)?;
    if !pulling.is_empty() {
        carry_out(context, engine, &pulling, options.clone(), cancel).await?;
        snapshot = collect(engine.as_ref(), project).await?;
    }
    let plan = reconcile(project, &snapshot, policy).map_err(planning)?;
    let applied = carry_out(context, engine, &plan, options, cancel).await?;
    Ok((plan, applied))
}

/// The current state of a project.
pub async fn observe(engine: &Arc<dyn Engine>, project: &Project) -> Result<Snapshot, Failure> {
    Ok(collect(engine.as_ref(), project).await?)
}

pub fn planning(error: PlanError) -> Failure {
    match error {
        PlanError::UnknownService { .. } => Failure::Usage(error.to_string()),
        _ => Failure::Apply(error.to_string()),
    }
}

/// An error with what caused it, in one message.
pub fn explain(error: &ApplyError) -> Failure {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    Failure::Apply(text)
}

/// Plans for what the engine has of a project, applies the plan, and says so when there is nothing to do.
pub async fn on_what_is_there(
    context: &Context,
    words: &[String],
    make: impl FnOnce(&Project, &Snapshot, &[String]) -> Result<Plan, PlanError>,
) -> Result<Exit, Failure> {
    let scope = context.identify(words)?;
    let services = scope.services()?;
    let cancel = interrupt::listen();
    let engine = context.engine().await?;
    let (project, snapshot) = scope.observe(&engine).await?;
    let plan = make(&project, &snapshot, &services).map_err(planning)?;
    if plan.is_empty() {
        context.console.say("nothing to do");
        return Ok(Exit::OK);
    }
    carry_out(context, &engine, &plan, context.apply_options(), &cancel).await?;
    Ok(Exit::OK)
}
