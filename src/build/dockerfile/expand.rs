/// How many defaults within defaults are read; what is deeper stands for itself.
const DEEPEST: usize = 64;

/// A word as the engine reads it: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}` (and both without the colon)
/// replaced, quotes taken away; within single quotes everything stands for itself. Unset is empty. `escape` is the file's
/// escape character.
/// <https://docs.docker.com/reference/dockerfile/#environment-replacement>
pub(super) fn expand(text: &str, escape: char, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    expand_at(text, escape, lookup, 0)
}

fn expand_at(
    text: &str,
    escape: char,
    lookup: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> String {
    if depth > DEEPEST {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut rest = text;
    let mut quoted = false;
    while let Some(at) = rest.find(['$', '"', '\'', escape]) {
        out.push_str(&rest[..at]);
        let mut chars = rest[at..].chars();
        let found = chars.next();
        let tail = chars.as_str();
        if found == Some(escape) {
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
            out.push_str(&braced(&inner[..end], escape, lookup, depth + 1));
            rest = inner.get(end + 1..).unwrap_or("");
        } else {
            let end = name_end(tail);
            if end == 0 {
                out.push('$');
            } else {
                out.push_str(&lookup(&tail[..end]).unwrap_or_default());
            }
            rest = &tail[end..];
        }
    }
    out.push_str(rest);
    out
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

fn braced(
    inner: &str,
    escape: char,
    lookup: &dyn Fn(&str) -> Option<String>,
    depth: usize,
) -> String {
    let (name, modifier) = inner.split_at(name_end(inner));
    let value = lookup(name);
    let (value, modifier) = match modifier.strip_prefix(':') {
        Some(modifier) => (value.filter(|value| !value.is_empty()), modifier),
        None => (value, modifier),
    };
    if let Some(default) = modifier.strip_prefix('-') {
        value.unwrap_or_else(|| expand_at(default, escape, lookup, depth))
    } else if let Some(other) = modifier.strip_prefix('+') {
        value
            .map(|_| expand_at(other, escape, lookup, depth))
            .unwrap_or_default()
    } else {
        value.unwrap_or_default()
    }
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
    fn nesting_has_an_end() {
        let nested = |levels: usize| "${A:-".repeat(levels) + "x" + &"}".repeat(levels);
        assert_eq!(expand(&nested(20), '\\', &|_| None), "x");
        assert!(expand(&nested(100_000), '\\', &|_| None).starts_with("${A:-"));
    }
}
