use std::collections::HashMap;
use std::sync::Arc;

use futures_util::StreamExt;

use super::event::service_of;
use crate::engine::{Container, Engine, EngineEvent, EngineResult, EngineStream};
use crate::observe::{ObservedContainer, labels};

/// How long before its start is told a container may have written already, in nanoseconds: the engine sets the time of a start when
/// the program runs.
const AHEAD: i64 = 1_000_000_000;

/// A container that has started.
pub struct Start {
    pub container: Container,
    /// From when on its log is of this run, in Unix seconds; a little may be of the run before. `None`: it has run for the first time.
    pub since: Option<String>,
}

/// Tells of containers of a project that start from now on, whether they are new or start again.
pub struct Starts {
    engine: Arc<dyn Engine>,
    events: EngineStream<EngineEvent>,
    /// When each container has started that was met, by its id.
    met: HashMap<String, String>,
}

impl Starts {
    /// To be called before the containers are listed, which are then to be [met](Starts::meet): what starts in between is heard of
    /// twice, and told once.
    ///
    /// # Errors
    /// When the engine cannot be asked.
    pub async fn listen(engine: Arc<dyn Engine>, project: &str) -> EngineResult<Starts> {
        let events = engine
            .events(&[(labels::PROJECT, project)], None, None)
            .await?;
        Ok(Starts {
            engine,
            events,
            met: HashMap::new(),
        })
    }

    /// A container that need not be told of as it runs now.
    pub fn meet(&mut self, container: &ObservedContainer) {
        self.met
            .insert(container.id.clone(), container.started_at.clone());
    }

    /// The next start of a container of a service that `is_followed`; `None` when the engine tells of nothing any more.
    pub async fn next(&mut self, is_followed: impl Fn(&str) -> bool) -> Option<Start> {
        while let Some(Ok(event)) = self.events.next().await {
            let is_start = event.action == "start";
            if !is_start || !service_of(&event).is_some_and(|service| is_followed(&service)) {
                continue;
            }
            let Ok(Some(container)) = self.engine.inspect_container(&event.actor).await else {
                continue;
            };
            let started = container.state.started_at.clone();
            let former = self.met.insert(container.id.clone(), started.clone());
            if former.as_ref() == Some(&started) {
                continue;
            }
            let since = former.map(|_| {
                let time = event.time_nanos.saturating_sub(AHEAD);
                format!("{}.{:09}", time / 1_000_000_000, time % 1_000_000_000)
            });
            return Some(Start { container, since });
        }
        None
    }
}
