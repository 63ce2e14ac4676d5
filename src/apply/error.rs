use std::fmt;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

use crate::engine::{ContainerStatus, EngineError, HealthStatus};
use crate::plan::{Gate, Target};

/// A step of a plan that failed.
#[derive(Debug, Error)]
pub enum ApplyError {
    #[error("cannot {verb} {target}")]
    Step {
        step: usize,
        target: Target,
        verb: &'static str,
        #[source]
        source: Box<EngineError>,
    },
    #[error("{}", port_taken(.container, .port, .holder))]
    PortTaken {
        service: String,
        container: String,
        /// `address:port/protocol` as far as it is known.
        port: String,
        /// The container that publishes the port, and its project.
        holder: Option<Box<PortHolder>>,
        #[source]
        source: Box<EngineError>,
    },
    #[error(
        "the image `{image}` of service `{service}` is not on the engine; build it or pull it first"
    )]
    ImageGone {
        service: String,
        image: String,
        #[source]
        source: Box<EngineError>,
    },
    #[error(
        "cannot remove network `{network}`: {} {} connected to it; disconnect or stop {} first",
        list(.containers),
        if .containers.len() == 1 { "is" } else { "are" },
        if .containers.len() == 1 { "it" } else { "them" }
    )]
    NetworkInUse {
        network: String,
        /// Names of the containers, which are not the project's own.
        containers: Vec<String>,
        #[source]
        source: Box<EngineError>,
    },
    #[error(transparent)]
    Gate(Box<GateError>),
    #[error("the {moment} hook `{command}` of `{container}` ended with exit code {exit_code}{}", tail(.output))]
    Hook {
        service: String,
        container: String,
        moment: &'static str,
        command: String,
        exit_code: i64,
        /// The last lines.
        output: Vec<String>,
    },
    #[error("cannot read `{path}` for `{target}`: {source}")]
    File {
        path: String,
        target: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the variable `{variable}` is not set; `{target}` takes its content from it")]
    VariableUnset { variable: String, target: String },
    #[error(
        "removing {target} would lose its data for good; say yes to it (`--yes`) or keep the volume as it is"
    )]
    DataLossRefused { target: Target },
    #[error("the plan refers to `{container}`, which no step has made")]
    UnknownContainer { container: String },
}

fn list(containers: &[String]) -> String {
    let names: Vec<String> = containers.iter().map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "a container".to_string(),
        1 => format!("container {}", names[0]),
        _ => format!("containers {}", names.join(", ")),
    }
}

/// Who publishes a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortHolder {
    pub container: String,
    pub project: Option<String>,
}

fn port_taken(container: &str, port: &str, holder: &Option<Box<PortHolder>>) -> String {
    let by = match holder.as_deref() {
        Some(PortHolder {
            container,
            project: Some(project),
        }) => format!("by container `{container}` of project `{project}`"),
        Some(PortHolder { container, .. }) => format!("by container `{container}`"),
        None => "on the engine's host".to_string(),
    };
    format!(
        "cannot start `{container}`: port {port} is taken {by}; publish another port, or stop what holds it"
    )
}

fn tail(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!(":\n{}", lines.join("\n"))
}

/// A service that did not become what others wait for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GateError {
    pub service: String,
    pub container: String,
    pub gate: Gate,
    pub failure: GateFailure,
    pub status: ContainerStatus,
    pub health: Option<HealthStatus>,
    pub exit_code: Option<i64>,
    /// The kernel killed it for lack of memory.
    pub out_of_memory: bool,
    pub last_probe: Option<LastProbe>,
    /// The last lines of its log, oldest first.
    pub log: Vec<String>,
    /// Services that waited for it, nearest first, each with those that wait for them in turn.
    pub waited_for_by: Vec<String>,
    /// Since its container started.
    pub took: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateFailure {
    Unhealthy,
    /// It ended although it was to run.
    Exited,
    /// It ended with another exit code than 0.
    Failed,
    /// It ends and is restarted by the engine again and again.
    Restarting,
    NoHealthcheck,
    /// Somebody removed it meanwhile.
    Gone,
    TimedOut,
    /// The engine could not be asked.
    Engine(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastProbe {
    pub exit_code: i64,
    pub output: String,
}

impl std::error::Error for GateError {}

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service `{}` ", self.service)?;
        let code = self.exit_code.unwrap_or_default();
        match &self.failure {
            GateFailure::Unhealthy => write!(f, "is unhealthy")?,
            GateFailure::Exited => {
                write!(f, "ended with exit code {code} while it was waited for")?
            }
            GateFailure::Failed => write!(f, "failed with exit code {code}")?,
            GateFailure::Restarting => {
                write!(
                    f,
                    "ends with exit code {code} each time the engine starts it"
                )?;
            }
            GateFailure::NoHealthcheck => write!(
                f,
                "has no health check, but others wait until it is healthy; give it a `healthcheck`, or wait for `service_started`"
            )?,
            GateFailure::Gone => write!(f, "was removed while it was waited for")?,
            GateFailure::TimedOut => write!(
                f,
                "is not {} after {:.1} s",
                self.gate,
                self.took.as_secs_f64()
            )?,
            GateFailure::Engine(message) => write!(f, "cannot be watched: {message}")?,
        }
        if self.out_of_memory {
            f.write_str(" (out of memory)")?;
        }
        write!(f, " (container `{}`)", self.container)?;
        if !self.waited_for_by.is_empty() {
            let names: Vec<String> = self
                .waited_for_by
                .iter()
                .map(|name| format!("`{name}`"))
                .collect();
            write!(f, "; {} waited for it", names.join(", "))?;
        }
        if let Some(probe) = &self.last_probe {
            write!(f, "\nlast probe: exit code {}", probe.exit_code)?;
            let output = probe.output.trim_end();
            if !output.is_empty() {
                write!(f, "\n{output}")?;
            }
        }
        if !self.log.is_empty() {
            write!(f, "\nlast lines of its log:\n{}", self.log.join("\n"))?;
        }
        Ok(())
    }
}
