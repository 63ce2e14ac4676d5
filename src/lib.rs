//! wharf runs env stacks: one application, described once in layered Compose files, in several environments.
#![forbid(unsafe_code)]

pub mod apply;
pub mod diagnostic;
pub mod engine;
pub mod load;
pub mod model;
pub mod observe;
pub mod plan;
pub mod source;
