use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::source::Segment;

/// A path with globs: `services.*.ports[0]`, `services.app.environment.PYCROFT_*`.
///
/// `*` stands for any characters of one key, or any index. A key with a dot is quoted: `services."a.b"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(pub Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A key, which may hold `*`; alone it matches an index too.
    Glob(String),
    /// A key exactly as written.
    Literal(String),
    Index(usize),
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PatternError {
    #[error("`{0}` has a quote that is not closed")]
    UnclosedQuote(String),
    #[error("`{0}` has a bracket without a number or `*` and `]`")]
    BadIndex(String),
    #[error("`{0}` has an empty key; keys are separated by one dot")]
    EmptyKey(String),
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        loop {
            rest = if let Some(quoted) = rest.strip_prefix('"') {
                let (key, after) = quoted
                    .split_once('"')
                    .ok_or_else(|| PatternError::UnclosedQuote(text.to_owned()))?;
                pieces.push(Piece::Literal(key.to_owned()));
                after
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                if end == 0 && !(pieces.is_empty() && rest.starts_with('[')) {
                    return Err(PatternError::EmptyKey(text.to_owned()));
                }
                if end > 0 {
                    pieces.push(Piece::Glob(rest[..end].to_owned()));
                }
                &rest[end..]
            };
            while let Some(bracket) = rest.strip_prefix('[') {
                let bad = || PatternError::BadIndex(text.to_owned());
                let (index, after) = bracket.split_once(']').ok_or_else(bad)?;
                pieces.push(match index {
                    "*" => Piece::Glob("*".to_owned()),
                    _ => Piece::Index(index.parse().map_err(|_| bad())?),
                });
                rest = after;
            }
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None if rest.is_empty() => return Ok(Pattern(pieces)),
                None => return Err(PatternError::EmptyKey(text.to_owned())),
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, piece) in self.0.iter().enumerate() {
            match piece {
                Piece::Index(index) => write!(f, "[{index}]")?,
                Piece::Glob(key) if at == 0 => f.write_str(key)?,
                Piece::Glob(key) => write!(f, ".{key}")?,
                Piece::Literal(key) if at == 0 => write!(f, "\"{key}\"")?,
                Piece::Literal(key) => write!(f, ".\"{key}\"")?,
            }
        }
        Ok(())
    }
}

impl Piece {
    pub fn matches(&self, segment: &Segment) -> bool {
        match (self, segment) {
            (Piece::Glob(glob), Segment::Key(key)) => matches_glob(glob, key),
            (Piece::Literal(wanted), Segment::Key(key)) => **wanted == **key,
            (Piece::Index(wanted), Segment::Index(index)) => wanted == index,
            (Piece::Glob(glob), Segment::Index(index)) => glob == "*" || glob.parse() == Ok(*index),
            _ => false,
        }
    }
}

/// Whether `text` matches `glob`, in which `*` stands for any number of characters.
fn matches_glob(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_patterns() {
        for text in [
            "services.app.ports[0]",
            "services.*.x",
            "services.\"a.b\".c",
            "x[1][2].y",
        ] {
            assert_eq!(
                text.parse::<Pattern>()
                    .map(|pattern| pattern.to_string())
                    .as_deref(),
                Ok(text)
            );
        }
        for text in ["", "a..b", ".a", "a.", "a.\"b", "a[x]", "a[1", "a[1]b"] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn stars_match_any_characters_of_one_key() {
        for (glob, text) in [
            ("*", ""),
            ("A_*", "A_B"),
            ("*_A", "B_A"),
            ("a*b*c", "a1b2c"),
            ("a*a", "aa"),
        ] {
            assert!(matches_glob(glob, text), "{glob} {text}");
        }
        for (glob, text) in [("a", "ab"), ("a*a", "a"), ("*b*c", "cb"), ("A_*", "B")] {
            assert!(!matches_glob(glob, text), "{glob} {text}");
        }
        assert!(Piece::Glob("*".into()).matches(&Segment::Index(3)));
        assert!(Piece::Glob("3".into()).matches(&Segment::Index(3)));
    }
}
