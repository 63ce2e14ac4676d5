use bollard::errors::Error;
use bollard::models::{Volume, VolumeCreateRequest};
use bollard::query_parameters::{ListVolumesOptions, RemoveVolumeOptions};

use super::create::map;
use super::failure::engine_error;
use super::inspect::sorted;
use super::wire::segment;
use super::{DockerEngine, label_filter};
use crate::engine::{EngineResult, EngineVolume, LabelFilter, VolumeSpec};

impl DockerEngine {
    pub(super) async fn volumes(&self, labels: LabelFilter<'_>) -> EngineResult<Vec<EngineVolume>> {
        let options = ListVolumesOptions {
            filters: label_filter(labels),
        };
        let answer = self
            .docker
            .list_volumes(Some(options))
            .await
            .map_err(|error| engine_error("list volumes", error))?;
        let mut volumes: Vec<EngineVolume> = answer
            .volumes
            .unwrap_or_default()
            .into_iter()
            .map(volume)
            .collect();
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }

    pub(super) async fn volume(&self, name: &str) -> EngineResult<Option<EngineVolume>> {
        match self.docker.inspect_volume(&segment(name)).await {
            Ok(answer) => Ok(Some(volume(answer))),
            Err(Error::DockerResponseServerError {
                status_code: 404, ..
            }) => Ok(None),
            Err(error) => Err(engine_error(&format!("inspect volume `{name}`"), error)),
        }
    }

    pub(super) async fn make_volume(&self, spec: &VolumeSpec) -> EngineResult<()> {
        let request = VolumeCreateRequest {
            name: Some(spec.name.clone()),
            driver: Some(spec.driver.clone().unwrap_or_else(|| "local".to_owned())),
            driver_opts: Some(map(&spec.driver_opts)),
            labels: Some(map(&spec.labels)),
            ..VolumeCreateRequest::default()
        };
        self.docker
            .create_volume(request)
            .await
            .map(|_| ())
            .map_err(|error| engine_error(&format!("create volume `{}`", spec.name), error))
    }

    pub(super) async fn drop_volume(&self, name: &str, force: bool) -> EngineResult<()> {
        self.docker
            .remove_volume(&segment(name), Some(RemoveVolumeOptions { force }))
            .await
            .map_err(|error| engine_error(&format!("remove volume `{name}`"), error))
    }
}

fn volume(volume: Volume) -> EngineVolume {
    EngineVolume {
        name: volume.name,
        driver: volume.driver,
        driver_opts: sorted(Some(volume.options)),
        labels: sorted(Some(volume.labels)),
        created: volume.created_at.unwrap_or_default(),
        mountpoint: volume.mountpoint,
    }
}
