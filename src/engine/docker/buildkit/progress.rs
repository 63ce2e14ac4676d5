use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog};

use crate::build::{BuildEvent, StepId, Stream};

/// What the name of a step begins with that reads a cache of elsewhere.
const CACHE_IMPORT: &str = "importing cache manifest from ";
/// Lines of a step that are kept for the case that it fails.
const KEPT_LINES: usize = 20;

/// Turns the engine's status messages, which repeat themselves, into events that do not.
#[derive(Debug, Default)]
pub(super) struct Progress {
    steps: HashMap<String, Step>,
    /// The step that failed first, with its error.
    failed: Option<String>,
}

#[derive(Debug)]
struct Step {
    id: StepId,
    name: String,
    started: bool,
    ended: bool,
    error: String,
    /// What each stream has written since its last line end.
    unfinished: [Vec<u8>; 2],
    last_lines: VecDeque<String>,
}

/// What is known of a failed step.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct FailedStep {
    pub name: String,
    pub error: String,
    /// Oldest first.
    pub last_output: Vec<String>,
}

impl Progress {
    pub(super) fn read(&mut self, status: StatusResponse) -> Vec<BuildEvent> {
        let mut events = Vec::new();
        for vertex in &status.vertexes {
            self.begin(vertex, &mut events);
        }
        for transfer in status.statuses {
            let Some(step) = self.steps.get(&transfer.vertex) else {
                continue;
            };
            let bytes = |count: i64| u64::try_from(count).unwrap_or(0);
            let name = match transfer.name.is_empty() {
                true => transfer.id,
                false => transfer.name,
            };
            events.push(BuildEvent::Transfer {
                step: step.id.clone(),
                name,
                current: bytes(transfer.current),
                total: (transfer.total > 0).then(|| bytes(transfer.total)),
                done: transfer.completed.is_some(),
            });
        }
        for log in status.logs {
            self.read_log(log, &mut events);
        }
        // What a step did comes before its end, also where the engine tells both at once.
        for vertex in status.vertexes {
            self.end(vertex, &mut events);
        }
        for warning in status.warnings {
            let line = |position: Option<bollard_buildkit_proto::pb::Position>| {
                position.and_then(|position| u32::try_from(position.line).ok())
            };
            let lines = warning
                .ranges
                .into_iter()
                .find_map(|range| Some((line(range.start)?, line(range.end)?)));
            let message = String::from_utf8_lossy(&warning.short);
            // Some engines say the line in the text as well.
            let place = lines.map_or(String::new(), |(first, _)| format!(" (line {first})"));
            events.push(BuildEvent::Warning {
                message: message.strip_suffix(&place).unwrap_or(&message).to_owned(),
                lines,
                url: (!warning.url.is_empty()).then_some(warning.url),
            });
        }
        events
    }

    /// The step with this digest, or else the one that failed first.
    pub(super) fn failed(&self, digest: Option<&str>) -> Option<FailedStep> {
        let step = digest
            .and_then(|digest| self.steps.get(digest))
            .or_else(|| self.steps.get(self.failed.as_ref()?))?;
        let mut last_output: Vec<String> = step.last_lines.iter().cloned().collect();
        for rest in &step.unfinished {
            if !rest.is_empty() {
                last_output.push(text_of(rest));
            }
        }
        Some(FailedStep {
            name: step.name.clone(),
            error: step.error.clone(),
            last_output,
        })
    }

    fn begin(&mut self, vertex: &Vertex, events: &mut Vec<BuildEvent>) {
        let step = self
            .steps
            .entry(vertex.digest.clone())
            .or_insert_with(|| Step {
                id: vertex.digest.as_str().into(),
                name: vertex.name.clone(),
                started: false,
                ended: false,
                error: String::new(),
                unfinished: Default::default(),
                last_lines: VecDeque::new(),
            });
        if vertex.started.is_some() && !step.started {
            step.started = true;
            events.push(BuildEvent::StepStarted {
                step: step.id.clone(),
                name: step.name.clone(),
            });
        }
    }

    fn end(&mut self, vertex: Vertex, events: &mut Vec<BuildEvent>) {
        let Some(step) = self.steps.get_mut(&vertex.digest) else {
            return;
        };
        if vertex.completed.is_none() || step.ended {
            return;
        }
        step.ended = true;
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = std::mem::take(&mut step.unfinished[stream as usize]);
            if !rest.is_empty() {
                step.line(stream, &rest, events);
            }
        }
        if !vertex.error.is_empty() {
            step.error = vertex.error.clone();
            // Steps that run beside a failing one are stopped and say so.
            let stopped = vertex.error.ends_with("context canceled");
            // The build goes on without a cache.
            let cache = step.name.strip_prefix(CACHE_IMPORT);
            if let Some(cache) = cache.filter(|_| !stopped) {
                events.push(BuildEvent::Warning {
                    message: format!("the cache `{cache}` cannot be read: {}", vertex.error),
                    lines: None,
                    url: None,
                });
            } else if self.failed.is_none() && !stopped {
                self.failed = Some(vertex.digest);
            }
            events.push(BuildEvent::StepFailed {
                step: step.id.clone(),
                name: step.name.clone(),
                error: vertex.error,
            });
            return;
        }
        let duration = match (&vertex.started, &vertex.completed) {
            (Some(started), Some(completed)) => between(started, completed),
            _ => Duration::ZERO,
        };
        events.push(BuildEvent::StepCompleted {
            step: step.id.clone(),
            name: step.name.clone(),
            cached: vertex.cached,
            duration,
        });
    }

    fn read_log(&mut self, log: VertexLog, events: &mut Vec<BuildEvent>) {
        let Some(step) = self.steps.get_mut(&log.vertex) else {
            return;
        };
        let stream = match log.stream {
            2 => Stream::Stderr,
            _ => Stream::Stdout,
        };
        let mut text = std::mem::take(&mut step.unfinished[stream as usize]);
        text.extend_from_slice(&log.msg);
        let mut rest = text.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            step.line(stream, &rest[..end], events);
            rest = &rest[end + 1..];
        }
        step.unfinished[stream as usize] = rest.to_vec();
    }
}

impl Step {
    fn line(&mut self, stream: Stream, line: &[u8], events: &mut Vec<BuildEvent>) {
        let line = text_of(line);
        if self.last_lines.len() == KEPT_LINES {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(line.clone());
        events.push(BuildEvent::Output {
            step: self.id.clone(),
            stream,
            line,
        });
    }
}

/// A line as a terminal would leave it: what stands before a carriage return has been overwritten.
fn text_of(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches('\r');
    text.rsplit('\r').next().unwrap_or(text).to_owned()
}

fn between(from: &Timestamp, to: &Timestamp) -> Duration {
    let nanoseconds =
        |time: &Timestamp| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    let passed = nanoseconds(to) - nanoseconds(from);
    Duration::from_nanos(u64::try_from(passed).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vertex(
        digest: &str,
        name: &str,
        started: Option<i64>,
        completed: Option<i64>,
        error: &str,
    ) -> Vertex {
        let time = |seconds| Timestamp { seconds, nanos: 0 };
        Vertex {
            digest: digest.into(),
            name: name.into(),
            started: started.map(time),
            completed: completed.map(time),
            error: error.into(),
            ..Vertex::default()
        }
    }

    fn log(vertex: &str, stream: i64, text: &str) -> VertexLog {
        VertexLog {
            vertex: vertex.into(),
            stream,
            msg: text.as_bytes().to_vec(),
            ..VertexLog::default()
        }
    }

    fn feed(
        progress: &mut Progress,
        vertexes: Vec<Vertex>,
        logs: Vec<VertexLog>,
    ) -> Vec<BuildEvent> {
        progress.read(StatusResponse {
            vertexes,
            logs,
            ..StatusResponse::default()
        })
    }

    #[test]
    fn repeated_messages_give_one_event() {
        let mut progress = Progress::default();
        let started = vec![vertex("a", "[1/2] FROM x", Some(1), None, "")];
        assert_eq!(feed(&mut progress, started.clone(), vec![]).len(), 1);
        assert_eq!(feed(&mut progress, started, vec![]).len(), 0);
        let completed = vec![vertex("a", "[1/2] FROM x", Some(1), Some(4), "")];
        assert_eq!(
            feed(&mut progress, completed.clone(), vec![]),
            [BuildEvent::StepCompleted {
                step: "a".into(),
                name: "[1/2] FROM x".into(),
                cached: false,
                duration: Duration::from_secs(3),
            }]
        );
        assert_eq!(feed(&mut progress, completed, vec![]).len(), 0);
    }

    #[test]
    fn a_cache_that_cannot_be_read_is_not_what_failed() {
        let mut progress = Progress::default();
        let events = feed(
            &mut progress,
            vec![
                vertex(
                    "c",
                    "importing cache manifest from r.example/a:1",
                    Some(1),
                    Some(2),
                    "gone",
                ),
                vertex("r", "[2/2] RUN false", Some(2), Some(3), "exit code: 1"),
            ],
            vec![],
        );
        let warning = BuildEvent::Warning {
            message: "the cache `r.example/a:1` cannot be read: gone".into(),
            lines: None,
            url: None,
        };
        assert!(events.contains(&warning), "{events:?}");
        let failed = progress.failed(None).unwrap();
        assert_eq!(failed.name, "[2/2] RUN false");
    }

    #[test]
    fn output_comes_in_lines_whatever_the_pieces() {
        let mut progress = Progress::default();
        feed(
            &mut progress,
            vec![vertex("a", "RUN", Some(1), None, "")],
            vec![],
        );
        let mut lines = Vec::new();
        for piece in ["one\ntw", "o\n", "10%\r50%\r100%\r\nlast"] {
            for event in feed(&mut progress, vec![], vec![log("a", 1, piece)]) {
                if let BuildEvent::Output { line, .. } = event {
                    lines.push(line);
                }
            }
        }
        assert_eq!(lines, ["one", "two", "100%"]);
        let events = feed(
            &mut progress,
            vec![vertex("a", "RUN", Some(1), Some(2), "boom")],
            vec![],
        );
        assert!(
            matches!(&events[0], BuildEvent::Output { line, .. } if line == "last"),
            "{events:?}"
        );
        assert!(matches!(&events[1], BuildEvent::StepFailed { error, .. } if error == "boom"));
    }

    #[test]
    fn the_first_real_failure_counts_and_keeps_its_last_lines() {
        let mut progress = Progress::default();
        feed(
            &mut progress,
            vec![
                vertex("stopped", "RUN long", Some(1), None, ""),
                vertex("broken", "RUN false", Some(1), None, ""),
            ],
            vec![],
        );
        let many: String = (0..50).map(|number| format!("line {number}\n")).collect();
        feed(
            &mut progress,
            vec![],
            vec![log("broken", 2, &many), log("broken", 2, "end")],
        );
        feed(
            &mut progress,
            vec![
                vertex("stopped", "RUN long", Some(1), Some(2), "context canceled"),
                vertex("broken", "RUN false", Some(1), Some(2), "exit code: 1"),
            ],
            vec![],
        );
        let failed = progress.failed(None).unwrap();
        assert_eq!(failed.name, "RUN false");
        assert_eq!(failed.last_output.len(), KEPT_LINES);
        assert_eq!(failed.last_output.last().map(String::as_str), Some("end"));
    }
}
