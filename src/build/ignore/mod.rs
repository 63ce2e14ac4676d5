//! Path patterns with the rules of `.dockerignore`: <https://docs.docker.com/build/concepts/context/#dockerignore-files>.
//!
//! The engine applies the same rules on its side, so where its matcher does something odd (`**foo` also matches
//! `barfoo`, a class matches a slash) this one does it too.

mod pattern;
mod shape;

use std::path::{Path, PathBuf};

pub use pattern::Pattern;

/// An ordered list of patterns; the last one that matches decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patterns(Vec<Pattern>);

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
        self.deciding(path)
            .is_some_and(|pattern| !pattern.is_negated())
    }

    /// The pattern that has the last word on a path. `None`: no pattern speaks of it.
    pub fn deciding(&self, path: &str) -> Option<&Pattern> {
        let mut deciding: Option<&Pattern> = None;
        for pattern in &self.0 {
            let matched = deciding.is_some_and(|last| !last.is_negated());
            if pattern.is_negated() == matched && pattern.matches_or_parent(path) {
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
            if !inherited && pattern.is_negated() != verdict.matched {
                continue;
            }
            if inherited || pattern.matches(path) {
                verdict.by_pattern[at] = true;
                verdict.matched = !pattern.is_negated();
            }
        }
        verdict
    }

    /// Whether something below `directory`, which is itself excluded, might be taken back in.
    pub fn may_readmit_below(&self, directory: &str) -> bool {
        let negated: Vec<&Pattern> = self
            .0
            .iter()
            .filter(|pattern| pattern.is_negated())
            .collect();
        negated.iter().any(|pattern| pattern.has_wildcard())
            || negated
                .iter()
                .any(|pattern| pattern.reaches_below(directory))
    }

    /// Whether something below `directory`, which does not match itself, might match.
    pub fn may_match_below(&self, directory: &str) -> bool {
        let plain: Vec<&Pattern> = self
            .0
            .iter()
            .filter(|pattern| !pattern.is_negated())
            .collect();
        plain.iter().any(|pattern| pattern.has_wildcard())
            || plain.iter().any(|pattern| pattern.reaches_below(directory))
    }
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
