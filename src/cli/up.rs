use std::time::Duration;

use clap::{Args, ValueEnum};

use super::build::{self, BuildMode};
use super::carry_out::{bring_up, carry_out, observe, planning};
use super::context::{Context, Purpose};
use super::follow;
use super::pairs::scale_pairs;
use super::{Exit, Failure, interrupt};
use crate::apply::{CancelLevel, Options, Outcome};
use crate::plan::{self, Policy, Pull, Recreate};
use crate::report::{outcome_table, waterfall};

/// Build what is missing, start the env, return when every service is healthy
#[derive(Args, Debug)]
pub struct Up {
    /// Follow the logs of these services (without names: of all) until Ctrl-C
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "SERVICE", default_missing_value = "")]
    pub attach: Vec<String>,
    /// Return when everything is ready (the default; for docker compose's sake)
    #[arg(short, long)]
    pub detach: bool,
    /// Wait until everything is running or healthy (the default; for docker compose's sake)
    #[arg(long)]
    pub wait: bool,
    /// Give up waiting after that many seconds
    #[arg(long, value_name = "SECONDS")]
    pub wait_timeout: Option<u64>,
    /// Do not wait for health beyond what services wait for among themselves
    #[arg(long, conflicts_with = "wait")]
    pub no_wait: bool,
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
    /// Replace the containers of dependencies too
    #[arg(long, conflicts_with = "no_recreate")]
    pub always_recreate_deps: bool,
    /// Leave dependencies alone
    #[arg(long)]
    pub no_deps: bool,
    /// Create, and start nothing
    #[arg(long)]
    pub no_start: bool,
    /// How many containers a service has
    #[arg(long, value_name = "SERVICE=NUM")]
    pub scale: Vec<String>,
    /// When to pull images
    #[arg(long, value_enum, value_name = "WHEN")]
    pub pull: Option<PullWhen>,
    /// Remove containers of services that the project does not have
    #[arg(long)]
    pub remove_orphans: bool,
    /// New anonymous volumes instead of those of the containers that are replaced
    #[arg(short = 'V', long)]
    pub renew_anon_volumes: bool,
    /// Seconds until a container that does not stop is killed
    #[arg(short, long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
    /// Show who waited for whom
    #[arg(long)]
    pub timings: bool,
    /// Yes to everything that is asked: volumes whose description has changed are replaced, with their data
    #[arg(short, long)]
    pub yes: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PullWhen {
    Always,
    Missing,
    Never,
    /// As each service says
    Policy,
}

impl From<PullWhen> for Pull {
    fn from(when: PullWhen) -> Self {
        match when {
            PullWhen::Always => Pull::Always,
            PullWhen::Missing => Pull::Missing,
            PullWhen::Never => Pull::Never,
            PullWhen::Policy => Pull::ByService,
        }
    }
}

impl Up {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.project(&self.words, Purpose::Run)?;
        let services = scope.services()?;
        let resolved = scope.into_resolved()?;
        let project = &resolved.project;
        let policy = self.policy(context, services.clone())?;
        let cancel = interrupt::listen();
        let docker = context.docker().await?;
        let mode = match (self.build, self.no_build) {
            (true, _) => BuildMode::Changed,
            (_, true) => BuildMode::Never,
            _ => context.default_build_mode(),
        };
        build::for_services(context, &docker, project, &policy, mode, &cancel).await?;
        let engine: std::sync::Arc<dyn crate::engine::Engine> = std::sync::Arc::new(docker);
        let options = Options {
            wait_timeout: self.wait_timeout.map(Duration::from_secs),
            allow_data_loss: self.yes,
            ..context.apply_options()
        };
        let (plan, applied) =
            bring_up(context, &engine, &resolved, &policy, options, &cancel).await?;
        let snapshot = observe(&engine, project).await?;
        let outcome = Outcome::of(&snapshot, Some(&applied));
        context
            .console
            .data(&outcome_table(&outcome, &context.console));
        if self.timings {
            context
                .console
                .insist(&waterfall(&applied.timings, applied.took, &context.console));
        }
        if !plan.has_changes() {
            context
                .console
                .say("nothing to do: everything is as described");
        }
        // Under Compose's name people expect to see the logs unless they say otherwise, and Ctrl-C to stop what runs.
        let as_compose = context.globals.as_compose && !self.detach && !self.wait && !self.no_start;
        if self.attach.is_empty() && !as_compose {
            return Ok(Exit::OK);
        }
        let wanted: Vec<String> = self
            .attach
            .iter()
            .filter(|name| !name.is_empty())
            .cloned()
            .collect();
        let followed = if wanted.is_empty() {
            &services
        } else {
            &wanted
        };
        let ended = follow::logs(context, &engine, &project.name, followed, &cancel).await?;
        if as_compose && cancel.level() != CancelLevel::None {
            let snapshot = observe(&engine, project).await?;
            let timeout = self.timeout.map(Duration::from_secs);
            let stop = plan::stop(project, &snapshot, &services, timeout).map_err(planning)?;
            // The Ctrl-C that ended the logs has been heard; another one ends the stopping.
            let cancel = interrupt::listen();
            carry_out(
                context,
                &engine,
                Some(&resolved),
                &stop,
                context.apply_options(),
                &cancel,
            )
            .await?;
            return Err(Failure::Interrupted);
        }
        Ok(ended)
    }

    fn policy(&self, context: &Context, services: Vec<String>) -> Result<Policy, Failure> {
        let recreate = match (self.force_recreate, self.no_recreate) {
            (true, _) => Recreate::Force,
            (_, true) => Recreate::Never,
            _ => Recreate::Diverged,
        };
        Ok(Policy {
            services,
            no_deps: self.no_deps,
            recreate,
            recreate_dependencies: if self.always_recreate_deps {
                Recreate::Force
            } else if self.no_recreate {
                Recreate::Never
            } else {
                Recreate::Diverged
            },
            remove_orphans: self.remove_orphans,
            scale: scale_pairs(&self.scale)?,
            renew_anonymous_volumes: self.renew_anon_volumes,
            timeout: self.timeout.map(Duration::from_secs),
            pull: self.pull.map_or(Pull::ByService, Pull::from),
            start: !self.no_start,
            wait: !self.no_wait && !self.no_start,
            environment: context.environment.variables.clone(),
            keep_changed_volumes: !self.yes,
            ..Policy::default()
        })
    }
}
