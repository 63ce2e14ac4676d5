//! What `docker compose` says when something goes wrong. Programs look for these words in what they call by its name.

use std::path::Path;

use crate::apply::{ApplyError, GateError, GateFailure};
use crate::diagnostic::Diagnostic;
use crate::engine::{EngineError, ErrorKind};
use crate::plan::{Gate, PlanError};

pub fn of_service(name: &str) -> String {
    format!("no such service: {name}")
}

pub fn of_plan(error: &PlanError) -> String {
    match error {
        PlanError::UnknownService { name, .. } => of_service(name),
        PlanError::ExternalNetworkMissing { name } => {
            format!("network {name} declared as external, but could not be found")
        }
        PlanError::ExternalVolumeMissing { name } => format!("external volume {name:?} not found"),
        PlanError::ReferenceNotRunning {
            attribute, other, ..
        } => {
            let shared = match attribute.as_str() {
                "network_mode" => "network namespace",
                "ipc" => "IPC namespace",
                "pid" => "PID namespace",
                _ => "volume",
            };
            format!("cannot share {shared} with service {other}: container missing")
        }
        PlanError::NameHeld { name, id, .. } => format!(
            "Error response from daemon: Conflict. The container name \"/{name}\" is already in use by container \"{id}\". You have \
             to remove (or rename) that container to be able to reuse that name."
        ),
        other => other.to_string(),
    }
}

/// A finding in the project's files. `None`: Compose has no words that anybody looks for. `here`: what relative paths refer to.
pub fn of_finding(finding: &Diagnostic, here: &Path) -> Option<String> {
    // What the finding is about stands in backticks, last.
    let subject = || finding.message.rsplit('`').nth(1);
    match finding.code {
        "container-name-taken" => {
            Some(format!("container name {:?} is already in use", subject()?))
        }
        "file-missing" if finding.message.starts_with("env file ") => Some(format!(
            "couldn't find env file: {}",
            here.join(subject()?).display()
        )),
        "file-missing" => Some(format!(
            "open {}: no such file or directory",
            here.join(subject()?).display()
        )),
        "remote-disabled" => {
            let variable = subject()?;
            let kind = if variable.contains("OCI") {
                "OCI"
            } else {
                "git"
            };
            Some(format!(
                "{kind} remote resource is disabled by {variable:?}"
            ))
        }
        "files-missing" => Some("no configuration file provided: not found".to_owned()),
        "undefined-service" => Some(of_service(subject()?)),
        "platform-not-built" => Some(format!(
            "service.build.platforms MUST include service.platform {:?}",
            subject()?
        )),
        "variable-unset" => Some(warning(&format!(
            "The {:?} variable is not set. Defaulting to a blank string.",
            finding.message.split('`').nth(1)?
        ))),
        _ => None,
    }
}

/// A warning in the form of Compose's log.
pub fn warning(message: &str) -> String {
    format!("level=warning msg={message:?}")
}

/// What Compose says of containers that belong to no service, and are left alone.
pub fn of_orphans(names: &[&str]) -> String {
    warning(&format!(
        "Found orphan containers ([{}]) for this project. If you removed or renamed this service in your compose file, you can run \
         this command with the --remove-orphans flag to clean it up.",
        names.join(" ")
    ))
}

/// What the engine refused, as Compose hands it on.
pub fn of_engine(error: &EngineError) -> String {
    match error.kind {
        ErrorKind::Unreachable => error.to_string(),
        _ => format!("Error response from daemon: {}", essence(error)),
    }
}

/// Compose's line first; what wharf knows beyond it follows.
pub fn of_step(error: &ApplyError) -> String {
    match error {
        ApplyError::Gate(gate) => format!("{}\n{gate}", of_gate(gate)),
        ApplyError::Hook {
            service, exit_code, ..
        } => format!("{service} hook exited with status {exit_code}\n{error}"),
        other => match engine_error(other) {
            Some(source) => format!("Error response from daemon: {}", essence(source)),
            None => other.to_string(),
        },
    }
}

fn of_gate(error: &GateError) -> String {
    let name = &error.container;
    let code = error.exit_code.unwrap_or_default();
    let failed = match (&error.failure, error.gate) {
        (GateFailure::TimedOut, _) => return "timeout waiting for dependencies".to_owned(),
        (GateFailure::Failed | GateFailure::Exited, Gate::Completed) => {
            return format!(
                "service {:?} didn't complete successfully: exit {code}",
                error.service
            );
        }
        (GateFailure::Unhealthy, _) => format!("container {name} is unhealthy"),
        (GateFailure::NoHealthcheck, _) => {
            format!("container {name} has no healthcheck configured")
        }
        (GateFailure::Exited | GateFailure::Failed | GateFailure::Restarting, _) => {
            format!("container {name} exited ({code})")
        }
        (GateFailure::Gone, _) => format!("container {name} is gone"),
        (GateFailure::Engine(message), _) => message.clone(),
    };
    match error.waited_for_by.is_empty() {
        true => failed,
        false => format!("dependency failed to start: {failed}"),
    }
}

fn engine_error(error: &ApplyError) -> Option<&EngineError> {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref::<EngineError>() {
            return Some(found);
        }
        if let Some(found) = inner.downcast_ref::<Box<EngineError>>() {
            return Some(found);
        }
        cause = inner.source();
    }
    None
}

/// What the engine itself answered, as far as it can be told from what was tried.
pub fn essence(error: &EngineError) -> String {
    match error.message.split_once(": ") {
        Some((_, answer)) => answer.to_owned(),
        None => error.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ContainerStatus;

    #[test]
    fn what_the_engine_answered_is_found_below_boxes() {
        let refused = EngineError::new(
            crate::engine::ErrorKind::Other,
            "cannot pull image `x`: pull access denied for x",
        );
        let error = ApplyError::Step {
            step: 0,
            target: crate::plan::Target::Image {
                reference: "x".into(),
            },
            verb: "pull",
            source: Box::new(refused),
        };
        assert_eq!(
            of_step(&error),
            "Error response from daemon: pull access denied for x"
        );
    }

    fn gate(failure: GateFailure, gate: Gate, waited_for_by: &[&str]) -> String {
        of_gate(&GateError {
            service: "db".into(),
            container: "p-db-1".into(),
            gate,
            failure,
            status: ContainerStatus::Exited,
            health: None,
            exit_code: Some(4),
            out_of_memory: false,
            last_probe: None,
            log: Vec::new(),
            waited_for_by: waited_for_by
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            took: std::time::Duration::ZERO,
        })
    }

    #[test]
    fn gates_fail_in_the_words_of_compose() {
        assert_eq!(
            gate(GateFailure::Unhealthy, Gate::Healthy, &["web"]),
            "dependency failed to start: container p-db-1 is unhealthy"
        );
        assert_eq!(
            gate(GateFailure::Exited, Gate::Healthy, &["web"]),
            "dependency failed to start: container p-db-1 exited (4)"
        );
        assert_eq!(
            gate(GateFailure::Unhealthy, Gate::Ready, &[]),
            "container p-db-1 is unhealthy"
        );
        assert_eq!(
            gate(GateFailure::Failed, Gate::Completed, &["web"]),
            "service \"db\" didn't complete successfully: exit 4"
        );
    }

    #[test]
    fn what_is_missing_is_named_as_compose_names_it() {
        let network = PlanError::ExternalNetworkMissing { name: "ext".into() };
        assert_eq!(
            of_plan(&network),
            "network ext declared as external, but could not be found"
        );
    }
}
