use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Failure;
use super::build::BuildMode;
use super::context::Context;
use super::pairs::scale_pairs;
use super::settings::is_true;
use crate::model::Project;
use crate::plan::{ChangedVolumes, Policy, Pull, Recreate};
use crate::resolve::Resolved;

/// The options of those verbs that make containers: `up` and `create`.
#[derive(Args, Debug)]
pub struct Making {
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
    /// Show no progress of pulls
    #[arg(long)]
    pub quiet_pull: bool,
    /// Show no progress of builds
    #[arg(long)]
    pub quiet_build: bool,
    /// Remove containers of services that the project does not have
    #[arg(long)]
    pub remove_orphans: bool,
    /// How many containers a service has
    #[arg(long, value_name = "SERVICE=NUM")]
    pub scale: Vec<String>,
    /// Yes to everything that is asked: volumes whose description has changed are replaced, with their data
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PullWhen {
    Always,
    Missing,
    Never,
    /// Build instead
    #[value(hide = true)]
    Build,
    /// As each service says
    Policy,
}

impl From<PullWhen> for Pull {
    fn from(when: PullWhen) -> Self {
        match when {
            PullWhen::Always => Pull::Always,
            PullWhen::Missing => Pull::Missing,
            PullWhen::Never => Pull::Never,
            PullWhen::Policy | PullWhen::Build => Pull::ByService,
        }
    }
}

impl Making {
    /// What the options say; what else there is stays as it is by itself.
    pub fn policy(&self, resolved: &Resolved, services: Vec<String>) -> Result<Policy, Failure> {
        Ok(Policy {
            services,
            recreate: match (self.force_recreate, self.no_recreate) {
                (true, _) => Recreate::Force,
                (_, true) => Recreate::Never,
                _ => Recreate::Diverged,
            },
            recreate_dependencies: match self.no_recreate {
                true => Recreate::Never,
                false => Recreate::Diverged,
            },
            remove_orphans: self.remove_orphans || is_set(resolved, "COMPOSE_REMOVE_ORPHANS"),
            scale: scale_pairs(&self.scale)?,
            pull: self.pull.map_or(Pull::ByService, Pull::from),
            ignore_orphans: is_set(resolved, "COMPOSE_IGNORE_ORPHANS"),
            changed_volumes: match self.yes {
                true => ChangedVolumes::Replace,
                false => ChangedVolumes::Keep,
            },
            ..Policy::default()
        })
    }

    pub fn build_mode(&self, context: &Context) -> BuildMode {
        match (
            self.build || matches!(self.pull, Some(PullWhen::Build)),
            self.no_build,
        ) {
            (true, _) => BuildMode::Changed,
            (_, true) => BuildMode::Never,
            _ => context.default_build_mode(),
        }
    }

    /// Where builds are shown.
    pub fn building(&self, context: &Context) -> Context {
        context.with_progress(self.quiet_build, None)
    }
}

/// Whether a variable, of the shell or of an env file, is set to something true.
pub fn is_set(resolved: &Resolved, variable: &str) -> bool {
    is_true(resolved.variables.value(variable))
}

/// How long to wait, in seconds on the command line. As with Compose, what is not above zero is no limit.
pub fn limit(seconds: Option<i64>) -> Option<Duration> {
    let seconds = u64::try_from(seconds?).ok()?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// Under Compose's name: refuses a project of which nothing would be made.
pub fn something_to_make(context: &Context, project: &Project) -> Result<(), Failure> {
    let globals = &context.globals;
    match globals.as_compose && !globals.all_resources && project.services.is_empty() {
        true => Err(Failure::Apply("no service selected".into())),
        false => Ok(()),
    }
}
