use std::sync::Arc;

use super::{Server, ShipOptions};
use crate::apply::{self, Cancel, Events};
use crate::engine::Engine;
use crate::model::Project;
use crate::observe::collect;
use crate::plan::{Plan, Policy, Pull, pulls, reconcile};
use crate::ship::error::of_apply;
use crate::ship::{ShipError, Shipping};

impl Server {
    /// Converges the project there, and says whether anything changed.
    pub(super) async fn bring_up(
        &self,
        project: &Project,
        options: &ShipOptions,
        cancel: &Cancel,
    ) -> Result<bool, ShipError> {
        let engine = self.engine();
        let policy = Policy {
            take_over: true,
            remove_orphans: true,
            keep_changed_volumes: true,
            pull: Pull::ByService,
            environment: options.apply.environment.clone(),
            ..Policy::default()
        };
        let mut snapshot = collect(engine.as_ref(), project).await?;
        let pulling = pulls(project, &snapshot, &policy)?;
        if !pulling.is_empty() {
            self.apply(&engine, &pulling, options, cancel).await?;
            snapshot = collect(engine.as_ref(), project).await?;
        }
        let plan = reconcile(project, &snapshot, &policy)?;
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
