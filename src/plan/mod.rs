//! What has to be done, as a value: `reconcile(&Project, &Snapshot, &Policy) -> Plan`. Pure; the engine appears only as
//! plain data.
//!
//! | item | meaning |
//! |---|---|
//! | [`reconcile()`] | the steps of `up` (or `create`, with [`Policy::start`] off) |
//! | [`down`], [`stop`], [`start`], [`restart`], [`kill`], [`pause`], [`unpause`], [`remove`] | the steps of the other verbs |
//! | [`run`], [`RunRequest`] | dependencies up, and the container of `run` created; the caller attaches, starts and removes it |
//! | [`check_directory`] | whether the project belongs to another directory |
//! | [`pulls`] | only the image pulls that the policy asks for; observe again afterwards |
//! | [`Plan`] | steps in an order that is safe to run one by one; prints itself; serialisable; [`Plan::is_empty`], [`Plan::risk`] |
//! | [`Step`], [`Operation`], [`Cause`], [`Risk`], [`Target`] | one engine call each, on what, and why |
//! | [`Policy`] | the flags of the verbs |
//! | [`container_spec`] | a service as the engine is told it, for instance `n` and for `run` |
//! | [`image_of`], [`service_order`], [`dependencies`], [`replicas`] | single answers about a service |
//! | [`config_hash`] | what Compose records as a service's config hash |
//! | [`digest`] | digests of specifications |

mod cause;
mod config_hash;
mod containers;
mod decide;
mod diff;
pub mod digest;
mod down;
mod emit;
mod files;
mod hook;
mod in_place;
mod inherit;
#[cfg(test)]
pub(crate) mod laws;
mod lifecycle;
mod names;
mod networks;
mod objects;
mod operation;
mod order;
mod orphans;
mod pairing;
mod place;
#[allow(clippy::module_inception)]
mod plan;
mod policy;
#[cfg(test)]
mod printed;
mod pulls;
mod reconcile;
mod run;
#[cfg(test)]
mod simulate;
mod start_probe;
mod tree;
mod volumes;

use thiserror::Error;

pub use cause::{Cause, FieldChange, Risk};
pub use config_hash::config_hash;
pub use containers::{
    ContainerPlan, RESTART_POLICIES, container_name, container_spec, image_of, replicas,
    restart_policy,
};
pub use down::down;
pub use files::{FileSource, FileUpload, SuppliedVariable};
pub use lifecycle::{kill, kill_orphans, pause, remove, restart, start, stop, unpause};
use operation::container_target;
pub use operation::{
    ContainerRef, Gate, HookMoment, InheritedVolume, NewContainer, Operation, StartProbe, Target,
};
pub use order::{dependencies, service_order};
pub use orphans::orphans;
pub use place::Place;
pub use plan::{Plan, Step, Verb};
pub use policy::{ChangedVolumes, DownPolicy, Policy, Pull, Recreate, RemoveImages};
pub use pulls::pulls;
pub use reconcile::{check_directory, reconcile};
pub use run::{RunRequest, run};

/// A project that cannot be planned against this engine.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PlanError {
    #[error("no service `{name}` in project `{project}`; it has {}", known(.services))]
    UnknownService {
        name: String,
        project: String,
        services: Vec<String>,
    },
    #[error("services depend on each other in a circle: {}", .path.join(" -> "))]
    Cycle { path: Vec<String> },
    #[error(
        "project `{project}` runs from `{other}`, and this is `{own}`; go there, use another project name (`-p`), or say `--take-over` to go on from here"
    )]
    OtherDirectory {
        project: String,
        own: String,
        other: String,
    },
    #[error(
        "external network `{name}` does not exist; create it with `docker network create {name}`"
    )]
    ExternalNetworkMissing { name: String },
    #[error(
        "external volume `{name}` does not exist; create it with `docker volume create {name}`"
    )]
    ExternalVolumeMissing { name: String },
    #[error(
        "service `{service}` refers to service `{other}` in `{attribute}`, but `{other}` {why}"
    )]
    ReferenceNotRunning {
        service: String,
        attribute: String,
        other: String,
        why: String,
    },
    #[error(
        "service `{service}` refers to container `{container}` in `{attribute}`, but the engine has no such container"
    )]
    ForeignContainerMissing {
        service: String,
        attribute: String,
        container: String,
    },
    #[error(
        "service `{service}` has `container_name: {name}` and {count} containers, but a name can be given only once; remove `container_name`"
    )]
    NameTakenByScale {
        service: String,
        name: String,
        count: u32,
    },
    #[error("service `{service}` cannot name its container `{name}`: {holder}")]
    NameHeld {
        service: String,
        name: String,
        /// The container that has it, by the engine's id.
        id: String,
        holder: NameHolder,
    },
    #[error("services give each other's containers their names in a circle: {}; `wharf down` first", quoted(.services))]
    NamesInACircle { services: Vec<String> },
    #[error(
        "service `{service}` uses the external {kind} `{name}`; only Swarm has external {kind}s: give it a `file` or an `environment` variable"
    )]
    ExternalFile {
        service: String,
        kind: &'static str,
        name: String,
    },
    /// What its env files lack.
    #[error("{0}")]
    Unread(String),
    #[error(
        "service `{service}` uses the {kind} `{name}`, whose variable `{variable}` is set neither in the environment nor in an env file of the project"
    )]
    VariableUnset {
        service: String,
        kind: &'static str,
        name: String,
        variable: String,
    },
    #[error(
        "service `{service}` needs the image `{image}`, which is not on the engine and may not be pulled"
    )]
    ImageMissing { service: String, image: String },
    #[error("service `{service}` cannot run on this engine: {reason}")]
    Unsupported { service: String, reason: String },
    #[error("service `{service}`: {reason}")]
    BadValue { service: String, reason: String },
    #[error("{0}")]
    Plan(String),
}

/// Whose container has a name that another one is to get, and what can be done.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NameHolder {
    #[error(
        "a container of project `{0}` has the name; give it another one, or take that project down"
    )]
    OtherProject(String),
    #[error(
        "a container of no project has the name; give it another one, or remove that container with `docker rm -f`"
    )]
    Nobody,
    #[error(
        "the container of service `{0}` has the name; remove it first, with `wharf rm -sf {0}`"
    )]
    Service(String),
    #[error(
        "a container that `run` made of service `{0}` has the name; remove it with `docker rm -f`"
    )]
    OneOff(String),
    #[error(
        "a container of service `{0}`, which the project does not have any more, has the name; `--remove-orphans` removes it"
    )]
    Orphan(String),
}

fn known(services: &[String]) -> String {
    match services.is_empty() {
        true => "no services".to_string(),
        false => quoted(services),
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
