//! wharf runs env stacks: one application, described once in layered Compose files, in several environments.
#![forbid(unsafe_code)]

pub mod diagnostic;
pub mod grammar;
pub mod interpolate;
pub mod load;
pub mod merge;
pub mod model;
pub mod resolve;
pub mod source;
