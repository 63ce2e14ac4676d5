use clap::Args;

use super::carry_out::{Unknown, on_what_is_there};
use super::context::Context;
use super::{Exit, Failure};
use crate::engine::ContainerStatus;
use crate::model::Project;
use crate::observe::Snapshot;
use crate::plan::{self, Plan, PlanError};

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
        let done = (ContainerStatus::Paused, "is already paused");
        change(context, &self.words, done, plan::pause).await
    }
}

impl Unpause {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let done = (ContainerStatus::Running, "is not paused");
        change(context, &self.words, done, plan::unpause).await
    }
}

/// `done`: the state in which there is nothing to do, and what Compose says of it.
async fn change(
    context: &Context,
    words: &[String],
    done: (ContainerStatus, &str),
    make: fn(&Project, &Snapshot, &[String]) -> Result<Plan, PlanError>,
) -> Result<Exit, Failure> {
    let unknown = Unknown::PassOver("");
    on_what_is_there(context, words, unknown, |project, snapshot, services| {
        if context.globals.as_compose {
            refuse(project, snapshot, services, done)?;
        }
        make(project, snapshot, services)
    })
    .await
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
