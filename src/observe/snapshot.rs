use std::time::Duration;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{Fingerprint, labels};
use crate::engine::{
    Container, ContainerSpec, ContainerStatus, EngineInfo, EngineNetwork, EngineVolume,
    HealthStatus, HealthcheckSpec, Image, MountPoint, NetworkSpec, PublishedPort, ResourceLimits,
    RestartPolicySpec, VolumeSpec,
};

/// What the engine has of one project at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The Compose project name.
    pub project: String,
    /// Ordered by service and number; containers of `run` among them.
    pub containers: Vec<ObservedContainer>,
    /// By the engine's name: those of the project, and those of other owners that the project refers to.
    pub networks: IndexMap<String, ObservedNetwork>,
    /// Networks of the project that have the name of one of `networks`: an engine before 25 makes a name twice when a killed
    /// call and the next one meet. Name and id.
    #[serde(default)]
    pub network_twins: Vec<(String, String)>,
    /// By the engine's name, as `networks`.
    pub volumes: IndexMap<String, ObservedVolume>,
    /// By the reference used in the project; a missing key means that the engine does not have the image.
    pub images: IndexMap<String, ObservedImage>,
    /// Containers of other owners that the project names (`network_mode: container:NAME`, `external_links`):
    /// name or id as written, to id.
    pub foreign: IndexMap<String, String>,
    /// Containers of other owners that have a name which the project's files give to one of its own, by that name.
    #[serde(default)]
    pub strangers: IndexMap<String, Stranger>,
    pub engine: EngineTraits,
}

/// A container that does not belong to the project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stranger {
    pub id: String,
    /// The Compose project that it belongs to. `None`: to none.
    pub project: Option<String>,
}

/// What the engine can do, as far as a plan depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineTraits {
    /// `healthcheck.start_interval` is honoured.
    pub start_interval: bool,
    /// `volume.subpath` is honoured.
    pub volume_subpath: bool,
    /// Mounts of the kind `image` are honoured.
    pub image_mounts: bool,
    /// `gw_priority` is honoured.
    pub gateway_priority: bool,
}

impl From<&EngineInfo> for EngineTraits {
    fn from(info: &EngineInfo) -> Self {
        EngineTraits {
            start_interval: info.has_start_interval(),
            volume_subpath: info.has_volume_subpath(),
            image_mounts: info.api >= crate::engine::ApiVersion(1, 48),
            gateway_priority: info.api >= crate::engine::ApiVersion(1, 48),
        }
    }
}

/// A container of the project.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObservedContainer {
    pub id: String,
    pub name: String,
    pub service: String,
    /// 1 for the first; 0 where the label is missing or no number.
    pub number: u32,
    /// It was made by `run`, or for a `pre_start` hook.
    pub one_off: bool,
    pub status: ContainerStatus,
    /// `None`: it has no health check.
    pub health: Option<HealthStatus>,
    /// Of the last run.
    pub exit_code: Option<i64>,
    /// The reference it was made with.
    pub image: String,
    pub image_id: String,
    pub labels: IndexMap<String, String>,
    /// Compose's config hash.
    pub config_hash: String,
    /// What wharf recorded on it. `None`: not made by wharf, or by one whose record this one cannot read.
    pub spec: Option<ContainerSpec>,
    pub network_mode: String,
    pub ipc_mode: String,
    pub pid_mode: String,
    /// Name to id of the networks it is connected to.
    pub networks: IndexMap<String, String>,
    pub mounts: Vec<MountPoint>,
    pub ports: Vec<PublishedPort>,
    pub healthcheck: Option<HealthcheckSpec>,
    /// RFC 3339.
    pub created: String,
    /// RFC 3339; empty when it never ran.
    pub started_at: String,
    pub tty: bool,
    pub auto_remove: bool,
    /// As they stand now. `None`: the engine does not say.
    pub limits: Option<ResourceLimits>,
    pub restart: Option<RestartPolicySpec>,
}

impl ObservedContainer {
    pub fn is_running(&self) -> bool {
        matches!(
            self.status,
            ContainerStatus::Running | ContainerStatus::Restarting | ContainerStatus::Paused
        )
    }

    /// Ids of the containers in whose network, IPC or process namespace it lives.
    pub fn namespace_owners(&self) -> impl Iterator<Item = &str> {
        [&self.network_mode, &self.ipc_mode, &self.pid_mode]
            .into_iter()
            .filter_map(|mode| mode.strip_prefix("container:"))
    }

    /// The working directory of the project that made it; `None` when it is not recorded.
    pub fn working_directory(&self) -> Option<&str> {
        self.labels.get(labels::WORKING_DIR).map(String::as_str)
    }
}

impl From<Container> for ObservedContainer {
    fn from(container: Container) -> Self {
        let label = |key: &str| container.labels.get(key).cloned().unwrap_or_default();
        ObservedContainer {
            service: label(labels::SERVICE),
            number: label(labels::CONTAINER_NUMBER).parse().unwrap_or(0),
            one_off: label(labels::ONE_OFF).eq_ignore_ascii_case("true")
                || container.labels.contains_key(labels::HOOK),
            status: container.state.status,
            health: container.state.health.as_ref().map(|health| health.status),
            exit_code: container.state.exit.as_ref().map(|exit| exit.code),
            image: container.image,
            image_id: container.image_id,
            config_hash: label(labels::CONFIG_HASH),
            spec: container
                .labels
                .get(labels::SPEC)
                .and_then(|text| labels::unpack(text)),
            network_mode: container.network_mode,
            ipc_mode: container.ipc_mode,
            pid_mode: container.pid_mode,
            networks: container
                .networks
                .into_iter()
                .map(|(name, endpoint)| (name, endpoint.network_id))
                .collect(),
            mounts: container.mounts,
            ports: container.ports,
            healthcheck: container.healthcheck,
            created: container.created,
            started_at: container.state.started_at,
            tty: container.tty,
            auto_remove: container.auto_remove,
            limits: container.limits,
            restart: container.restart,
            id: container.id,
            name: container.name,
            labels: container.labels,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObservedNetwork {
    pub id: String,
    pub name: String,
    /// Key in the project's `networks`. `None`: it does not belong to the project.
    pub key: Option<String>,
    pub driver: String,
    pub internal: bool,
    pub attachable: bool,
    pub enable_ipv6: bool,
    pub labels: IndexMap<String, String>,
    /// What wharf recorded on it.
    pub spec: Option<NetworkSpec>,
}

impl ObservedNetwork {
    pub fn new(network: EngineNetwork, project: &str) -> Self {
        ObservedNetwork {
            key: owned_key(&network.labels, project, labels::NETWORK),
            spec: network
                .labels
                .get(labels::SPEC)
                .and_then(|text| labels::unpack(text)),
            id: network.id,
            name: network.name,
            driver: network.driver,
            internal: network.internal,
            attachable: network.attachable,
            enable_ipv6: network.enable_ipv6,
            labels: network.labels,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObservedVolume {
    pub name: String,
    /// Key in the project's `volumes`. `None`: it does not belong to the project.
    pub key: Option<String>,
    pub driver: String,
    pub driver_opts: IndexMap<String, String>,
    pub labels: IndexMap<String, String>,
    /// What wharf recorded on it.
    pub spec: Option<VolumeSpec>,
}

impl ObservedVolume {
    pub fn new(volume: EngineVolume, project: &str) -> Self {
        ObservedVolume {
            key: owned_key(&volume.labels, project, labels::VOLUME),
            spec: volume
                .labels
                .get(labels::SPEC)
                .and_then(|text| labels::unpack(text)),
            name: volume.name,
            driver: volume.driver,
            driver_opts: volume.driver_opts,
            labels: volume.labels,
        }
    }
}

fn owned_key(labels: &IndexMap<String, String>, project: &str, kind: &str) -> Option<String> {
    (labels.get(labels::PROJECT)? == project).then(|| labels.get(kind).cloned())?
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ObservedImage {
    pub id: String,
    /// `repository@sha256:..`
    pub digests: Vec<String>,
    /// Paths that get an anonymous volume unless something is mounted there.
    pub volumes: Vec<String>,
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    pub healthcheck: Option<HealthcheckSpec>,
    pub user: String,
    /// `os/arch[/variant]`.
    pub platform: String,
    /// How long the engine has had it under a name of its own when it was looked at, in whole seconds; `None`: not known.
    pub age: Option<u64>,
}

/// The id of an image that is not there yet.
const TO_BE_BUILT: &str = "to be built";

impl ObservedImage {
    /// Whether it only counts as there; see [`Snapshot::pretend_image`].
    pub fn is_pretended(&self) -> bool {
        self.id == TO_BE_BUILT
    }

    /// What is not known to be young counts as old.
    pub fn is_older_than(&self, length: Duration) -> bool {
        self.age.is_none_or(|age| Duration::from_secs(age) > length)
    }
}

impl ObservedImage {
    /// What `image` is at the time `now`.
    pub fn new(image: Image, now: DateTime<Utc>) -> Self {
        let mut platform = format!("{}/{}", image.operating_system, image.architecture);
        if !image.variant.is_empty() {
            platform.push('/');
            platform.push_str(&image.variant);
        }
        ObservedImage {
            id: image.id,
            digests: image.digests,
            volumes: image.volumes,
            entrypoint: image.entrypoint,
            command: image.command,
            healthcheck: image.healthcheck,
            user: image.user,
            platform,
            age: DateTime::parse_from_rfc3339(&image.last_tagged)
                .ok()
                .and_then(|tagged| u64::try_from((now - tagged.to_utc()).num_seconds()).ok()),
        }
    }
}

impl Snapshot {
    /// The service's containers made by `up`, lowest number first.
    pub fn of_service<'a, 'b>(
        &'a self,
        service: &'b str,
    ) -> impl Iterator<Item = &'a ObservedContainer> + use<'a, 'b> {
        self.containers
            .iter()
            .filter(move |container| container.service == service && !container.one_off)
    }

    pub fn container(&self, id: &str) -> Option<&ObservedContainer> {
        self.containers.iter().find(|container| container.id == id)
    }

    /// Counts an image as there that is going to be built, under an id that no image has.
    pub fn pretend_image(&mut self, reference: &str) {
        self.images
            .entry(reference.to_string())
            .or_insert_with(|| ObservedImage {
                id: TO_BE_BUILT.to_string(),
                ..ObservedImage::default()
            });
    }

    /// What tells this state of the project's objects from another.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self)
    }
}
