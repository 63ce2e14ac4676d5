use std::io::IsTerminal;

use clap::Args;

pub use super::building::{BuildMode, for_services, graph_of};
use super::building::{Building, Outcomes, check_images, options};
use super::carry_out::planning;
use super::context::{Context, Purpose};
use super::globals::ProgressMode;
use super::pairs::environment_pairs;
use super::push::Push;
use super::{Exit, Failure, interrupt};
use crate::build::{
    BuildOptions, GraphProblem, ImageGraph, ImageOutcome, Overrides, Surplus, check,
    is_standard_input, unpack_context,
};
use crate::model::Project;
use crate::plan::service_order;
use crate::report::short_id;
use crate::resolve::Resolved;

/// Build the images of an env, each once, what others stand on first
#[derive(Args, Debug)]
pub struct Build {
    /// Set a build argument; without a value it is taken from here
    #[arg(long, value_name = "KEY[=VALUE]")]
    pub build_arg: Vec<String>,
    /// Builder to use, as `docker buildx ls` lists them; `default` is the engine's own
    #[arg(long, value_name = "NAME")]
    pub builder: Option<String>,
    /// Check the Dockerfiles and build nothing
    #[arg(long, conflicts_with_all = ["push", "print"])]
    pub check: bool,
    /// Say why each image is built or left alone
    #[arg(long)]
    pub explain: bool,
    /// Memory limit of build containers; BuildKit has none
    #[arg(short, long, value_name = "BYTES")]
    pub memory: Option<String>,
    /// Run every step again
    #[arg(long)]
    pub no_cache: bool,
    /// Ask the builder even where nothing has changed
    #[arg(long)]
    pub no_skip: bool,
    /// Print what would be built, as a file for `docker buildx bake`
    #[arg(long)]
    pub print: bool,
    /// How progress is shown
    #[arg(long, value_enum, value_name = "HOW")]
    pub progress: Option<ProgressMode>,
    /// State how the image was made: `true`, or parameters such as `mode=max`
    #[arg(long, value_name = "PARAMETERS", num_args = 0..=1, default_missing_value = "true", require_equals = false)]
    pub provenance: Option<String>,
    /// Look for newer base images on their registries
    #[arg(long)]
    pub pull: bool,
    /// Push the images afterwards
    #[arg(long)]
    pub push: bool,
    /// Show no progress
    #[arg(short, long)]
    pub quiet: bool,
    /// State what the image holds: `true`, or parameters such as `generator=IMAGE`
    #[arg(long, value_name = "PARAMETERS", num_args = 0..=1, default_missing_value = "true", require_equals = false)]
    pub sbom: Option<String>,
    /// Hand over an agent or keys: `default`, ID=SOCKET or ID=KEYFILE
    #[arg(long, value_name = "ID[=PATH]")]
    pub ssh: Vec<String>,
    /// The images of what the services depend on too
    #[arg(long)]
    pub with_dependencies: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Build {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        self.warn_of_memory(context);
        let scope = context.project(&self.words, Purpose::Build)?;
        let services = scope.services()?;
        let mut resolved = scope.into_resolved()?;
        self.set_arguments(&mut resolved);
        let mut graph = graph_of(&resolved.project, context, &resolved)?;
        let wanted = self.wanted(&resolved.project, &graph, &services)?;
        let mut _unpacked = None;
        if !self.print && reads_standard_input(&graph, &wanted) {
            _unpacked = read_standard_input(context, &mut resolved.project)?;
            graph = graph_of(&resolved.project, context, &resolved)?;
        }
        let project = &resolved.project;
        if wanted.is_empty() {
            context
                .console
                .say("nothing to do: no service has a `build`");
            return Ok(Exit::OK);
        }
        if self.print {
            // Bake knows no profiles: without names it means all of them.
            let keys = match services.is_empty() {
                true => graph.dag.order().unwrap_or_default(),
                false => wanted,
            };
            let bake = graph.to_bake(project, &keys);
            let text = serde_json::to_string_pretty(&bake).map_err(anyhow::Error::from)?;
            context.console.data(&text);
            return Ok(Exit::OK);
        }
        if self.check {
            return Ok(report_checks(context, &graph, &wanted));
        }
        check_images(context, &graph, &wanted, &resolved)?;
        let context = &context.with_progress(self.quiet, self.progress);
        let cancel = interrupt::listen();
        let docker = context.docker().await?;
        let building = Building {
            project,
            graph: &graph,
            options: self.options(context),
            name_unchanged: true,
            builder: self.builder.as_deref(),
        };
        let outcomes = building.run(context, &docker, &wanted, &cancel).await?;
        self.report(context, &graph, &outcomes);
        if self.push && !context.globals.dry_run {
            let pushed = pushed_names(&graph, &outcomes);
            let push = Push {
                ignore_push_failures: false,
                include_deps: self.with_dependencies,
                quiet: self.quiet,
                words: self.words,
            };
            return push.run_without(context, &pushed).await;
        }
        Ok(Exit::OK)
    }

    fn warn_of_memory(&self, context: &Context) {
        if self.memory.is_some() {
            context
                .console
                .warn("`--memory` changes nothing: BuildKit has no memory limit for builds");
        }
    }

    /// Arguments of the command line hold for every image, and may decide what it is made from.
    fn set_arguments(&self, resolved: &mut Resolved) {
        let given = environment_pairs(&self.build_arg, |name| resolved.variables.value(name));
        let project = &mut resolved.project;
        let services = project.services.values_mut();
        let inactive = project.inactive.values_mut();
        for build in services
            .chain(inactive)
            .filter_map(|one| one.build.as_mut())
        {
            build.args.extend(given.clone());
        }
    }

    /// The images that are meant, those that they stand on first.
    fn wanted(
        &self,
        project: &Project,
        graph: &ImageGraph,
        services: &[String],
    ) -> Result<Vec<String>, Failure> {
        if services.is_empty() {
            let all = graph.dag.order().unwrap_or_default();
            let active = |key: &String| {
                let image = graph.images.get(key);
                image.is_some_and(|image| {
                    let mut own = image.services.iter();
                    own.any(|name| project.services.contains_key(name))
                })
            };
            let active: Vec<&String> = all.iter().filter(|key| active(key)).collect();
            let needed = graph.dag.closure(active);
            return Ok(all.into_iter().filter(|key| needed.contains(key)).collect());
        }
        let mut chosen = services.to_vec();
        if self.with_dependencies {
            chosen = service_order(project, services, true).map_err(planning)?;
            chosen.extend(services.iter().cloned());
        }
        Ok(graph.needed_by(project, chosen.iter().map(String::as_str)))
    }

    fn options(&self, context: &Context) -> BuildOptions {
        let defaults = options(context);
        BuildOptions {
            overrides: Overrides {
                no_cache: self.no_cache,
                pull: self.pull,
                ssh: self.ssh.clone(),
                provenance: self.provenance.clone(),
                sbom: self.sbom.clone(),
                surplus: match self.push {
                    true => Surplus::Pushed,
                    false => Surplus::Cached,
                },
                ..Overrides::default()
            },
            skip_unchanged: defaults.skip_unchanged && !self.no_skip,
            dry: context.globals.dry_run,
            ..defaults
        }
    }

    fn report(&self, context: &Context, graph: &ImageGraph, outcomes: &Outcomes) {
        for (image, outcome) in outcomes {
            if let Some(id) = outcome.id()
                && !context.globals.as_compose
            {
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
                    ImageOutcome::Due(_) | ImageOutcome::Failed(_) | ImageOutcome::Abandoned => {
                        continue;
                    }
                };
                context.console.say(&format!("image {image}: {why}"));
            }
        }
    }
}

/// The names of what a builder has pushed itself.
fn pushed_names(graph: &ImageGraph, outcomes: &Outcomes) -> Vec<String> {
    outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, ImageOutcome::Built { pushed: true, .. }))
        .filter_map(|(key, _)| graph.images.get(key))
        .flat_map(|image| image.names.iter().cloned())
        .collect()
}

fn reads_standard_input(graph: &ImageGraph, wanted: &[String]) -> bool {
    let images = wanted.iter().filter_map(|key| graph.images.get(key));
    images
        .flat_map(|image| &image.problems)
        .any(|problem| matches!(problem, GraphProblem::StandardInput { .. }))
}

/// Unpacks the context that is written `-`, if there is one, and lets its service build from there. The directory goes when
/// what is returned is dropped.
fn read_standard_input(
    context: &Context,
    project: &mut Project,
) -> Result<Option<tempfile::TempDir>, Failure> {
    let mut unpacked: Option<tempfile::TempDir> = None;
    for service in project.services.values_mut() {
        let Some(written) = service
            .build
            .as_mut()
            .and_then(|build| build.context.as_mut())
        else {
            continue;
        };
        if !is_standard_input(written, &context.disk) {
            continue;
        }
        if unpacked.is_none() {
            let input = std::io::stdin();
            if input.is_terminal() {
                return Err(Failure::Usage(
                    "a build context is `-`, which is standard input, but that is a terminal; pass a tar archive: `wharf build < context.tar`".into(),
                ));
            }
            let directory = tempfile::Builder::new()
                .prefix("wharf-context-")
                .tempdir()
                .map_err(anyhow::Error::from)?;
            unpack_context(input.lock(), directory.path()).map_err(|error| {
                Failure::Apply(format!(
                    "the build context on standard input cannot be read: {error}"
                ))
            })?;
            unpacked = Some(directory);
        }
        if let Some(directory) = &unpacked {
            *written = directory.path().display().to_string();
        }
    }
    Ok(unpacked)
}

/// Prints what the Dockerfiles have that is a mistake; findings end with 1, as the builder's own check does.
fn report_checks(context: &Context, graph: &ImageGraph, wanted: &[String]) -> Exit {
    let console = &context.console;
    let mut found = 0;
    let mut seen = Vec::new();
    for image in wanted.iter().filter_map(|key| graph.images.get(key)) {
        for problem in &image.problems {
            console.error(&problem.to_string());
            found += 1;
        }
        for finding in check(image) {
            if seen.contains(&finding) {
                continue;
            }
            console.data(&format!(
                "{}:{}: {}: {}",
                finding.file, finding.line, finding.rule, finding.message
            ));
            found += 1;
            seen.push(finding);
        }
        if image.dockerfile.is_none() && image.problems.is_empty() {
            console.note(&format!(
                "image `{}` is not checked: its Dockerfile is not on this machine",
                image.key
            ));
        }
    }
    console.note("these are wharf's own checks; the builder's are said while it builds");
    match found {
        0 => {
            console.say("no findings");
            Exit::OK
        }
        _ => Exit(1),
    }
}
