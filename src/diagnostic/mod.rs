//! What is wrong with the user's files, as values: a code in words, spans into every file involved, and a way out.

mod diagnostic;
mod render;
mod suggest;

pub use diagnostic::{Diagnostic, Diagnostics, Edit, Help, Label, Severity};
pub use render::render;
pub use suggest::closest;
