use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep};

use super::explain::{is_network_in_use, waited_for_by};
use super::gate::Waiter;
use super::schedule::Execution;
use super::{ApplyError, EventKind, create, hook};
use crate::engine::{EngineResult, ErrorKind};
use crate::plan::{ContainerRef, Gate, Operation, Step};

impl Execution<'_> {
    pub(super) async fn perform(&self, index: usize, step: &Step) -> Result<(), ApplyError> {
        let engine = &self.engine;
        let failed = |source| ApplyError::Step {
            step: index,
            target: step.target.clone(),
            verb: step.operation.verb(),
            source: Box::new(source),
        };
        match &step.operation {
            Operation::PullImage {
                reference,
                platform,
            } => self
                .pull(index, reference, platform.as_deref())
                .await
                .map_err(failed),
            Operation::RemoveImage { reference } => {
                let removed = engine.remove_image(reference, false).await;
                self.unless_in_use(step, removed).map_err(failed)
            }
            Operation::CreateNetwork { spec } => {
                create::create_network(engine, spec).await.map_err(failed)
            }
            Operation::RemoveNetwork { name, id } => {
                match gone_is_fine(engine.remove_network(id).await) {
                    Err(error) if is_network_in_use(&error) => {
                        self.network_in_use(step, name, id, error).await
                    }
                    other => other.map_err(failed),
                }
            }
            Operation::CreateVolume { spec } => engine.create_volume(spec).await.map_err(failed),
            Operation::RemoveVolume { name } => {
                let removed = engine.remove_volume(name, false).await;
                self.unless_in_use(step, removed).map_err(failed)
            }
            Operation::CreateContainer { container } => {
                let ids = self.ids.lock().map(|ids| ids.clone()).unwrap_or_default();
                match create::create(engine, container, &ids).await {
                    Ok(created) => {
                        for message in created.warnings {
                            self.events.send(EventKind::Warning {
                                service: step.target.service().unwrap_or_default().to_owned(),
                                container: container.name.clone(),
                                message,
                            });
                        }
                        if let Ok(mut ids) = self.ids.lock() {
                            ids.insert(container.name.clone(), created.id);
                        }
                        Ok(())
                    }
                    Err(error) => Err(self.cannot_create(container, error, failed).await),
                }
            }
            Operation::UploadFiles { container, files } => {
                let id = self.id(container)?;
                let tar = create::archive(files)?;
                engine
                    .upload_archive(&id, "/", tar, true)
                    .await
                    .map_err(failed)
            }
            Operation::StartContainer { container } => {
                let id = self.id(container)?;
                match engine.start_container(&id).await {
                    Err(error) if error.kind == ErrorKind::PortTaken => {
                        Err(self.port_taken(container, &id, error).await)
                    }
                    other => other.map_err(failed),
                }
            }
            Operation::StopContainer {
                container,
                grace: time,
            } => {
                let id = self.id(container)?;
                gone_is_fine(engine.stop_container(&id, *time).await).map_err(failed)
            }
            Operation::KillContainer { container, signal } => {
                let id = self.id(container)?;
                engine.kill_container(&id, signal).await.map_err(failed)
            }
            Operation::RestartContainer {
                container,
                grace: time,
            } => {
                let id = self.id(container)?;
                engine.restart_container(&id, *time).await.map_err(failed)
            }
            Operation::PauseContainer { container } => {
                let id = self.id(container)?;
                engine.pause_container(&id).await.map_err(failed)
            }
            Operation::UnpauseContainer { container } => {
                let id = self.id(container)?;
                engine.unpause_container(&id).await.map_err(failed)
            }
            Operation::RenameContainer { container, name } => {
                let id = self.id(container)?;
                engine.rename_container(&id, name).await.map_err(failed)
            }
            Operation::LeaveNetwork {
                container,
                id: network,
                ..
            } => {
                let id = self.id(container)?;
                let left = engine.disconnect_network(network, &id, true).await;
                gone_is_fine(left).map_err(failed)
            }
            Operation::JoinNetwork {
                container,
                name,
                endpoint,
            } => {
                let id = self.id(container)?;
                engine
                    .connect_network(name, &id, endpoint)
                    .await
                    .map_err(failed)
            }
            Operation::UpdateContainer {
                container,
                limits,
                restart,
            } => {
                let id = self.id(container)?;
                engine
                    .update_container(&id, limits, restart.as_ref())
                    .await
                    .map_err(failed)
            }
            Operation::RemoveContainer {
                container,
                force,
                volumes,
            } => {
                let id = self.id(container)?;
                self.remove_container(&id, *force, *volumes)
                    .await
                    .map_err(failed)
            }
            Operation::RunHook {
                container,
                moment,
                hook,
            } => {
                let id = self.id(container)?;
                hook::run(engine, self.events, index, container, &id, *moment, hook)
                    .await
                    .map_err(failed)?
            }
            Operation::RunInit { container, init } => {
                let ids = self.ids.lock().map(|ids| ids.clone()).unwrap_or_default();
                hook::run_init(engine, self.events, index, container, init, &ids)
                    .await
                    .map_err(failed)?
            }
            Operation::Wait {
                service,
                containers,
                gate,
                required,
            } => {
                self.wait(index, service, containers, *gate, *required)
                    .await
            }
        }
    }

    pub(super) async fn wait(
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

    pub(super) fn has_ended(&self, container: &ContainerRef) -> bool {
        let id = self.id(container);
        let watch = self.watch.as_ref();
        watch.is_some_and(|watch| id.is_ok_and(|id| watch.has_ended(&id)))
    }

    fn id(&self, container: &ContainerRef) -> Result<String, ApplyError> {
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

    async fn pull(&self, step: usize, reference: &str, platform: Option<&str>) -> EngineResult<()> {
        let credentials = match &self.options.credentials {
            Some(find) => find(reference)
                .await
                .inspect_err(|error| tracing::warn!(%error, reference, "no credentials"))
                .ok()
                .flatten(),
            None => None,
        };
        let mut stream = self
            .engine
            .pull_image(reference, platform, credentials.as_ref())
            .await?;
        while let Some(progress) = stream.next().await {
            let progress = progress?;
            self.events.send(EventKind::PullProgress {
                step,
                reference: reference.to_string(),
                layer: progress.layer,
                status: progress.status,
                current: progress.current,
                total: progress.total,
            });
        }
        Ok(())
    }

    /// A removal that somebody else has begun is waited for.
    async fn remove_container(&self, id: &str, force: bool, volumes: bool) -> EngineResult<()> {
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
    fn unless_in_use(&self, step: &Step, removed: EngineResult<()>) -> EngineResult<()> {
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
fn gone_is_fine(result: EngineResult<()>) -> EngineResult<()> {
    match result {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
