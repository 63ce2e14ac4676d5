use clap::{Args, ValueEnum};

use super::carry_out::{carry_out, observe, planning};
use super::context::{Context, Purpose};
use super::{Exit, Failure, interrupt};
use crate::plan::{self, Cause, Operation, Plan, Policy, Pull as When, Risk, Target, Verb};

/// Pull the images of services
#[derive(Args, Debug)]
pub struct Pull {
    /// Leave out images that are built here
    #[arg(long)]
    pub ignore_buildable: bool,
    /// Warn, and go on, when an image cannot be pulled
    #[arg(long)]
    pub ignore_pull_failures: bool,
    /// The images of what the services depend on too
    #[arg(long)]
    pub include_deps: bool,
    /// Which images to pull (default: always)
    #[arg(long, value_enum, value_name = "WHEN")]
    pub policy: Option<PullPolicy>,
    /// Show no progress
    #[arg(short, long)]
    pub quiet: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PullPolicy {
    /// Only what the engine does not have
    Missing,
    Always,
}

impl Pull {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.project(&self.words, Purpose::Build)?;
        let services = scope.services()?;
        let resolved = scope.into_resolved()?;
        let project = &resolved.project;
        let missing = self.policy == Some(PullPolicy::Missing);
        let policy = Policy {
            services: services.clone(),
            no_deps: !self.include_deps,
            pull: if missing { When::Missing } else { When::Always },
            ..Policy::default()
        };
        let cancel = interrupt::listen();
        let engine = context.engine().await?;
        let snapshot = observe(&engine, project).await?;
        let needed = plan::pulls(project, &snapshot, &policy).map_err(planning)?;
        // What is built here may be on a registry as well; nobody is worse off when it is not.
        let mut buildable = Plan::new(Verb::Pull, &snapshot);
        if !self.ignore_buildable {
            for name in
                plan::service_order(project, &services, self.include_deps).map_err(planning)?
            {
                let service = &project.services[&name];
                let Some(reference) = service.image.clone().filter(|_| service.build.is_some())
                else {
                    continue;
                };
                if missing && snapshot.images.contains_key(&reference) {
                    continue;
                }
                let target = Target::Image {
                    reference: reference.clone(),
                };
                let platform = service.platform.clone();
                let pull = Operation::PullImage {
                    reference,
                    platform,
                };
                buildable.push(target, pull, Cause::Requested, Risk::Safe, []);
            }
        }
        if needed.is_empty() && buildable.is_empty() {
            context.console.say("nothing to pull");
            return Ok(Exit::OK);
        }
        for (plan, lenient) in [(needed, self.ignore_pull_failures), (buildable, true)] {
            if plan.is_empty() {
                continue;
            }
            let options = context.apply_options();
            match carry_out(context, &engine, None, &plan, options, &cancel).await {
                Err(Failure::Apply(message)) if lenient => context.console.warn(&message),
                other => {
                    other?;
                }
            }
        }
        Ok(Exit::OK)
    }
}
