//! The Docker Engine, and what speaks its API: the only folder that names bollard.
//!
//! [`connect`] finds an engine; [`DockerEngine`] is one that answers. Images are built in `buildkit`, and by
//! the builders of `buildx`.

mod address;
mod archive;
mod builder;
pub mod buildkit;
pub mod buildx;
mod config_file;
mod connect;
mod containers;
mod context;
mod create;
mod credentials;
mod dialer;
mod events;
mod exec;
mod failure;
mod images;
mod info;
mod inspect;
mod logs;
mod networks;
mod shell;
mod ssh;
mod stdio;
mod tls;
mod volumes;
mod wire;

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;
use indexmap::IndexMap;

pub use address::{Address, SshHost};
pub use connect::connect;
pub use context::{TlsFiles, is_here};
pub use credentials::{credentials_for_reference, credentials_for_registry};
pub use dialer::{Dialer, Line};
pub use shell::{Ended, Held, Shell};

use super::{
    AttachOptions, Attached, ConsoleSize, Container, ContainerSpec, ContainerSummary,
    CreatedContainer, Credentials, EndpointSpec, Engine, EngineEvent, EngineInfo, EngineNetwork,
    EngineResult, EngineStream, EngineVolume, ExecOutcome, ExecSpec, Image, ImageLayer,
    ImageSummary, LabelFilter, LogLine, LogOptions, NetworkSpec, ResourceLimits, RestartPolicySpec,
    TransferProgress, VolumeSpec,
};

/// An engine that answers. Cloning is cheap: clones share connections.
#[derive(Clone)]
pub struct DockerEngine {
    info: EngineInfo,
    docker: bollard::Docker,
    /// The same, for calls that take as long as they take.
    patient: bollard::Docker,
    wire: wire::Wire,
    dialer: Dialer,
    /// Or why they cannot be known.
    proxies: Result<IndexMap<String, String>, String>,
}

impl DockerEngine {
    /// Opens raw connections to this engine, for BuildKit's `/session` and `/grpc`.
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// The proxies that Docker's `config.json` has for this engine's containers and builds, as variables.
    /// <https://docs.docker.com/engine/cli/proxy/>
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn proxies(&self) -> Result<&IndexMap<String, String>, &str> {
        self.proxies.as_ref().map_err(String::as_str)
    }

    /// A new raw connection to the engine, on which HTTP can be spoken.
    pub async fn dial(&self) -> std::io::Result<Line> {
        self.dialer.dial().await
    }
}

/// `key=value`, or `key` where any value will do.
fn label_terms(labels: LabelFilter<'_>) -> Vec<String> {
    labels
        .iter()
        .map(|(key, value)| {
            if value.is_empty() {
                (*key).to_owned()
            } else {
                format!("{key}={value}")
            }
        })
        .collect()
}

fn label_filter(labels: LabelFilter<'_>) -> Option<HashMap<String, Vec<String>>> {
    (!labels.is_empty()).then(|| HashMap::from([("label".to_owned(), label_terms(labels))]))
}

#[async_trait]
impl Engine for DockerEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    async fn list_containers(
        &self,
        labels: LabelFilter<'_>,
    ) -> EngineResult<Vec<ContainerSummary>> {
        self.containers(labels).await
    }

    async fn inspect_container(&self, id: &str) -> EngineResult<Option<Container>> {
        self.container(id).await
    }

    async fn create_container(&self, spec: &ContainerSpec) -> EngineResult<CreatedContainer> {
        self.create(spec).await
    }

    async fn start_container(&self, id: &str) -> EngineResult<()> {
        self.start(id).await
    }

    async fn stop_container(&self, id: &str, grace: Option<i64>) -> EngineResult<()> {
        self.stop(id, grace).await
    }

    async fn restart_container(&self, id: &str, grace: Option<i64>) -> EngineResult<()> {
        self.restart(id, grace).await
    }

    async fn kill_container(&self, id: &str, signal: &str) -> EngineResult<()> {
        self.kill(id, signal).await
    }

    async fn pause_container(&self, id: &str) -> EngineResult<()> {
        self.pause(id).await
    }

    async fn unpause_container(&self, id: &str) -> EngineResult<()> {
        self.unpause(id).await
    }

    async fn rename_container(&self, id: &str, name: &str) -> EngineResult<()> {
        self.rename(id, name).await
    }

    async fn update_container(
        &self,
        id: &str,
        limits: &ResourceLimits,
        restart: Option<&RestartPolicySpec>,
    ) -> EngineResult<()> {
        self.update(id, limits, restart).await
    }

    async fn remove_container(&self, id: &str, force: bool, volumes: bool) -> EngineResult<()> {
        self.remove(id, force, volumes).await
    }

    async fn wait_container(&self, id: &str) -> EngineResult<i64> {
        self.wait(id).await
    }

    async fn container_logs(
        &self,
        id: &str,
        options: &LogOptions,
    ) -> EngineResult<EngineStream<LogLine>> {
        self.logs(id, options).await
    }

    async fn attach_container(&self, id: &str, options: &AttachOptions) -> EngineResult<Attached> {
        self.attach(id, options).await
    }

    async fn resize_container(&self, id: &str, size: ConsoleSize) -> EngineResult<()> {
        self.resize(id, size).await
    }

    async fn exec(&self, container: &str, spec: &ExecSpec) -> EngineResult<(String, Attached)> {
        self.run_exec(container, spec).await
    }

    async fn exec_outcome(&self, exec: &str) -> EngineResult<ExecOutcome> {
        self.outcome(exec).await
    }

    async fn resize_exec(&self, exec: &str, size: ConsoleSize) -> EngineResult<()> {
        self.resize_started(exec, size).await
    }

    async fn download_archive(
        &self,
        container: &str,
        path: &str,
    ) -> EngineResult<EngineStream<Bytes>> {
        self.download(container, path).await
    }

    async fn upload_archive(
        &self,
        container: &str,
        directory: &str,
        tar: EngineStream<Bytes>,
        copy_owner: bool,
    ) -> EngineResult<()> {
        self.upload(container, directory, tar, copy_owner).await
    }

    async fn container_top(
        &self,
        id: &str,
        arguments: &str,
    ) -> EngineResult<(Vec<String>, Vec<Vec<String>>)> {
        self.top(id, arguments).await
    }

    async fn container_stats(
        &self,
        id: &str,
        follow: bool,
    ) -> EngineResult<EngineStream<serde_json::Value>> {
        self.stats(id, follow).await
    }

    async fn export_container(&self, id: &str) -> EngineResult<EngineStream<Bytes>> {
        self.export(id).await
    }

    async fn commit_container(
        &self,
        id: &str,
        reference: Option<&str>,
        comment: &str,
        author: &str,
        changes: &[String],
        pause: bool,
    ) -> EngineResult<String> {
        self.commit(id, reference, comment, author, changes, pause)
            .await
    }

    async fn inspect_image(&self, reference: &str) -> EngineResult<Option<Image>> {
        self.image(reference).await
    }

    async fn image_document(&self, reference: &str) -> EngineResult<Option<serde_json::Value>> {
        self.whole_image(reference).await
    }

    async fn list_images(&self, labels: LabelFilter<'_>) -> EngineResult<Vec<ImageSummary>> {
        self.images(labels).await
    }

    async fn image_history(&self, reference: &str) -> EngineResult<Vec<ImageLayer>> {
        self.history(reference).await
    }

    async fn pull_image(
        &self,
        reference: &str,
        platform: Option<&str>,
        credentials: Option<&Credentials>,
    ) -> EngineResult<EngineStream<TransferProgress>> {
        self.pull(reference, platform, credentials).await
    }

    async fn push_image(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
    ) -> EngineResult<EngineStream<TransferProgress>> {
        self.push(reference, credentials).await
    }

    async fn registry_digest(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
    ) -> EngineResult<Option<String>> {
        self.distribution(reference, credentials).await
    }

    async fn tag_image(&self, image: &str, reference: &str) -> EngineResult<()> {
        self.tag(image, reference).await
    }

    async fn remove_image(&self, reference: &str, force: bool) -> EngineResult<()> {
        self.drop_image(reference, force).await
    }

    async fn save_images(&self, references: &[String]) -> EngineResult<EngineStream<Bytes>> {
        self.save(references).await
    }

    async fn load_images(&self, tar: EngineStream<Bytes>) -> EngineResult<Vec<String>> {
        self.load(tar).await
    }

    async fn list_networks(&self, labels: LabelFilter<'_>) -> EngineResult<Vec<EngineNetwork>> {
        self.networks(labels).await
    }

    async fn inspect_network(&self, name: &str) -> EngineResult<Option<EngineNetwork>> {
        self.network(name).await
    }

    async fn create_network(&self, spec: &NetworkSpec) -> EngineResult<String> {
        self.make_network(spec).await
    }

    async fn remove_network(&self, name: &str) -> EngineResult<()> {
        self.drop_network(name).await
    }

    async fn connect_network(
        &self,
        network: &str,
        container: &str,
        endpoint: &EndpointSpec,
    ) -> EngineResult<()> {
        self.connect_endpoint(network, container, endpoint).await
    }

    async fn disconnect_network(
        &self,
        network: &str,
        container: &str,
        force: bool,
    ) -> EngineResult<()> {
        self.disconnect_endpoint(network, container, force).await
    }

    async fn list_volumes(&self, labels: LabelFilter<'_>) -> EngineResult<Vec<EngineVolume>> {
        self.volumes(labels).await
    }

    async fn inspect_volume(&self, name: &str) -> EngineResult<Option<EngineVolume>> {
        self.volume(name).await
    }

    async fn create_volume(&self, spec: &VolumeSpec) -> EngineResult<()> {
        self.make_volume(spec).await
    }

    async fn remove_volume(&self, name: &str, force: bool) -> EngineResult<()> {
        self.drop_volume(name, force).await
    }

    async fn events(
        &self,
        labels: LabelFilter<'_>,
        since: Option<i64>,
        until: Option<i64>,
    ) -> EngineResult<EngineStream<EngineEvent>> {
        self.listen(labels, since, until).await
    }
}
