use std::sync::Arc;

use clap::Args;

use super::build::{self, BuildMode};
use super::carry_out::bring_up;
use super::context::{Context, Purpose};
use super::pairs::scale_pairs;
use super::up::PullWhen;
use super::{Exit, Failure, interrupt};
use crate::apply::Options;
use crate::engine::Engine;
use crate::plan::{Policy, Pull, Recreate};

/// Create the containers of services, and start nothing
#[derive(Args, Debug)]
pub struct Create {
    /// Build images even if they are there
    #[arg(long, conflicts_with = "no_build")]
    pub build: bool,
    /// Build no image, even if it is missing
    #[arg(long)]
    pub no_build: bool,
    /// Replace containers even if nothing has changed
    #[arg(long, conflicts_with = "no_recreate")]
    pub force_recreate: bool,
    /// Replace no container, even if its description has changed
    #[arg(long)]
    pub no_recreate: bool,
    /// When to pull images
    #[arg(long, value_enum, value_name = "WHEN")]
    pub pull: Option<PullWhen>,
    /// Remove containers of services that the project does not have
    #[arg(long)]
    pub remove_orphans: bool,
    /// How many containers a service has
    #[arg(long, value_name = "SERVICE=NUM")]
    pub scale: Vec<String>,
    /// Yes to everything that is asked: volumes whose description has changed are replaced, with their data
    #[arg(short, long)]
    pub yes: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Create {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.project(&self.words, Purpose::Run)?;
        let policy = Policy {
            services: scope.services()?,
            recreate: match (self.force_recreate, self.no_recreate) {
                (true, _) => Recreate::Force,
                (_, true) => Recreate::Never,
                _ => Recreate::Diverged,
            },
            remove_orphans: self.remove_orphans,
            scale: scale_pairs(&self.scale)?,
            pull: self.pull.map_or(Pull::ByService, Pull::from),
            start: false,
            wait: false,
            environment: context.environment.variables.clone(),
            keep_changed_volumes: !self.yes,
            ..Policy::default()
        };
        let resolved = scope.into_resolved()?;
        let project = &resolved.project;
        let mode = match (self.build, self.no_build) {
            (true, _) => BuildMode::Changed,
            (_, true) => BuildMode::Never,
            _ => context.default_build_mode(),
        };
        let cancel = interrupt::listen();
        let docker = context.docker().await?;
        build::for_services(context, &docker, project, &policy, mode, &cancel).await?;
        let engine: Arc<dyn Engine> = Arc::new(docker);
        let options = Options {
            allow_data_loss: self.yes,
            ..context.apply_options()
        };
        let (plan, _) = bring_up(context, &engine, &resolved, &policy, options, &cancel).await?;
        if !plan.has_changes() {
            context
                .console
                .say("nothing to do: everything is as described");
        }
        Ok(Exit::OK)
    }
}
