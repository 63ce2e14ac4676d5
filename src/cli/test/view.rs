use std::cell::{Cell, RefCell};
use std::time::Duration;

use crate::cli::carry_out::explain;
use crate::cli::context::Context;
use crate::cli::globals::ProgressMode;
use crate::engine::{LogStream, StreamChunk};
use crate::report::{Console, Progress, Tone, prose};
use crate::suite::{self, Counts, Job, JobOutcome, Told, Verdict};

/// Shows a job while it runs: the start-up, then the tests' output as it comes. Jobs that run beside others say whose
/// line it is.
pub struct View<'v> {
    console: Console,
    progress: RefCell<Progress>,
    /// What stands before each line.
    prefix: Option<String>,
    lines: RefCell<[Vec<u8>; 2]>,
    /// What was shown last, without a prefix, is no whole line.
    ends_open: Cell<bool>,
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
            ends_open: Cell::new(false),
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
            Told::Missing(artifacts) => self.console.note(&format!(
                "{}the tests have not left: {}",
                self.prefix.as_deref().unwrap_or_default(),
                artifacts.join(", ")
            )),
            Told::Warning(text) => {
                self.flush();
                self.console.warn(&text);
            }
        }
    }

    fn output(&self, chunk: &StreamChunk) {
        let Some(prefix) = &self.prefix else {
            self.ends_open
                .set(chunk.bytes.last().is_some_and(|byte| *byte != b'\n'));
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

    /// Shows lines that have no end, so that what is said next begins its own.
    fn flush(&self) {
        let Some(prefix) = &self.prefix else {
            if self.ends_open.take() && self.console.data_goes_to_terminal() {
                self.console.raw_talk(b"\n");
            }
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
        let counts = outcome.report.as_ref().map(suite::count);
        let (tone, mut words) = match &outcome.verdict {
            Verdict::Ended(0) => passed(counts.unwrap_or_default()),
            Verdict::Ended(code) if outcome.out_of_memory => (
                Tone::Bad,
                format!("tests ran out of memory and ended with exit code {code}"),
            ),
            Verdict::Ended(code) => (Tone::Bad, failed(*code, counts.unwrap_or_default())),
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
        // The tests have said so themselves, but among the lines of other jobs.
        if let (Some(prefix), Some(report)) = (&self.prefix, &outcome.report) {
            let failed = suite::failed(report);
            for test in failed.iter().take(NAMED) {
                console.insist(&format!("{prefix}failed: {}", test.name));
            }
            if failed.len() > NAMED {
                console.insist(&format!("{prefix}and {} more", failed.len() - NAMED));
            }
        }
    }
}

/// So many failed tests of a job are named.
const NAMED: usize = 10;

fn passed(counts: Counts) -> (Tone, String) {
    let Counts {
        tests,
        failed,
        skipped,
        ..
    } = counts;
    let passed = tests - failed - skipped;
    match (passed, failed, skipped) {
        (_, 1.., _) => (
            Tone::Warning,
            format!(
                "the tests ended with exit code 0, but {failed} of {tests} failed in their report"
            ),
        ),
        (0, _, 0) => (Tone::Good, "tests passed".to_owned()),
        (1, _, 0) => (Tone::Good, "1 test passed".to_owned()),
        (_, _, 0) => (Tone::Good, format!("{passed} tests passed")),
        _ => (
            Tone::Good,
            format!("{passed} of {tests} tests passed, {skipped} skipped"),
        ),
    }
}

fn failed(code: i64, counts: Counts) -> String {
    match counts {
        Counts { failed: 0, .. } => format!("tests failed with exit code {code}"),
        Counts { failed, tests, .. } => {
            format!("{failed} of {tests} tests failed with exit code {code}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_counts_what_the_report_names() {
        let counts = |tests, failed, skipped| Counts {
            tests,
            failed,
            skipped,
            flaky: 0,
        };
        let words = |tests, failed, skipped| passed(counts(tests, failed, skipped)).1;
        assert_eq!(words(0, 0, 0), "tests passed");
        assert_eq!(words(1, 0, 0), "1 test passed");
        assert_eq!(words(12, 0, 2), "10 of 12 tests passed, 2 skipped");
        assert_eq!(passed(counts(3, 1, 0)).0, Tone::Warning);
        assert_eq!(failed(1, counts(0, 0, 0)), "tests failed with exit code 1");
        assert_eq!(
            failed(1, counts(12, 2, 0)),
            "2 of 12 tests failed with exit code 1"
        );
    }
}
