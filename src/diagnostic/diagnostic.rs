use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use indexmap::IndexMap;

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

fn hash(diagnostic: &Diagnostic) -> u64 {
    let mut hasher = DefaultHasher::new();
    diagnostic.hash(&mut hasher);
    hasher.finish()
}

/// What two findings of one written text have in common.
#[derive(PartialEq, Eq, Hash)]
enum Sameness {
    /// The message is without the first name in it, which says whose value the text is.
    Text {
        code: &'static str,
        message: String,
        labels: Vec<Label>,
        help: Vec<Help>,
    },
    /// A finding that stands in no file, by its number.
    Alone(usize),
}

impl Sameness {
    fn of(finding: &Diagnostic, number: usize) -> Sameness {
        if finding.labels.is_empty() {
            return Sameness::Alone(number);
        }
        let mut parts = finding.message.splitn(3, '`');
        let (before, _name, after) = (parts.next(), parts.next(), parts.next());
        Sameness::Text {
            code: finding.code,
            message: [before, after].map(Option::unwrap_or_default).concat(),
            labels: finding.labels.clone(),
            help: finding.help.clone(),
        }
    }
}

/// The findings of a phase. Phases go on after an error as far as they can, so that all findings come at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnostics {
    findings: Vec<Diagnostic>,
    /// Hashes of the findings: a hostile file can have very many, and comparing each with all is too slow.
    seen: HashSet<u64>,
    omitted: usize,
    omitted_error: bool,
}

/// So many findings are kept; what comes after them is only counted. Nobody reads more, and a hostile file could make
/// millions.
const KEPT: usize = 500;

impl Diagnostics {
    /// Adds a finding unless the same is there already.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let hash = hash(&diagnostic);
        if self.findings.len() >= KEPT {
            self.omitted += usize::from(!self.seen.contains(&hash));
            self.omitted_error |= diagnostic.severity == Severity::Error;
        } else if self.seen.insert(hash) {
            self.findings.push(diagnostic);
        }
    }

    pub fn extend(&mut self, others: Diagnostics) {
        for diagnostic in others.findings {
            self.push(diagnostic);
        }
        self.omitted += others.omitted;
        self.omitted_error |= others.omitted_error;
    }

    /// Findings that say the same of one written text become the first of them, with a note of how many values it stands for: an alias,
    /// and a service that others extend, are written once and used many times.
    pub fn collapse(&mut self) {
        let mut uses: IndexMap<Sameness, (Diagnostic, usize)> = IndexMap::new();
        for (at, finding) in self.findings.drain(..).enumerate() {
            uses.entry(Sameness::of(&finding, at))
                .or_insert((finding, 0))
                .1 += 1;
        }
        self.findings = uses
            .into_values()
            .map(|(finding, uses)| match uses {
                1 => finding,
                _ => finding.note(format!(
                    "what is written here stands for {uses} values of the project"
                )),
            })
            .collect();
        self.seen = self.findings.iter().map(hash).collect();
    }

    /// Takes the findings out that `wanted` picks.
    pub fn take(&mut self, mut wanted: impl FnMut(&Diagnostic) -> bool) -> Vec<Diagnostic> {
        let taken: Vec<Diagnostic> = self
            .findings
            .extract_if(.., |finding| wanted(finding))
            .collect();
        for finding in &taken {
            self.seen.remove(&hash(finding));
        }
        taken
    }

    pub fn has_errors(&self) -> bool {
        let is_error = |finding: &Diagnostic| finding.severity == Severity::Error;
        self.omitted_error || self.findings.iter().any(is_error)
    }

    /// How many findings came after those that are kept.
    pub fn omitted(&self) -> usize {
        self.omitted
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_one_text_is_told_once() {
        let place = |at| Span::new(crate::source::SourceId(0), at, at + 1);
        let finding = |message: &str, at| Diagnostic::error("bad-port", message).at(place(at), "");
        let mut found = Diagnostics::default();
        for service in ["a", "b", "c"] {
            found.push(finding(&format!("`{service}` lacks `target`"), 4));
            found.push(finding(&format!("`{service}` lacks `source`"), 4));
        }
        found.push(finding("`d` lacks `target`", 9));
        for name in ["x", "y"] {
            found.push(Diagnostic::error("files-missing", format!("no `{name}`")));
        }
        found.collapse();
        let told: Vec<_> = found
            .iter()
            .map(|finding| (finding.message.as_str(), finding.notes.len()))
            .collect();
        assert_eq!(
            told,
            [
                ("`a` lacks `target`", 1),
                ("`a` lacks `source`", 1),
                ("`d` lacks `target`", 0),
                ("no `x`", 0),
                ("no `y`", 0)
            ]
        );
    }

    #[test]
    fn the_same_finding_is_kept_once_and_a_flood_is_counted() {
        let mut diagnostics = Diagnostics::default();
        for number in 0..KEPT + 10 {
            for _ in 0..2 {
                diagnostics.push(Diagnostic::warning(
                    "files-ambiguous",
                    format!("{}", number / 2),
                ));
            }
        }
        assert_eq!(diagnostics.iter().count(), KEPT.div_ceil(2) + 5);
        let mut flood = Diagnostics::default();
        for number in 0..KEPT + 10 {
            flood.push(Diagnostic::warning("files-ambiguous", format!("{number}")));
        }
        assert_eq!(
            (flood.iter().count(), flood.omitted(), flood.has_errors()),
            (KEPT, 10, false)
        );
        flood.push(Diagnostic::error("files-missing", "none"));
        assert!(flood.has_errors());
        assert_eq!(flood.take(|finding| finding.message == "3").len(), 1);
        flood.push(Diagnostic::warning("files-ambiguous", "3"));
        assert_eq!(flood.iter().count(), KEPT, "what was taken can come back");
        diagnostics.extend(flood);
        assert!(diagnostics.has_errors());
    }
}
