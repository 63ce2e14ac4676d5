//! Test runs: an isolated copy of an env, owned by a lease; run, collect, tear down, judge.

mod artifacts;
mod isolate;
mod lease;
mod ledger;
mod record;
mod run;
mod tear_down;

pub use artifacts::copy_out;
pub use isolate::isolate;
pub use lease::{LEASE, Lease, RUN};
pub use ledger::{CoveredImage, GreenRun, green_runs, note_green};
pub use record::{Summary, directory};
pub use run::{Failure, Phases, TestRun, Verdict};
pub use tear_down::tear_down;
