use serde::Serialize;
use serde_json::Value;

/// Writes a value as `docker compose config` writes YAML: two columns for each level, lists indented below their key,
/// texts plain where no reader of YAML 1.1 or 1.2 takes them for something else, and in double quotes elsewhere.
pub fn write(value: &impl Serialize) -> String {
    let mut out = String::new();
    // Views hold texts, numbers, lists and mappings with text keys: nothing that JSON lacks.
    match serde_json::to_value(value) {
        Ok(Value::Object(members)) if members.is_empty() => out.push_str("{}\n"),
        Ok(value) => block(&value, 0, &mut out),
        Err(_) => {}
    }
    out
}

fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                pad(indent, out);
                out.push_str(&scalar_text(key));
                out.push(':');
                below(member, indent + 2, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                pad(indent, out);
                out.push('-');
                match item {
                    Value::Object(members) if !members.is_empty() => {
                        let mut inner = String::new();
                        block(item, indent + 2, &mut inner);
                        out.push(' ');
                        out.push_str(inner.trim_start_matches(' '));
                    }
                    Value::Array(items) if !items.is_empty() => {
                        let mut inner = String::new();
                        block(item, indent + 2, &mut inner);
                        out.push(' ');
                        out.push_str(inner.trim_start_matches(' '));
                    }
                    _ => below(item, indent + 2, out),
                }
            }
        }
        scalar => {
            out.push_str(&plain(scalar));
            out.push('\n');
        }
    }
}

/// What follows a key and its colon.
fn below(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(members) if members.is_empty() => out.push_str(" {}\n"),
        Value::Array(items) if items.is_empty() => out.push_str(" []\n"),
        Value::Object(_) | Value::Array(_) => {
            out.push('\n');
            block(value, indent, out);
        }
        Value::String(text) if is_block(text) => literal(text, indent, out),
        scalar => {
            out.push(' ');
            out.push_str(&plain(scalar));
            out.push('\n');
        }
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => scalar_text(text),
        other => other.to_string(),
    }
}

/// Whether a text of several lines can be written as it is.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && text
            .chars()
            .all(|c| c == '\n' || c == '\t' || !c.is_control() && c != '\u{feff}')
        && !text.lines().any(|line| line.ends_with(' '))
}

fn literal(text: &str, indent: usize, out: &mut String) {
    let body = text.trim_end_matches('\n');
    let breaks = text.len() - body.len();
    out.push_str(match breaks {
        0 => " |-\n",
        1 => " |\n",
        _ => " |+\n",
    });
    for line in body.split('\n') {
        if !line.is_empty() {
            pad(indent, out);
            out.push_str(line);
        }
        out.push('\n');
    }
    for _ in 1..breaks {
        out.push('\n');
    }
}

/// A text on one line, in quotes where it needs them.
fn scalar_text(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || c == '\u{feff}' || matches!(c, '\u{2028}' | '\u{2029}') => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Whether a text is read back as the same text when it stands without quotes.
fn is_plain(text: &str) -> bool {
    let first = match text.chars().next() {
        Some(first) => first,
        None => return false,
    };
    let indicator = matches!(
        first,
        '!' | '&'
            | '*'
            | '{'
            | '}'
            | '['
            | ']'
            | ','
            | '#'
            | '|'
            | '>'
            | '@'
            | '`'
            | '"'
            | '\''
            | '%'
            | '='
    );
    let lone = matches!(first, '-' | '?' | ':')
        && text[first.len_utf8()..].starts_with([' ', '\t'])
        || matches!(text, "-" | "?" | ":" | "---" | "..." | "<<");
    !(indicator
        || lone
        || text.starts_with(char::is_whitespace)
        || text.ends_with(char::is_whitespace)
        || text.ends_with(':')
        || text.contains(": ")
        || text.contains(":\t")
        || text.contains(" #")
        || text.contains("\t#")
        || text
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}'))
        || is_word(text)
        || is_number(text))
}

/// Words that mean null or a boolean to some reader.
fn is_word(text: &str) -> bool {
    matches!(
        text.to_ascii_lowercase().as_str(),
        "null" | "~" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    )
}

/// Texts that some reader takes for a number, a date or a time.
fn is_number(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(
        body.to_ascii_lowercase().as_str(),
        ".inf" | ".nan" | "inf" | "nan" | "infinity"
    ) {
        return true;
    }
    let starts = body.starts_with(|c: char| c.is_ascii_digit())
        || body
            .strip_prefix('.')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    starts
        && (body.replace('_', "").parse::<f64>().is_ok()
            || based(body)
            || body.matches('.').count() < 2
                && body
                    .bytes()
                    .all(|c| c.is_ascii_digit() || matches!(c, b':' | b'.' | b'_'))
            || is_date(body))
}

fn based(text: &str) -> bool {
    ["0x", "0o", "0b", "0X", "0O", "0B"].iter().any(|prefix| {
        text.strip_prefix(prefix)
            .is_some_and(|digits| digits.bytes().all(|c| c.is_ascii_hexdigit() || c == b'_'))
    })
}

/// `2026-11-21`, with or without a time.
fn is_date(text: &str) -> bool {
    let date = text.as_bytes();
    date.len() >= 8
        && date[..4].iter().all(u8::is_ascii_digit)
        && date[4] == b'-'
        && date[5].is_ascii_digit()
        && text.bytes().all(|c| {
            c.is_ascii_digit() || matches!(c, b'-' | b':' | b'.' | b'+' | b'T' | b't' | b'Z' | b' ')
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn writes_as_compose_does() {
        let value = json!({
            "name": "p",
            "empty": {},
            "list": ["a", "yes", ["b"], {"k": 1, "l": []}],
            "n": null,
            "text": "a\nb\n",
        });
        let expected = "name: p\nempty: {}\nlist:\n  - a\n  - \"yes\"\n  - - b\n  - k: 1\n    l: []\n\"n\": null\ntext: |\n  a\n  b\n";
        assert_eq!(write(&value), expected);
    }

    #[test]
    fn addresses_need_no_quotes() {
        assert!(is_plain("127.0.0.1") && is_plain("10.0.0.0/8") && !is_plain("12:30"));
    }

    /// Whatever a text is, it is read back as itself.
    #[test]
    fn every_text_is_read_back() {
        let texts = [
            "",
            " a",
            "a ",
            "a: b",
            "a #b",
            "#a",
            "- a",
            "-a",
            "?",
            "a:",
            ":a",
            "*x",
            "&x",
            "!x",
            "%x",
            "@x",
            "`x",
            "null",
            "~",
            "True",
            "no",
            "ON",
            "1",
            "0x1f",
            "0o7",
            "1e3",
            "+1",
            ".5",
            "1_000",
            "12:30:00",
            "2026-11-21",
            "2026-11-21T10:00:00Z",
            "$$x",
            "${x}",
            "\"",
            "'",
            "\\",
            "a\tb",
            "a\nb",
            "a\n\n",
            "\na",
            "a \nb",
            "é",
            "\u{1}",
            "[a]",
            "{a}",
            "a, b",
            "<<",
            "=",
            "|",
            ">",
            "-",
            "---",
            "0.0.0.0:80:80/tcp",
            "a'b",
            "x\r\ny",
            "0b1",
            ".inf",
        ];
        for text in texts {
            let written = write(&json!({ "k": text, "l": [text] }));
            let read: Value =
                serde_yaml::from_str(&written).unwrap_or_else(|error| panic!("{written}: {error}"));
            assert_eq!(read, json!({ "k": text, "l": [text] }), "{written}");
        }
    }
}
