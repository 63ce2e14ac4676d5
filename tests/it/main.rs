//! wharf as people call it, without an engine: files in, text and exit code out.

mod stage;

mod command_line;
mod edges;
mod files;
mod hostile;
