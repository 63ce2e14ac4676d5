//! One document laid over another, by the rules of each attribute.
//! <https://github.com/compose-spec/compose-spec/blob/main/13-merge.md>

mod apply;
mod entry;
mod long;
mod pattern;
mod place;
mod strategy;
mod tag;
#[cfg(test)]
mod tests;
mod unique;

pub use apply::{extend, merge};
pub use tag::{Cleared, Resets};
pub use unique::{deduplicate, deduplicate_within};
