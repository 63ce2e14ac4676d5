use std::cell::RefCell;
use std::time::Duration;

use crate::cli::carry_out::explain;
use crate::cli::context::Context;
use crate::cli::globals::ProgressMode;
use crate::engine::{LogStream, StreamChunk};
use crate::report::{Console, Progress, Tone, prose};
use crate::suite::{self, Job, JobOutcome, Told, Verdict};

/// Shows a job while it runs: the start-up, then the tests' output as it comes. Jobs that run beside others say whose
/// line it is.
pub struct View<'v> {
    console: Console,
    progress: RefCell<Progress>,
    /// What stands before each line.
    prefix: Option<String>,
    lines: RefCell<[Vec<u8>; 2]>,
    job: &'v Job,
    named: bool,
}

impl<'v> View<'v> {
    pub fn new(context: &Context, job: &'v Job, beside_others: bool) -> Self {
        let progress = if beside_others && context.globals.progress == ProgressMode::Auto {
            context
                .with_progress(false, Some(ProgressMode::Plain))
                .progress()
        } else {
            context.progress()
        };
        View {
            console: context.console.clone(),
            progress: RefCell::new(progress),
            prefix: beside_others.then(|| format!("{job} | ")),
            lines: RefCell::default(),
            job,
            named: beside_others || !job.values.is_empty() || job.suite != "tests",
        }
    }

    pub fn show(&self, told: Told<'_>) {
        match told {
            Told::Plan(plan) => self.progress.borrow_mut().expect(plan),
            Told::Applying(event) => self.progress.borrow_mut().applying(event),
            Told::Ports(ports) => {
                self.progress.borrow_mut().end();
                for port in ports {
                    self.console.say(&format!(
                        "{} {}/{} is at {}",
                        port.service,
                        port.port,
                        port.protocol,
                        port.address()
                    ));
                }
            }
            Told::Output(chunk) => {
                self.progress.borrow_mut().end();
                self.output(chunk);
            }
            Told::Again {
                exit_code,
                attempt,
                of,
            } => {
                self.flush();
                self.console.say(&format!(
                    "{}: exit code {exit_code}; attempt {attempt} of {of}",
                    self.job
                ));
            }
            Told::Warning(text) => self.console.warn(&text),
        }
    }

    fn output(&self, chunk: &StreamChunk) {
        let Some(prefix) = &self.prefix else {
            return match chunk.stream {
                LogStream::Stderr => self.console.raw_talk(&chunk.bytes),
                LogStream::Stdout => self.console.raw_data(&chunk.bytes),
            };
        };
        let mut lines = self.lines.borrow_mut();
        let pending = &mut lines[usize::from(chunk.stream == LogStream::Stderr)];
        pending.extend_from_slice(&chunk.bytes);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let rest = pending.split_off(end + 1);
            let line = std::mem::replace(pending, rest);
            self.line(prefix, &line, chunk.stream);
        }
    }

    fn line(&self, prefix: &str, line: &[u8], stream: LogStream) {
        let line = [prefix.as_bytes(), line].concat();
        match stream {
            LogStream::Stderr => self.console.raw_talk(&line),
            LogStream::Stdout => self.console.raw_data(&line),
        }
    }

    /// Shows lines that have no end.
    fn flush(&self) {
        let Some(prefix) = &self.prefix else {
            return;
        };
        for (at, pending) in self.lines.take().into_iter().enumerate() {
            if pending.is_empty() {
                continue;
            }
            let stream = if at == 1 {
                LogStream::Stderr
            } else {
                LogStream::Stdout
            };
            self.line(prefix, &[pending.as_slice(), b"\n"].concat(), stream);
        }
    }

    /// Says how the job ended.
    pub fn verdict(&self, outcome: &JobOutcome) {
        self.progress.borrow_mut().end();
        self.flush();
        let console = &self.console;
        let (tone, mut words) = match &outcome.verdict {
            Verdict::Ended(0) => (Tone::Good, "tests passed".to_owned()),
            Verdict::Ended(code) if outcome.out_of_memory => (
                Tone::Bad,
                format!("tests ran out of memory and ended with exit code {code}"),
            ),
            Verdict::Ended(code) => (Tone::Bad, format!("tests failed with exit code {code}")),
            Verdict::TimedOut(limit) => (
                Tone::Bad,
                format!(
                    "tests stopped: they took longer than {}",
                    prose::stopwatch(*limit)
                ),
            ),
            Verdict::Interrupted => (Tone::Warning, "interrupted".to_owned()),
            Verdict::Infrastructure(failure) => {
                let message = match failure {
                    suite::Failure::Apply(error) => explain(error).to_string(),
                    other => other.to_string(),
                };
                console.error(&message);
                (Tone::Bad, "the tests could not be run".to_owned())
            }
        };
        if self.named {
            words = format!("{}: {words}", self.job);
        }
        let time = |seconds: f64| prose::stopwatch(Duration::from_secs_f64(seconds.max(0.0)));
        console.insist(&format!(
            "{} (start-up {}, tests {}, collecting {})",
            console.paint(tone, &words),
            time(outcome.phases.start_up),
            time(outcome.phases.tests),
            time(outcome.phases.collect),
        ));
    }
}
