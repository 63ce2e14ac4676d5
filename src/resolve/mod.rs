//! The merged document becomes a typed project: long forms, defaults, absolute paths, active profiles, checked.

mod canonical;
mod grammar;
mod place;
mod schema;
mod shorthand;
