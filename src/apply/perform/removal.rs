//! What goes: it may be gone already, be removed by others in this moment, or be in use.

use std::time::Duration;

use tokio::time::sleep;

use super::Failure;
use crate::apply::EventKind;
use crate::apply::explain::is_network_in_use;
use crate::apply::schedule::Execution;
use crate::engine::{EngineResult, ErrorKind};
use crate::plan::Step;

impl Execution<'_> {
    pub(super) async fn remove_network(
        &self,
        step: &Step,
        name: &str,
        id: &str,
    ) -> Result<(), Failure> {
        match gone_is_fine(self.engine.remove_network(id).await) {
            Err(error) if is_network_in_use(&error) => {
                Ok(self.network_in_use(step, name, id, error).await?)
            }
            other => Ok(other?),
        }
    }

    /// A removal that somebody else has begun is waited for.
    pub(super) async fn remove_container(
        &self,
        id: &str,
        force: bool,
        volumes: bool,
    ) -> EngineResult<()> {
        match self.engine.remove_container(id, force, volumes).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind == ErrorKind::Conflict => {
                let mut pause = Duration::from_millis(20);
                // About ten seconds; the engine tells no event on which to wait when it is already under way.
                for _ in 0..10 {
                    if self.engine.inspect_container(id).await?.is_none() {
                        return Ok(());
                    }
                    sleep(pause).await;
                    pause *= 2;
                }
                Err(error)
            }
            other => other,
        }
    }

    /// What is gone already is as good as removed, and what others use may stay where that is fine.
    pub(super) fn unless_in_use(&self, step: &Step, removed: EngineResult<()>) -> EngineResult<()> {
        match gone_is_fine(removed) {
            Err(error) if error.kind == ErrorKind::Conflict && self.options.used_is_fine => {
                self.events.send(EventKind::StillInUse {
                    target: step.target.clone(),
                    message: error.to_string(),
                });
                Ok(())
            }
            other => other,
        }
    }
}

/// What was to go and is gone already is as good.
pub(super) fn gone_is_fine(result: EngineResult<()>) -> EngineResult<()> {
    match result {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
