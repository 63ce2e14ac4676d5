use bytes::BytesMut;
use futures_util::{StreamExt, stream};

use super::world::{no_container, refuse};
use super::{MemoryEngine, carries, until};
use crate::engine::{
    AttachOptions, Attached, ContainerStatus, EngineEvent, EngineResult, EngineStream, ErrorKind,
    ExecOutcome, ExecSpec, LabelFilter, LogLine, LogOptions, LogStream, StreamChunk,
};

impl MemoryEngine {
    pub(super) fn log_of(
        &self,
        id: &str,
        options: &LogOptions,
    ) -> EngineResult<EngineStream<LogLine>> {
        let id = {
            let world = self.shared.world();
            world.unit_id(id).ok_or_else(|| no_container(id))?
        };
        let options = options.clone();
        let length = self.shared.world().units[&id].log.len();
        let skip = options.tail.map_or(0, |tail| {
            length.saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX))
        });
        let shared = self.shared.clone();
        let lines = stream::unfold(skip, move |at| {
            let (shared, id, options) = (shared.clone(), id.clone(), options.clone());
            async move {
                let line = until(&shared, |world| match world.units.get(&id) {
                    None => Some(None),
                    Some(unit) => match unit.log.get(at) {
                        Some(line) => Some(Some(line.clone())),
                        None if options.follow && unit.is_running() => None,
                        None => Some(None),
                    },
                })
                .await??;
                let timestamp = line.timestamp.filter(|_| options.timestamps);
                Some((Ok(LogLine { timestamp, ..line }), at + 1))
            }
        });
        Ok(Box::pin(lines))
    }

    pub(super) fn attach_to(&self, id: &str, options: &AttachOptions) -> EngineResult<Attached> {
        let (id, start) = {
            let mut world = self.shared.world();
            let unit = world.unit(id)?;
            let start = if options.logs { 0 } else { unit.log.len() };
            (unit.id.clone(), start)
        };
        let shared = self.shared.clone();
        let (stdout, stderr) = (options.stdout, options.stderr);
        // A created container is attached to before it starts: wait for a run to end, not only for its absence.
        let first_run = shared.world().units[&id].run;
        let output = stream::unfold(start, move |at| {
            let (shared, id) = (shared.clone(), id.clone());
            async move {
                let line = until(&shared, |world| match world.units.get(&id) {
                    None => Some(None),
                    Some(unit) => match unit.log.get(at) {
                        Some(line) => Some(Some(line.clone())),
                        None if unit.is_running() => None,
                        None if unit.run == first_run
                            && unit.status == ContainerStatus::Created =>
                        {
                            None
                        }
                        None => Some(None),
                    },
                })
                .await??;
                Some((line, at + 1))
            }
        })
        .filter_map(move |line| async move {
            let wanted = match line.stream {
                LogStream::Stdout => stdout,
                LogStream::Stderr => stderr,
            };
            let mut bytes = BytesMut::from(&line.bytes[..]);
            bytes.extend_from_slice(b"\n");
            wanted.then(|| {
                Ok(StreamChunk {
                    stream: line.stream,
                    bytes: bytes.freeze(),
                })
            })
        });
        Ok(Attached {
            output: Box::pin(output),
            input: Box::pin(tokio::io::sink()),
        })
    }

    pub(super) fn execute(
        &self,
        container: &str,
        spec: &ExecSpec,
    ) -> EngineResult<(String, Attached)> {
        let name = self.name_of(container);
        let command = spec.command.join(" ");
        self.change(format!("exec in container {name}: {command}"), |world| {
            let exec = world.new_id("exec");
            let unit = world.unit(container)?;
            if unit.status != ContainerStatus::Running {
                return refuse(
                    ErrorKind::Conflict,
                    format!("cannot run `{command}`: container `{container}` is not running"),
                );
            }
            let scripted = unit
                .behaviour
                .commands
                .iter()
                .find(|(words, _, _)| *words == spec.command)
                .cloned();
            let (code, output) = match scripted {
                Some((_, code, output)) => (code, output),
                None if unit.is_probe(&spec.command) => match unit.probe() {
                    true => (0, "ok".to_owned()),
                    false => (1, "not yet".to_owned()),
                },
                None => (0, String::new()),
            };
            let outcome = ExecOutcome {
                running: false,
                exit_code: Some(code),
                pid: 1001,
            };
            world.execs.insert(exec.clone(), outcome);
            let chunks = (!output.is_empty() && !spec.detach).then(|| {
                Ok(StreamChunk {
                    stream: LogStream::Stdout,
                    bytes: output.into(),
                })
            });
            let attached = Attached {
                output: Box::pin(stream::iter(chunks)),
                input: Box::pin(tokio::io::sink()),
            };
            Ok((exec, attached))
        })
    }

    pub(super) fn told_events(
        &self,
        labels: LabelFilter<'_>,
        since: Option<i64>,
        until_second: Option<i64>,
    ) -> EngineResult<EngineStream<EngineEvent>> {
        const SECOND: i64 = 1_000_000_000;
        let wanted: Vec<(String, String)> = labels
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        let start = {
            let world = self.shared.world();
            match since {
                None => world.events.len(),
                Some(since) => world
                    .events
                    .iter()
                    .position(|event| event.time_nanos >= since * SECOND)
                    .unwrap_or(world.events.len()),
            }
        };
        let shared = self.shared.clone();
        let events = stream::unfold(start, move |at| {
            let (shared, wanted) = (shared.clone(), wanted.clone());
            async move {
                let mut at = at;
                let labels: Vec<(&str, &str)> = wanted
                    .iter()
                    .map(|(key, value)| (key.as_str(), value.as_str()))
                    .collect();
                let found = until(&shared, |world| {
                    while let Some(event) = world.events.get(at) {
                        if until_second.is_some_and(|end| event.time_nanos > end * SECOND) {
                            return Some(None);
                        }
                        at += 1;
                        if carries(&event.attributes, &labels) {
                            return Some(Some(event.clone()));
                        }
                    }
                    // The engine's clock stands still while nothing is done: what has an end is over.
                    until_second.map(|_| None)
                })
                .await??;
                Some((Ok(found), at))
            }
        });
        Ok(Box::pin(events))
    }
}
