use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use crate::engine::{Engine, EventKind};
use crate::observe::labels;

/// Tells gates that something happened to a container, from one stream of the engine's events.
pub(super) struct Watch {
    notices: broadcast::Sender<Notice>,
    state: watch::Receiver<WatchState>,
    /// Ids of containers that have ended since.
    ended: Arc<Mutex<HashSet<String>>>,
    task: JoinHandle<()>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Notice {
    Container(String),
    /// The stream was cut and is back: anything may have happened.
    Anything,
}

#[derive(Clone, Debug, PartialEq)]
enum WatchState {
    Connecting,
    Live,
    Broken(String),
}

/// How often a cut stream is taken up again before it is given up; the pauses double from [`FIRST_PAUSE`], so an engine
/// has about half a minute to come back.
const ATTEMPTS: u32 = 9;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Notices that a gate may be behind before it is told "anything".
const BACKLOG: usize = 1024;

impl Watch {
    pub(super) fn open(engine: Arc<dyn Engine>, project: String) -> Watch {
        let (notices, _) = broadcast::channel(BACKLOG);
        let (state, receiver) = watch::channel(WatchState::Connecting);
        let sender = notices.clone();
        let ended: Arc<Mutex<HashSet<String>>> = Arc::default();
        let noted = Arc::clone(&ended);
        let task = tokio::spawn(async move {
            let reason = follow(engine, project, &sender, &state, &noted).await;
            let _ = state.send(WatchState::Broken(reason));
        });
        Watch {
            notices,
            state: receiver,
            ended,
            task,
        }
    }

    /// Whether a container has ended since, even if it runs again.
    pub(super) fn has_ended(&self, id: &str) -> bool {
        self.ended.lock().is_ok_and(|ended| ended.contains(id))
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.notices.subscribe()
    }

    /// Returns once events arrive; what happened before has to be asked for afterwards.
    pub(super) async fn live(&self) -> Result<(), String> {
        let mut state = self.state.clone();
        let reached = state
            .wait_for(|state| !matches!(state, WatchState::Connecting))
            .await;
        match reached.as_deref() {
            Ok(WatchState::Broken(reason)) => Err(reason.clone()),
            Ok(_) => Ok(()),
            Err(_) => Err("its events have ended".to_string()),
        }
    }

    /// Returns once the stream is given up, with the reason.
    pub(super) async fn broken(&self) -> String {
        let mut state = self.state.clone();
        let reached = state
            .wait_for(|state| matches!(state, WatchState::Broken(_)))
            .await;
        match reached.as_deref() {
            Ok(WatchState::Broken(reason)) => reason.clone(),
            _ => "its events have ended".to_string(),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes events on until they cannot be had any more; returns why.
async fn follow(
    engine: Arc<dyn Engine>,
    project: String,
    notices: &broadcast::Sender<Notice>,
    state: &watch::Sender<WatchState>,
    ended: &Mutex<HashSet<String>>,
) -> String {
    let mut failures = 0;
    let mut since = None;
    loop {
        let reason = match engine
            .events(&[(labels::PROJECT, &project)], since, None)
            .await
        {
            Ok(mut stream) => {
                let _ = state.send(WatchState::Live);
                if failures > 0 {
                    let _ = notices.send(Notice::Anything);
                }
                let mut reason = "the engine closed the stream of events".to_string();
                while let Some(event) = stream.next().await {
                    match event {
                        Ok(event) => {
                            failures = 0;
                            since = Some(event.time_nanos / 1_000_000_000);
                            // Execs are wharf's own probes more often than not.
                            if event.kind == EventKind::Container
                                && !event.action.starts_with("exec_")
                            {
                                if event.action == "die"
                                    && let Ok(mut ended) = ended.lock()
                                {
                                    ended.insert(event.actor.clone());
                                }
                                let _ = notices.send(Notice::Container(event.actor));
                            }
                        }
                        Err(error) => {
                            reason = error.to_string();
                            break;
                        }
                    }
                }
                reason
            }
            Err(error) => error.to_string(),
        };
        failures += 1;
        if failures > ATTEMPTS {
            return reason;
        }
        tokio::time::sleep(FIRST_PAUSE * 2u32.pow(failures - 1)).await;
    }
}
