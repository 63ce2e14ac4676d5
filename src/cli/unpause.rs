use clap::Args;

use super::carry_out::{Unknown, on_what_is_there};
use super::context::Context;
use super::{Exit, Failure};
use crate::engine::ContainerStatus;
use crate::plan::{self, PlanError};

/// Let frozen containers go on
#[derive(Args, Debug)]
pub struct Unpause {
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Unpause {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        on_what_is_there(
            context,
            &self.words,
            Unknown::PassOver(""),
            |project, snapshot, services| {
                // Compose refuses what wharf takes for done.
                if context.globals.as_compose {
                    for name in plan::service_order(project, services, false)? {
                        let mut running = snapshot.of_service(&name);
                        if let Some(one) =
                            running.find(|one| one.status == ContainerStatus::Running)
                        {
                            return Err(PlanError::Plan(format!(
                                "container {} is not paused",
                                one.name
                            )));
                        }
                    }
                }
                plan::unpause(project, snapshot, services)
            },
        )
        .await
    }
}
