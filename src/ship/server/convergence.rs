use std::sync::Arc;

use super::{Server, ShipOptions};
use crate::apply::{self, Cancel, Events};
use crate::engine::Engine;
use crate::model::Project;
use crate::observe::{Snapshot, collect};
use crate::plan::{ChangedVolumes, Plan, Policy, Pull, pulls, reconcile};
use crate::ship::error::of_apply;
use crate::ship::{ShipError, Shipping};

impl Server {
    /// Pulls what the server takes from registries itself and lacks.
    pub(super) async fn pull(
        &self,
        project: &Project,
        options: &ShipOptions,
        cancel: &Cancel,
    ) -> Result<Snapshot, ShipError> {
        let engine = self.engine();
        let snapshot = collect(engine.as_ref(), project).await?;
        let pulling = pulls(project, &snapshot, &policy())?;
        if pulling.is_empty() {
            return Ok(snapshot);
        }
        self.apply(&engine, &pulling, options, cancel).await?;
        Ok(collect(engine.as_ref(), project).await?)
    }

    /// Converges the project there, and says whether anything changed.
    pub(super) async fn bring_up(
        &self,
        project: &Project,
        options: &ShipOptions,
        cancel: &Cancel,
    ) -> Result<bool, ShipError> {
        let engine = self.engine();
        let snapshot = self.pull(project, options, cancel).await?;
        let plan = reconcile(project, &snapshot, &policy())?;
        for note in &plan.notes {
            self.voice.say(Shipping::Note { text: note.clone() });
        }
        self.apply(&engine, &plan, options, cancel).await?;
        Ok(plan.has_changes())
    }

    async fn apply(
        &self,
        engine: &Arc<dyn Engine>,
        plan: &Plan,
        options: &ShipOptions,
        cancel: &Cancel,
    ) -> Result<(), ShipError> {
        let (events, mut heard) = Events::channel();
        let working = async {
            let applied = apply::apply(plan, engine.clone(), &options.apply, &events, cancel).await;
            drop(events);
            applied
        };
        let telling = async {
            while let Some(event) = heard.recv().await {
                let step = Box::new(event);
                self.voice.say(Shipping::Applying { step });
            }
        };
        let (applied, ()) = tokio::join!(working, telling);
        if applied.interrupted {
            return Err(ShipError::Interrupted);
        }
        match applied.into_result() {
            Ok(_) => Ok(()),
            Err(error) => match of_apply(&error) {
                (why, true) => Err(ShipError::Cut(why)),
                (why, false) => Err(ShipError::Server {
                    action: "bring the project up",
                    said: why,
                }),
            },
        }
    }
}

fn policy() -> Policy {
    Policy {
        take_over: true,
        remove_orphans: true,
        changed_volumes: ChangedVolumes::Keep,
        pull: Pull::ByService,
        ..Policy::default()
    }
}
