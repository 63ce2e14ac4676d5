use clap::Args;
use futures_util::StreamExt;

use super::build::graph_of;
use super::carry_out::planning;
use super::context::{Context, Purpose};
use super::{Exit, Failure, interrupt};
use crate::apply::CancelLevel;
use crate::engine::docker::credentials_for_reference;
use crate::engine::{Engine, EngineError, ErrorKind};
use crate::layer::holds_secrets;
use crate::plan::service_order;
use crate::report::{Board, Tone};
use crate::resolve::Resolved;

/// Push the images that are built here to their registries
#[derive(Args, Debug)]
pub struct Push {
    /// Warn, and go on, when an image cannot be pushed
    #[arg(long)]
    pub ignore_push_failures: bool,
    /// The images of what the services depend on too
    #[arg(long)]
    pub include_deps: bool,
    /// Show no progress
    #[arg(short, long)]
    pub quiet: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Push {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.run_without(context, &[]).await
    }

    /// Pushes all but what has these names, which a builder has pushed already.
    pub(super) async fn run_without(
        self,
        context: &Context,
        pushed: &[String],
    ) -> Result<Exit, Failure> {
        let scope = context.project(&self.words, Purpose::Build)?;
        let services = scope.services()?;
        let resolved = scope.into_resolved()?;
        let project = &resolved.project;
        // Images of which no container runs are pushed when they are named, or when all are.
        let chosen = match services.is_empty() {
            true => project.services.keys().cloned().collect(),
            false if self.include_deps => {
                let mut chosen = service_order(project, &services, true).map_err(planning)?;
                chosen.extend(services);
                chosen
            }
            false => services,
        };
        let mut names = names_of(context, &resolved, &chosen)?;
        names.retain(|name| !pushed.contains(name));
        if names.is_empty() && !pushed.is_empty() {
            return Ok(Exit::OK);
        }
        if names.is_empty() {
            context
                .console
                .say("nothing to push: no service with a `build` has an `image` that names it");
            return Ok(Exit::OK);
        }
        let cancel = interrupt::listen();
        let quiet = self.quiet || context.console.is_quiet();
        tokio::select! {
            pushed = push_images(context, &names, quiet, self.ignore_push_failures) => pushed?,
            () = cancel.reached(CancelLevel::Finish) => return Err(Failure::Interrupted),
        }
        Ok(Exit::OK)
    }
}

/// The images that the project builds and its files name, of all services.
pub(super) fn declared_names(
    context: &Context,
    resolved: &Resolved,
) -> Result<Vec<String>, Failure> {
    let all: Vec<String> = resolved.project.services.keys().cloned().collect();
    names_of(context, resolved, &all)
}

fn names_of(
    context: &Context,
    resolved: &Resolved,
    chosen: &[String],
) -> Result<Vec<String>, Failure> {
    let project = &resolved.project;
    let graph = graph_of(project, context, resolved)?;
    let mut names = Vec::new();
    for image in graph.images.values() {
        let declared = image.services.iter().any(|name| {
            chosen.contains(name)
                && project
                    .services
                    .get(name)
                    .is_some_and(|service| service.image.is_some())
        });
        if declared {
            names.extend(image.declared_names(project));
        }
    }
    Ok(names)
}

/// Pushes images one after the other. `ignore_failures`: warn of what cannot be pushed, and go on.
pub(super) async fn push_images(
    context: &Context,
    names: &[String],
    quiet: bool,
    ignore_failures: bool,
) -> Result<(), Failure> {
    let engine = context.engine().await?;
    let mut board = Board::new(
        context.console.clone(),
        !quiet && context.console.talks_to_terminal(),
    );
    for name in names {
        let label = format!("image {name}");
        let pushed = push(context, engine.as_ref(), name, |status| {
            if !quiet {
                board.work(name, &label, status);
            }
        });
        match pushed.await {
            Ok(()) if quiet => {}
            Ok(()) => board.settle(name, &label, Tone::Good, "pushed"),
            Err(error) if ignore_failures => context.console.warn(&error.to_string()),
            Err(error) => {
                board.clear();
                return Err(error.into());
            }
        }
    }
    Ok(())
}

async fn push(
    context: &Context,
    engine: &dyn Engine,
    name: &str,
    mut show: impl FnMut(&str),
) -> Result<(), EngineError> {
    show("push");
    let image = engine.inspect_image(name).await?;
    if image.as_ref().is_some_and(holds_secrets) {
        return Err(EngineError::new(
            ErrorKind::BadRequest,
            format!("`{name}` is not pushed: its configuration layer may hold secrets"),
        ));
    }
    let credentials = credentials_for_reference(&context.environment, name).await?;
    let mut messages = engine.push_image(name, credentials.as_ref()).await?;
    while let Some(message) = messages.next().await {
        let message = message?;
        show(&format!("{} {}", message.layer, message.status));
    }
    Ok(())
}
