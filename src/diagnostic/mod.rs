//! What is wrong with the user's files, as values: a code in words, spans into every file involved, and a way out.

mod diagnostic;

pub use diagnostic::{Diagnostic, Diagnostics, Edit, Help, Label, Severity};
