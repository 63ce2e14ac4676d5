//! Texts with holes, filled strictly: what is not defined is an error at its line, never an empty text.
//! The language is that of Jinja: <https://docs.rs/minijinja/latest/minijinja/syntax/>

mod filter;
mod render;

pub use filter::shell;
pub use render::{FileText, render};
