use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use tokio::sync::mpsc;

use super::context::{Context, Purpose};
use super::globals::ProgressMode;
use super::pairs::environment_pairs;
use super::push::Push;
use super::{Exit, Failure, interrupt};
use crate::apply::{Cancel, CancelLevel};
use crate::build::{BuildFailure, BuildOptions, BuildRun, ImageGraph, ImageOutcome, Overrides};
use crate::engine::docker::DockerEngine;
use crate::model::Project;
use crate::plan::{self, Policy};
use crate::report::short_id;

/// Build the images of an env, each once, what others stand on first
#[derive(Args, Debug)]
pub struct Build {
    /// Set a build argument; without a value it is taken from here
    #[arg(long, value_name = "KEY[=VALUE]")]
    pub build_arg: Vec<String>,
    /// Run every step again
    #[arg(long)]
    pub no_cache: bool,
    /// Look for newer base images on their registries
    #[arg(long)]
    pub pull: bool,
    /// Ask the builder even where nothing has changed
    #[arg(long)]
    pub no_skip: bool,
    /// Hand over an agent or key: `default` or ID=PATH
    #[arg(long, value_name = "ID[=PATH]")]
    pub ssh: Vec<String>,
    /// Say why each image is built or left alone
    #[arg(long)]
    pub explain: bool,
    /// Print what would be built, as a file for `docker buildx bake`
    #[arg(long)]
    pub print: bool,
    /// Push the images afterwards
    #[arg(long)]
    pub push: bool,
    /// Show no progress
    #[arg(short, long)]
    pub quiet: bool,
    /// How progress is shown
    #[arg(long, value_enum, value_name = "HOW")]
    pub progress: Option<ProgressMode>,
    /// What the images are built for as well (they always are; for docker compose's sake)
    #[arg(long, hide = true)]
    pub with_dependencies: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

/// Which images are built before something runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildMode {
    /// Those that the engine does not have.
    Missing,
    /// Those, and those whose inputs have changed.
    Changed,
    Never,
}

impl Build {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.project(&self.words, Purpose::Build)?;
        let services = scope.services()?;
        let resolved = scope.into_resolved()?;
        let project = &resolved.project;
        let graph = graph_of(project, context)?;
        let wanted: Vec<String> = if services.is_empty() {
            graph.images.keys().cloned().collect()
        } else {
            graph.needed_by(project, services.iter().map(String::as_str))
        };
        if wanted.is_empty() {
            context
                .console
                .say("nothing to do: no service has a `build`");
            return Ok(Exit::OK);
        }
        if self.print {
            let bake = graph.to_bake(project, &wanted);
            let text = serde_json::to_string_pretty(&bake).map_err(anyhow::Error::from)?;
            context.console.data(&text);
            return Ok(Exit::OK);
        }
        let context = &context.with_progress(self.quiet, self.progress);
        let options = BuildOptions {
            overrides: Overrides {
                arguments: environment_pairs(&self.build_arg, &context.environment)
                    .into_iter()
                    .filter_map(|(key, value)| Some((key, value?)))
                    .collect(),
                no_cache: self.no_cache,
                pull: self.pull,
                ssh: self.ssh.clone(),
                ..Overrides::default()
            },
            skip_unchanged: !self.no_skip,
            ..options(context)
        };
        let cancel = interrupt::listen();
        let docker = context.docker().await?;
        let outcomes = run(
            context, &docker, project, &graph, &wanted, options, true, &cancel,
        )
        .await?;
        for (image, outcome) in &outcomes {
            if let Some(id) = outcome.id() {
                let names = graph
                    .images
                    .get(image)
                    .map(|image| image.names.join(" "))
                    .unwrap_or_default();
                context.console.data(&format!("{} {names}", short_id(id)));
            }
            if self.explain {
                let why = match outcome {
                    ImageOutcome::Built { reason, .. } => format!("built: {reason}"),
                    ImageOutcome::Unchanged { .. } => {
                        "left alone: nothing that it is made from has changed".into()
                    }
                    ImageOutcome::Failed(_) | ImageOutcome::Abandoned => continue,
                };
                context.console.say(&format!("image {image}: {why}"));
            }
        }
        if self.push {
            let push = Push {
                ignore_push_failures: false,
                include_deps: false,
                quiet: self.quiet,
                words: self.words,
            };
            return push.run(context).await;
        }
        Ok(Exit::OK)
    }
}

pub fn options(context: &Context) -> BuildOptions {
    let defaults = BuildOptions::default();
    BuildOptions {
        parallel: context
            .parallel()
            .and_then(NonZeroUsize::new)
            .unwrap_or(defaults.parallel),
        cache: cache_directory(context),
        ..defaults
    }
}

/// Where hashes of files are remembered; it may be deleted at any time.
fn cache_directory(context: &Context) -> Option<PathBuf> {
    let base = match context.environment.get("XDG_CACHE_HOME") {
        Some(cache) if !cache.is_empty() => PathBuf::from(cache),
        _ => context.environment.home.as_ref()?.join(".cache"),
    };
    Some(base.join("wharf"))
}

/// The images of a project; images that are built from each other in a circle are an error.
pub fn graph_of(project: &Project, context: &Context) -> Result<ImageGraph, Failure> {
    ImageGraph::of(project, &context.disk).map_err(|cycle| {
        Failure::Apply(format!(
            "images are built from each other in a circle: {cycle}\nhelp: let one of them start from an image outside of the circle"
        ))
    })
}

/// Builds what the selected services of a policy (and what they depend on) run from.
pub async fn for_services(
    context: &Context,
    docker: &DockerEngine,
    project: &Project,
    policy: &Policy,
    mode: BuildMode,
    cancel: &Cancel,
) -> Result<(), Failure> {
    if mode == BuildMode::Never || context.globals.dry_run {
        return Ok(());
    }
    let graph = graph_of(project, context)?;
    if graph.images.is_empty() {
        return Ok(());
    }
    let services = plan::service_order(project, &policy.services, !policy.no_deps)
        .map_err(super::carry_out::planning)?;
    let mut wanted = graph.needed_by(project, services.iter().map(String::as_str));
    if mode == BuildMode::Missing {
        let builder = docker.builder(&context.environment);
        let mut missing = Vec::new();
        for key in wanted {
            let Some(image) = graph.images.get(&key) else {
                continue;
            };
            let name = image.names.first().map_or("", String::as_str);
            let found = crate::build::Builder::find(&builder, name).await;
            if !matches!(found, Ok(Some(_))) {
                missing.push(key);
            }
        }
        wanted = missing;
    }
    if wanted.is_empty() {
        return Ok(());
    }
    run(
        context,
        docker,
        project,
        &graph,
        &wanted,
        options(context),
        false,
        cancel,
    )
    .await?;
    Ok(())
}

/// Runs the graph and shows it; the first failure ends the verb, after all that failed has been said.
#[allow(clippy::too_many_arguments)]
pub async fn run(
    context: &Context,
    docker: &DockerEngine,
    project: &Project,
    graph: &ImageGraph,
    wanted: &[String],
    options: BuildOptions,
    name_unchanged: bool,
    cancel: &Cancel,
) -> Result<indexmap::IndexMap<String, ImageOutcome>, Failure> {
    let builder = docker.builder(&context.environment);
    let building = BuildRun {
        graph,
        project,
        environment: &context.environment,
        builder: &builder,
        options,
    };
    let mut progress = context.progress();
    let (events, mut heard) = mpsc::channel(256);
    let working = async {
        let outcomes = tokio::select! {
            outcomes = building.run(wanted, &events) => Some(outcomes),
            // Dropping the run stops every build on the engine.
            () = cancel.reached(CancelLevel::Finish) => None,
        };
        drop(events);
        outcomes
    };
    let showing = async {
        while let Some(event) = heard.recv().await {
            progress.building(&event, name_unchanged);
        }
        progress.end();
    };
    let (outcomes, ()) = tokio::join!(working, showing);
    let Some(outcomes) = outcomes else {
        context
            .console
            .say("the build is stopped; what was built stays in the builder's cache");
        return Err(Failure::Interrupted);
    };
    let failures: Vec<String> = outcomes
        .values()
        .filter_map(|outcome| match outcome {
            ImageOutcome::Failed(failure) => Some(tell(failure)),
            _ => None,
        })
        .collect();
    if failures.is_empty() {
        Ok(outcomes)
    } else {
        Err(Failure::Apply(failures.join("\n\n")))
    }
}

/// What failed, where in the Dockerfile, what it wrote last, and what usually helps.
fn tell(failure: &BuildFailure) -> String {
    let mut text = format!(
        "image `{}` cannot be built: {}",
        failure.image, failure.message
    );
    if let Some(excerpt) = &failure.excerpt {
        text.push_str(&format!("\n --> {excerpt}"));
    }
    if !failure.last_output.is_empty() {
        text.push_str("\nlast output:");
        for line in &failure.last_output {
            text.push_str(&format!("\n  {line}"));
        }
    }
    if let Some(code) = failure.exit_code() {
        text.push_str(&format!("\nexit code: {code}"));
    }
    for hint in &failure.hints {
        text.push_str(&format!("\nhelp: {hint}"));
    }
    text
}
