use clap::Args;

use super::carry_out::{Unknown, on_what_is_there};
use super::context::Context;
use super::{Exit, Failure};
use crate::engine::ContainerStatus;
use crate::plan::{self, PlanError};

/// Freeze containers
#[derive(Args, Debug)]
pub struct Pause {
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Pause {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        on_what_is_there(
            context,
            &self.words,
            Unknown::PassOver(""),
            |project, snapshot, services| {
                // Compose refuses what wharf takes for done.
                if context.globals.as_compose {
                    for name in plan::service_order(project, services, false)? {
                        let mut paused = snapshot.of_service(&name);
                        if let Some(one) = paused.find(|one| one.status == ContainerStatus::Paused)
                        {
                            return Err(PlanError::Plan(format!(
                                "container {} is already paused",
                                one.name
                            )));
                        }
                    }
                }
                plan::pause(project, snapshot, services)
            },
        )
        .await
    }
}
