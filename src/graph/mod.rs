//! Directed graphs without cycles, and pictures of them.

mod dag;

pub use dag::{Cycle, Dag};
