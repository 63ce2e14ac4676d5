use super::Kind;

/// Reads an unquoted scalar by the rules that Compose's own YAML library follows: YAML 1.2's core schema, with
/// `0777`, `0b1` and `1_000` as integers besides, and dates as a kind of their own. `yes` and `no` are texts.
/// <https://yaml.org/spec/1.2.2/#103-core-schema>
pub(super) fn resolve(text: &str) -> Kind {
    let Some(first) = text.bytes().next() else {
        return Kind::Null;
    };
    match first {
        b'~' | b'n' | b'N' if matches!(text, "~" | "null" | "Null" | "NULL") => Kind::Null,
        b't' | b'T' if matches!(text, "true" | "True" | "TRUE") => Kind::Bool(true),
        b'f' | b'F' if matches!(text, "false" | "False" | "FALSE") => Kind::Bool(false),
        b'.' => match text {
            ".nan" | ".NaN" | ".NAN" => Kind::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" => Kind::Float(f64::INFINITY),
            _ => float(text).map_or_else(|| Kind::String(text.into()), Kind::Float),
        },
        b'+' | b'-' | b'0'..=b'9' => number_or_date(text),
        _ => Kind::String(text.into()),
    }
}

/// A finite number as Go prints it with `%v`: the shortest digits, an exponent below 1e-4 and from a million on, no fraction where it
/// is whole.
pub fn go_float(value: f64) -> String {
    if value == 0.0 || (1e-4..1e6).contains(&value.abs()) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{exponent:+03}")
}

fn number_or_date(text: &str) -> Kind {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Kind::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Kind::Float(f64::NEG_INFINITY),
        "-0.0" => return Kind::Float(-0.0),
        _ => {}
    }
    if is_timestamp(text) {
        return Kind::Timestamp(text.into());
    }
    let digits;
    let plain = if text.contains('_') {
        digits = text.replace('_', "");
        digits.as_str()
    } else {
        text
    };
    if let Some(whole) = integer(plain) {
        return whole;
    }
    float(plain).map_or_else(|| Kind::String(text.into()), Kind::Float)
}

/// An integer with an optional sign and base prefix.
fn integer(text: &str) -> Option<Kind> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    // The library functions would accept a second sign.
    if !digits.bytes().next()?.is_ascii_alphanumeric() {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    match (i64::try_from(magnitude), negative) {
        (Ok(value), false) => Some(Kind::Int(value)),
        (Ok(value), true) => Some(Kind::Int(-value)),
        (Err(_), true) if magnitude == i64::MIN.unsigned_abs() => Some(Kind::Int(i64::MIN)),
        (Err(_), false) => Some(Kind::Unsigned(magnitude)),
        (Err(_), true) => None,
    }
}

/// `[-+]? ( . digits | digits ( . digits? )? ) ( [eE] [-+]? digits )?`; too large a number is a text.
fn float(text: &str) -> Option<f64> {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    let all_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    if !all_digits(whole) || !all_digits(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if digits.is_empty() || !all_digits(digits) {
            return None;
        }
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

/// Whether the text is a date, or a date with a time, in one of the four forms that the YAML library knows:
/// `2006-1-2`, `2006-1-2 15:4:5.9`, and with `T` or `t` and a zone.
pub(super) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[4] != b'-' || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let mut rest = &bytes[5..];
    let year: u32 = text[..4].parse().unwrap_or(0);
    let Some(month) = short_number(&mut rest, 12).filter(|month| *month >= 1) else {
        return false;
    };
    if !skip(&mut rest, b"-") {
        return false;
    }
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if short_number(&mut rest, days).is_none_or(|day| day == 0) {
        return false;
    }
    let zoned = match rest.first() {
        None => return true,
        Some(b'T' | b't') => true,
        Some(b' ') => false,
        Some(_) => return false,
    };
    rest = &rest[1..];
    let clock = short_number(&mut rest, 23).is_some()
        && skip(&mut rest, b":")
        && short_number(&mut rest, 59).is_some()
        && skip(&mut rest, b":")
        && short_number(&mut rest, 59).is_some();
    if !clock {
        return false;
    }
    if let [b'.' | b',', digits @ ..] = rest {
        let length = digits
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if length == 0 {
            return false;
        }
        rest = &digits[length..];
    }
    match rest {
        [] => !zoned,
        [b'Z'] => zoned,
        [b'+' | b'-', zone @ ..] => {
            let mut zone = zone;
            let two = |zone: &mut &[u8], most| {
                zone.len() >= 2 && zone[1].is_ascii_digit() && short_number(zone, most).is_some()
            };
            zoned
                && two(&mut zone, 24)
                && skip(&mut zone, b":")
                && two(&mut zone, 60)
                && zone.is_empty()
        }
        _ => false,
    }
}

/// One or two digits, at most `most`.
fn short_number(rest: &mut &[u8], most: u32) -> Option<u32> {
    let length = rest
        .iter()
        .take(2)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if length == 0 {
        return None;
    }
    let value = rest[..length]
        .iter()
        .fold(0, |value, byte| value * 10 + u32::from(byte - b'0'));
    *rest = &rest[length..];
    (value <= most).then_some(value)
}

fn skip(rest: &mut &[u8], prefix: &[u8]) -> bool {
    match rest.strip_prefix(prefix) {
        Some(after) => {
            *rest = after;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Kind {
        Kind::String(text.into())
    }

    #[test]
    fn reads_unquoted_scalars_as_compose_does() {
        let table = [
            ("", Kind::Null),
            ("~", Kind::Null),
            ("Null", Kind::Null),
            ("nULL", text("nULL")),
            ("true", Kind::Bool(true)),
            ("FALSE", Kind::Bool(false)),
            ("tRue", text("tRue")),
            ("yes", text("yes")),
            ("on", text("on")),
            ("0", Kind::Int(0)),
            ("-12", Kind::Int(-12)),
            ("+12", Kind::Int(12)),
            ("+-12", text("+-12")),
            ("1_000", Kind::Int(1000)),
            ("0755", Kind::Int(0o755)),
            ("0o755", Kind::Int(0o755)),
            ("0x1F", Kind::Int(31)),
            ("-0b11", Kind::Int(-3)),
            ("0x", text("0x")),
            ("0x+1", text("0x+1")),
            ("08", Kind::Float(8.0)),
            ("9223372036854775807", Kind::Int(i64::MAX)),
            ("-9223372036854775808", Kind::Int(i64::MIN)),
            ("9223372036854775808", Kind::Unsigned(1 << 63)),
            ("0xFFFFFFFFFFFFFFFF", Kind::Unsigned(u64::MAX)),
            (
                "18446744073709551616",
                Kind::Float(18_446_744_073_709_551_616.0),
            ),
            ("1.5", Kind::Float(1.5)),
            ("1.", Kind::Float(1.0)),
            (".5", Kind::Float(0.5)),
            ("-.5", Kind::Float(-0.5)),
            ("1e3", Kind::Float(1000.0)),
            ("1e", text("1e")),
            ("1e999", text("1e999")),
            (".", text(".")),
            ("-", text("-")),
            ("1.2.3", text("1.2.3")),
            (".inf", Kind::Float(f64::INFINITY)),
            ("-.INF", Kind::Float(f64::NEG_INFINITY)),
            ("10:20", text("10:20")),
            ("80:80", text("80:80")),
            ("2001-12-14", Kind::Timestamp("2001-12-14".into())),
            ("2001-2-30", text("2001-2-30")),
            ("2000-2-29", Kind::Timestamp("2000-2-29".into())),
            (
                "2001-12-14 1:2:3",
                Kind::Timestamp("2001-12-14 1:2:3".into()),
            ),
            (
                "2001-12-14T21:59:43.10-05:00",
                Kind::Timestamp("2001-12-14T21:59:43.10-05:00".into()),
            ),
            ("2001-12-14T21:59:43", text("2001-12-14T21:59:43")),
            (
                "2001-12-14 21:59:43.10 -5",
                text("2001-12-14 21:59:43.10 -5"),
            ),
        ];
        for (input, expected) in table {
            assert_eq!(resolve(input), expected, "{input:?}");
        }
        assert!(matches!(resolve(".NaN"), Kind::Float(value) if value.is_nan()));
        assert!(matches!(resolve("-0.0"), Kind::Float(value) if value.is_sign_negative()));
        assert_eq!(resolve("-0"), Kind::Int(0));
    }
}
