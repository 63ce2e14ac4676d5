use futures_util::future::try_join_all;
use tokio::time::Instant;

use crate::apply::explain::waited_for_by;
use crate::apply::gate::Waiter;
use crate::apply::schedule::Execution;
use crate::apply::{ApplyError, EventKind};
use crate::plan::{ContainerRef, Gate};

impl Execution<'_> {
    /// Waits until all of the containers pass the gate. Of those that a service does not require a failure is only told.
    pub(in crate::apply) async fn wait(
        &self,
        step: usize,
        service: &str,
        containers: &[ContainerRef],
        gate: Gate,
        required: bool,
    ) -> Result<(), ApplyError> {
        let Some(watch) = &self.watch else {
            return Ok(());
        };
        let deadline = self
            .options
            .wait_timeout
            .map(|limit| Instant::now() + limit);
        let waits = containers.iter().map(|container| async move {
            let id = self.id(container)?;
            let waiter = Waiter {
                engine: &self.engine,
                watch,
                slots: &self.slots,
                events: self.events,
                step,
                service,
                id: &id,
                name: &container.name,
                gate,
                deadline,
                log_lines: self.options.log_lines,
            };
            match waiter.pass().await {
                Ok(by_own_probe) => {
                    if by_own_probe && let Ok(mut found) = self.by_own_probe.lock() {
                        found.push(container.name.clone());
                    }
                    self.events.send(EventKind::Passed {
                        step,
                        service: service.to_string(),
                        container: container.name.clone(),
                        gate,
                        by_own_probe,
                    });
                    Ok(())
                }
                Err(mut error) => {
                    error.waited_for_by = waited_for_by(self.plan, step);
                    if required {
                        return Err(ApplyError::Gate(Box::new(error)));
                    }
                    self.events.send(EventKind::Skipped {
                        service: service.to_string(),
                        container: container.name.clone(),
                        message: error.to_string(),
                    });
                    Ok(())
                }
            }
        });
        try_join_all(waits).await.map(|_| ())
    }

    pub(in crate::apply) fn has_ended(&self, container: &ContainerRef) -> bool {
        let id = self.id(container);
        let watch = self.watch.as_ref();
        watch.is_some_and(|watch| id.is_ok_and(|id| watch.has_ended(&id)))
    }
}
