use std::path::PathBuf;

use clap::Args;

use super::build;
use super::carry_out::{locate, observe, planning, planning_at};
use super::context::{Context, Purpose};
use super::pairs::scale_pairs;
use super::{Exit, Failure, configured};
use crate::plan::{Policy, Risk, reconcile, service_order};

/// Show what `up` would do, and why; changes nothing
#[derive(Args, Debug)]
pub struct Plan {
    /// End with 0 when there is nothing to do, and with 4 when there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// `text` or `json`
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: String,
    /// Write the plan as JSON, for `wharf apply`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Leave dependencies alone
    #[arg(long)]
    pub no_deps: bool,
    /// Remove containers of services that the project does not have
    #[arg(long)]
    pub remove_orphans: bool,
    /// How many containers a service has
    #[arg(long, value_name = "SERVICE=NUM")]
    pub scale: Vec<String>,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Plan {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.project(&self.words, Purpose::Run)?;
        let services = scope.services()?;
        let resolved = scope.into_resolved()?;
        let policy = Policy {
            services,
            no_deps: self.no_deps,
            remove_orphans: self.remove_orphans,
            scale: scale_pairs(&self.scale)?,
            ..Policy::default()
        };
        let engine = context.engine().await?;
        let needed = service_order(&resolved.project, &policy.services, !policy.no_deps)
            .map_err(planning)?;
        let project = &resolved.project;
        let configured =
            configured::preview(context, &engine, project, &resolved.sources, &needed).await?;
        let mut snapshot = observe(&engine, &configured).await?;
        // What `up` would build first counts as there, under a name that no image has.
        for name in build::graph_of(&resolved.project, context, &resolved)?
            .images
            .values()
            .flat_map(|image| image.names.clone())
            .chain(
                configured
                    .services
                    .iter()
                    .filter(|(name, service)| project.services.get(*name) != Some(*service))
                    .filter_map(|(_, service)| service.image.clone()),
            )
        {
            snapshot.pretend_image(&name);
        }
        let policy = context.policy(policy);
        let mut plan = reconcile(&configured, &snapshot, &policy)
            .map_err(|error| planning_at(context, &resolved, error))?;
        locate(&mut plan, &resolved);
        if plan.risk() == Risk::LosesData {
            plan.notes.push(
                "this loses data, which `up` and `apply` do with `--yes` only; without it `up` keeps the volume as it is"
                    .to_owned(),
            );
        }
        let json = || serde_json::to_string_pretty(&plan).map_err(anyhow::Error::from);
        if let Some(file) = &self.out {
            std::fs::write(file, json()? + "\n").map_err(|error| {
                Failure::Usage(format!(
                    "cannot write the plan to `{}`: {error}",
                    file.display()
                ))
            })?;
        }
        match self.format.as_str() {
            "json" => context.console.data(&json()?),
            "text" => context.console.data(plan.tree().trim_end()),
            other => {
                return Err(Failure::Usage(format!(
                    "`--format {other}` is unknown; formats are text and json"
                )));
            }
        }
        Ok(if self.detailed_exitcode && plan.has_changes() {
            Exit::CHANGES
        } else {
            Exit::OK
        })
    }
}
