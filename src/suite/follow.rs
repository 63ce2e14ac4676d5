use std::time::Duration;

use futures_util::StreamExt;

use super::outcome::Verdict;
use super::told::Told;
use crate::apply::{Cancel, CancelLevel};
use crate::engine::{AttachOptions, Engine, EngineError};
use crate::model::Service;

/// How long tests that are stopped may take to write down what they know, where the service does not say.
const GRACE: Duration = Duration::from_secs(2);

/// What a terminal sends when somebody wants a program to end, and what test runners end in order at: with a report of
/// what has run so far, and the place where they were.
const SIGNAL: &str = "SIGINT";

/// Starts the container of the tests and follows it to its end. `limit`: how long it may take; `None`: for ever.
///
/// Tests that take too long, or that nobody wants any more, are asked to end (by the service's `stop_signal` within its
/// `stop_grace_period`, where it has them), then killed. Afterwards they write no more.
pub async fn follow(
    engine: &dyn Engine,
    container: &str,
    service: Option<&Service>,
    limit: Option<Duration>,
    hear: &dyn Fn(Told<'_>),
    cancel: &Cancel,
) -> Result<Verdict, EngineError> {
    let attach = AttachOptions {
        stdout: true,
        stderr: true,
        ..AttachOptions::default()
    };
    let mut attached = engine.attach_container(container, &attach).await?;
    engine.start_container(container).await?;
    let deadline = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    let ending = async {
        while let Some(chunk) = attached.output.next().await {
            hear(Told::Output(&chunk?));
        }
        engine.wait_container(container).await
    };
    tokio::pin!(ending);
    let verdict = tokio::select! {
        code = &mut ending => return Ok(Verdict::Ended(code?)),
        () = deadline => Verdict::TimedOut(limit.unwrap_or_default()),
        () = cancel.reached(CancelLevel::Finish) => Verdict::Interrupted,
    };
    let signal = service.and_then(|service| service.stop_signal.as_deref());
    let grace = service.and_then(|service| service.stop_grace_period);
    let asked = engine
        .kill_container(container, signal.unwrap_or(SIGNAL))
        .await;
    if asked.is_ok() {
        tokio::select! {
            _ = &mut ending => return Ok(verdict),
            () = tokio::time::sleep(grace.map_or(GRACE, |grace| grace.std())) => {}
            () = cancel.reached(CancelLevel::Now) => {}
        }
    }
    engine.kill_container(container, "SIGKILL").await.ok();
    Ok(verdict)
}
