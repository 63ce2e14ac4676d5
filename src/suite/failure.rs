use std::time::Duration;

use super::crash::Crash;
use crate::apply::ApplyError;
use crate::engine::EngineError;
use crate::plan::PlanError;

/// What of the infrastructure failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(
        "the test service `{0}` is not a service of the project; name one of them in `x-wharf.test.service`"
    )]
    NoService(String),
    #[error("{0}")]
    Build(String),
    #[error("{0}")]
    Crashed(Crash),
    #[error("the reset `{command}` in service `{service}` ended with exit code {exit_code}{}", tail(.output))]
    Reset {
        service: String,
        command: String,
        exit_code: i64,
        output: Vec<String>,
    },
    #[error("the reset `{command}` in service `{service}` took longer than {} s", .limit.as_secs())]
    ResetTooLong {
        service: String,
        command: String,
        limit: Duration,
    },
    #[error(
        "the services were not ready within {} s\nhelp: a job that never ends, or a health check that never passes, holds the start-up; `start-timeout` beside `timeout` in `x-wharf.test` sets the limit",
        .0.as_secs()
    )]
    StartTooLong(Duration),
    #[error("service `{0}` does not run, so it cannot be reset")]
    NothingToReset(String),
    #[error("wharf itself failed: {0}")]
    Panic(String),
}

/// The last lines of something's output, below a message.
pub(super) fn tail(lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    format!("\nlast lines of its output:\n{}", lines.join("\n"))
}
