//! Test runs: an isolated copy of an env, owned by a lease; run, collect, tear down, judge.

mod artifacts;
mod isolate;
mod lease;

pub use artifacts::copy_out;
pub use isolate::isolate;
pub use lease::Lease;
