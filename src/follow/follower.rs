use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::event::service_of;
use crate::engine::{
    AttachOptions, Engine, EngineError, EngineEvent, EngineResult, EngineStream, LogLine,
    LogOptions, LogStream,
};
use crate::observe::{ObservedContainer, collect_by_name, labels};

/// How long the last lines of a container that has ended are waited for before its end is told.
const LAST_LINES: Duration = Duration::from_secs(3);

/// Which services are followed.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// What their containers write is told.
    pub attached: HashSet<String>,
    /// Their containers' ends are told.
    pub watched: HashSet<String>,
}

/// Something that happened to a container; `name` is the engine's.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// It runs, now or already.
    Started {
        service: String,
        name: String,
    },
    Line {
        name: String,
        line: LogLine,
    },
    Ended {
        service: String,
        name: String,
        code: i64,
        /// The engine starts it again by itself.
        restarts: bool,
    },
}

/// Follows the containers of a project, those that are there and those that are made while it follows.
pub struct Follower {
    seen: mpsc::UnboundedReceiver<Seen>,
    task: JoinHandle<()>,
}

impl Follower {
    /// From now on everything is told; nothing of what was written before.
    ///
    /// # Errors
    /// When the engine cannot be asked.
    pub async fn begin(
        engine: Arc<dyn Engine>,
        project: &str,
        chosen: Chosen,
    ) -> EngineResult<Follower> {
        // First the events, then the look: what starts in between is heard of twice rather than never.
        let events = engine
            .events(&[(labels::PROJECT, project)], None, None)
            .await?;
        let there = collect_by_name(engine.as_ref(), project).await?;
        let (sender, seen) = mpsc::unbounded_channel();
        let mut following = Following {
            engine,
            chosen,
            sender,
            logs: HashMap::new(),
        };
        for container in &there.containers {
            following.meet(container).await?;
        }
        let task = tokio::spawn(following.run(events));
        Ok(Follower { seen, task })
    }

    /// The next thing that happens; `None` when the engine tells of nothing any more.
    pub async fn next(&mut self) -> Option<Seen> {
        self.seen.recv().await
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Following {
    engine: Arc<dyn Engine>,
    chosen: Chosen,
    sender: mpsc::UnboundedSender<Seen>,
    /// By the container's id.
    logs: HashMap<String, Log>,
}

/// How far a container's log has been told.
#[derive(Default)]
struct Log {
    /// The time of the last line; what is not later has been told, or is older than the following.
    last: Arc<Mutex<Option<String>>>,
    reading: Option<JoinHandle<()>>,
}

impl Following {
    /// A container that is there when the following begins.
    async fn meet(&mut self, container: &ObservedContainer) -> EngineResult<()> {
        let is_followed = self.chosen.attached.contains(&container.service)
            || self.chosen.watched.contains(&container.service);
        if container.one_off || !is_followed {
            return Ok(());
        }
        let log = Log::default();
        if self.chosen.attached.contains(&container.service) {
            let options = LogOptions {
                tail: Some(1),
                timestamps: true,
                tty: container.tty,
                ..LogOptions::default()
            };
            // A driver that cannot be read has no past to leave out.
            if let Ok(mut lines) = self.engine.container_logs(&container.id, &options).await
                && let Some(Ok(line)) = lines.next().await
            {
                *lock(&log.last) = line.timestamp;
            }
        }
        self.logs.insert(container.id.clone(), log);
        if container.is_running() {
            self.started(
                &container.id,
                &container.service,
                &container.name,
                container.tty,
            );
        }
        Ok(())
    }

    async fn run(mut self, mut events: EngineStream<EngineEvent>) {
        while let Some(Ok(event)) = events.next().await {
            let attribute = |key: &str| event.attributes.get(key).cloned().unwrap_or_default();
            let Some(service) = service_of(&event) else {
                continue;
            };
            if !self.chosen.attached.contains(&service) && !self.chosen.watched.contains(&service) {
                continue;
            }
            match event.action.as_str() {
                "start" => {
                    let inspected = self.engine.inspect_container(&event.actor).await;
                    let tty = matches!(&inspected, Ok(Some(container)) if container.tty);
                    // A replaced container is renamed between its creation and its start.
                    let name = match inspected {
                        Ok(Some(container)) => container.name,
                        _ => attribute("name"),
                    };
                    self.started(&event.actor, &service, &name, tty);
                }
                "die" => {
                    let code = attribute("exitCode").parse().unwrap_or(0);
                    self.ended(&event.actor, service, attribute("name"), code);
                }
                _ => {}
            }
        }
    }

    fn started(&mut self, id: &str, service: &str, name: &str, tty: bool) {
        let _ = self.sender.send(Seen::Started {
            service: service.to_owned(),
            name: name.to_owned(),
        });
        let log = self.logs.entry(id.to_owned()).or_default();
        let is_read = log.reading.as_ref().is_some_and(|task| !task.is_finished());
        if is_read || !self.chosen.attached.contains(service) {
            return;
        }
        let reading = Reading {
            engine: self.engine.clone(),
            sender: self.sender.clone(),
            id: id.to_owned(),
            name: name.to_owned(),
            tty,
            last: log.last.clone(),
        };
        log.reading = Some(tokio::spawn(reading.run()));
    }

    fn ended(&mut self, id: &str, service: String, name: String, code: i64) {
        let reading = self.logs.get_mut(id).and_then(|log| log.reading.take());
        let (engine, sender, id) = (self.engine.clone(), self.sender.clone(), id.to_owned());
        tokio::spawn(async move {
            if let Some(reading) = reading {
                let _ = tokio::time::timeout(LAST_LINES, reading).await;
            }
            let restarts = match engine.inspect_container(&id).await {
                Ok(Some(container)) => matches!(
                    container.state.status,
                    crate::engine::ContainerStatus::Restarting
                        | crate::engine::ContainerStatus::Running
                ),
                _ => false,
            };
            let _ = sender.send(Seen::Ended {
                service,
                name,
                code,
                restarts,
            });
        });
    }
}

/// Reads what one container writes while it runs.
struct Reading {
    engine: Arc<dyn Engine>,
    sender: mpsc::UnboundedSender<Seen>,
    id: String,
    name: String,
    tty: bool,
    last: Arc<Mutex<Option<String>>>,
}

impl Reading {
    async fn run(self) {
        let since = lock(&self.last).clone();
        let options = LogOptions {
            follow: true,
            since: since.clone(),
            timestamps: true,
            tty: self.tty,
            ..LogOptions::default()
        };
        match self.engine.container_logs(&self.id, &options).await {
            Ok(mut lines) => {
                while let Some(Ok(line)) = lines.next().await {
                    // The engine's `since` takes the line of that very moment in again.
                    if since.is_some() && line.timestamp <= since {
                        continue;
                    }
                    *lock(&self.last) = line.timestamp.clone();
                    self.tell(line);
                }
            }
            // Some log drivers cannot be read; then what is written from now on is all there is.
            Err(error) => {
                tracing::debug!(%error, container = self.name, "the log cannot be read");
                let _ = self.listen().await;
            }
        }
    }

    async fn listen(&self) -> Result<(), EngineError> {
        let options = AttachOptions {
            stdout: true,
            stderr: true,
            ..AttachOptions::default()
        };
        let mut attached = self.engine.attach_container(&self.id, &options).await?;
        let mut open: HashMap<bool, Vec<u8>> = HashMap::new();
        while let Some(chunk) = attached.output.next().await {
            let chunk = chunk?;
            let rest = open.entry(chunk.stream == LogStream::Stderr).or_default();
            rest.extend_from_slice(&chunk.bytes);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = rest.drain(..=end).collect();
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                self.tell(LogLine {
                    stream: chunk.stream,
                    timestamp: None,
                    bytes: Bytes::from(line),
                });
            }
        }
        Ok(())
    }

    fn tell(&self, line: LogLine) {
        let _ = self.sender.send(Seen::Line {
            name: self.name.clone(),
            line,
        });
    }
}

fn lock<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    value
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
