//! What wharf asks of a container engine, as a trait with plain data. `docker` speaks to a real one; `memory` keeps
//! containers in a map, for tests of everything above.
//!
//! Units and names are those of the Docker Engine API: <https://docs.docker.com/reference/api/engine/>

mod container;
pub mod docker;
mod error;
mod event;
mod exec;
mod image;
mod info;
mod logs;
pub mod memory;
mod network;
mod percent;
mod reader;
mod volume;

use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

pub use container::{
    BindMount, Container, ContainerSpec, ContainerState, ContainerStatus, ContainerSummary,
    CreatedContainer, DeviceMapping, DeviceRequestSpec, EndpointSpec, EndpointState, EngineMount,
    EngineMountKind, ExitDetail, Health, HealthStatus, HealthcheckSpec, INTERFACE_NAME, LogConfig,
    MountPoint, PortBinding, ProbeResult, PublishedPort, ResourceLimits, RestartPolicySpec,
    UlimitSpec,
};
pub use error::{EngineError, ErrorKind, chain};
pub use event::{EngineEvent, EventKind};
pub use exec::{AttachOptions, Attached, ConsoleSize, ExecOutcome, ExecSpec, StreamChunk};
pub use image::{Credentials, CredentialsOf, Image, ImageLayer, ImageSummary, TransferProgress};
pub use info::{ApiVersion, EngineInfo};
pub use logs::{LogLine, LogOptions, LogStream};
pub use network::{EngineNetwork, NetworkSpec, PoolSpec};
pub use percent::percent_encoded;
pub use reader::{Reader, read_blocking};
pub use volume::{EngineVolume, VolumeSpec};

/// What comes back piece by piece.
pub type EngineStream<T> = Pin<Box<dyn Stream<Item = Result<T, EngineError>> + Send>>;

pub type EngineResult<T> = Result<T, EngineError>;

/// Labels that must all be there; an empty value asks only for the key.
pub type LabelFilter<'a> = &'a [(&'a str, &'a str)];

/// A container engine. Every method is one call (or one stream) of the Engine API.
///
/// "Not found" is `Ok(None)` for inspections and an error of [`ErrorKind::NotFound`] elsewhere.
#[async_trait]
pub trait Engine: Send + Sync {
    /// What the engine is; read once when connecting.
    fn info(&self) -> &EngineInfo;

    async fn list_containers(&self, labels: LabelFilter<'_>)
    -> EngineResult<Vec<ContainerSummary>>;
    async fn inspect_container(&self, id: &str) -> EngineResult<Option<Container>>;
    /// Creates and returns the id. Endpoints beyond what the engine takes at create are connected before this returns.
    async fn create_container(&self, spec: &ContainerSpec) -> EngineResult<CreatedContainer>;
    async fn start_container(&self, id: &str) -> EngineResult<()>;
    /// `grace`: seconds until SIGKILL, below zero never; `None`: the container's own.
    async fn stop_container(&self, id: &str, grace: Option<i64>) -> EngineResult<()>;
    async fn restart_container(&self, id: &str, grace: Option<i64>) -> EngineResult<()>;
    async fn kill_container(&self, id: &str, signal: &str) -> EngineResult<()>;
    async fn pause_container(&self, id: &str) -> EngineResult<()>;
    async fn unpause_container(&self, id: &str) -> EngineResult<()>;
    async fn rename_container(&self, id: &str, name: &str) -> EngineResult<()>;
    /// Changes limits in place.
    async fn update_container(
        &self,
        id: &str,
        limits: &ResourceLimits,
        restart: Option<&RestartPolicySpec>,
    ) -> EngineResult<()>;
    /// `force` kills first; `volumes` removes the container's anonymous volumes.
    async fn remove_container(&self, id: &str, force: bool, volumes: bool) -> EngineResult<()>;
    /// Waits until the container is not running and returns its exit code.
    async fn wait_container(&self, id: &str) -> EngineResult<i64>;
    async fn container_logs(
        &self,
        id: &str,
        options: &LogOptions,
    ) -> EngineResult<EngineStream<LogLine>>;
    async fn attach_container(&self, id: &str, options: &AttachOptions) -> EngineResult<Attached>;
    async fn resize_container(&self, id: &str, size: ConsoleSize) -> EngineResult<()>;
    /// Starts a command in a running container. The outcome is asked for with [`Engine::exec_outcome`].
    async fn exec(&self, container: &str, spec: &ExecSpec) -> EngineResult<(String, Attached)>;
    async fn exec_outcome(&self, exec: &str) -> EngineResult<ExecOutcome>;
    async fn resize_exec(&self, exec: &str, size: ConsoleSize) -> EngineResult<()>;
    /// A tar stream of a path in the container, running or not.
    async fn download_archive(
        &self,
        container: &str,
        path: &str,
    ) -> EngineResult<EngineStream<Bytes>>;
    /// Unpacks a tar into a directory of the container. `copy_owner`: keep UID and GID of the tar.
    async fn upload_archive(
        &self,
        container: &str,
        directory: &str,
        tar: EngineStream<Bytes>,
        copy_owner: bool,
    ) -> EngineResult<()>;
    /// Rows of `ps` in the container: titles, then processes.
    async fn container_top(
        &self,
        id: &str,
        arguments: &str,
    ) -> EngineResult<(Vec<String>, Vec<Vec<String>>)>;
    /// Raw statistics objects of the Engine API; one when `follow` is false.
    async fn container_stats(
        &self,
        id: &str,
        follow: bool,
    ) -> EngineResult<EngineStream<serde_json::Value>>;
    async fn export_container(&self, id: &str) -> EngineResult<EngineStream<Bytes>>;
    /// Makes an image of the container's file system and returns its id.
    async fn commit_container(
        &self,
        id: &str,
        reference: Option<&str>,
        comment: &str,
        author: &str,
        changes: &[String],
        pause: bool,
    ) -> EngineResult<String>;

    async fn inspect_image(&self, reference: &str) -> EngineResult<Option<Image>>;
    /// All that the engine says about an image, as it says it. `None`: there is no such image.
    async fn image_document(&self, reference: &str) -> EngineResult<Option<serde_json::Value>>;
    async fn list_images(&self, labels: LabelFilter<'_>) -> EngineResult<Vec<ImageSummary>>;
    async fn image_history(&self, reference: &str) -> EngineResult<Vec<ImageLayer>>;
    async fn pull_image(
        &self,
        reference: &str,
        platform: Option<&str>,
        credentials: Option<&Credentials>,
    ) -> EngineResult<EngineStream<TransferProgress>>;
    async fn push_image(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
    ) -> EngineResult<EngineStream<TransferProgress>>;
    /// The digest of the manifest that a registry has under a name, `sha256:..`, asked by the engine. `None`: the registry
    /// does not know the name.
    async fn registry_digest(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
    ) -> EngineResult<Option<String>>;
    async fn tag_image(&self, image: &str, reference: &str) -> EngineResult<()>;
    async fn remove_image(&self, reference: &str, force: bool) -> EngineResult<()>;
    /// A tar stream as `docker save` writes it.
    async fn save_images(&self, references: &[String]) -> EngineResult<EngineStream<Bytes>>;
    /// Loads a tar of images; the messages are the engine's.
    async fn load_images(&self, tar: EngineStream<Bytes>) -> EngineResult<Vec<String>>;

    async fn list_networks(&self, labels: LabelFilter<'_>) -> EngineResult<Vec<EngineNetwork>>;
    async fn inspect_network(&self, name: &str) -> EngineResult<Option<EngineNetwork>>;
    async fn create_network(&self, spec: &NetworkSpec) -> EngineResult<String>;
    async fn remove_network(&self, name: &str) -> EngineResult<()>;
    async fn connect_network(
        &self,
        network: &str,
        container: &str,
        endpoint: &EndpointSpec,
    ) -> EngineResult<()>;
    async fn disconnect_network(
        &self,
        network: &str,
        container: &str,
        force: bool,
    ) -> EngineResult<()>;

    async fn list_volumes(&self, labels: LabelFilter<'_>) -> EngineResult<Vec<EngineVolume>>;
    async fn inspect_volume(&self, name: &str) -> EngineResult<Option<EngineVolume>>;
    async fn create_volume(&self, spec: &VolumeSpec) -> EngineResult<()>;
    async fn remove_volume(&self, name: &str, force: bool) -> EngineResult<()>;

    /// Events of containers, networks, volumes and images that carry all these labels, from `since` (Unix seconds) on, or from now.
    async fn events(
        &self,
        labels: LabelFilter<'_>,
        since: Option<i64>,
        until: Option<i64>,
    ) -> EngineResult<EngineStream<EngineEvent>>;
}
