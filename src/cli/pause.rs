use clap::Args;

use super::carry_out::{Unknown, on_what_is_there};
use super::context::Context;
use super::{Exit, Failure};
use crate::engine::ContainerStatus;
use crate::model::Project;
use crate::observe::Snapshot;
use crate::plan::{self, PlanError};

/// Freeze containers
#[derive(Args, Debug)]
pub struct Pause {
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

/// Let frozen containers go on
#[derive(Args, Debug)]
pub struct Unpause {
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
                if context.globals.as_compose {
                    let done = (ContainerStatus::Paused, "is already paused");
                    refuse(project, snapshot, services, done)?;
                }
                plan::pause(project, snapshot, services)
            },
        )
        .await
    }
}

impl Unpause {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        on_what_is_there(
            context,
            &self.words,
            Unknown::PassOver(""),
            |project, snapshot, services| {
                if context.globals.as_compose {
                    let done = (ContainerStatus::Running, "is not paused");
                    refuse(project, snapshot, services, done)?;
                }
                plan::unpause(project, snapshot, services)
            },
        )
        .await
    }
}

/// Compose refuses what wharf takes for done.
fn refuse(
    project: &Project,
    snapshot: &Snapshot,
    services: &[String],
    (status, because): (ContainerStatus, &str),
) -> Result<(), PlanError> {
    for name in plan::service_order(project, services, false)? {
        let mut containers = snapshot.of_service(&name);
        if let Some(one) = containers.find(|one| one.status == status) {
            let message = format!("container {} {because}", one.name);
            return Err(PlanError::Plan(message));
        }
    }
    Ok(())
}
