use super::shape::Shape;
use super::{PatternError, clean};

/// One pattern.
#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    /// Without the `!`, without redundant slashes and dots.
    text: String,
    /// Written with a leading `!`: what it matches is taken back in.
    negated: bool,
    /// The line of the ignore file, counted from one. `None`: it comes from no file.
    line: Option<u32>,
    shape: Shape,
}

impl Pattern {
    /// `Ok(None)`: there is nothing but blanks.
    pub(super) fn parse(text: &str, line: Option<u32>) -> Result<Option<Pattern>, PatternError> {
        let refuse = |reason| PatternError {
            pattern: text.trim().to_owned(),
            reason,
            line,
        };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Ok(None);
        }
        let cleaned = clean(trimmed);
        let (negated, text) = match cleaned.strip_prefix('!') {
            Some("") => return Err(refuse("`!` needs a pattern behind it")),
            Some(rest) => (true, rest.to_owned()),
            None => (false, cleaned),
        };
        let shape = Shape::parse(&text).map_err(refuse)?;
        Ok(Some(Pattern {
            text,
            negated,
            line,
            shape,
        }))
    }

    /// As it stands in the file, with its `!`.
    pub fn shown(&self) -> String {
        format!("{}{}", if self.negated { "!" } else { "" }, self.text)
    }

    pub fn is_negated(&self) -> bool {
        self.negated
    }

    /// The line of the ignore file, counted from one. `None`: it comes from no file.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        self.shape.matches(&self.text, path)
    }

    pub(super) fn matches_or_parent(&self, path: &str) -> bool {
        self.matches(path)
            || path
                .match_indices('/')
                .any(|(at, _)| self.matches(&path[..at]))
    }

    fn without_trailing_glob(&self) -> &str {
        let text = self.text.strip_suffix("/**").unwrap_or(&self.text);
        text.strip_suffix("/*").unwrap_or(text)
    }

    pub(super) fn has_wildcard(&self) -> bool {
        self.without_trailing_glob()
            .contains(['*', '[', ']', '?', '^', '\\'])
    }

    pub(super) fn reaches_below(&self, directory: &str) -> bool {
        let text = self.without_trailing_glob();
        text == directory
            || text
                .strip_prefix(directory)
                .is_some_and(|rest| rest.starts_with('/'))
    }
}
