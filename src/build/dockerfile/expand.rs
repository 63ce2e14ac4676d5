use super::pattern::Pattern;

/// How many defaults within defaults are read; what is deeper stands for itself.
const DEEPEST: usize = 64;

/// A word as the engine reads it: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}` (and both without the colon),
/// `${NAME#pattern}`, `${NAME%pattern}` (and both doubled), `${NAME/pattern/other}` and `${NAME//pattern/other}` replaced,
/// quotes taken away; within single quotes everything stands for itself. Unset is empty. `escape` is the file's escape
/// character.
/// <https://docs.docker.com/reference/dockerfile/#environment-replacement>
pub(super) fn expand(text: &str, escape: char, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let expander = Expander { escape, lookup };
    expander.word(text, Escapes::Read, 0)
}

struct Expander<'e> {
    escape: char,
    lookup: &'e dyn Fn(&str) -> Option<String>,
}

/// What becomes of escaped characters.
#[derive(Clone, Copy, PartialEq)]
enum Escapes {
    /// They stand for themselves, without the escape character.
    Read,
    /// They are left, with a backslash, to whoever reads the word as a pattern.
    Kept,
}

impl Expander<'_> {
    fn word(&self, text: &str, escapes: Escapes, depth: usize) -> String {
        if depth > DEEPEST {
            return text.to_owned();
        }
        let mut out = String::new();
        let mut rest = text;
        let mut quoted = false;
        while let Some(at) = rest.find(['$', '"', '\'', self.escape]) {
            out.push_str(&rest[..at]);
            let mut chars = rest[at..].chars();
            let found = chars.next();
            let tail = chars.as_str();
            if found == Some(self.escape) {
                if escapes == Escapes::Kept {
                    out.push('\\');
                }
                out.extend(chars.next());
                rest = chars.as_str();
            } else if found == Some('"') {
                quoted = !quoted;
                rest = tail;
            } else if found == Some('\'') {
                match tail.split_once('\'') {
                    Some((literal, after)) if !quoted => {
                        out.push_str(literal);
                        rest = after;
                    }
                    _ => {
                        out.push('\'');
                        rest = tail;
                    }
                }
            } else if let Some(inner) = tail.strip_prefix('{') {
                let end = closing_brace(inner);
                out.push_str(&self.braced(&inner[..end], depth + 1));
                rest = inner.get(end + 1..).unwrap_or("");
            } else {
                let end = name_end(tail);
                if end == 0 {
                    out.push('$');
                } else {
                    out.push_str(&(self.lookup)(&tail[..end]).unwrap_or_default());
                }
                rest = &tail[end..];
            }
        }
        out.push_str(rest);
        out
    }

    /// What stands between `${` and `}`.
    fn braced(&self, inner: &str, depth: usize) -> String {
        let (name, modifier) = inner.split_at(name_end(inner));
        let value = (self.lookup)(name);
        let pattern = |text: &str| Pattern::new(&self.word(text, Escapes::Kept, depth));
        let (value, modifier) = match modifier.strip_prefix(':') {
            Some(modifier) => (value.filter(|value| !value.is_empty()), modifier),
            None => (value, modifier),
        };
        if let Some(default) = modifier.strip_prefix('-') {
            return value.unwrap_or_else(|| self.word(default, Escapes::Read, depth));
        }
        if let Some(other) = modifier.strip_prefix('+') {
            let other = value.map(|_| self.word(other, Escapes::Read, depth));
            return other.unwrap_or_default();
        }
        let value = value.unwrap_or_default();
        for (sign, at_start, longest) in [
            ("##", true, true),
            ("#", true, false),
            ("%%", false, true),
            ("%", false, false),
        ] {
            if let Some(text) = modifier.strip_prefix(sign) {
                let pattern = pattern(text);
                let cut = match at_start {
                    true => pattern.cut_start(&value, longest),
                    false => pattern.cut_end(&value, longest),
                };
                return cut.to_owned();
            }
        }
        if let Some(text) = modifier.strip_prefix('/') {
            let all = text.starts_with('/');
            let (sought, by) = self.halves(text.strip_prefix('/').unwrap_or(text));
            let by = self.word(by, Escapes::Read, depth);
            return pattern(sought).replace(&value, &by, all);
        }
        value
    }

    /// What stands before and after the first slash that is neither escaped nor part of a variable.
    fn halves<'t>(&self, text: &'t str) -> (&'t str, &'t str) {
        let mut depth = 0usize;
        let mut chars = text.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == self.escape => {
                    chars.next();
                }
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                '/' if depth == 0 => return (&text[..at], &text[at + 1..]),
                _ => {}
            }
        }
        (text, "")
    }
}

fn name_end(text: &str) -> usize {
    text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(text.len())
}

/// Where the brace closes that was opened before `text`; its end if none does.
fn closing_brace(text: &str) -> usize {
    let mut depth = 1;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_variables() {
        let lookup = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, expected) in [
            ("x$A.y", "xa.y"),
            ("${A}b", "ab"),
            ("${B:-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${A:+yes}${B:+no}", "yes"),
            ("${B:-${A}}", "a"),
            ("\\$A", "$A"),
            ("$", "$"),
            ("${A", "a"),
            ("${B:-é}", "é"),
            ("\"${A}:1\"", "a:1"),
            ("'$A'$A", "$Aa"),
            ("\"it's $A\"", "it's a"),
            ("${B:-\"d\"}", "d"),
            ("a'b", "a'b"),
        ] {
            assert_eq!(expand(text, '\\', &lookup), expected, "{text}");
        }
        assert_eq!(expand("`$A\\$A", '`', &lookup), "$A\\a");
    }

    #[test]
    fn cuts_and_replaces_what_matches() {
        let lookup = |name: &str| match name {
            "X" => Some("img:1.2-dev-dev".to_owned()),
            "S" => Some("-dev".to_owned()),
            "STAR" => Some("a*b".to_owned()),
            _ => None,
        };
        for (text, expected) in [
            ("${X%-dev}", "img:1.2-dev"),
            ("${X%$S}", "img:1.2-dev"),
            ("${X%-*}", "img:1.2-dev"),
            ("${X%%-*}", "img:1.2"),
            ("${X#*:}", "1.2-dev-dev"),
            ("${X##*-}", "dev"),
            ("${X#i?g}", ":1.2-dev-dev"),
            ("${X%nothing}", "img:1.2-dev-dev"),
            ("${X/-dev/}", "img:1.2-dev"),
            ("${X//-dev/-x}", "img:1.2-x-x"),
            ("${X/:*/:2}", "img:2"),
            ("${X/1.2/${S}}", "img:-dev-dev-dev"),
            ("${STAR%\\*b}", "a"),
            ("${STAR/\\*/\\/}", "a/b"),
            ("${NONE%x}", ""),
        ] {
            assert_eq!(expand(text, '\\', &lookup), expected, "{text}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let nested = |levels: usize| "${A:-".repeat(levels) + "x" + &"}".repeat(levels);
        assert_eq!(expand(&nested(20), '\\', &|_| None), "x");
        assert!(expand(&nested(100_000), '\\', &|_| None).starts_with("${A:-"));
    }
}
