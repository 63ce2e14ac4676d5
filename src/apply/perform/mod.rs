//! What is done for each operation of a plan.
//!
//! | file | what |
//! |---|---|
//! | this one | the table: what an operation calls, and as what its failure is told |
//! | `pull` | images that come from a registry |
//! | `container` | containers that are made, filled and started |
//! | `removal` | what goes, and may be gone already or in use |
//! | `wait` | gates |
//!
//! Hooks are in `apply::hook`, and what the engine's refusals mean is found out in `apply::explain`.

mod container;
mod pull;
mod removal;
mod wait;

use std::collections::HashMap;

use removal::gone_is_fine;

use super::schedule::Execution;
use super::{ApplyError, create};
use crate::engine::EngineError;
use crate::plan::{ContainerRef, Operation, Step};

/// Why an operation failed.
pub(super) enum Failure {
    /// In the engine's words; the step is told with them.
    Engine(Box<EngineError>),
    /// In words that say themselves what could not be done.
    Explained(ApplyError),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Failure::Engine(Box::new(error))
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        Failure::Explained(error)
    }
}

impl Execution<'_> {
    pub(super) async fn perform(&self, index: usize, step: &Step) -> Result<(), ApplyError> {
        self.operate(index, step)
            .await
            .map_err(|failure| match failure {
                Failure::Explained(error) => error,
                Failure::Engine(source) => ApplyError::Step {
                    step: index,
                    target: step.target.clone(),
                    verb: step.operation.verb(),
                    source,
                },
            })
    }

    async fn operate(&self, index: usize, step: &Step) -> Result<(), Failure> {
        let engine = &self.engine;
        match &step.operation {
            Operation::PullImage {
                reference,
                platform,
            } => {
                self.pull_image(index, reference, platform.as_deref())
                    .await?;
            }
            Operation::RemoveImage { reference } => {
                self.unless_in_use(step, engine.remove_image(reference, false).await)?;
            }

            Operation::CreateNetwork { spec } => create::create_network(engine, spec).await?,
            Operation::RemoveNetwork { name, id } => self.remove_network(step, name, id).await?,
            Operation::LeaveNetwork {
                container,
                id: network,
                ..
            } => {
                let id = self.id(container)?;
                gone_is_fine(engine.disconnect_network(network, &id, true).await)?;
            }
            Operation::JoinNetwork {
                container,
                name,
                endpoint,
            } => {
                let id = self.id(container)?;
                engine.connect_network(name, &id, endpoint).await?;
            }

            Operation::CreateVolume { spec } => engine.create_volume(spec).await?,
            Operation::RemoveVolume { name } => {
                self.unless_in_use(step, engine.remove_volume(name, false).await)?;
            }

            Operation::CreateContainer { container } => {
                self.create_container(step, container).await?;
            }
            Operation::UploadFiles { container, files } => {
                self.upload_files(container, files).await?;
            }
            Operation::StartContainer { container } => self.start_container(container).await?,
            Operation::StopContainer { container, grace } => {
                let id = self.id(container)?;
                gone_is_fine(engine.stop_container(&id, *grace).await)?;
            }
            Operation::KillContainer { container, signal } => {
                engine.kill_container(&self.id(container)?, signal).await?;
            }
            Operation::RestartContainer { container, grace } => {
                let id = self.id(container)?;
                engine.restart_container(&id, *grace).await?;
            }
            Operation::PauseContainer { container } => {
                engine.pause_container(&self.id(container)?).await?;
            }
            Operation::UnpauseContainer { container } => {
                engine.unpause_container(&self.id(container)?).await?;
            }
            Operation::RenameContainer { container, name } => {
                engine.rename_container(&self.id(container)?, name).await?;
            }
            Operation::UpdateContainer {
                container,
                limits,
                restart,
            } => {
                let id = self.id(container)?;
                engine
                    .update_container(&id, limits, restart.as_ref())
                    .await?;
            }
            Operation::RemoveContainer {
                container,
                force,
                volumes,
            } => {
                let id = self.id(container)?;
                self.remove_container(&id, *force, *volumes).await?;
            }

            Operation::RunHook {
                container,
                moment,
                hook,
            } => self.run_hook(index, container, *moment, hook).await?,
            Operation::RunInit { container, init } => {
                self.run_init(index, container, init).await?;
            }
            Operation::Wait {
                service,
                containers,
                gate,
                required,
            } => {
                self.wait(index, service, containers, *gate, *required)
                    .await?;
            }
        }
        Ok(())
    }

    /// Ids of the containers that this run has made until now, by their final names.
    pub(super) fn made(&self) -> HashMap<String, String> {
        self.ids.lock().map(|ids| ids.clone()).unwrap_or_default()
    }

    pub(super) fn id(&self, container: &ContainerRef) -> Result<String, ApplyError> {
        if let Some(id) = &container.id {
            return Ok(id.clone());
        }
        self.ids
            .lock()
            .ok()
            .and_then(|ids| ids.get(&container.name).cloned())
            .ok_or_else(|| ApplyError::UnknownContainer {
                container: container.name.clone(),
            })
    }
}
