use super::Failure;
use crate::apply::schedule::Execution;
use crate::apply::{EventKind, create};
use crate::engine::ErrorKind;
use crate::plan::{ContainerRef, FileUpload, NewContainer, Step};

impl Execution<'_> {
    /// Makes a container and notes its id for the steps that follow.
    pub(super) async fn create_container(
        &self,
        step: &Step,
        container: &NewContainer,
    ) -> Result<(), Failure> {
        let created = match create::create(&self.engine, container, &self.made()).await {
            Ok(created) => created,
            Err(error) => return Err(self.cannot_create(container, error).await),
        };
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

    pub(super) async fn upload_files(
        &self,
        container: &ContainerRef,
        files: &[FileUpload],
    ) -> Result<(), Failure> {
        let id = self.id(container)?;
        let tar = create::archive(files)?;
        Ok(self.engine.upload_archive(&id, "/", tar, true).await?)
    }

    pub(super) async fn start_container(&self, container: &ContainerRef) -> Result<(), Failure> {
        let id = self.id(container)?;
        match self.engine.start_container(&id).await {
            Err(error) if error.kind == ErrorKind::PortTaken => {
                Err(self.port_taken(container, &id, error).await.into())
            }
            other => Ok(other?),
        }
    }
}
