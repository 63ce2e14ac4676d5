//! An engine that keeps everything in maps: for tests of what stands on the trait.
//!
//! It follows the rules of the Docker Engine that the layers above depend on: names are unique, what is in use is not
//! removed, ports are taken by one, named volumes come into being when they are mounted, anonymous ones go with their
//! container, a container in another's network needs that other one to run. Ids and times are the same in every run;
//! with tokio's paused clock so is the order of everything. It must be used within a tokio runtime.

mod behaviour;
mod clock;
mod container;
mod lifetime;
mod world;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::watch;

pub use behaviour::{Behaviour, Exit};
pub use world::Fault;
use world::{World, no_container, refuse, with_tag};

use super::{
    ApiVersion, AttachOptions, Attached, ConsoleSize, Container, ContainerSpec, ContainerStatus,
    ContainerSummary, Credentials, EndpointSpec, Engine, EngineError, EngineEvent, EngineInfo,
    EngineNetwork, EngineResult, EngineStream, EngineVolume, ErrorKind, EventKind, ExecOutcome,
    ExecSpec, Image, ImageLayer, ImageSummary, LabelFilter, LogLine, LogOptions, LogStream,
    NetworkSpec, ResourceLimits, RestartPolicySpec, StreamChunk, TransferProgress, VolumeSpec,
};

/// The in-memory engine. Clones are the same engine.
#[derive(Clone)]
pub struct MemoryEngine {
    info: EngineInfo,
    shared: Arc<Shared>,
}

struct Shared {
    world: Mutex<World>,
    /// Goes up with every change, for those who wait.
    changes: watch::Sender<u64>,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}

impl Default for MemoryEngine {
    fn default() -> Self {
        MemoryEngine::new(ApiVersion(1, 47))
    }
}

impl MemoryEngine {
    /// An empty engine that speaks this version.
    pub fn new(api: ApiVersion) -> MemoryEngine {
        MemoryEngine {
            info: EngineInfo {
                address: "memory:".to_owned(),
                version: "memory".to_owned(),
                api,
                operating_system: "linux".to_owned(),
                architecture: "amd64".to_owned(),
                id: "memory".to_owned(),
                podman: false,
                containerd_store: false,
            },
            shared: Arc::new(Shared {
                world: Mutex::new(World::new()),
                changes: watch::Sender::new(0),
            }),
        }
    }

    /// Adds an image under a reference, and what its containers do. Returns its id.
    pub fn add_image(&self, reference: &str, behaviour: Behaviour) -> String {
        let image = Image {
            tags: vec![with_tag(reference)],
            ..Image::default()
        };
        self.add_whole_image(image, behaviour)
    }

    /// Adds an image with a configuration; an empty id is filled in. Its tags are taken away from others.
    pub fn add_whole_image(&self, image: Image, behaviour: Behaviour) -> String {
        let id = self.shared.world().add_image(image, behaviour);
        self.shared.changed();
        id
    }

    /// Makes an image that can be pulled.
    pub fn publish(&self, reference: &str, behaviour: Behaviour) {
        let image = Image {
            tags: vec![with_tag(reference)],
            ..Image::default()
        };
        let mut world = self.shared.world();
        world
            .registry
            .insert(with_tag(reference), (image, behaviour));
    }

    /// Changes what the containers of an image do that are created from now on.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such an image.
    pub fn set_behaviour(&self, reference: &str, behaviour: Behaviour) -> EngineResult<()> {
        let mut world = self.shared.world();
        let Some(id) = world.image(reference).map(|image| image.id.clone()) else {
            return refuse(ErrorKind::NotFound, format!("no such image: `{reference}`"));
        };
        world.behaviours.insert(id, behaviour);
        Ok(())
    }

    /// Makes a call fail. Calls are counted from the engine's beginning: see [`MemoryEngine::calls`].
    pub fn fail(&self, fault: Fault) {
        self.shared.world().faults.push(fault);
    }

    /// How many calls have changed something, or tried to.
    pub fn calls(&self) -> usize {
        self.shared.world().journal.len()
    }

    /// Those calls in words, in order: ``create container web``.
    pub fn journal(&self) -> Vec<String> {
        self.shared.world().journal.clone()
    }

    /// Ends a running container from outside of wharf, as a crash does.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a container.
    pub fn crash(&self, container: &str, code: i64) -> EngineResult<()> {
        let (id, run) = {
            let mut world = self.shared.world();
            let unit = world.unit(container)?;
            (unit.id.clone(), unit.run)
        };
        self.shared.ended(&id, run, code);
        Ok(())
    }

    /// A call that changes something: written down, and failed if it is to fail.
    fn change<T>(
        &self,
        what: String,
        act: impl FnOnce(&mut World) -> EngineResult<T>,
    ) -> EngineResult<T> {
        let mut world = self.shared.world();
        world.journal.push(what.clone());
        let number = world.journal.len();
        let fault = world
            .faults
            .iter()
            .position(|fault| fault.call == number)
            .map(|at| world.faults.remove(at));
        let failure = fault.as_ref().map(|fault| {
            EngineError::new(
                fault.kind,
                format!("cannot {what}: call {number} is made to fail"),
            )
        });
        if let (Some(fault), Some(failure)) = (&fault, failure) {
            if fault.after_effect {
                let _ = act(&mut world);
                drop(world);
                self.shared.changed();
            }
            return Err(failure);
        }
        let outcome = act(&mut world);
        drop(world);
        self.shared.changed();
        outcome
    }
}

/// How long an event or a state is waited for, when nothing changes meanwhile, is up to the caller.
async fn until<T>(shared: &Shared, mut look: impl FnMut(&mut World) -> Option<T>) -> Option<T> {
    let mut changes = shared.changes.subscribe();
    loop {
        if let Some(found) = look(&mut shared.world()) {
            return Some(found);
        }
        changes.changed().await.ok()?;
    }
}

fn carries(labels: &indexmap::IndexMap<String, String>, wanted: LabelFilter<'_>) -> bool {
    wanted.iter().all(|(key, value)| {
        labels
            .get(*key)
            .is_some_and(|own| value.is_empty() || own == value)
    })
}

fn unsupported<T>(what: &str) -> EngineResult<T> {
    refuse(
        ErrorKind::Unsupported,
        format!("the in-memory engine cannot {what}"),
    )
}

#[async_trait]
impl Engine for MemoryEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn list_containers(
        &self,
        labels: LabelFilter<'_>,
    ) -> EngineResult<Vec<ContainerSummary>> {
        let world = self.shared.world();
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

    async fn create_container(&self, spec: &ContainerSpec) -> EngineResult<String> {
        let api = self.info.api;
        self.change(format!("create container {}", spec.name), |world| {
            world.create(spec, api)
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

    async fn stop_container(&self, id: &str, _grace: Option<Duration>) -> EngineResult<()> {
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

    async fn restart_container(&self, id: &str, _grace: Option<Duration>) -> EngineResult<()> {
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
        let id = {
            let world = self.shared.world();
            world.unit_id(id).ok_or_else(|| no_container(id))?
        };
        let options = options.clone();
        let length = self.shared.world().units[&id].log.len();
        let skip = options.tail.map_or(0, |tail| {
            length.saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX))
        });
        let shared = self.shared.clone();
        let lines = stream::unfold(skip, move |at| {
            let (shared, id, options) = (shared.clone(), id.clone(), options.clone());
            async move {
                let line = until(&shared, |world| match world.units.get(&id) {
                    None => Some(None),
                    Some(unit) => match unit.log.get(at) {
                        Some(line) => Some(Some(line.clone())),
                        None if options.follow && unit.is_running() => None,
                        None => Some(None),
                    },
                })
                .await??;
                let timestamp = line.timestamp.filter(|_| options.timestamps);
                Some((Ok(LogLine { timestamp, ..line }), at + 1))
            }
        });
        Ok(Box::pin(lines))
    }

    async fn attach_container(&self, id: &str, options: &AttachOptions) -> EngineResult<Attached> {
        let (id, start) = {
            let mut world = self.shared.world();
            let unit = world.unit(id)?;
            let start = if options.logs { 0 } else { unit.log.len() };
            (unit.id.clone(), start)
        };
        let shared = self.shared.clone();
        let (stdout, stderr) = (options.stdout, options.stderr);
        // A created container is attached to before it starts: wait for a run to end, not only for its absence.
        let first_run = shared.world().units[&id].run;
        let output = stream::unfold(start, move |at| {
            let (shared, id) = (shared.clone(), id.clone());
            async move {
                let line = until(&shared, |world| match world.units.get(&id) {
                    None => Some(None),
                    Some(unit) => match unit.log.get(at) {
                        Some(line) => Some(Some(line.clone())),
                        None if unit.is_running() => None,
                        None if unit.run == first_run
                            && unit.status == ContainerStatus::Created =>
                        {
                            None
                        }
                        None => Some(None),
                    },
                })
                .await??;
                Some((line, at + 1))
            }
        })
        .filter_map(move |line| async move {
            let wanted = match line.stream {
                LogStream::Stdout => stdout,
                LogStream::Stderr => stderr,
            };
            let mut bytes = BytesMut::from(&line.bytes[..]);
            bytes.extend_from_slice(b"\n");
            wanted.then(|| {
                Ok(StreamChunk {
                    stream: line.stream,
                    bytes: bytes.freeze(),
                })
            })
        });
        Ok(Attached {
            output: Box::pin(output),
            input: Box::pin(tokio::io::sink()),
        })
    }

    async fn resize_container(&self, id: &str, _size: ConsoleSize) -> EngineResult<()> {
        self.shared.world().unit(id).map(|_| ())
    }

    async fn exec(&self, container: &str, spec: &ExecSpec) -> EngineResult<(String, Attached)> {
        let name = self.name_of(container);
        let command = spec.command.join(" ");
        self.change(format!("exec in container {name}: {command}"), |world| {
            let exec = world.new_id("exec");
            let unit = world.unit(container)?;
            if unit.status != ContainerStatus::Running {
                return refuse(
                    ErrorKind::Conflict,
                    format!("cannot run `{command}`: container `{container}` is not running"),
                );
            }
            let scripted = unit
                .behaviour
                .commands
                .iter()
                .find(|(words, _, _)| *words == spec.command)
                .cloned();
            let (code, output) = match scripted {
                Some((_, code, output)) => (code, output),
                None if unit.is_probe(&spec.command) => match unit.probe() {
                    true => (0, "ok".to_owned()),
                    false => (1, "not yet".to_owned()),
                },
                None => (0, String::new()),
            };
            let outcome = ExecOutcome {
                running: false,
                exit_code: Some(code),
                pid: 1001,
            };
            world.execs.insert(exec.clone(), outcome);
            let chunks = (!output.is_empty() && !spec.detach).then(|| {
                Ok(StreamChunk {
                    stream: LogStream::Stdout,
                    bytes: output.into(),
                })
            });
            let attached = Attached {
                output: Box::pin(stream::iter(chunks)),
                input: Box::pin(tokio::io::sink()),
            };
            Ok((exec, attached))
        })
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
        let files = self.shared.world().unit(container)?.files.clone();
        let below = format!("{}/", path.trim_end_matches('/'));
        let parent = Path::new(path).parent().unwrap_or(Path::new("/"));
        let mut builder = tar::Builder::new(Vec::new());
        let mut found = false;
        for (name, content) in &files {
            if name != path && !name.starts_with(&below) {
                continue;
            }
            found = true;
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            let inside = Path::new(name)
                .strip_prefix(parent)
                .unwrap_or(Path::new(name));
            builder
                .append_data(&mut header, inside, content.as_slice())
                .map_err(|error| EngineError::new(ErrorKind::Other, error.to_string()))?;
        }
        if !found {
            return refuse(
                ErrorKind::NotFound,
                format!("there is no `{path}` in container `{container}`"),
            );
        }
        let bytes = builder
            .into_inner()
            .map_err(|error| EngineError::new(ErrorKind::Other, error.to_string()))?;
        Ok(Box::pin(stream::iter([Ok(Bytes::from(bytes))])))
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
            world
                .registry
                .insert(with_tag(reference), (image, behaviour));
            Ok(Box::pin(stream::empty()) as EngineStream<TransferProgress>)
        })
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
        let world = self.shared.world();
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
        let world = self.shared.world();
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
        const SECOND: i64 = 1_000_000_000;
        let wanted: Vec<(String, String)> = labels
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        let start = {
            let world = self.shared.world();
            match since {
                None => world.events.len(),
                Some(since) => world
                    .events
                    .iter()
                    .position(|event| event.time_nanos >= since * SECOND)
                    .unwrap_or(world.events.len()),
            }
        };
        let shared = self.shared.clone();
        let events = stream::unfold(start, move |at| {
            let (shared, wanted) = (shared.clone(), wanted.clone());
            async move {
                let mut at = at;
                let labels: Vec<(&str, &str)> = wanted
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str()))
                    .collect();
                let found = until(&shared, |world| {
                    while let Some(event) = world.events.get(at) {
                        if until_second.is_some_and(|end| event.time_nanos > end * SECOND) {
                            return Some(None);
                        }
                        at += 1;
                        if carries(&event.attributes, &labels) {
                            return Some(Some(event.clone()));
                        }
                    }
                    // The engine's clock stands still while nothing is done: what has an end is over.
                    until_second.map(|_| None)
                })
                .await??;
                Some((Ok(found), at))
            }
        });
        Ok(Box::pin(events))
    }
}

impl MemoryEngine {
    /// The name for the journal; what does not exist is called as it was asked for.
    fn name_of(&self, id: &str) -> String {
        let world = self.shared.world();
        match world.unit_id(id) {
            Some(id) => world.units[&id].spec.name.clone(),
            None => id.to_owned(),
        }
    }

    fn network_name(&self, network: &str) -> String {
        let world = self.shared.world();
        match world.network_id(network) {
            Some(id) => world.networks[&id].name.clone(),
            None => network.to_owned(),
        }
    }

    fn switch(
        &self,
        action: &str,
        id: &str,
        from: ContainerStatus,
        to: ContainerStatus,
    ) -> EngineResult<()> {
        let name = self.name_of(id);
        self.change(format!("{action} container {name}"), |world| {
            let unit = world.unit(id)?;
            if unit.status != from {
                return refuse(
                    ErrorKind::Conflict,
                    format!(
                        "cannot {action} container `{name}`: it is {:?}",
                        unit.status
                    ),
                );
            }
            unit.status = to;
            let id = unit.id.clone();
            world.tell_unit(&id, action, &[]);
            Ok(())
        })
    }
}

/// Files of a tar by their absolute path below a directory.
fn unpacked(directory: &str, tar: &[u8]) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path()?.into_owned();
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(std::io::Error::other("the archive leaves its directory"));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        let path = Path::new(directory).join(path.strip_prefix("/").unwrap_or(&path));
        let path = path.to_string_lossy().into_owned();
        if seen.insert(path.clone()) {
            files.push((path, content));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
