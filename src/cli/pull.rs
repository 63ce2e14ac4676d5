use std::collections::HashSet;

use clap::{Args, ValueEnum};

use super::carry_out::{carry_out, observe, planning};
use super::context::{Context, Purpose};
use super::{Exit, Failure, interrupt};
use crate::model::{self, Project};
use crate::observe::Snapshot;
use crate::plan::{
    self, Cause, Operation, Plan, PlanError, Policy, Pull as When, Risk, Target, Verb,
};
use crate::resolve::Resolved;

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
        let mut resolved = scope.into_resolved()?;
        keep(&mut resolved.project, &services, self.include_deps).map_err(planning)?;
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
        let needed = match context.globals.as_compose {
            true => self.as_each_service_says(context, &resolved, &snapshot, needed),
            false => needed,
        };
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
            context.say_of_itself("nothing to pull");
            return Ok(Exit::OK);
        }
        for (plan, lenient) in [(needed, self.ignore_pull_failures), (buildable, true)] {
            if plan.is_empty() {
                continue;
            }
            let options = context.apply_options();
            let shown = context.with_progress(self.quiet, None);
            match carry_out(&shown, &engine, Some(&resolved), &plan, options, &cancel).await {
                Err(Failure::Worded { message, .. }) if lenient => {
                    context.console.warn(&message);
                    let buildable = buildable_services(&resolved);
                    if context.globals.as_compose && !buildable.is_empty() {
                        context.console.insist(&format!(
                            "Some service image(s) must be built from source by running:\n    docker compose build {}",
                            buildable.join(" ")
                        ));
                    }
                }
                other => {
                    other?;
                }
            }
        }
        Ok(Exit::OK)
    }
}

/// Leaves the named services (empty: all) and, with `dependencies`, what they need: nothing is told of others that have the same image.
fn keep(project: &mut Project, named: &[String], dependencies: bool) -> Result<(), PlanError> {
    if !named.is_empty() {
        let order = plan::service_order(project, named, dependencies)?;
        let is_meant = |name: &String| named.contains(name) || order.contains(name);
        project.services.retain(|name, _| is_meant(name));
    }
    Ok(())
}

fn buildable_services(resolved: &Resolved) -> Vec<String> {
    let services = resolved.project.services.iter();
    services
        .filter(|(_, service)| service.build.is_some())
        .map(|(name, _)| name.clone())
        .collect()
}

impl Pull {
    /// Without those images that their services want to have only where they are missing, and are there: what Compose makes of
    /// `pull_policy` here. It says so, and what has no image to be pulled.
    fn as_each_service_says(
        &self,
        context: &Context,
        resolved: &Resolved,
        snapshot: &Snapshot,
        mut needed: Plan,
    ) -> Plan {
        let project = &resolved.project;
        let mut wanted = HashSet::new();
        for (name, service) in &project.services {
            let image = service.image_name(&project.name, name);
            if service.image.is_none() {
                context
                    .console
                    .say(&format!(" {name} Skipped - No image to be pulled "));
                continue;
            }
            let only_missing = service.pull_policy == Some(model::PullPolicy::Missing);
            let is_latest = image.ends_with(":latest")
                || !image
                    .rsplit('/')
                    .next()
                    .unwrap_or_default()
                    .contains([':', '@']);
            if only_missing && !is_latest && snapshot.images.contains_key(&image) {
                context.console.say(&format!(
                    " {name} Skipped - Image is already present locally "
                ));
            } else {
                wanted.insert(image);
            }
        }
        // Pulls do not follow each other, so that no index of a step is lost.
        needed.steps.retain(|step| match &step.operation {
            Operation::PullImage { reference, .. } => wanted.contains(reference),
            _ => true,
        });
        needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_for_is_told_of() {
        let text = r#"{"name": "p", "services": {
            "a": {"image": "x"}, "db": {"image": "x"}, "b": {"image": "x", "depends_on": {"db": {"condition": "service_started"}}}}}"#;
        let left = |named: &[&str], dependencies: bool| {
            let mut project: Project = serde_json::from_str(text).unwrap();
            let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
            keep(&mut project, &named, dependencies).unwrap();
            project.services.into_keys().collect::<Vec<_>>()
        };
        assert_eq!(left(&["b"], false), ["b"]);
        assert_eq!(left(&["b"], true), ["db", "b"]);
        assert_eq!(left(&[], false), ["a", "db", "b"]);
    }
}
