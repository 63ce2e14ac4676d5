//! wharf as people call it, without an engine: files in, text and exit code out.

// A test is an edge: it reads the environment itself.
#![allow(clippy::disallowed_methods)]

mod stage;

mod bake;
mod ci;
mod command_line;
mod config;
mod edges;
mod files;
mod hostile;
mod images;
mod laws;
mod lint;
mod picture;
mod remote;
mod remote_artifacts;
mod specification;
mod stacks;
