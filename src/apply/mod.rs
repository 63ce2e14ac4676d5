//! Does what a plan says, and tells it as it happens.
//!
//! | item | meaning |
//! |---|---|
//! | [`apply()`] | runs a [`crate::plan::Plan`] on an engine; every step as soon as those it follows are done |
//! | [`Options`] | bounds and inputs: concurrency, wait timeout, credentials, consent to losing data |
//! | [`Event`], [`EventKind`], [`Events`] | what happens, as plain data on an unbounded channel; [`Events::channel`] |
//! | [`Cancel`], [`Canceller`] | two-stage cancellation: finish the calls in flight, or stop now |
//! | [`Applied`] | timings of every step, failures, whether it was interrupted; [`Applied::into_result`] |
//! | [`ApplyError`], [`GateError`] | what went wrong, with advice |
//! | [`Readiness`] | how long services took to be ready: those that take longest are started first |
//! | [`ProjectLock`], [`LockPlace`], [`Holder`], [`LockWait`] | one wharf at a time changes a project |
//! | [`Outcome`], [`ServiceRow`] | what runs now, for tables; [`Outcome::of`] a project's containers |

#[allow(clippy::module_inception)]
mod apply;
mod cancel;
mod create;
mod error;
mod event;
mod explain;
mod gate;
mod hook;
mod lock;
mod outcome;
mod perform;
mod probe;
mod readiness;
mod schedule;
#[cfg(test)]
mod tests;
mod timing;
mod urgency;
mod watch;

pub use apply::{Options, apply};
pub use cancel::{Cancel, CancelLevel, Canceller};
pub use error::{ApplyError, GateError, GateFailure, LastProbe, PortHolder};
pub use event::{Event, EventKind, Events};
pub use lock::{Holder, LockError, LockPlace, LockWait, ProjectLock};
pub use outcome::{Outcome, ServiceRow};
pub use readiness::Readiness;
pub use timing::{Applied, Timing};
