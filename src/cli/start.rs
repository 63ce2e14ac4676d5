use clap::Args;

use super::carry_out::{Unknown, on_what_is_there};
use super::context::Context;
use super::{Exit, Failure};
use crate::plan::{self, PlanError};

/// Start containers that were stopped
#[derive(Args, Debug)]
pub struct Start {
    /// Return when everything is ready
    #[arg(long)]
    pub wait: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Start {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        on_what_is_there(
            context,
            &self.words,
            Unknown::Refuse,
            |project, snapshot, services| {
                if context.globals.as_compose && snapshot.containers.is_empty() {
                    return Err(PlanError::Plan(format!(
                        "no container found for project {:?}: not found",
                        project.name
                    )));
                }
                // What they depend on is started before them.
                let needed = plan::service_order(project, services, true)?;
                plan::start(project, snapshot, &needed, self.wait)
            },
        )
        .await
    }
}
