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
        && text
            .chars()
            .all(|c| matches!(c, '\n' | '\t') || is_printable(c))
        && !text.split('\n').any(|line| line.ends_with(' '))
}

fn literal(text: &str, indent: usize, out: &mut String) {
    let body = text.trim_end_matches('\n');
    let breaks = text.len() - body.len();
    out.push_str(" |");
    // Where the first line does not show how far the text is indented, it is said.
    if text.starts_with([' ', '\n']) {
        out.push('2');
    }
    out.push_str(match breaks {
        0 => "-\n",
        1 => "\n",
        _ => "+\n",
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

/// A text on one line: plain where no reader takes it for something else, in double quotes where one would, and in single
/// quotes where only the syntax asks for quotes.
pub(super) fn scalar_text(text: &str) -> String {
    let is_text = !(text.is_empty() || text == "<<" || is_word(text) || is_number(text));
    if is_text && text.chars().all(is_printable) {
        return match is_plain(text) {
            true => text.to_owned(),
            false => format!("'{}'", text.replace('\'', "''")),
        };
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) <= 0xff => out.push_str(&format!("\\x{:02X}", u32::from(c))),
            c => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// Whether a character may stand in a text without being escaped.
fn is_printable(c: char) -> bool {
    !(c.is_control()
        || matches!(
            c,
            '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{2028}' | '\u{2029}'
        ))
}

/// Whether the syntax lets a text that is not empty stand without quotes.
fn is_plain(text: &str) -> bool {
    let blank_after = |at: usize| text[at..].chars().nth(1).is_none_or(|next| next == ' ');
    let first = text.starts_with([
        '#', ',', '[', ']', '{', '}', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`',
    ]);
    let lone = text.starts_with(['-', '?', ':']) && blank_after(0);
    let bound = text.starts_with("---") || text.starts_with("...");
    let split = text.match_indices(':').any(|(at, _)| blank_after(at)) || text.contains(" #");
    let padded = text.starts_with(' ') || text.ends_with(' ');
    !(first || lone || bound || split || padded)
}

/// Words that mean null or a boolean to a reader of YAML 1.1 or 1.2.
fn is_word(text: &str) -> bool {
    const WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    // They count in small letters, in capitals, and with a capital at the beginning.
    let bytes = text.as_bytes();
    let one_case = bytes.iter().all(u8::is_ascii_uppercase)
        || bytes.iter().skip(1).all(u8::is_ascii_lowercase);
    text == "~" || one_case && WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Texts that a reader of YAML 1.1 or 1.2 takes for a number, a date or a time.
fn is_number(text: &str) -> bool {
    let (sign, body) = match text.strip_prefix(['-', '+']) {
        Some(body) => (true, body),
        None => (false, text),
    };
    match body {
        ".inf" | ".Inf" | ".INF" => return true,
        ".nan" | ".NaN" | ".NAN" => return !sign,
        _ => {}
    }
    if !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return false;
    }
    let digits = body.replace('_', "");
    is_based(&digits) || is_decimal(&digits) || is_base60(body) || is_date(text)
}

/// `0x1f`, `0o17` and `0b11`.
fn is_based(text: &str) -> bool {
    let in_base = |prefix: [&str; 2], base: u32| {
        prefix.iter().any(|prefix| {
            text.strip_prefix(prefix).is_some_and(|digits| {
                !digits.is_empty() && digits.chars().all(|c| c.is_digit(base))
            })
        })
    };
    in_base(["0x", "0X"], 16) || in_base(["0o", "0O"], 8) || in_base(["0b", "0B"], 2)
}

/// `12`, `1.`, `.5`, `1e3`.
fn is_decimal(text: &str) -> bool {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (text, None),
    };
    let are_digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && are_digits(digits)
    });
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    exponent_fits
        && are_digits(whole)
        && are_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
}

/// Hours, minutes and seconds, which YAML 1.1 reads as one number: `12:30`, but not `80:80`.
fn is_base60(text: &str) -> bool {
    let mut parts = text.split(':');
    let are_digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit() || c == b'_');
    let first = parts.next().unwrap_or_default();
    let mut rest: Vec<&str> = parts.collect();
    let Some(last) = rest.last_mut() else {
        return false;
    };
    if let Some((whole, fraction)) = last.split_once('.') {
        if !are_digits(fraction) {
            return false;
        }
        *last = whole;
    }
    first.starts_with(|c: char| c.is_ascii_digit())
        && are_digits(first)
        && rest.iter().all(|part| match part.as_bytes() {
            [one] => one.is_ascii_digit(),
            [ten, one] => (b'0'..b'6').contains(ten) && one.is_ascii_digit(),
            _ => false,
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

    /// Recorded from docker compose 2.40.3.
    #[test]
    fn quotes_are_those_of_compose() {
        for (text, written) in [
            ("127.0.0.1", "127.0.0.1"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("12:30", "\"12:30\""),
            ("a: b", "'a: b'"),
            ("it's: so", "'it''s: so'"),
            ("a:", "'a:'"),
            (" a", "' a'"),
            ("#a", "'#a'"),
            ("a #b", "'a #b'"),
            ("*x", "'*x'"),
            ("%x", "'%x'"),
            ("- a", "'- a'"),
            ("-", "'-'"),
            ("---", "'---'"),
            ("=", "="),
            ("=x", "=x"),
            ("-a", "-a"),
            ("?a", "?a"),
            ("a, b", "a, b"),
            ("a\"b'c", "a\"b'c"),
            ("yes", "\"yes\""),
            ("NO", "\"NO\""),
            ("tRue", "tRue"),
            ("80:80", "80:80"),
            ("08", "\"08\""),
            ("0o9", "0o9"),
            ("0x", "0x"),
            ("inf", "inf"),
            ("-.inf", "\"-.inf\""),
            ("2026-11-21", "\"2026-11-21\""),
            ("", "\"\""),
            ("1", "\"1\""),
            ("1.5.2", "1.5.2"),
            ("a\tb", "\"a\\tb\""),
            ("a\u{1}", "\"a\\x01\""),
            ("é \u{a0}x", "é \u{a0}x"),
        ] {
            assert_eq!(scalar_text(text), written, "{text:?}");
        }
        let lines = |text: &str| write(&json!({ "k": text }));
        assert_eq!(lines(" a\nb"), "k: |2-\n   a\n  b\n");
        assert_eq!(lines("\na"), "k: |2-\n\n  a\n");
        assert_eq!(lines("a \nb"), "k: \"a \\nb\"\n");
        assert_eq!(lines("a\tb\nc\n"), "k: |\n  a\tb\n  c\n");
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
