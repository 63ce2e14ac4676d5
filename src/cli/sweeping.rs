//! Whoever changes what runs on an engine clears away what killed test runs have left there.

use super::context::Context;
use crate::engine::EngineResult;
use crate::suite;

/// Clears up after a verb that is done with its own work. It may fail in silence: nobody has asked for it, and the next one tries
/// again.
pub async fn sweep_after(context: &Context) {
    match context.engine().await {
        Ok(engine) => say_swept(context, suite::sweep(engine.as_ref()).await),
        Err(failure) => tracing::debug!(?failure, "nothing is cleared up"),
    }
}

/// Tells what went: the ids of the runs.
pub fn say_swept(context: &Context, swept: EngineResult<(Vec<String>, Vec<String>)>) {
    match swept {
        Ok((gone, left)) => {
            if !gone.is_empty() {
                let runs = gone.join(", ");
                context
                    .console
                    .say(&format!("removed what killed test runs had left: {runs}"));
            }
            if !left.is_empty() {
                tracing::debug!(?left, "not everything could be cleared up");
            }
        }
        Err(error) => tracing::debug!(%error, "nothing is cleared up"),
    }
}
