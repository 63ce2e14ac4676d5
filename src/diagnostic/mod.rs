//! What is wrong with the user's files, as values: a code in words, spans into every file involved, and a way out.

pub mod catalog;
#[allow(clippy::module_inception)]
mod diagnostic;
mod github;
mod json;
mod place;
pub mod prose;
mod render;
mod sarif;
mod suggest;

pub use diagnostic::{Diagnostic, Diagnostics, Edit, Help, Label, Severity};
pub use github::{to_github, workflow_command};
pub use json::to_json;
pub use place::{Place, Position};
pub use render::render;
pub use sarif::to_sarif;
pub use suggest::closest;

/// Two findings for the tests of the output formats.
#[cfg(test)]
fn example() -> (Diagnostics, crate::source::Sources) {
    use crate::source::{Sources, Span};

    let mut sources = Sources::default();
    let id = sources.add(
        std::path::Path::new("/p/a.yml"),
        "dev: a%.yml",
        "a: 80\nö: 80\n",
    );
    let mut findings = Diagnostics::default();
    findings.push(
        Diagnostic::error("port-conflict", "port 80 is published twice")
            .because(Span::new(id, 3, 5), "first")
            .at(Span::new(id, 10, 12), "second")
            .note("100%")
            .fix(
                "take another",
                vec![Edit {
                    span: Span::new(id, 10, 12),
                    replacement: "81".into(),
                }],
            ),
    );
    findings.push(Diagnostic::warning("files-ambiguous", "two files"));
    (findings, sources)
}
