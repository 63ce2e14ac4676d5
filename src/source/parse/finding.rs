use granit_parser::{ErrorKind, ScanError};

use super::builder::Builder;
use super::{Fatal, MAX_DEPTH};
use crate::diagnostic::{Diagnostic, prose};
use crate::source::{Kind, Node, Span};

impl Builder<'_> {
    pub(super) fn syntax_error(&self, text: &str, error: &ScanError) -> Fatal {
        let at = error
            .marker()
            .byte_offset()
            .unwrap_or(self.last_end)
            .min(text.len());
        let width = text
            .get(at..)
            .and_then(|rest| rest.chars().next())
            .filter(|next| *next != '\n' && *next != '\r')
            .map_or(0, char::len_utf8);
        let span = self.span(at, at + width);
        Box::new(explain(error.kind()).at(span, ""))
    }
}

pub(super) fn nesting_too_deep() -> Diagnostic {
    Diagnostic::error(
        "nesting-too-deep",
        format!("lists and mappings are nested more than {MAX_DEPTH} levels deep"),
    )
}

pub(super) fn duplicate_key(text: &str, first: Span, second: Span) -> Diagnostic {
    Diagnostic::error(
        "duplicate-key",
        format!(
            "the key `{}` is used twice in one mapping",
            prose::short(text)
        ),
    )
    .at(second, "second use")
    .because(first, "first use")
}

pub(super) fn key_not_text(key: &Node) -> Diagnostic {
    let message = format!("a key must be a string, not {}", key.kind_name());
    let finding = Diagnostic::error("key-not-text", message).at(key.span, "");
    match key.kind {
        Kind::Sequence(_) | Kind::Mapping(_) => finding,
        _ => finding.help("put it in quotes"),
    }
}

/// What is wrong with the YAML, in words.
fn explain(kind: &ErrorKind) -> Diagnostic {
    let syntax = |message: &str| Diagnostic::error("yaml-syntax", message);
    match kind {
        ErrorKind::RecursionLimitExceeded => nesting_too_deep(),
        ErrorKind::TabInIndentation
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabAtBlockScalarStart => {
            syntax("a tab stands where YAML wants spaces").help("indent with spaces")
        }
        ErrorKind::UnclosedQuotedScalar => syntax("the quoted text is not closed").help(
            "close it with the quote that opens it; inside of single quotes a quote is doubled",
        ),
        ErrorKind::UnclosedFlowCollection { open } => {
            syntax(&format!("the `{open}` is not closed"))
                .help("close it, or put the value in quotes if it is a text")
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            syntax(&format!("`{open}` is closed by `{close}`"))
                .help("close what is open in the order in which it was opened")
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            syntax("the line before this place is a key without `:`")
                .help("write `key: value`, with a space after the colon")
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidIndentation => {
            syntax("a key is expected here").help("keys of one mapping stand in the same column")
        }
        ErrorKind::ExpectedBlockSequenceEntry => syntax("a list entry is expected here")
            .help("entries of one list begin with `- ` in the same column"),
        ErrorKind::UnexpectedCharacter { character } => {
            syntax(&format!("a value cannot begin with `{character}`"))
                .help("put the value in quotes")
        }
        ErrorKind::InvalidQuotedScalarIndent => {
            syntax("this line of a quoted text is not indented")
                .help("indent it, or close the quote before it")
        }
        ErrorKind::UnknownQuotedScalarEscape => syntax("this escape is not known to YAML")
            .help("in single quotes a backslash is an ordinary character"),
        other => syntax(&lower_first(&other.to_string()))
            .help("look at the indentation, and put texts with `:`, `#`, `{` or `[` in quotes"),
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_lowercase().chain(characters).collect())
        .unwrap_or_default()
}
