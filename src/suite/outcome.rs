use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::junit::Report;
use super::ports::OpenPort;

/// How the tests ended.
#[derive(Debug)]
pub enum Verdict {
    /// With this exit code of their own.
    Ended(i64),
    /// They took longer than this.
    TimedOut(Duration),
    Interrupted,
    /// They could not be run, or could not be followed to their end.
    Infrastructure(Failure),
}

/// How long each part took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Until the tests could start, in seconds. So for all.
    pub start_up: f64,
    pub tests: f64,
    pub collect: f64,
    pub clean_up: f64,
}

/// One run of the tests' command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// `None`: it did not end by itself.
    pub exit_code: Option<i64>,
    pub seconds: f64,
}

/// What became of a job.
#[derive(Debug)]
pub struct JobOutcome {
    pub verdict: Verdict,
    pub phases: Phases,
    pub attempts: Vec<Attempt>,
    pub ports: Vec<OpenPort>,
    /// The kernel killed the tests for lack of memory.
    pub out_of_memory: bool,
    /// Of all attempts. `None`: the tests left no report.
    pub report: Option<Report>,
    /// Why the report of the attempt that counts could not be had, or only in part, although one is declared.
    pub no_report: Option<String>,
    /// Declared artifacts that the tests have not left.
    pub missing: Vec<String>,
    /// The last lines of tests that failed.
    pub last_words: Vec<String>,
}

impl JobOutcome {
    /// Of a job in which nothing has run yet.
    pub fn new(verdict: Verdict) -> Self {
        JobOutcome {
            verdict,
            phases: Phases::default(),
            attempts: Vec::new(),
            ports: Vec::new(),
            out_of_memory: false,
            report: None,
            no_report: None,
            missing: Vec::new(),
            last_words: Vec::new(),
        }
    }
}
