//! What the verbs share that build images: the graph, the run over it, and what is said about it.

use std::num::NonZeroUsize;
use std::path::Path;

use indexmap::IndexMap;
use tokio::sync::mpsc;

use super::context::Context;
use super::globals::ProgressMode;
use super::{Failure, classic_builder};
use crate::apply::{Cancel, CancelLevel};
use crate::archive::{followed, unpack};
use crate::build::{
    BuildOptions, BuildRun, Builder, ForeignOwner, Image, ImageGraph, ImageOutcome, NameClash,
    uid_of, user_of, writable_binds,
};
use crate::diagnostic::{Diagnostic, render};
use crate::engine::docker::DockerEngine;
use crate::engine::{ContainerSpec, Engine};
use crate::lint::{image_cycle, unbuildable};
use crate::load::Disk;
use crate::model::{Project, PullPolicy};
use crate::plan::{self, Policy};
use crate::resolve::Resolved;
use crate::source::{Node, Path as Place, Span};

/// Which images are built before something runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuildMode {
    /// Those that the engine does not have.
    Missing,
    /// Those, and those whose inputs have changed.
    Changed,
    Never,
}

/// The outcome of each image, by its key.
pub type Outcomes = IndexMap<String, ImageOutcome>;

/// How builds run unless the verb says otherwise.
pub fn options(context: &Context) -> BuildOptions {
    let defaults = BuildOptions::default();
    BuildOptions {
        parallel: context
            .parallel()
            .and_then(NonZeroUsize::new)
            .unwrap_or(defaults.parallel),
        // People who say `docker compose build` want to see the builder's steps.
        skip_unchanged: !context.globals.as_compose,
        cache: context.cache_directory(),
        ..defaults
    }
}

/// The images of a project; images that are built from each other in a circle are an error. `resolved`: where the project
/// is written; it may be a copy of what is written there.
pub fn graph_of(
    project: &Project,
    context: &Context,
    resolved: &Resolved,
) -> Result<ImageGraph, Failure> {
    ImageGraph::of(project, &context.disk).map_err(|cycle| {
        show(context, resolved, &image_cycle(resolved, &cycle));
        Failure::Project
    })
}

/// Says what keeps these images from being built as the files stand: names that they take from each other, which those may
/// who call for Compose's behaviour, and what is missing. Under Compose's own name the latter is left to the build, which
/// says it in its words.
pub fn check_images(
    context: &Context,
    graph: &ImageGraph,
    wanted: &[String],
    resolved: &Resolved,
) -> Result<(), Failure> {
    let clashes = graph.name_clashes();
    for clash in &clashes {
        let finding = name_finding(clash, resolved, context.files_are_named());
        show(context, resolved, &finding);
    }
    let mut fit = clashes.is_empty() || context.files_are_named();
    let images = wanted.iter().filter_map(|key| graph.images.get(key));
    for image in images.filter(|_| !context.globals.as_compose) {
        for problem in image.problems.iter().filter(|one| one.is_of_the_files()) {
            show(
                context,
                resolved,
                &unbuildable(resolved, &image.key, problem),
            );
            fit = false;
        }
    }
    match fit {
        true => Ok(()),
        false => Err(Failure::Project),
    }
}

fn show(context: &Context, resolved: &Resolved, finding: &Diagnostic) {
    let console = &context.console;
    let colour = console.talk_has_colour();
    console.insist(&render(finding, &resolved.sources, colour, console.width()));
}

fn name_finding(clash: &NameClash, resolved: &Resolved, lenient: bool) -> Diagnostic {
    let message = format!(
        "services `{}` and `{}` build different images and both name them `{}`",
        clash.first, clash.second, clash.name
    );
    let finding = match lenient {
        true => Diagnostic::warning("image-name-taken", message),
        false => Diagnostic::error("image-name-taken", message),
    };
    finding
        .at(
            name_place(resolved, &clash.second, &clash.name),
            "whoever is built last has the name",
        )
        .because(
            name_place(resolved, &clash.first, &clash.name),
            "the other one",
        )
        .help("give one of them another `image`, or make their `build` sections the same")
}

/// Where a service gives an image its name.
fn name_place(resolved: &Resolved, service: &str, name: &str) -> Span {
    let at = |keys: &[&str]| {
        let all = ["services", service]
            .into_iter()
            .chain(keys.iter().copied());
        resolved.document.at(&Place::keys(all))
    };
    let tags = at(&["build", "tags"]).and_then(Node::as_sequence);
    let tag = tags.and_then(|tags| tags.iter().find(|tag| tag.as_str() == Some(name)));
    tag.or_else(|| at(&["image"]))
        .or_else(|| at(&["build"]))
        .map_or(Span::NONE, |node| node.span)
}

/// Builds what the selected services of a policy (and what they depend on) run from. `resolved`: where the project is
/// written.
pub async fn for_services(
    context: &Context,
    docker: &DockerEngine,
    project: &Project,
    resolved: &Resolved,
    policy: &Policy,
    mode: BuildMode,
    cancel: &Cancel,
) -> Result<(), Failure> {
    if mode == BuildMode::Never || context.globals.dry_run {
        return Ok(());
    }
    let graph = graph_of(project, context, resolved)?;
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
            let is_always_built = image.services.iter().any(|service| {
                let service = project.services.get(service);
                service.is_some_and(|one| one.pull_policy == Some(PullPolicy::Build))
            });
            if is_always_built || !matches!(builder.find(name).await, Ok(Some(_))) {
                missing.push(key);
            }
        }
        wanted = missing;
    }
    check_images(context, &graph, &wanted, resolved)?;
    if wanted.is_empty() {
        return Ok(());
    }
    let building = Building {
        project,
        graph: &graph,
        options: options(context),
        name_unchanged: false,
        builder: None,
    };
    building.run(context, docker, &wanted, cancel).await?;
    Ok(())
}

/// One run over the images of a project.
pub struct Building<'b> {
    pub project: &'b Project,
    pub graph: &'b ImageGraph,
    pub options: BuildOptions,
    /// Show images too that are left alone.
    pub name_unchanged: bool,
    /// The builder that the command line names. `None`: the one that is used unless one is named.
    pub builder: Option<&'b str>,
}

impl Building<'_> {
    /// Builds and shows it; the first failure ends the verb, after all that failed has been said.
    pub async fn run(
        self,
        context: &Context,
        docker: &DockerEngine,
        wanted: &[String],
        cancel: &Cancel,
    ) -> Result<Outcomes, Failure> {
        classic_builder::refuse(context, self.graph, wanted)?;
        let builder = context.builder(docker, self.builder)?;
        let mut options = self.options;
        options.overrides.proxies = docker.proxies().cloned().unwrap_or_else(|error| {
            context
                .console
                .warn(&format!("builds get no proxies: {error}"));
            IndexMap::new()
        });
        let run = BuildRun {
            graph: self.graph,
            project: self.project,
            environment: &context.environment,
            builder: builder.as_ref(),
            options,
        };
        let mut progress = context.progress();
        if context.globals.as_compose {
            progress.say_steps_as_data();
        } else if context.globals.progress == ProgressMode::Plain {
            progress.say_outputs();
        }
        progress.expect_images(self.graph, wanted);
        let (events, mut heard) = mpsc::channel(256);
        let working = async {
            let outcomes = tokio::select! {
                outcomes = run.run(wanted, &events) => Some(outcomes),
                // Dropping the run stops every build on the engine.
                () = cancel.reached(CancelLevel::Finish) => None,
            };
            drop(events);
            outcomes
        };
        let showing = async {
            while let Some(event) = heard.recv().await {
                progress.building(&event, self.name_unchanged);
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
                ImageOutcome::Failed(failure) => Some(failure.told()),
                _ => None,
            })
            .collect();
        if !failures.is_empty() && context.globals.progress == ProgressMode::Json {
            // Each has been an event.
            return Err(Failure::Told);
        }
        if !failures.is_empty() {
            return Err(Failure::Apply(failures.join("\n\n")));
        }
        warn_of_owners(context, docker, self.project, self.graph, &outcomes).await;
        Ok(outcomes)
    }
}

/// Says where a service of a fresh image cannot write into a directory that it mounts. What cannot be found out is passed
/// over: the build is done.
async fn warn_of_owners(
    context: &Context,
    docker: &DockerEngine,
    project: &Project,
    graph: &ImageGraph,
    outcomes: &Outcomes,
) {
    for (key, outcome) in outcomes {
        let (ImageOutcome::Built { id, .. }, Some(image)) = (outcome, graph.images.get(key)) else {
            continue;
        };
        for name in &image.services {
            let Some(service) = project.services.get(name) else {
                continue;
            };
            if image.image_only || writable_binds(service).next().is_none() {
                continue;
            }
            let Ok(Some(stored)) = docker.inspect_image(id).await else {
                continue;
            };
            let user = user_of(service, &stored.user);
            let uid = match uid_of(user, None) {
                Some(uid) => Some(uid),
                None => uid_of(user, accounts(docker, id).await.as_deref()),
            };
            let owner = |path: &Path| {
                let is_directory = context.disk.is_dir(path);
                context
                    .disk
                    .owner(path)
                    .filter(|_| is_directory)
                    .map(|ids| ids.0)
            };
            for foreign in ForeignOwner::of(name, service, uid.unwrap_or(0), &owner) {
                context
                    .console
                    .note(&foreign.advice(project, takes_uid(image)));
            }
        }
    }
}

/// Whether the Dockerfile asks for the caller's UID.
fn takes_uid(image: &Image) -> bool {
    image.dockerfile.as_ref().is_some_and(|file| {
        let names = file.parsed.argument_names();
        names.iter().any(|name| name == "UID")
    })
}

/// The image's `/etc/passwd`, out of a container of it that never runs. `None`: it has none.
async fn accounts(docker: &DockerEngine, image: &str) -> Option<String> {
    let spec = ContainerSpec {
        image: image.to_owned(),
        command: Some(vec!["true".to_owned()]),
        ..ContainerSpec::default()
    };
    let container = docker.create_container(&spec).await.ok()?.id;
    let text = file_of(docker, &container, "/etc/passwd").await;
    if let Err(error) = docker.remove_container(&container, true, true).await {
        tracing::debug!(%error, container, "a container that was only looked into stays");
    }
    text
}

/// A small text file of a container. `None`: it cannot be had.
async fn file_of(docker: &DockerEngine, container: &str, path: &str) -> Option<String> {
    // A link of the image must not lead to a file of this machine.
    let path = followed(docker, container, path).await.ok()?;
    let pieces = docker.download_archive(container, &path).await.ok()?;
    let directory = tempfile::tempdir().ok()?;
    let target = directory.path().join("file");
    unpack(pieces, &target).await.ok()?;
    let is_file = target.symlink_metadata().ok()?.is_file();
    is_file.then(|| std::fs::read_to_string(target).ok())?
}
