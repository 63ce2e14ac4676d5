use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::build::{BuildMode, for_services};
use super::carry_out::carry_out;
use super::context::{Context, Purpose};
use super::{Exit, Failure, interrupt};
use crate::apply::{Cancel, Options};
use crate::engine::Engine;
use crate::engine::docker::DockerEngine;
use crate::model::{Hidden, Project};
use crate::observe::{collect, collect_by_name};
use crate::plan::{Plan, Policy, Risk};
use crate::resolve::Resolved;

/// Carry out a plan that `wharf plan --out FILE` wrote
///
/// Refuses when the world has changed since.
#[derive(Args, Debug)]
pub struct Apply {
    /// Yes to steps that lose data
    #[arg(short, long)]
    pub yes: bool,
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

impl Apply {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let shown = self.file.display();
        let text = std::fs::read_to_string(&self.file)
            .map_err(|error| Failure::Usage(format!("cannot read `{shown}`: {error}")))?;
        let mut plan = Plan::from_json(&text)
            .map_err(|error| Failure::Usage(format!("`{shown}`: {error}")))?;
        let cancel = interrupt::listen();
        let docker = context.docker().await?;
        let engine: Arc<dyn Engine> = Arc::new(docker.clone());
        let _lock = context.lock(&engine, &plan.project, &cancel).await?;
        // What a plan was made against holds what its project refers to, too; only the project's files say that.
        let project = self.project(context, &plan);
        let snapshot = match &project {
            Some(resolved) => collect(engine.as_ref(), &resolved.project).await?,
            None => collect_by_name(engine.as_ref(), &plan.project).await?,
        };
        plan.supply(|key, variable| match &project {
            Some(resolved) => value_of(&resolved.project, key, variable),
            None => context.environment.get(variable).map(Hidden::from),
        });
        let moved = plan.world.moved(&snapshot.fingerprint());
        if !moved.is_empty() {
            return Err(Failure::Apply(format!(
                "project `{}` is not as it was when the plan was made: {}\nhelp: make a new one with `wharf plan --out {shown}`",
                plan.project,
                moved.join(", ")
            )));
        }
        for (reference, id) in &plan.images {
            let now = engine.inspect_image(reference).await?;
            if now.is_none_or(|image| image.id != *id) {
                return Err(Failure::Apply(format!(
                    "image `{reference}` is another one than when the plan was made\nhelp: make a new one with `wharf plan --out {shown}`"
                )));
            }
        }
        self.build(context, &docker, project, &plan, &cancel)
            .await?;
        if plan.risk() == Risk::LosesData && !self.yes {
            return Err(Failure::Apply(
                "the plan loses data\nhelp: `--yes` says that this is meant".into(),
            ));
        }
        if !plan.has_changes() {
            context.console.say("nothing to do");
            return Ok(Exit::OK);
        }
        let options = Options {
            allow_data_loss: self.yes,
            ..context.apply_options()
        };
        carry_out(context, &engine, None, &plan, options, &cancel).await?;
        Ok(Exit::OK)
    }

    /// Builds what the plan takes for built, if that has not been done meanwhile.
    async fn build(
        &self,
        context: &Context,
        docker: &DockerEngine,
        project: Option<Resolved>,
        plan: &Plan,
        cancel: &Cancel,
    ) -> Result<(), Failure> {
        let mut missing = Vec::new();
        for reference in plan.unbuilt_images() {
            if docker.inspect_image(reference).await?.is_none() {
                missing.push(reference);
            }
        }
        let Some(first) = missing.first() else {
            return Ok(());
        };
        let Some(resolved) = project else {
            return Err(Failure::Apply(format!(
                "the plan needs image `{first}`, which has not been built\nhelp: build it with `wharf build`, or apply the plan where the project's files are"
            )));
        };
        let policy = Policy {
            services: plan.made_services(),
            ..Policy::default()
        };
        for_services(
            context,
            docker,
            &resolved.project,
            &resolved,
            &policy,
            BuildMode::Missing,
            cancel,
        )
        .await
    }

    /// The project that the plan was made for, among the envs at hand.
    fn project(&self, context: &Context, plan: &Plan) -> Option<Resolved> {
        let mut choices: Vec<Vec<String>> = vec![Vec::new()];
        if !context.files_are_named() && context.globals.env.is_none() {
            choices.extend(context.envs().into_iter().map(|env| vec![env]));
        }
        choices.into_iter().find_map(|words| {
            let project = context.project(&words, Purpose::Look).ok()?;
            let resolved = project.into_resolved().ok()?;
            (resolved.project.name == plan.project).then_some(resolved)
        })
    }
}

/// What the variable of a secret or config holds.
fn value_of(project: &Project, key: &str, variable: &str) -> Option<Hidden> {
    [&project.secrets, &project.configs]
        .into_iter()
        .filter_map(|objects| objects.get(key))
        .find(|object| object.environment.as_deref() == Some(variable))
        .and_then(|object| object.value.clone())
}
