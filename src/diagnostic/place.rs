use serde::Serialize;

use crate::source::{Sources, Span};

/// A span in words that other programs understand. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Place {
    /// As shown to people: relative to the working directory where it lies below it.
    pub file: String,
    pub start: Position,
    /// One past the last character.
    pub end: Position,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Position {
    pub line: usize,
    pub column: usize,
    /// Bytes from the start of the file.
    pub offset: u32,
}

impl Place {
    /// `None` for a span that stands in no file.
    pub fn of(span: Span, sources: &Sources) -> Option<Self> {
        let file = sources.get(span.source)?;
        let position = |offset| {
            let (line, column) = file.line_column(offset);
            Position {
                line,
                column,
                offset,
            }
        };
        Some(Place {
            file: file.display.to_string(),
            start: position(span.start),
            end: position(span.end),
        })
    }
}
