//! Logs of what runs, until it ends or somebody has seen enough.

use std::sync::Arc;

use super::context::Context;
use super::{Exit, Failure};
use crate::apply::{Cancel, CancelLevel};
use crate::engine::{Engine, EngineStream, LogLine, LogOptions};
use crate::observe::collect_by_name;
use crate::report::{LogView, merge_logs};

/// Follows the logs of these services (none: of all) from now on, until Ctrl-C.
pub async fn logs(
    context: &Context,
    engine: &Arc<dyn Engine>,
    project: &str,
    services: &[String],
    cancel: &Cancel,
) -> Result<Exit, Failure> {
    let snapshot = collect_by_name(engine.as_ref(), project).await?;
    let mut names = Vec::new();
    let mut streams: Vec<EngineStream<LogLine>> = Vec::new();
    let chosen = snapshot
        .containers
        .iter()
        .filter(|one| !one.one_off && (services.is_empty() || services.contains(&one.service)));
    for container in chosen {
        let options = LogOptions {
            follow: true,
            timestamps: true,
            tty: container.tty,
            ..LogOptions::default()
        };
        streams.push(engine.container_logs(&container.id, &options).await?);
        names.push(container.name.clone());
    }
    let view = LogView {
        names,
        bare: false,
        timestamps: false,
    };
    tokio::select! {
        merged = merge_logs(streams, |at, line| view.print(&context.console, at, &line)) => merged?,
        () = cancel.reached(CancelLevel::Finish) => {
            if !context.globals.as_compose {
                context.console.say("the services go on; `wharf down` stops them");
            }
        }
    }
    Ok(Exit::OK)
}
