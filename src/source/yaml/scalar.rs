//! Scalars as `docker compose config` writes them: plain where no reader of YAML 1.1 or 1.2 takes a text for something else.

use crate::source::scalar::{go_float, is_timestamp};

/// A number as Go prints it in YAML.
pub(super) fn float(value: f64) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    go_float(value)
}

/// Whether a text of several lines can be written as it is.
pub(super) fn is_block(text: &str) -> bool {
    text.contains('\n')
        && text
            .chars()
            .all(|c| matches!(c, '\n' | '\t') || is_printable(c))
        && !text.split('\n').any(|line| line.ends_with(' '))
}

/// A text of several lines as a block.
pub(super) fn literal(text: &str, indent: usize, out: &mut String) {
    let body = text.trim_end_matches('\n');
    let breaks = text.len() - body.len();
    out.push('|');
    // Where the first line does not show how far the text is indented, it is said.
    if text.starts_with([' ', '\n']) {
        out.push('2');
    }
    out.push_str(match breaks {
        0 => "-\n",
        // Of nothing but a line break, readers would keep none.
        1 if !body.is_empty() => "\n",
        _ => "+\n",
    });
    for line in body.split('\n') {
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent));
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
pub fn yaml_scalar(text: &str) -> String {
    let is_text = !(text.is_empty() || is_word(text) || is_number(text));
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
    is_based(&digits) || is_decimal(&digits) || is_base60(body) || is_timestamp(text)
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    use super::super::to_yaml;

    #[test]
    fn only_real_dates_are_quoted() {
        for (text, written) in [
            ("9000-9010", "k: 9000-9010\n"),
            ("2024-13-45", "k: 2024-13-45\n"),
            ("2024-12-31", "k: \"2024-12-31\"\n"),
        ] {
            assert_eq!(to_yaml(&json!({ "k": text })), written);
        }
    }

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
        assert_eq!(to_yaml(&value), expected);
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
            assert_eq!(yaml_scalar(text), written, "{text:?}");
        }
        let lines = |text: &str| to_yaml(&json!({ "k": text }));
        assert_eq!(lines(" a\nb"), "k: |2-\n   a\n  b\n");
        assert_eq!(lines("\na"), "k: |2-\n\n  a\n");
        assert_eq!(lines("a \nb"), "k: \"a \\nb\"\n");
        assert_eq!(lines("a\tb\nc\n"), "k: |\n  a\tb\n  c\n");
        assert_eq!(lines("\n"), "k: |2+\n\n");
    }

    /// Recorded from docker compose 2.40.3.
    #[test]
    fn numbers_are_those_of_compose() {
        let numbers = [
            1.0, 1e5, 1e6, 12345678.0, 1e21, 100000.5, 1000000.5, 0.0001, 0.00001,
        ];
        let written = numbers.map(float);
        let compose = [
            "1",
            "100000",
            "1e+06",
            "1.2345678e+07",
            "1e+21",
            "100000.5",
            "1.0000005e+06",
            "0.0001",
            "1e-05",
        ];
        assert_eq!(written.each_ref().map(String::as_str), compose);
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
            let written = to_yaml(&json!({ "k": text, "l": [text] }));
            let read: Value =
                serde_yaml::from_str(&written).unwrap_or_else(|error| panic!("{written}: {error}"));
            assert_eq!(read, json!({ "k": text, "l": [text] }), "{written}");
        }
    }
}
