//! One document laid over another, by the rules of each attribute.
//! <https://github.com/compose-spec/compose-spec/blob/main/13-merge.md>

mod apply;
mod entry;
mod pattern;
mod place;
mod strategy;
mod tag;
mod unique;

pub use apply::{extend, merge};
pub use tag::{Cleared, Resets};
pub use unique::{deduplicate, deduplicate_within};
