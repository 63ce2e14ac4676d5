use std::sync::Arc;

use clap::Args;

use super::build::{self, BuildMode};
use super::carry_out::bring_up;
use super::context::{Context, Purpose};
use super::pairs::scale_pairs;
use super::{Exit, Failure, interrupt};
use crate::apply::Outcome;
use crate::engine::Engine;
use crate::observe::collect_containers;
use crate::plan::{ChangedVolumes, Policy};
use crate::report::outcome_table;

/// Give services another number of containers
#[derive(Args, Debug)]
pub struct Scale {
    /// Leave dependencies alone
    #[arg(long)]
    pub no_deps: bool,
    #[arg(value_name = "[ENV] SERVICE=NUM", required = true)]
    pub words: Vec<String>,
}

impl Scale {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let mut scope = context.project(&self.words, Purpose::Run)?;
        let scale = scale_pairs(&scope.words)?;
        if scale.is_empty() {
            return Err(Failure::Usage(
                "`scale` needs a service and a number: `wharf scale [ENV] SERVICE=NUM`".into(),
            ));
        }
        scope.words = scale.keys().cloned().collect();
        let policy = Policy {
            services: scope.services()?,
            no_deps: self.no_deps,
            scale,
            changed_volumes: ChangedVolumes::Keep,
            wait: !context.globals.as_compose,
            ..Policy::default()
        };
        let resolved = scope.into_resolved()?;
        let project = &resolved.project;
        let cancel = interrupt::listen();
        let docker = context.docker().await?;
        let mode = BuildMode::Missing;
        build::for_services(context, &docker, project, &resolved, &policy, mode, &cancel).await?;
        let engine: Arc<dyn Engine> = Arc::new(docker);
        let options = context.apply_options();
        let (plan, applied) = bring_up(
            context, &engine, &resolved, &policy, options, &cancel, false,
        )
        .await?;
        if context.globals.as_compose {
            return Ok(Exit::OK);
        }
        let containers = collect_containers(engine.as_ref(), &project.name, None).await?;
        let outcome = Outcome::of(&project.name, &containers, Some(&applied));
        context
            .console
            .data(&outcome_table(&outcome, &context.console));
        if !plan.has_changes() {
            context
                .console
                .say("nothing to do: everything is as described");
        }
        Ok(Exit::OK)
    }
}
