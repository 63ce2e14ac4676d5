use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};

use super::files::unpacked;
use super::world::{no_container, refuse, with_tag};
use super::{MemoryEngine, carries, unsupported, until};
use crate::engine::{
    AttachOptions, Attached, ConsoleSize, Container, ContainerSpec, ContainerStatus,
    ContainerSummary, CreatedContainer, Credentials, EndpointSpec, Engine, EngineError,
    EngineEvent, EngineInfo, EngineNetwork, EngineResult, EngineStream, EngineVolume, ErrorKind,
    EventKind, ExecOutcome, ExecSpec, Image, ImageLayer, ImageSummary, LabelFilter, LogLine,
    LogOptions, NetworkSpec, ResourceLimits, RestartPolicySpec, TransferProgress, VolumeSpec,
};

#[async_trait]
impl Engine for MemoryEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn list_containers(
        &self,
        labels: LabelFilter<'_>,
    ) -> EngineResult<Vec<ContainerSummary>> {
        let world = self.listing()?;
        // The newest first, as the engine lists them.
        Ok(world
            .units
            .values()
            .rev()
            .filter(|unit| carries(&unit.spec.labels, labels))
            .map(|unit| unit.summary())
            .collect())
    }

    async fn inspect_container(&self, id: &str) -> EngineResult<Option<Container>> {
        let world = self.shared.world();
        Ok(world.unit_id(id).map(|id| world.units[&id].inspected()))
    }

    async fn create_container(&self, spec: &ContainerSpec) -> EngineResult<CreatedContainer> {
        let api = self.info.api;
        let id = self.change(format!("create container {}", spec.name), |world| {
            world.create(spec, api)
        })?;
        Ok(CreatedContainer {
            id,
            warnings: Vec::new(),
        })
    }

    async fn start_container(&self, id: &str) -> EngineResult<()> {
        let name = self.name_of(id);
        let started = self.change(format!("start container {name}"), |world| {
            let fresh = world.start(id)?;
            let unit = world.unit(id)?;
            Ok(fresh.then(|| (unit.id.clone(), unit.run)))
        })?;
        if let Some((id, run)) = started {
            self.shared.live(&id, run);
        }
        Ok(())
    }

    async fn stop_container(&self, id: &str, _grace: Option<i64>) -> EngineResult<()> {
        let name = self.name_of(id);
        self.change(format!("stop container {name}"), |world| {
            let unit = world.unit(id)?;
            let (id, run, code) = (unit.id.clone(), unit.run, unit.behaviour.stop_code);
            if unit.status == ContainerStatus::Restarting {
                unit.status = ContainerStatus::Exited;
            }
            if world.end(&id, run, code) {
                world.tell_unit(&id, "stop", &[]);
            }
            world.sweep(&id);
            Ok(())
        })
    }

    async fn restart_container(&self, id: &str, _grace: Option<i64>) -> EngineResult<()> {
        let name = self.name_of(id);
        let (id, run) = self.change(format!("restart container {name}"), |world| {
            let unit = world.unit(id)?;
            let (id, run, code) = (unit.id.clone(), unit.run, unit.behaviour.stop_code);
            world.end(&id, run, code);
            world.start(&id)?;
            world.tell_unit(&id, "restart", &[]);
            let run = world.unit(&id)?.run;
            Ok((id, run))
        })?;
        self.shared.live(&id, run);
        Ok(())
    }

    async fn kill_container(&self, id: &str, signal: &str) -> EngineResult<()> {
        let name = self.name_of(id);
        self.change(format!("kill container {name} {signal}"), |world| {
            let unit = world.unit(id)?;
            if !unit.is_running() {
                return refuse(
                    ErrorKind::Conflict,
                    format!("cannot kill container `{id}`: it is not running"),
                );
            }
            let (id, run) = (unit.id.clone(), unit.run);
            let code = match signal.trim_start_matches("SIG") {
                "KILL" | "9" => Some(137),
                "TERM" | "15" | "INT" | "2" | "QUIT" | "3" => Some(unit.behaviour.stop_code),
                _ => None,
            };
            world.tell_unit(&id, "kill", &[("signal", signal.to_owned())]);
            if let Some(code) = code {
                world.end(&id, run, code);
                world.sweep(&id);
            }
            Ok(())
        })
    }

    async fn pause_container(&self, id: &str) -> EngineResult<()> {
        let (from, to) = (ContainerStatus::Running, ContainerStatus::Paused);
        self.switch("pause", id, from, to)
    }

    async fn unpause_container(&self, id: &str) -> EngineResult<()> {
        let (from, to) = (ContainerStatus::Paused, ContainerStatus::Running);
        self.switch("unpause", id, from, to)
    }

    async fn rename_container(&self, id: &str, name: &str) -> EngineResult<()> {
        let old = self.name_of(id);
        self.change(format!("rename container {old} to {name}"), |world| {
            if world.units.values().any(|unit| unit.spec.name == name) {
                return refuse(
                    ErrorKind::Conflict,
                    format!("cannot rename container `{id}`: the name `{name}` is already in use"),
                );
            }
            let unit = world.unit(id)?;
            unit.spec.name = name.to_owned();
            let id = unit.id.clone();
            world.tell_unit(&id, "rename", &[("oldName", old.clone())]);
            Ok(())
        })
    }

    async fn update_container(
        &self,
        id: &str,
        limits: &ResourceLimits,
        restart: Option<&RestartPolicySpec>,
    ) -> EngineResult<()> {
        let name = self.name_of(id);
        self.change(format!("update container {name}"), |world| {
            let unit = world.unit(id)?;
            unit.spec.limits = limits.clone();
            if let Some(restart) = restart {
                unit.spec.restart = Some(restart.clone());
            }
            let id = unit.id.clone();
            world.tell_unit(&id, "update", &[]);
            Ok(())
        })
    }

    async fn remove_container(&self, id: &str, force: bool, volumes: bool) -> EngineResult<()> {
        let name = self.name_of(id);
        self.change(format!("remove container {name}"), |world| {
            let unit = world.unit(id)?;
            let (id, run) = (unit.id.clone(), unit.run);
            if unit.is_running() || unit.status == ContainerStatus::Restarting {
                if !force {
                    return refuse(
                        ErrorKind::Conflict,
                        format!("cannot remove container `{name}`: it is running"),
                    );
                }
                world.end(&id, run, 137);
            }
            world.discard(&id, volumes);
            Ok(())
        })
    }

    async fn wait_container(&self, id: &str) -> EngineResult<i64> {
        let id = {
            let world = self.shared.world();
            world.unit_id(id).ok_or_else(|| no_container(id))?
        };
        let mut last_run = None;
        let code = until(&self.shared, |world| match world.units.get(&id) {
            // It removed itself: its code was told with its end.
            None => Some(world.last_code(&id)),
            Some(unit) if unit.is_running() => {
                last_run = Some(unit.run);
                None
            }
            Some(unit) => Some(unit.exit.as_ref().map_or(0, |exit| exit.code)),
        })
        .await;
        code.ok_or_else(|| no_container(&id))
    }

    async fn container_logs(
        &self,
        id: &str,
        options: &LogOptions,
    ) -> EngineResult<EngineStream<LogLine>> {
        self.log_of(id, options)
    }

    async fn attach_container(&self, id: &str, options: &AttachOptions) -> EngineResult<Attached> {
        self.attach_to(id, options)
    }

    async fn resize_container(&self, id: &str, _size: ConsoleSize) -> EngineResult<()> {
        self.shared.world().unit(id).map(|_| ())
    }

    async fn exec(&self, container: &str, spec: &ExecSpec) -> EngineResult<(String, Attached)> {
        self.execute(container, spec)
    }

    async fn exec_outcome(&self, exec: &str) -> EngineResult<ExecOutcome> {
        let world = self.shared.world();
        world
            .execs
            .get(exec)
            .cloned()
            .ok_or_else(|| EngineError::new(ErrorKind::NotFound, format!("no such exec: `{exec}`")))
    }

    async fn resize_exec(&self, exec: &str, _size: ConsoleSize) -> EngineResult<()> {
        self.exec_outcome(exec).await.map(|_| ())
    }

    async fn download_archive(
        &self,
        container: &str,
        path: &str,
    ) -> EngineResult<EngineStream<Bytes>> {
        self.pack(container, path)
    }

    async fn upload_archive(
        &self,
        container: &str,
        directory: &str,
        tar: EngineStream<Bytes>,
        _copy_owner: bool,
    ) -> EngineResult<()> {
        let pieces: Vec<Bytes> = tar.try_collect().await?;
        let files = unpacked(directory, &pieces.concat())
            .map_err(|error| EngineError::new(ErrorKind::BadRequest, error.to_string()))?;
        let name = self.name_of(container);
        self.change(format!("upload to container {name}:{directory}"), |world| {
            world.unit(container)?.files.extend(files);
            Ok(())
        })
    }

    async fn container_top(
        &self,
        id: &str,
        _arguments: &str,
    ) -> EngineResult<(Vec<String>, Vec<Vec<String>>)> {
        let mut world = self.shared.world();
        let unit = world.unit(id)?;
        if !unit.is_running() {
            return refuse(
                ErrorKind::Conflict,
                format!("container `{id}` is not running"),
            );
        }
        let command = unit.spec.command.clone().unwrap_or_default().join(" ");
        let titles = vec!["PID".to_owned(), "CMD".to_owned()];
        Ok((titles, vec![vec!["1000".to_owned(), command]]))
    }

    async fn container_stats(
        &self,
        _id: &str,
        _follow: bool,
    ) -> EngineResult<EngineStream<serde_json::Value>> {
        unsupported("measure containers")
    }

    async fn export_container(&self, _id: &str) -> EngineResult<EngineStream<Bytes>> {
        unsupported("export containers")
    }

    async fn commit_container(
        &self,
        _id: &str,
        _reference: Option<&str>,
        _comment: &str,
        _author: &str,
        _changes: &[String],
        _pause: bool,
    ) -> EngineResult<String> {
        unsupported("make images of containers")
    }

    async fn inspect_image(&self, reference: &str) -> EngineResult<Option<Image>> {
        Ok(self.shared.world().image(reference).cloned())
    }

    async fn image_document(&self, reference: &str) -> EngineResult<Option<serde_json::Value>> {
        let world = self.shared.world();
        Ok(world.image(reference).map(|image| {
            serde_json::json!({
                "Id": image.id,
                "Created": image.created,
                "Os": image.operating_system,
                "Architecture": image.architecture,
                "Config": {
                    "User": image.user,
                    "Env": image.environment,
                    "Entrypoint": image.entrypoint,
                    "Cmd": image.command,
                    "WorkingDir": image.working_dir,
                    "Labels": image.labels,
                },
                "RootFS": { "Layers": image.layers },
            })
        }))
    }

    async fn list_images(&self, labels: LabelFilter<'_>) -> EngineResult<Vec<ImageSummary>> {
        let world = self.shared.world();
        Ok(world
            .images
            .values()
            .filter(|image| carries(&image.labels, labels))
            .map(|image| ImageSummary {
                id: image.id.clone(),
                tags: image.tags.clone(),
                digests: image.digests.clone(),
                labels: image.labels.clone(),
                size: image.size,
                ..ImageSummary::default()
            })
            .collect())
    }

    async fn image_history(&self, reference: &str) -> EngineResult<Vec<ImageLayer>> {
        let world = self.shared.world();
        match world.image(reference) {
            Some(image) => Ok(vec![ImageLayer {
                id: image.id.clone(),
                tags: image.tags.clone(),
                size: image.size,
                ..ImageLayer::default()
            }]),
            None => refuse(ErrorKind::NotFound, format!("no such image: `{reference}`")),
        }
    }

    async fn pull_image(
        &self,
        reference: &str,
        _platform: Option<&str>,
        _credentials: Option<&Credentials>,
    ) -> EngineResult<EngineStream<TransferProgress>> {
        self.change(format!("pull image {reference}"), |world| {
            let Some((image, behaviour)) = world.registry.get(&with_tag(reference)).cloned() else {
                return refuse(
                    ErrorKind::NotFound,
                    format!("cannot pull image `{reference}`: manifest unknown"),
                );
            };
            let id = world.add_image(image, behaviour);
            world.tell(EventKind::Image, "pull", &id, Default::default());
            let done = TransferProgress {
                status: format!("Status: Downloaded newer image for {reference}"),
                ..TransferProgress::default()
            };
            Ok(Box::pin(stream::iter([Ok(done)])) as EngineStream<TransferProgress>)
        })
    }

    async fn push_image(
        &self,
        reference: &str,
        _credentials: Option<&Credentials>,
    ) -> EngineResult<EngineStream<TransferProgress>> {
        self.change(format!("push image {reference}"), |world| {
            let Some(image) = world.image(reference).cloned() else {
                return refuse(ErrorKind::NotFound, format!("no such image: `{reference}`"));
            };
            let behaviour = world.behaviours.get(&image.id).cloned().unwrap_or_default();
            // Here an image's manifest is told apart by the image's own id.
            let name = with_tag(reference);
            let repository = name.rsplit_once(':').map_or("", |(name, _)| name);
            let digest = format!("{repository}@{}", image.id);
            if let Some(own) = world.images.get_mut(&image.id)
                && !own.digests.contains(&digest)
            {
                own.digests.push(digest.clone());
            }
            world
                .registry
                .insert(digest, (image.clone(), behaviour.clone()));
            world.registry.insert(name, (image, behaviour));
            Ok(Box::pin(stream::empty()) as EngineStream<TransferProgress>)
        })
    }

    async fn registry_digest(
        &self,
        reference: &str,
        _credentials: Option<&Credentials>,
    ) -> EngineResult<Option<String>> {
        let world = self.shared.world();
        let known = world.registry.get(&with_tag(reference));
        Ok(known.map(|(image, _)| image.id.clone()))
    }

    async fn tag_image(&self, image: &str, reference: &str) -> EngineResult<()> {
        self.change(format!("tag image {image} {reference}"), |world| {
            let Some(id) = world.image(image).map(|image| image.id.clone()) else {
                return refuse(ErrorKind::NotFound, format!("no such image: `{image}`"));
            };
            let tag = with_tag(reference);
            for other in world.images.values_mut() {
                other.tags.retain(|own| *own != tag);
            }
            if let Some(found) = world.images.get_mut(&id) {
                found.tags.push(tag);
            }
            Ok(())
        })
    }

    async fn remove_image(&self, reference: &str, force: bool) -> EngineResult<()> {
        self.change(format!("remove image {reference}"), |world| {
            let Some(image) = world.image(reference).cloned() else {
                return refuse(ErrorKind::NotFound, format!("no such image: `{reference}`"));
            };
            let tag = with_tag(reference);
            let user = world.units.values().find(|unit| unit.image_id == image.id);
            let last = image.tags.len() < 2 || reference == image.id;
            if let (Some(user), true) = (user, last)
                && (!force || user.is_running())
            {
                return refuse(
                    ErrorKind::Conflict,
                    format!(
                        "cannot remove image `{reference}`: container `{}` uses it",
                        user.spec.name
                    ),
                );
            }
            if last {
                world.images.shift_remove(&image.id);
            } else if let Some(image) = world.images.get_mut(&image.id) {
                image.tags.retain(|own| *own != tag);
            }
            Ok(())
        })
    }

    async fn save_images(&self, _references: &[String]) -> EngineResult<EngineStream<Bytes>> {
        unsupported("save images")
    }

    async fn load_images(&self, _tar: EngineStream<Bytes>) -> EngineResult<Vec<String>> {
        unsupported("load images")
    }

    async fn list_networks(&self, labels: LabelFilter<'_>) -> EngineResult<Vec<EngineNetwork>> {
        let world = self.listing()?;
        Ok(world
            .networks
            .values()
            .filter(|network| carries(&network.labels, labels))
            .cloned()
            .collect())
    }

    async fn inspect_network(&self, name: &str) -> EngineResult<Option<EngineNetwork>> {
        let world = self.shared.world();
        Ok(world.network_id(name).map(|id| {
            let mut network = world.networks[&id].clone();
            network.containers = world.members(&id);
            network
        }))
    }

    async fn create_network(&self, spec: &NetworkSpec) -> EngineResult<String> {
        self.change(format!("create network {}", spec.name), |world| {
            world.create_network(spec)
        })
    }

    async fn remove_network(&self, name: &str) -> EngineResult<()> {
        let shown = self.network_name(name);
        self.change(format!("remove network {shown}"), |world| {
            world.remove_network(name)
        })
    }

    async fn connect_network(
        &self,
        network: &str,
        container: &str,
        endpoint: &EndpointSpec,
    ) -> EngineResult<()> {
        let (name, shown) = (self.name_of(container), self.network_name(network));
        self.change(format!("connect container {name} to {shown}"), |world| {
            world.connect(network, container, endpoint)
        })
    }

    async fn disconnect_network(
        &self,
        network: &str,
        container: &str,
        force: bool,
    ) -> EngineResult<()> {
        let (name, shown) = (self.name_of(container), self.network_name(network));
        self.change(
            format!("disconnect container {name} from {shown}"),
            |world| world.disconnect(network, container, force),
        )
    }

    async fn list_volumes(&self, labels: LabelFilter<'_>) -> EngineResult<Vec<EngineVolume>> {
        let world = self.listing()?;
        let mut volumes: Vec<EngineVolume> = world
            .volumes
            .values()
            .filter(|volume| carries(&volume.labels, labels))
            .cloned()
            .collect();
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(volumes)
    }

    async fn inspect_volume(&self, name: &str) -> EngineResult<Option<EngineVolume>> {
        Ok(self.shared.world().volumes.get(name).cloned())
    }

    async fn create_volume(&self, spec: &VolumeSpec) -> EngineResult<()> {
        self.change(format!("create volume {}", spec.name), |world| {
            world.create_volume(spec);
            Ok(())
        })
    }

    async fn remove_volume(&self, name: &str, force: bool) -> EngineResult<()> {
        self.change(format!("remove volume {name}"), |world| {
            world.remove_volume(name, force)
        })
    }

    async fn events(
        &self,
        labels: LabelFilter<'_>,
        since: Option<i64>,
        until_second: Option<i64>,
    ) -> EngineResult<EngineStream<EngineEvent>> {
        self.told_events(labels, since, until_second)
    }
}
