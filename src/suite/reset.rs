use std::time::Duration;

use futures_util::StreamExt;

use super::failure::Failure;
use crate::apply::{Cancel, CancelLevel};
use crate::engine::{ContainerStatus, Engine, EngineError, ExecSpec};
use crate::model::ResetDeclaration;
use crate::observe::labels;

/// The container in which a reset runs. `None`: the service does not run in this project.
pub async fn container_of(
    engine: &dyn Engine,
    project: &str,
    reset: &ResetDeclaration,
) -> Result<Option<String>, EngineError> {
    let filter = [
        (labels::PROJECT, project),
        (labels::SERVICE, reset.service.as_str()),
    ];
    let found = engine.list_containers(&filter).await?;
    Ok(found
        .into_iter()
        .find(|one| {
            let one_off = one
                .labels
                .get(labels::ONE_OFF)
                .is_some_and(|word| word == "True");
            !one_off && one.status == ContainerStatus::Running
        })
        .map(|one| one.id))
}

/// Brings the backends of a project back to their first state, as it declares. Returns `false` when somebody wanted the end
/// before: the command may still run then, and the stack has to go.
///
/// # Errors
/// When the service does not run, or the command fails or takes longer than `limit` (`None`: it may take for ever).
pub async fn reset(
    engine: &dyn Engine,
    project: &str,
    reset: &ResetDeclaration,
    limit: Option<Duration>,
    cancel: &Cancel,
) -> Result<bool, Failure> {
    let deadline = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = cancel.reached(CancelLevel::Finish) => Ok(false),
        done = run(engine, project, reset) => done.map(|()| true),
        () = deadline => Err(Failure::ResetTooLong {
            service: reset.service.clone(),
            command: reset.command.join(" "),
            limit: limit.unwrap_or_default(),
        }),
    }
}

async fn run(engine: &dyn Engine, project: &str, reset: &ResetDeclaration) -> Result<(), Failure> {
    let container = container_of(engine, project, reset)
        .await?
        .ok_or_else(|| Failure::NothingToReset(reset.service.clone()))?;
    let spec = ExecSpec {
        command: reset.command.clone(),
        attach_stdout: true,
        attach_stderr: true,
        ..ExecSpec::default()
    };
    let (exec, mut attached) = engine.exec(&container, &spec).await?;
    let mut text = Vec::new();
    while let Some(chunk) = attached.output.next().await {
        text.extend_from_slice(&chunk?.bytes);
    }
    match engine.exec_outcome(&exec).await?.exit_code {
        Some(0) | None => Ok(()),
        Some(exit_code) => Err(Failure::Reset {
            service: reset.service.clone(),
            command: reset.command.join(" "),
            exit_code,
            output: String::from_utf8_lossy(&text)
                .lines()
                .map(str::to_owned)
                .collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::Canceller;
    use crate::engine::memory::MemoryEngine;

    #[tokio::test]
    async fn a_reset_ends_when_somebody_wants_the_end() {
        let declared = ResetDeclaration {
            service: "db".into(),
            command: vec!["true".into()],
        };
        let engine = MemoryEngine::default();
        let (canceller, cancel) = Canceller::new();
        let without = reset(&engine, "p", &declared, None, &cancel).await;
        assert!(matches!(without, Err(Failure::NothingToReset(_))));
        canceller.raise();
        let ended = reset(&engine, "p", &declared, None, &cancel).await;
        assert!(matches!(ended, Ok(false)), "{ended:?}");
    }
}
