use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::files::FileUpload;
use crate::engine::{
    ContainerSpec, ContainerStatus, EndpointSpec, NetworkSpec, ResourceLimits, RestartPolicySpec,
    VolumeSpec,
};
use crate::model::Hook;
use crate::observe::ObservedContainer;

/// One call of the engine with everything it needs, or a wait for the outcome of earlier ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Operation {
    PullImage {
        reference: String,
        platform: Option<String>,
    },
    RemoveImage {
        reference: String,
    },
    CreateNetwork {
        spec: NetworkSpec,
    },
    RemoveNetwork {
        name: String,
        id: String,
    },
    CreateVolume {
        spec: VolumeSpec,
    },
    RemoveVolume {
        name: String,
    },
    CreateContainer {
        container: Box<NewContainer>,
    },
    /// Puts files into a container that does not run yet. Their content is not part of the plan.
    UploadFiles {
        container: ContainerRef,
        files: Vec<FileUpload>,
    },
    StartContainer {
        container: ContainerRef,
    },
    StopContainer {
        container: ContainerRef,
        /// Seconds until SIGKILL, below zero never; `None`: the container's own.
        grace: Option<i64>,
    },
    KillContainer {
        container: ContainerRef,
        signal: String,
    },
    RestartContainer {
        container: ContainerRef,
        grace: Option<i64>,
    },
    PauseContainer {
        container: ContainerRef,
    },
    UnpauseContainer {
        container: ContainerRef,
    },
    RenameContainer {
        container: ContainerRef,
        name: String,
    },
    /// Takes a container that does not run out of a network.
    LeaveNetwork {
        container: ContainerRef,
        name: String,
        id: String,
    },
    JoinNetwork {
        container: ContainerRef,
        name: String,
        endpoint: Box<EndpointSpec>,
    },
    UpdateContainer {
        container: ContainerRef,
        limits: ResourceLimits,
        restart: Option<RestartPolicySpec>,
    },
    RemoveContainer {
        container: ContainerRef,
        /// Kill it first.
        force: bool,
        /// Its anonymous volumes too.
        volumes: bool,
    },
    /// Runs a command in a running container and waits for its end.
    RunHook {
        container: ContainerRef,
        moment: HookMoment,
        hook: Hook,
    },
    /// Runs a container of its own to its end, before the service's container starts.
    RunInit {
        /// The service's container, whose volumes it gets.
        container: ContainerRef,
        init: Box<NewContainer>,
    },
    Wait {
        service: String,
        containers: Vec<ContainerRef>,
        gate: Gate,
        /// `false`: a failure is only reported.
        required: bool,
    },
}

/// A container by name; by id too when it existed before the plan was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerRef {
    pub service: String,
    /// The name it is to have in the end.
    pub name: String,
    /// `None`: a step of the same plan creates it.
    pub id: Option<String>,
    /// Its state when the plan was made; `None` as for `id`.
    pub status: Option<ContainerStatus>,
}

impl ContainerRef {
    pub fn planned(service: &str, name: &str) -> Self {
        ContainerRef {
            service: service.to_string(),
            name: name.to_string(),
            id: None,
            status: None,
        }
    }
}

/// A container to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewContainer {
    pub service: String,
    pub number: u32,
    /// Complete but for what only the engine knows; see `references` and `inherited`. Its name may be a temporary one.
    pub spec: ContainerSpec,
    /// The name it is to have in the end.
    pub name: String,
    /// What `service:NAME` in the specification stands for.
    pub references: IndexMap<String, ContainerRef>,
    /// Volumes of the container that it replaces.
    pub inherited: Vec<InheritedVolume>,
    /// Quicker health probes while it starts; not part of the recorded specification.
    pub start_probe: Option<StartProbe>,
}

/// An anonymous volume that a new container takes over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InheritedVolume {
    pub volume: String,
    pub target: String,
}

/// Nanoseconds, as in the Engine API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartProbe {
    pub start_period: i64,
    pub start_interval: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookMoment {
    PostStart,
    PreStop,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// The health check says so; one that has none fails.
    Healthy,
    /// It has ended with exit code 0.
    Completed,
    /// Healthy if it has a health check, else running, or ended with exit code 0.
    Ready,
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Gate::Healthy => "healthy",
            Gate::Completed => "completed",
            Gate::Ready => "ready",
        })
    }
}

/// What a step is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Target {
    Image { reference: String },
    Network { name: String },
    Volume { name: String },
    Container { service: String, name: String },
    Service { name: String },
}

impl Target {
    /// The service it belongs to.
    pub fn service(&self) -> Option<&str> {
        match self {
            Target::Container { service, .. } => Some(service),
            Target::Service { name } => Some(name),
            Target::Image { .. } | Target::Network { .. } | Target::Volume { .. } => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Image { reference } => write!(f, "image {reference}"),
            Target::Network { name } => write!(f, "network {name}"),
            Target::Volume { name } => write!(f, "volume {name}"),
            Target::Container { name, .. } => write!(f, "container {name}"),
            Target::Service { name } => write!(f, "service {name}"),
        }
    }
}

impl Operation {
    /// The verb, in one or two words.
    pub fn verb(&self) -> &'static str {
        match self {
            Operation::PullImage { .. } => "pull",
            Operation::CreateNetwork { .. }
            | Operation::CreateVolume { .. }
            | Operation::CreateContainer { .. } => "create",
            Operation::RemoveImage { .. }
            | Operation::RemoveNetwork { .. }
            | Operation::RemoveVolume { .. }
            | Operation::RemoveContainer { .. } => "remove",
            Operation::UploadFiles { .. } => "put files into",
            Operation::StartContainer { .. } => "start",
            Operation::StopContainer { .. } => "stop",
            Operation::KillContainer { .. } => "kill",
            Operation::RestartContainer { .. } => "restart",
            Operation::PauseContainer { .. } => "pause",
            Operation::UnpauseContainer { .. } => "unpause",
            Operation::RenameContainer { .. } => "rename",
            Operation::LeaveNetwork { .. } => "disconnect",
            Operation::JoinNetwork { .. } => "connect",
            Operation::UpdateContainer { .. } => "update",
            Operation::RunHook {
                moment: HookMoment::PostStart,
                ..
            } => "run post_start in",
            Operation::RunHook {
                moment: HookMoment::PreStop,
                ..
            } => "run pre_stop in",
            Operation::RunInit { .. } => "run pre_start for",
            Operation::Wait { gate, .. } => match gate {
                Gate::Healthy => "wait until healthy",
                Gate::Completed => "wait until completed",
                Gate::Ready => "wait until ready",
            },
        }
    }

    /// Whether it changes nothing.
    pub fn only_waits(&self) -> bool {
        matches!(self, Operation::Wait { .. })
    }
}

pub(super) fn container_target(container: &ObservedContainer) -> Target {
    Target::Container {
        service: container.service.clone(),
        name: container.name.clone(),
    }
}
