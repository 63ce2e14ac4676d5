use std::cmp::Ordering;

use serde_json::Value;

use super::printf::{plain, sprintf};
use super::{TemplateError, refuse};

/// Whether Go counts a value as true: neither zero nor empty.
pub(super) fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
    }
}

/// A function of the template language or of the Docker formatter. `titles`: the values are titles of a table, which the
/// formatter's own functions leave as they are.
pub(super) fn call(name: &str, values: &[Value], titles: bool) -> Result<Value, TemplateError> {
    if titles
        && matches!(
            name,
            "json" | "split" | "join" | "title" | "lower" | "upper" | "pad" | "truncate"
        )
    {
        return Ok(values.first().cloned().unwrap_or_default());
    }
    match (name, values) {
        ("and", [first, ..]) => Ok(values
            .iter()
            .find(|value| !is_true(value))
            .unwrap_or(values.last().unwrap_or(first))
            .clone()),
        ("or", [first, ..]) => Ok(values
            .iter()
            .find(|value| is_true(value))
            .unwrap_or(values.last().unwrap_or(first))
            .clone()),
        ("not", [value]) => Ok(Value::Bool(!is_true(value))),
        ("len", [value]) => match value {
            Value::String(text) => Ok(Value::from(text.len())),
            Value::Array(items) => Ok(Value::from(items.len())),
            Value::Object(members) => Ok(Value::from(members.len())),
            other => refuse(format!("len of {}", plain(other))),
        },
        ("index", [value, keys @ ..]) => index(value, keys),
        ("slice", [Value::String(text), bounds @ ..]) => {
            let bound = |at: usize, otherwise: usize| {
                let found = bounds.get(at).and_then(Value::as_u64);
                found.map_or(otherwise, |bound| {
                    usize::try_from(bound).unwrap_or(usize::MAX)
                })
            };
            let (from, to) = (bound(0, 0), bound(1, text.len()));
            match text.get(from..to) {
                Some(part) => Ok(Value::from(part)),
                None => refuse(format!("slice index out of range: {to}")),
            }
        }
        ("print", values) => Ok(Value::String(spaced(values))),
        ("println", values) => {
            let words: Vec<String> = values.iter().map(plain).collect();
            Ok(Value::String(format!("{}\n", words.join(" "))))
        }
        ("printf", [Value::String(format), rest @ ..]) => Ok(Value::String(sprintf(format, rest))),
        ("eq", [first, others @ ..]) if !others.is_empty() => {
            Ok(Value::Bool(others.iter().any(|other| equal(first, other))))
        }
        ("ne", [a, b]) => Ok(Value::Bool(!equal(a, b))),
        ("lt" | "le" | "gt" | "ge", [a, b]) => {
            let Some(order) = order(a, b) else {
                return refuse(format!("incompatible types for comparison in {name}"));
            };
            Ok(Value::Bool(match name {
                "lt" => order == Ordering::Less,
                "le" => order != Ordering::Greater,
                "gt" => order == Ordering::Greater,
                _ => order != Ordering::Less,
            }))
        }
        ("json", [value]) => Ok(Value::String(json(value))),
        ("upper", [Value::String(text)]) => Ok(Value::String(text.to_uppercase())),
        ("lower", [Value::String(text)]) => Ok(Value::String(text.to_lowercase())),
        ("title", [Value::String(text)]) => Ok(Value::String(title(text))),
        ("split", [Value::String(text), Value::String(at)]) => Ok(Value::Array(
            text.split(at.as_str()).map(Value::from).collect(),
        )),
        ("join", [Value::Array(items), Value::String(between)]) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            Ok(Value::String(items.join(between)))
        }
        ("pad", [Value::String(text), before, after]) => {
            let blanks = |count: &Value| {
                let count = count.as_u64().unwrap_or(0).min(10_000);
                " ".repeat(usize::try_from(count).unwrap_or(0))
            };
            match text.is_empty() {
                true => Ok(Value::String(String::new())),
                false => Ok(Value::String(format!(
                    "{}{text}{}",
                    blanks(before),
                    blanks(after)
                ))),
            }
        }
        ("truncate", [Value::String(text), room]) => {
            let room = usize::try_from(room.as_u64().unwrap_or(0)).unwrap_or(usize::MAX);
            Ok(Value::String(text.chars().take(room).collect()))
        }
        ("html", [value]) => Ok(Value::String(
            plain(value)
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&#34;")
                .replace('\'', "&#39;"),
        )),
        (
            "and" | "or" | "not" | "len" | "index" | "slice" | "printf" | "eq" | "ne" | "lt" | "le"
            | "gt" | "ge" | "json" | "upper" | "lower" | "title" | "split" | "join" | "pad"
            | "truncate" | "html",
            values,
        ) => {
            let values: Vec<String> = values.iter().map(plain).collect();
            refuse(format!(
                "wrong number or kind of arguments for {name}: {}",
                values.join(", ")
            ))
        }
        _ => refuse(format!("function {name:?} not defined")),
    }
}

/// As `fmt.Sprint`: a space between two values of which neither is text.
fn spaced(values: &[Value]) -> String {
    let mut text = String::new();
    for (at, value) in values.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| values.get(before));
        if before.is_some_and(|before| !before.is_string() && !value.is_string()) {
            text.push(' ');
        }
        text.push_str(&plain(value));
    }
    text
}

fn index(value: &Value, keys: &[Value]) -> Result<Value, TemplateError> {
    let mut value = value;
    for key in keys {
        let found = match (value, key) {
            (Value::Array(items), key) => {
                let at = key.as_u64().and_then(|at| usize::try_from(at).ok());
                match at.and_then(|at| items.get(at)) {
                    Some(item) => item,
                    None => return refuse(format!("index out of range: {}", plain(key))),
                }
            }
            (Value::Object(members), Value::String(key)) => {
                members.get(key).unwrap_or(&Value::Null)
            }
            (other, _) => return refuse(format!("can't index {}", plain(other))),
        };
        value = found;
    }
    Ok(value.clone())
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// JSON as Go writes it: safe to stand in HTML.
pub(super) fn json(value: &Value) -> String {
    value
        .to_string()
        .replace('&', "\\u0026")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
}

/// The first letter of each word in upper case.
fn title(text: &str) -> String {
    let mut begins = true;
    let mut titled = String::new();
    for c in text.chars() {
        match begins {
            true => titled.extend(c.to_uppercase()),
            false => titled.push(c),
        }
        begins = !c.is_alphanumeric() && c != '_' && c != '\'';
    }
    titled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &str, values: &[Value]) -> String {
        plain(&call(name, values, false).unwrap())
    }

    #[test]
    fn the_formatters_functions() {
        assert_eq!(text("title", &["up 2 hours".into()]), "Up 2 Hours");
        assert_eq!(text("pad", &["x".into(), 1.into(), 2.into()]), " x  ");
        assert_eq!(text("truncate", &["abcdef".into(), 3.into()]), "abc");
        assert_eq!(text("json", &["a<b".into()]), "\"a\\u003cb\"");
        let split = call("split", &["a-b".into(), "-".into()], false).unwrap();
        assert_eq!(text("join", &[split, "/".into()]), "a/b");
    }

    #[test]
    fn comparisons_and_logic() {
        assert_eq!(text("eq", &[1.into(), 2.into(), 1.into()]), "true");
        assert_eq!(text("lt", &["a".into(), "b".into()]), "true");
        assert_eq!(text("or", &["".into(), "x".into()]), "x");
        assert_eq!(text("and", &["".into(), "x".into()]), "");
        assert!(call("lt", &["a".into(), 1.into()], false).is_err());
        assert!(call("nope", &[], false).is_err());
    }
}
