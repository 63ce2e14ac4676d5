//! Watching files: which paths count, when they have changed, and what `develop.watch` asks for then.
//!
//! | item | meaning |
//! |---|---|
//! | [`Filter`] | which paths of a directory count: ignore rules, each relative to a directory of its own |
//! | [`Root`] | a file or directory to watch, with its filter; it may come into being later |
//! | [`Watcher`] | watches roots; [`Watcher::next`] gives the next set of [`Changes`] once the disk is quiet again |
//! | [`Changes`] | paths with what has become of them |
//! | [`Rule`], [`Batch`] | `develop.watch`: what changes mean for a service |
//! | [`deliver()`], [`run()`], [`everything`] | files into containers, commands in them |

mod changes;
mod deliver;
mod filter;
mod rule;
mod watcher;

pub use changes::{Change, Changes};
pub use deliver::{deliver, everything, run};
pub use filter::Filter;
pub use rule::{Action, Batch, Rule, RuleError, rules};
pub use watcher::{Root, WatchError, Watcher};
