use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::source::Span;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Diagnostic {
    pub severity: Severity,
    /// A code in words (`port-conflict`); every code is explained in the catalogue.
    pub code: &'static str,
    /// One sentence, present tense, lower case, user text in backticks.
    pub message: String,
    /// Where. The first primary label is the place that editors jump to.
    pub labels: Vec<Label>,
    /// Facts that help to understand.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Vec<Help>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    Warning,
    Error,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    pub span: Span,
    /// Empty: the place is marked and nothing more is said there.
    pub text: String,
    pub primary: bool,
}

/// A way out, with the edits that carry it out where wharf knows them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Help {
    pub text: String,
    pub edits: Vec<Edit>,
}

/// Replace the text at `span` (empty span: insert) with `replacement`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Edit {
    pub span: Span,
    pub replacement: String,
}

impl Diagnostic {
    fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Diagnostic {
            severity,
            code,
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    /// Marks the place that is wrong. A span that stands in no file adds nothing.
    pub fn at(self, span: Span, text: impl Into<String>) -> Self {
        self.label(span, text, true)
    }

    /// Marks a place that explains why.
    pub fn because(self, span: Span, text: impl Into<String>) -> Self {
        self.label(span, text, false)
    }

    fn label(mut self, span: Span, text: impl Into<String>, primary: bool) -> Self {
        if span.is_some() {
            self.labels.push(Label {
                span,
                text: text.into(),
                primary,
            });
        }
        self
    }

    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    pub fn help(self, text: impl Into<String>) -> Self {
        self.fix(text, Vec::new())
    }

    pub fn fix(mut self, text: impl Into<String>, edits: Vec<Edit>) -> Self {
        self.help.push(Help {
            text: text.into(),
            edits,
        });
        self
    }
}

/// The findings of a phase. Phases go on after an error as far as they can, so that all findings come at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnostics {
    findings: Vec<Diagnostic>,
    /// Hashes of the findings: a hostile file can have very many, and comparing each with all is too slow.
    seen: HashSet<u64>,
}

impl Diagnostics {
    /// Adds a finding unless the same is there already.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let mut hasher = DefaultHasher::new();
        diagnostic.hash(&mut hasher);
        if self.seen.insert(hasher.finish()) {
            self.findings.push(diagnostic);
        }
    }

    pub fn extend(&mut self, others: Diagnostics) {
        for diagnostic in others.findings {
            self.push(diagnostic);
        }
    }

    /// Takes the findings out that `wanted` picks.
    pub fn take(&mut self, mut wanted: impl FnMut(&Diagnostic) -> bool) -> Vec<Diagnostic> {
        self.findings
            .extract_if(.., |finding| wanted(finding))
            .collect()
    }

    pub fn has_errors(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.severity == Severity::Error)
    }

    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.findings.iter()
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        let mut diagnostics = Diagnostics::default();
        diagnostics.push(diagnostic);
        diagnostics
    }
}
