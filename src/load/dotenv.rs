use std::borrow::Cow;
use std::ops::Range;

use indexmap::IndexMap;

use crate::diagnostic::{Diagnostic, Diagnostics, prose};
use crate::interpolate::{self, Expression};
use crate::source::{SourceId, Span};

/// What an env file says about one variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvValue {
    /// `None`: the line is only a name, and the variable is not set where it would be inherited from.
    pub value: Option<String>,
    /// The name and its value as written, without the line break.
    pub span: Span,
}

/// How many bytes the values of one file may have: a few lines that name each other can stand for any amount.
const MAX_EXPANDED: usize = 16 << 20;

/// Reads a text in Compose's `.env` dialect. Later lines win over earlier ones.
///
/// `above` is asked for the variables in values before the earlier lines are, `below` after them: an earlier file's
/// values lie below this one's. Names without a value are looked up in the same order.
/// A line with an error is a finding and is left out; the lines after it are read. A name that is missing before `=` is
/// a warning only, because Compose takes the empty text for a name.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#env_file-format>
pub fn parse(
    source: SourceId,
    text: &str,
    above: &dyn Fn(&str) -> Option<String>,
    below: &dyn Fn(&str) -> Option<String>,
    diagnostics: &mut Diagnostics,
) -> IndexMap<String, EnvValue> {
    let mut reader = Reader {
        text,
        at: 0,
        source,
        above,
        below,
        entries: IndexMap::new(),
        expanded: 0,
        diagnostics,
    };
    while reader.expanded <= MAX_EXPANDED && reader.go_to_next_statement() {
        if reader.statement().is_none() {
            reader.go_to_next_line();
        }
    }
    reader.entries
}

/// Reads a text of `env_file: {format: raw}`, which is the format of `docker run --env-file`: values are taken as they
/// stand, quotes and `$` included.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#format>
pub fn parse_raw(
    source: SourceId,
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    diagnostics: &mut Diagnostics,
) -> IndexMap<String, EnvValue> {
    let mut entries = IndexMap::new();
    let mut next = 0;
    for full in text.split_inclusive('\n') {
        let line = full.strip_suffix('\n').unwrap_or(full);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let statement = line.trim_start();
        let start = next + line.len() - statement.len();
        next += full.len();
        if statement.is_empty() || statement.starts_with('#') {
            continue;
        }
        let span = Span::new(source, start, start + statement.len());
        let (name, value) = match statement.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (statement, None),
        };
        if name.is_empty() || name.contains([' ', '\t']) {
            let name_span = Span::new(source, start, start + name.len().max(1));
            diagnostics.push(bad_name(name, name_span));
            continue;
        }
        let value = value.map(str::to_owned).or_else(|| lookup(name));
        // A name alone that has no value anywhere leaves what a line above says.
        if value.is_some() || !entries.contains_key(name) {
            entries.insert(name.to_owned(), EnvValue { value, span });
        }
    }
    entries
}

fn bad_name(name: &str, span: Span) -> Diagnostic {
    let message = match name {
        "" => "a name is missing before `=`".to_owned(),
        name => format!("the name `{}` contains a space", prose::short(name)),
    };
    Diagnostic::error("env-file-syntax", message)
        .at(span, "")
        .note(NAME_FORMS)
}

const NAME_FORMS: &str = "each line is `NAME=value` or `NAME`";

struct Reader<'r> {
    text: &'r str,
    at: usize,
    source: SourceId,
    above: &'r dyn Fn(&str) -> Option<String>,
    below: &'r dyn Fn(&str) -> Option<String>,
    entries: IndexMap<String, EnvValue>,
    /// Bytes of values that variables stood for, so far.
    expanded: usize,
    diagnostics: &'r mut Diagnostics,
}

impl<'r> Reader<'r> {
    fn rest(&self) -> &'r str {
        &self.text[self.at..]
    }

    /// Skips blank space and comments. `false`: nothing is left.
    fn go_to_next_statement(&mut self) -> bool {
        loop {
            self.at = self.text.len() - self.rest().trim_start().len();
            match self.rest().chars().next() {
                None => return false,
                Some('#') => self.go_to_next_line(),
                Some(_) => return true,
            }
        }
    }

    fn go_to_next_line(&mut self) {
        self.at += self
            .rest()
            .find('\n')
            .map_or(self.rest().len(), |at| at + 1);
    }

    fn skip_blanks(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches(is_blank).len();
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.source, range.start, range.end)
    }

    fn wrong<T>(&mut self, range: Range<usize>, message: impl Into<String>) -> Option<T> {
        let span = self.span(range);
        self.diagnostics
            .push(Diagnostic::error("env-file-syntax", message).at(span, ""));
        None
    }

    /// One `NAME=value`, `NAME: value` or `NAME`. `None`: it is wrong, and a finding says so.
    fn statement(&mut self) -> Option<()> {
        if let Some(after) = self.rest().strip_prefix("export")
            && after.starts_with(char::is_whitespace)
        {
            self.at += "export".len();
            self.skip_blanks();
        }
        let start = self.at;
        let line = self.rest();
        let end = line.find(['=', ':', '\n']).unwrap_or(line.len());
        if let Some((at, stray)) = line[..end]
            .char_indices()
            .find(|(_, character)| !is_name_character(*character) && !is_blank(*character))
        {
            let range = start + at..start + at + stray.len_utf8();
            return self.wrong(
                range,
                format!("the character `{stray}` cannot be part of a name"),
            );
        }
        let name = line[..end].trim_end();
        let inherits = matches!(line.as_bytes().get(end), None | Some(b'\n'));
        if name.contains(is_blank) || name.is_empty() {
            let end = (start + name.len().max(1)).min(self.text.len());
            let span = self.span(start..end);
            if !name.is_empty() || inherits {
                self.diagnostics.push(bad_name(name, span));
                return None;
            }
            self.diagnostics.push(
                Diagnostic::warning("env-file-syntax", "a name is missing before `=`")
                    .at(span, "the empty text is taken for the name")
                    .note(NAME_FORMS),
            );
        }
        self.at += end;
        let name_end = start + name.len();
        let (value, end) = if inherits {
            let value = self.variable(name).map(Cow::into_owned);
            if value.is_none() && self.entries.contains_key(name) {
                return Some(());
            }
            (value, name_end)
        } else {
            self.at += 1;
            self.skip_blanks();
            let (value, end) = self.value()?;
            (Some(value), end.max(name_end + 1))
        };
        let span = self.span(start..end);
        self.entries
            .insert(name.to_owned(), EnvValue { value, span });
        Some(())
    }

    /// The value and where it ends.
    fn value(&mut self) -> Option<(String, usize)> {
        let start = self.at;
        let rest = self.rest();
        let Some(quote @ ('"' | '\'')) = rest.chars().next() else {
            let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
            self.at += line.len();
            let value = line.split(" #").next().unwrap_or(line).trim_end();
            let end = start + value.len();
            return Some((self.substitute(value, start..end)?, end));
        };
        let Some((unquoted, length)) = unquote(rest, quote) else {
            let line = rest.find('\n').unwrap_or(rest.len());
            let range = start..start + line;
            return self.wrong(range, format!("the quote `{quote}` is not closed"));
        };
        let end = start + length;
        self.at = end;
        let value = match quote {
            '"' => self.substitute(&unescape(&unquoted), start..end)?,
            _ => unquoted,
        };
        Some((value, end))
    }

    fn refuse_size<T>(&mut self, range: Range<usize>) -> Option<T> {
        let span = self.span(range);
        self.diagnostics.push(
            Diagnostic::error(
                "file-too-large",
                format!(
                    "the values of this env file are larger than {} MiB",
                    MAX_EXPANDED >> 20
                ),
            )
            .at(span, "the limit is reached here")
            .note("variables in values multiply: sixty lines that each name the one before twice stand for more than any machine holds"),
        );
        None
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        let earlier = || self.entries.get(name)?.value.as_deref();
        (self.above)(name)
            .map(Cow::Owned)
            .or_else(|| earlier().map(Cow::Borrowed))
            .or_else(|| (self.below)(name).map(Cow::Owned))
    }

    fn substitute(&mut self, value: &str, range: Range<usize>) -> Option<String> {
        if !interpolate::has_variables(value) {
            return Some(value.to_owned());
        }
        let template = match interpolate::parse(value) {
            Ok(template) => template,
            Err(error) => {
                let span = self.span(range);
                self.diagnostics.push(
                    Diagnostic::error(
                        "interpolation-syntax",
                        format!(
                            "`{}` is no variable expression",
                            prose::short(&value[error.range])
                        ),
                    )
                    .at(span, error.reason.rule())
                    .help(
                        "a `$` that is meant as text is written `$$`, or stands in single quotes",
                    ),
                );
                return None;
            }
        };
        let mut expanded = self.expanded;
        let outcome = template.substitute(&mut |expression: &Expression<'_>| {
            let value = self.variable(expression.name)?;
            expanded += value.len();
            (expanded <= MAX_EXPANDED).then_some(value)
        });
        self.expanded = expanded;
        if expanded > MAX_EXPANDED {
            return self.refuse_size(range);
        }
        match outcome {
            Ok(value) => Some(value),
            Err(missing) => {
                let span = self.span(range);
                self.diagnostics.push(
                    Diagnostic::error(
                        "variable-required",
                        format!("the variable `{}` has no value", missing.name),
                    )
                    .at(span, missing.message),
                );
                None
            }
        }
    }
}

/// White space within a line.
fn is_blank(character: char) -> bool {
    matches!(
        character,
        '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}'
    )
}

fn is_name_character(character: char) -> bool {
    matches!(character, '_' | '.' | '-' | '[' | ']') || character.is_alphanumeric()
}

/// The text between the quotes that `text` begins with, and the length including both. A backslash keeps a quote from
/// closing; other escapes stay as they are.
fn unquote(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
            if character != quote {
                value.push('\\');
            }
            value.push(character);
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            return Some((value, at + 1));
        } else {
            value.push(character);
        }
    }
    None
}

/// Replaces `\n`, `\t` and their like, `\\` and `\0ooo` (octal); `\$` becomes `$$`. Unknown escapes stay.
fn unescape(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        value.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let plain = match after.bytes().next() {
            Some(b'a') => Some("\u{7}"),
            Some(b'b') => Some("\u{8}"),
            Some(b'f') => Some("\u{c}"),
            Some(b'n') => Some("\n"),
            Some(b'r') => Some("\r"),
            Some(b't') => Some("\t"),
            Some(b'v') => Some("\u{b}"),
            Some(b'"') => Some("\""),
            Some(b'\\') => Some("\\"),
            Some(b'$') => Some("$$"),
            _ => None,
        };
        rest = match (plain, octal(after)) {
            (Some(plain), _) => {
                value.push_str(plain);
                &after[1..]
            }
            (None, Some(character)) => {
                value.push(character);
                &after[4..]
            }
            (None, None) => {
                value.push('\\');
                after
            }
        };
    }
    value.push_str(rest);
    value
}

/// `0` and three octal digits, up to `0377`.
fn octal(text: &str) -> Option<char> {
    let digits = text.strip_prefix('0')?.get(..3)?;
    u8::from_str_radix(digits, 8)
        .ok()
        .filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .map(char::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lookup(name: &str) -> Option<String> {
        (name == "SHELL").then(|| "sh".to_owned())
    }

    fn read(text: &str) -> (Vec<(String, Option<String>)>, Diagnostics) {
        let mut diagnostics = Diagnostics::default();
        let entries = parse(SourceId(0), text, &lookup, &|_| None, &mut diagnostics);
        let pairs = entries.into_iter().map(|(name, entry)| (name, entry.value));
        (pairs.collect(), diagnostics)
    }

    #[test]
    fn reads_what_compose_reads() {
        let table: [(&str, &[(&str, &str)]); 44] = [
            ("A=1", &[("A", "1")]),
            ("SHELL\nB=2", &[("SHELL", "sh"), ("B", "2")]),
            ("SHELL", &[("SHELL", "sh")]),
            ("A=x\nB=$A-$SHELL-${C:-d}", &[("A", "x"), ("B", "x-sh-d")]),
            ("SHELL=file\nB=$SHELL", &[("SHELL", "file"), ("B", "sh")]),
            ("A='it\\'s'", &[("A", "it's")]),
            ("A=\"a\\\"b\"", &[("A", "a\"b")]),
            ("A=\"x\\\\\"\nB=1", &[("A", "x\\"), ("B", "1")]),
            ("A=\"x\" B=2\n", &[("A", "x"), ("B", "2")]),
            ("A=\"x\" # c\nB=1", &[("A", "x"), ("B", "1")]),
            ("A=x # c", &[("A", "x")]),
            ("A=x# c", &[("A", "x# c")]),
            ("A= #c", &[("A", "#c")]),
            ("A=  x  ", &[("A", "x")]),
            (
                "A-B=1\nA.B=1\nA[0]=2",
                &[("A-B", "1"), ("A.B", "1"), ("A[0]", "2")],
            ),
            ("export A=1\nexport=3", &[("A", "1"), ("export", "3")]),
            ("A: b\nB :c", &[("A", "b"), ("B", "c")]),
            ("A=\"l1\nl2\"\nB=1", &[("A", "l1\nl2"), ("B", "1")]),
            ("A='l1\n$B\\n'\n", &[("A", "l1\n$B\\n")]),
            (
                "A=\"\\n\\t\\a\\c\\x41\\0101\\$B\\101\\q\"",
                &[("A", "\n\t\u{7}\\c\\x41A$B\\101\\q")],
            ),
            ("A=$$B", &[("A", "$B")]),
            (
                "A=1\r\nB=\"2\"\r\nC='3'\r\n",
                &[("A", "1"), ("B", "2"), ("C", "3")],
            ),
            ("A=\"a\r\nb\"\r\n", &[("A", "a\r\nb")]),
            ("é=1\n", &[("é", "1")]),
            ("A=$1 x$\n", &[("A", "$1 x$")]),
            ("A='$SHELL'\n", &[("A", "$SHELL")]),
            ("A=\"$SHELL\"\n", &[("A", "sh")]),
            ("A=1\nA=2\n", &[("A", "2")]),
            ("A=\nB=1", &[("A", ""), ("B", "1")]),
            ("  A=1\n\n#c\n  # d\nB=2", &[("A", "1"), ("B", "2")]),
            ("A=a\\nb\n", &[("A", "a\\nb")]),
            ("A = 1\n", &[("A", "1")]),
            ("A\t=\t1\n", &[("A", "1")]),
            ("A=''\nB=\"\"", &[("A", ""), ("B", "")]),
            ("A=x'y'\n", &[("A", "x'y'")]),
            ("A='x'#y\n", &[("A", "x")]),
            ("A=1 B=2\n", &[("A", "1 B=2")]),
            ("A=\"a\\\\nb\"\n", &[("A", "a\\nb")]),
            ("A=\"\\\\$SHELL\"\n", &[("A", "\\sh")]),
            ("A=\\$SHELL\n", &[("A", "\\sh")]),
            ("A=a #\n", &[("A", "a")]),
            ("A=a\t# c\n", &[("A", "a\t# c")]),
            ("A=a\u{a0}\n", &[("A", "a")]),
            ("# only\n\n", &[]),
        ];
        for (text, expected) in table {
            let (pairs, diagnostics) = read(text);
            let pairs: Vec<(&str, &str)> = pairs
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_deref().unwrap()))
                .collect();
            assert_eq!(pairs, expected, "{text:?}");
            assert!(diagnostics.is_empty(), "{text:?}: {diagnostics:?}");
        }
    }

    #[test]
    fn values_that_multiply_are_refused() {
        let mut text = "A0=xxxxxxxxxx\n".to_owned();
        for at in 1..60 {
            let below = at - 1;
            text += &format!("A{at}=${{A{below}}}${{A{below}}}\n");
        }
        let (pairs, diagnostics) = read(&text);
        assert_eq!(diagnostics.iter().next().unwrap().code, "file-too-large");
        let bytes: usize = pairs
            .iter()
            .filter_map(|(_, value)| Some(value.as_ref()?.len()))
            .sum();
        assert!(bytes <= 2 * MAX_EXPANDED, "{bytes}");
    }

    #[test]
    fn an_earlier_file_lies_below_and_the_shell_above() {
        let below = |name: &str| (name == "Q" || name == "R").then(|| "low".to_owned());
        let mut diagnostics = Diagnostics::default();
        let text = "A=$Q\nQ=3$Q\nB=$Q-$SHELL\nSHELL=file\nR\nQ\nC=$SHELL\n";
        let entries = parse(SourceId(0), text, &lookup, &below, &mut diagnostics);
        let value = |name: &str| entries[name].value.as_deref();
        assert_eq!(value("A"), Some("low"));
        assert_eq!(value("Q"), Some("3low"));
        assert_eq!(value("B"), Some("3low-sh"));
        assert_eq!(value("R"), Some("low"));
        assert_eq!(value("C"), Some("sh"));
    }

    #[test]
    fn a_name_that_is_missing_is_empty_and_a_warning() {
        let (pairs, diagnostics) = read("=x\nB=1");
        assert_eq!(pairs[0], (String::new(), Some("x".to_owned())));
        assert!(!diagnostics.has_errors() && !diagnostics.is_empty());
    }

    #[test]
    fn a_name_that_is_set_nowhere_has_no_value() {
        let (pairs, diagnostics) = read("A=\"x\"y\nUNSET\n");
        assert_eq!(
            pairs,
            [
                ("A".to_owned(), Some("x".to_owned())),
                ("y".to_owned(), None),
                ("UNSET".to_owned(), None),
            ]
        );
        assert!(diagnostics.is_empty());
    }

    #[test]
    fn wrong_lines_are_findings_and_the_rest_is_read() {
        let table = [
            ("A B=1\nC=1", "env-file-syntax", "A B"),
            ("=x\nC=1", "env-file-syntax", "="),
            ("\n = x\nC=1", "env-file-syntax", "="),
            ("C=1\nexport ", "env-file-syntax", ""),
            ("A!=1\nC=1", "env-file-syntax", "!"),
            ("C=1\nA=\"l1", "env-file-syntax", "\"l1"),
            ("A=${\nC=1", "interpolation-syntax", "${"),
            (
                "A=\"${SHELL:-\"q\"}\"\nC=1",
                "interpolation-syntax",
                "\"${SHELL:-\"",
            ),
            (
                "A=${MISSING:?no}\nC=1",
                "variable-required",
                "${MISSING:?no}",
            ),
        ];
        for (text, code, marked) in table {
            let (pairs, diagnostics) = read(text);
            let first = diagnostics.iter().next().unwrap();
            let span = first.labels[0].span;
            assert_eq!(
                (first.code, &text[span.start as usize..span.end as usize]),
                (code, marked)
            );
            assert!(
                pairs.contains(&("C".to_owned(), Some("1".to_owned()))),
                "{text:?}"
            );
        }
    }

    #[test]
    fn raw_values_stay_as_they_are() {
        let mut diagnostics = Diagnostics::default();
        let text = "A='x'\nB=\"y\" # z\n  C= 1 \r\nD\nSHELL\n#c\nE=x=$y\nF G=1\n=2\nA";
        let entries = parse_raw(SourceId(0), text, &lookup, &mut diagnostics);
        let pairs: Vec<(&str, Option<&str>)> = entries
            .iter()
            .map(|(name, entry)| (name.as_str(), entry.value.as_deref()))
            .collect();
        assert_eq!(
            pairs,
            [
                ("A", Some("'x'")),
                ("B", Some("\"y\" # z")),
                ("C", Some(" 1 ")),
                ("D", None),
                ("SHELL", Some("sh")),
                ("E", Some("x=$y")),
            ]
        );
        let span = entries["C"].span;
        assert_eq!(&text[span.start as usize..span.end as usize], "C= 1 ");
        assert_eq!(diagnostics.iter().count(), 2);
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_spans_slice_back(text in "([A-C=:#'\"\\\\$ {}\n\r]|export|\\PC)*") {
            let mut diagnostics = Diagnostics::default();
            for (name, entry) in parse(SourceId(0), &text, &lookup, &|_| None, &mut diagnostics) {
                let written = &text[entry.span.start as usize..entry.span.end as usize];
                prop_assert!(written.starts_with(&name), "{written:?}");
            }
            for finding in diagnostics.iter() {
                let span = finding.labels[0].span;
                prop_assert!(text.get(span.start as usize..span.end as usize).is_some());
            }
        }

        #[test]
        fn single_quotes_keep_any_text(value in "[^'\\\\]*") {
            let (pairs, _) = read(&format!("A='{value}'\n"));
            prop_assert_eq!(pairs, [("A".to_owned(), Some(value))]);
        }
    }
}
