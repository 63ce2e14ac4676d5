//! Test runs: isolated copies of an env, each owned by a lease; run, collect, tear down, judge.
//!
//! | item | meaning |
//! |---|---|
//! | [`Job`], [`jobs()`], [`Shard`] | what is tested in one stack: a suite, a combination of its matrix, a share of its tests |
//! | [`isolate()`], [`mark()`] | makes a project one of many of its kind, and labels everything of it |
//! | [`TestRun`], [`Told`], [`JobOutcome`], [`Verdict`] | brings a stack up, runs the tests in it, collects what they leave |
//! | [`tear_down()`] | removes everything of a stack |
//! | [`Lease`], [`put_up()`], [`Sign`] | who owns a stack, and who takes it over |
//! | [`take_warm()`] | a stack that stands ready |
//! | [`remains()`], [`sweep()`] | what runs have left on an engine; removing what has no living owner |
//! | [`Summary`], [`JobSummary`], [`directory()`], [`summaries()`] | what a run writes about itself, and reading it again |
//! | [`GreenRun`], [`note_green()`], [`green_runs()`] | which images a green run covers |

mod annotate;
mod artifacts;
mod crash;
mod evidence;
mod failure;
mod follow;
mod hold;
mod isolate;
mod job;
mod junit;
mod last_words;
mod lease;
mod ledger;
mod limit;
mod markdown;
mod outcome;
mod own_directory;
mod ports;
mod reap;
mod record;
mod reset;
mod revision;
mod run;
mod standing;
mod tear_down;
mod told;

pub use annotate::{Places, github, github_problem};
pub use crash::Crash;
pub use failure::Failure;
pub use hold::{Sign, WarmStack, count_warm, is_taken, put_up, retire_warm, take_warm};
pub use isolate::{isolate, mark};
pub use job::{Job, Shard, Sharding, jobs};
pub use junit::{Counts, FailedTest, Report, count, failed};
pub use lease::{LEASE, Lease, RUN};
pub use ledger::{CoveredImage, GreenRun, green_runs, note_green};
pub use markdown::MOST_FAILED;
pub use outcome::{Attempt, JobOutcome, Phases, Verdict};
pub use own_directory::own_directory;
pub use ports::OpenPort;
pub use reap::{Remains, is_stack_of, remains, sweep};
pub use record::{Ending, JobSummary, KEPT_RUNS, Summary, directory, summaries};
pub use revision::{Revision, revision};
pub use run::TestRun;
pub use tear_down::tear_down;
pub use told::Told;
