//! Path patterns with the rules of `.dockerignore`: <https://docs.docker.com/build/concepts/context/#dockerignore-files>.
//!
//! The engine applies the same rules on its side, so where its matcher does something odd (`**foo` also matches
//! `barfoo`, a class matches a slash) this one does it too.

use std::path::{Path, PathBuf};

/// An ordered list of patterns; the last one that matches decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patterns(Vec<Pattern>);

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

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Exact,
    /// `prefix**`
    Prefix(String),
    /// `**suffix`
    Suffix(String),
    Tokens(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    /// `?`: one character but a slash.
    One,
    /// `*`: any number of characters but slashes.
    Star,
    /// `**/`: nothing, or anything that ends with a slash.
    Directories,
    /// A final `**`.
    Rest,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// Matches nothing (a `^` in the middle).
    Never,
}

/// A pattern that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a pattern: {reason}")]
pub struct PatternError {
    pub pattern: String,
    pub reason: &'static str,
    /// The line of the ignore file. `None`: it comes from no file.
    pub line: Option<u32>,
}

/// Which patterns a path matches; handed down to the entries of a directory, which then match them as well.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    pub matched: bool,
    by_pattern: Vec<bool>,
}

impl Patterns {
    /// From patterns as they stand in a list.
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Result<Self, PatternError> {
        let mut parsed = Vec::new();
        for text in patterns {
            parsed.extend(Pattern::parse(text.as_ref(), None)?);
        }
        Ok(Patterns(parsed))
    }

    /// From the text of an ignore file: comments, blank lines and a byte order mark are dropped, leading slashes too.
    pub fn from_file(text: &str) -> Result<Self, PatternError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut parsed = Vec::new();
        for (number, line) in (1u32..).zip(text.lines()) {
            if line.starts_with('#') {
                continue;
            }
            let line = line.trim();
            let (bang, rest) = match line.strip_prefix('!') {
                Some(rest) => ("!", rest.trim()),
                None => ("", line),
            };
            if bang.is_empty() && rest.is_empty() {
                continue;
            }
            let mut cleaned = if rest.is_empty() {
                String::new()
            } else {
                clean(rest)
            };
            if cleaned.len() > 1 && cleaned.starts_with('/') {
                cleaned.remove(0);
            }
            parsed.extend(Pattern::parse(&format!("{bang}{cleaned}"), Some(number))?);
        }
        Ok(Patterns(parsed))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter()
    }

    /// Whether a slash-separated relative path, or a directory above it, matches.
    pub fn matches(&self, path: &str) -> bool {
        self.deciding(path).is_some_and(|pattern| !pattern.negated)
    }

    /// The pattern that has the last word on a path. `None`: no pattern speaks of it.
    pub fn deciding(&self, path: &str) -> Option<&Pattern> {
        let mut deciding: Option<&Pattern> = None;
        for pattern in &self.0 {
            let matched = deciding.is_some_and(|last| !last.negated);
            if pattern.negated == matched && pattern.matches_or_parent(path) {
                deciding = Some(pattern);
            }
        }
        deciding
    }

    /// The verdict on an entry of a directory whose own verdict is `parent` (`None`: the entry stands at the top).
    pub fn verdict(&self, path: &str, parent: Option<&Verdict>) -> Verdict {
        let mut verdict = Verdict {
            matched: false,
            by_pattern: vec![false; self.0.len()],
        };
        for (at, pattern) in self.0.iter().enumerate() {
            let inherited =
                parent.is_some_and(|parent| parent.by_pattern.get(at).copied().unwrap_or_default());
            if !inherited && pattern.negated != verdict.matched {
                continue;
            }
            if inherited || pattern.matches(path) {
                verdict.by_pattern[at] = true;
                verdict.matched = !pattern.negated;
            }
        }
        verdict
    }

    /// Whether something below `directory`, which is itself excluded, might be taken back in.
    pub fn may_readmit_below(&self, directory: &str) -> bool {
        let negated: Vec<&Pattern> = self.0.iter().filter(|pattern| pattern.negated).collect();
        negated.iter().any(|pattern| pattern.has_wildcard())
            || negated
                .iter()
                .any(|pattern| pattern.reaches_below(directory))
    }

    /// Whether something below `directory`, which does not match itself, might match.
    pub fn may_match_below(&self, directory: &str) -> bool {
        let plain: Vec<&Pattern> = self.0.iter().filter(|pattern| !pattern.negated).collect();
        plain.iter().any(|pattern| pattern.has_wildcard())
            || plain.iter().any(|pattern| pattern.reaches_below(directory))
    }
}

impl Pattern {
    /// `Ok(None)`: there is nothing but blanks.
    fn parse(text: &str, line: Option<u32>) -> Result<Option<Pattern>, PatternError> {
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

    fn matches(&self, path: &str) -> bool {
        match &self.shape {
            Shape::Exact => path == self.text,
            Shape::Prefix(prefix) => path.starts_with(prefix),
            Shape::Suffix(suffix) => {
                path.ends_with(suffix) || suffix.strip_prefix('/').is_some_and(|rest| rest == path)
            }
            Shape::Tokens(tokens) => tokens_match(tokens, path),
        }
    }

    fn matches_or_parent(&self, path: &str) -> bool {
        self.matches(path)
            || path
                .match_indices('/')
                .any(|(at, _)| self.matches(&path[..at]))
    }

    fn without_trailing_glob(&self) -> &str {
        let text = self.text.strip_suffix("/**").unwrap_or(&self.text);
        text.strip_suffix("/*").unwrap_or(text)
    }

    fn has_wildcard(&self) -> bool {
        self.without_trailing_glob()
            .contains(['*', '[', ']', '?', '^', '\\'])
    }

    fn reaches_below(&self, directory: &str) -> bool {
        let text = self.without_trailing_glob();
        text == directory
            || text
                .strip_prefix(directory)
                .is_some_and(|rest| rest.starts_with('/'))
    }
}

impl Shape {
    fn parse(text: &str) -> Result<Shape, &'static str> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut literal = String::new();
        let mut kind = Kind::Exact;
        let mut chars = text.chars().peekable();
        let mut first = true;
        let flush = |literal: &mut String, tokens: &mut Vec<Token>| {
            if !literal.is_empty() {
                tokens.push(Token::Text(std::mem::take(literal)));
            }
        };
        while let Some(c) = chars.next() {
            match c {
                '*' if chars.peek() == Some(&'*') => {
                    chars.next();
                    chars.next_if_eq(&'/');
                    flush(&mut literal, &mut tokens);
                    if chars.peek().is_none() {
                        if kind == Kind::Exact {
                            kind = Kind::Prefix;
                        } else {
                            tokens.push(Token::Rest);
                            kind = Kind::Tokens;
                        }
                    } else {
                        tokens.push(Token::Directories);
                        kind = Kind::Tokens;
                    }
                    if first {
                        kind = Kind::Suffix;
                    }
                }
                '*' => {
                    flush(&mut literal, &mut tokens);
                    tokens.push(Token::Star);
                    kind = Kind::Tokens;
                }
                '?' => {
                    flush(&mut literal, &mut tokens);
                    tokens.push(Token::One);
                    kind = Kind::Tokens;
                }
                '[' => {
                    flush(&mut literal, &mut tokens);
                    tokens.push(class(&mut chars)?);
                    kind = Kind::Tokens;
                }
                '\\' => match chars.next() {
                    Some(escaped) => {
                        literal.push(escaped);
                        kind = Kind::Tokens;
                    }
                    None => return Err("a final `\\` needs a character behind it"),
                },
                '^' => {
                    flush(&mut literal, &mut tokens);
                    tokens.push(Token::Never);
                }
                c => literal.push(c),
            }
            first = false;
        }
        flush(&mut literal, &mut tokens);
        Ok(match kind {
            Kind::Exact => Shape::Exact,
            Kind::Prefix => Shape::Prefix(text[..text.len() - 2].to_owned()),
            Kind::Suffix => Shape::Suffix(text[2..].to_owned()),
            Kind::Tokens => Shape::Tokens(tokens),
        })
    }
}

#[derive(PartialEq)]
enum Kind {
    Exact,
    Prefix,
    Suffix,
    Tokens,
}

/// A character class; its `[` is already read.
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, &'static str> {
    const OPEN: &str = "a `[` needs its `]`";
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
            return Ok(Token::Class { negated, ranges });
        }
        let low = class_character(chars)?.ok_or(OPEN)?;
        let high = if chars.next_if_eq(&'-').is_some() {
            class_character(chars)?.ok_or(OPEN)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

fn class_character(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
) -> Result<Option<char>, &'static str> {
    match chars.next() {
        Some('-' | ']') => Err(
            "in a class, `-` stands between two characters, and `]` and a literal `-` need a `\\`",
        ),
        Some('\\') => Ok(chars.next()),
        other => Ok(other),
    }
}

/// Runs all ways through the tokens at once, so that no pattern takes more than `tokens * path` steps.
fn tokens_match(tokens: &[Token], path: &str) -> bool {
    let mut here = vec![false; path.len() + 1];
    here[0] = true;
    for token in tokens {
        let mut next = vec![false; path.len() + 1];
        let mut alive = false;
        for at in (0..=path.len()).filter(|at| here[*at]) {
            let rest = &path[at..];
            let mut reach = |to: usize| {
                next[to] = true;
                alive = true;
            };
            match token {
                Token::Text(text) if rest.starts_with(text.as_str()) => reach(at + text.len()),
                Token::Text(_) | Token::Never => {}
                Token::One => {
                    if let Some(c) = rest.chars().next().filter(|c| *c != '/') {
                        reach(at + c.len_utf8());
                    }
                }
                Token::Star => {
                    reach(at);
                    for (offset, c) in rest.char_indices().take_while(|(_, c)| *c != '/') {
                        reach(at + offset + c.len_utf8());
                    }
                }
                Token::Directories => {
                    reach(at);
                    for (offset, _) in rest.match_indices('/') {
                        reach(at + offset + 1);
                    }
                }
                Token::Rest => reach(path.len()),
                Token::Class { negated, ranges } => {
                    if let Some(c) = rest.chars().next() {
                        let listed = ranges.iter().any(|(low, high)| (*low..=*high).contains(&c));
                        if listed != *negated {
                            reach(at + c.len_utf8());
                        }
                    }
                }
            }
        }
        if !alive {
            return false;
        }
        here = next;
    }
    here[path.len()]
}

/// The shortest way to write a slash-separated path: no `.`, no `a/..`, no doubled slash; `.` for nothing.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => parts.join("/"),
    }
}

/// Where the ignore rules of a build may stand, the first that exists wins: beside the Dockerfile, named after it, then
/// at the top of the context.
pub fn candidates(dockerfile: &Path, context: &Path) -> [PathBuf; 2] {
    let mut beside = dockerfile.as_os_str().to_owned();
    beside.push(".dockerignore");
    [PathBuf::from(beside), context.join(".dockerignore")]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(file: &str, path: &str) -> bool {
        Patterns::from_file(file).unwrap().matches(path)
    }

    #[test]
    fn single_patterns() {
        for (pattern, path, expected) in [
            ("node_modules", "node_modules", true),
            ("node_modules", "node_modules/a/b.js", true),
            ("node_modules", "web/node_modules", false),
            ("/node_modules", "node_modules/a", true),
            ("./build/", "build/x", true),
            ("*/temp*", "somedir/temporary.txt", true),
            ("*/temp*", "somedir/temp", true),
            ("*/temp*", "temp", false),
            ("*/*/temp*", "a/b/temp0", true),
            ("*/*/temp*", "a/temp0", false),
            ("temp?", "tempa", true),
            ("temp?", "temp", false),
            ("temp?", "temp/", false),
            ("**/*.go", "main.go", true),
            ("**/*.go", "a/b/main.go", true),
            ("**/*.go", "main.goo", false),
            ("**/foo", "foo", true),
            ("**/foo", "a/foo", true),
            ("**/foo", "a/foo/b", true),
            ("**/foo", "afoo", false),
            ("**foo", "afoo", true),
            ("foo/**", "foo/a/b", true),
            ("foo/**", "foo", false),
            ("foo/**/bar", "foo/bar", true),
            ("foo/**/bar", "foo/x/y/bar", true),
            ("foo/**/bar", "foo/xbar", false),
            ("**/foo/**", "a/foo/b", true),
            ("**", "anything/at/all", true),
            ("*", "top", true),
            ("*", "top/below", true),
            ("a[b-d]e", "ace", true),
            ("a[b-d]e", "aze", false),
            ("a[^b-d]e", "aze", true),
            ("a[^b-d]e", "ace", false),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("[\\]a]", "]", true),
            ("a.txt", "axtxt", false),
            ("a+b", "a+b", true),
            ("a^b", "a^b", true),
            ("a^b*", "a^b", false),
            ("*.[ch]", "main.c", true),
            ("dir/../other", "other", true),
            ("ä*", "äpfel", true),
            ("x/y/..", "x/z", true),
            (".", "a", false),
        ] {
            assert_eq!(ignored(pattern, path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn the_last_matching_line_decides() {
        for (file, path, expected) in [
            ("*.md\n!README.md", "README.md", false),
            ("*.md\n!README.md", "CHANGES.md", true),
            (
                "*.md\n!README*.md\nREADME-secret.md",
                "README-secret.md",
                true,
            ),
            (
                "*.md\nREADME-secret.md\n!README*.md",
                "README-secret.md",
                false,
            ),
            ("*\n!src", "src/main.rs", false),
            ("*\n!src", "target/x", true),
            ("*\n!src/**\nsrc/*.tmp", "src/a.tmp", true),
            ("docs\n!docs/keep", "docs/keep/x", false),
            ("docs\n!docs/keep", "docs/other", true),
            ("# *\nfoo", "bar", false),
            (
                " # no comment, but a pattern",
                "# no comment, but a pattern",
                true,
            ),
            ("\u{feff}foo\r\n  bar  \r\n", "bar", true),
            ("\u{feff}foo", "foo", true),
            ("foo\n! foo", "foo", false),
            ("!/foo\nfoo", "foo", true),
        ] {
            assert_eq!(ignored(file, path), expected, "{file:?} on {path}");
        }
    }

    #[test]
    fn a_walk_with_inherited_verdicts_agrees_with_asking_for_the_whole_path() {
        let files = [
            "*\n!src\nsrc/*.tmp\n!src/keep.tmp",
            "**/x\n!a/x\na/x/y",
            "a/**\n!a/b/c",
            "a\n!a/b\na/b/c\n!**/d",
        ];
        let paths = [
            "src/a.tmp",
            "src/keep.tmp",
            "a/x/y",
            "a/x/z",
            "a/b/c",
            "a/b/d",
            "a/b/c/d",
            "x",
            "b/x/q",
        ];
        for file in files {
            let patterns = Patterns::from_file(file).unwrap();
            for path in paths {
                let mut verdict: Option<Verdict> = None;
                for end in path
                    .match_indices('/')
                    .map(|(at, _)| at)
                    .chain([path.len()])
                {
                    verdict = Some(patterns.verdict(&path[..end], verdict.as_ref()));
                }
                assert_eq!(
                    verdict.unwrap().matched,
                    patterns.matches(path),
                    "{file:?} on {path}"
                );
            }
        }
    }

    #[test]
    fn names_the_deciding_line() {
        let patterns = Patterns::from_file("# all\n*.log\n\nsecret/\n!keep.log\n").unwrap();
        let deciding = patterns.deciding("secret/a/b").unwrap();
        assert_eq!(
            (deciding.shown().as_str(), deciding.line()),
            ("secret", Some(4))
        );
        let deciding = patterns.deciding("keep.log").unwrap();
        assert_eq!(
            (deciding.shown().as_str(), deciding.line()),
            ("!keep.log", Some(5))
        );
        assert_eq!(patterns.deciding("src"), None);
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        for file in ["!", "a[b", "a[]", "a\\", "[a-]", "ok\n[-a]"] {
            let error = Patterns::from_file(file).unwrap_err();
            assert_eq!(error.line, Some(file.lines().count() as u32), "{file}");
        }
    }

    #[test]
    fn knows_which_directories_need_no_visit() {
        let patterns = Patterns::from_file("*\n!src/lib/x\n").unwrap();
        assert!(patterns.may_readmit_below("src"));
        assert!(patterns.may_readmit_below("src/lib"));
        assert!(!patterns.may_readmit_below("target"));
        assert!(!patterns.may_readmit_below("src/library"));
        assert!(
            Patterns::from_file("*\n!**/x")
                .unwrap()
                .may_readmit_below("target")
        );
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        let pattern = "**/*a".repeat(200);
        let path = "a/".repeat(500);
        assert!(!ignored(
            &pattern,
            &path[..path.len() - 2].replace('a', "b")
        ));
    }

    #[test]
    fn rules_beside_the_dockerfile_come_first() {
        let [beside, top] = candidates(Path::new("/p/docker/dev.Dockerfile"), Path::new("/p"));
        assert_eq!(beside, Path::new("/p/docker/dev.Dockerfile.dockerignore"));
        assert_eq!(top, Path::new("/p/.dockerignore"));
    }
}
