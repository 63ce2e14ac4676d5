/// Replaces `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}` (and both without the colon). Unset is empty.
/// <https://docs.docker.com/reference/dockerfile/#environment-replacement>
pub(super) fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\\']) {
        out.push_str(&rest[..at]);
        let tail = &rest[at + 1..];
        if rest[at..].starts_with('\\') {
            let mut chars = tail.chars();
            out.extend(chars.next());
            rest = chars.as_str();
        } else if let Some(inner) = tail.strip_prefix('{') {
            let end = closing_brace(inner);
            out.push_str(&braced(&inner[..end], lookup));
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

fn braced(inner: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let (name, modifier) = inner.split_at(name_end(inner));
    let value = lookup(name);
    let (value, modifier) = match modifier.strip_prefix(':') {
        Some(modifier) => (value.filter(|value| !value.is_empty()), modifier),
        None => (value, modifier),
    };
    if let Some(default) = modifier.strip_prefix('-') {
        value.unwrap_or_else(|| expand(default, lookup))
    } else if let Some(other) = modifier.strip_prefix('+') {
        value.map(|_| expand(other, lookup)).unwrap_or_default()
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
        ] {
            assert_eq!(expand(text, &lookup), expected, "{text}");
        }
    }
}
