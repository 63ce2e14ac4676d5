use serde_json::Value;

/// A value as Go prints it with `%v`.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            let members: Vec<String> = members
                .into_iter()
                .map(|(key, value)| format!("{key}:{}", plain(value)))
                .collect();
            format!("map[{}]", members.join(" "))
        }
    }
}

/// Go's `fmt.Sprintf`, for the verbs that make sense here.
pub(super) fn sprintf(format: &str, values: &[Value]) -> String {
    let mut text = String::new();
    let mut values = values.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let (mut left, mut zeros, mut plus) = (false, false, false);
        while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '0' | '+' | ' ' | '#')) {
            match flag {
                '-' => left = true,
                '0' => zeros = true,
                '+' => plus = true,
                _ => {}
            }
        }
        let digits = |chars: &mut std::iter::Peekable<std::str::Chars>| {
            let mut number: Option<usize> = None;
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                let digit = digit.to_digit(10).unwrap_or_default() as usize;
                // Nobody's terminal is wider.
                number = Some((number.unwrap_or(0) * 10 + digit).min(10_000));
            }
            number
        };
        let width = digits(&mut chars).unwrap_or(0);
        let precision = match chars.next_if_eq(&'.') {
            Some(_) => Some(digits(&mut chars).unwrap_or(0)),
            None => None,
        };
        let Some(verb) = chars.next() else {
            text.push_str("%!(NOVERB)");
            break;
        };
        if verb == '%' {
            text.push('%');
            continue;
        }
        let Some(value) = values.next() else {
            text.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        let mut shown = one(verb, value, precision);
        if plus && value.as_f64().is_some_and(|number| number >= 0.0) {
            shown.insert(0, '+');
        }
        let missing = width.saturating_sub(shown.chars().count());
        match (left, zeros && value.is_number()) {
            (true, _) => text.push_str(&format!("{shown}{}", " ".repeat(missing))),
            (false, true) => text.push_str(&format!("{}{shown}", "0".repeat(missing))),
            (false, false) => text.push_str(&format!("{}{shown}", " ".repeat(missing))),
        }
    }
    text
}

fn one(verb: char, value: &Value, precision: Option<usize>) -> String {
    let cut = |text: String| match precision {
        Some(room) => text.chars().take(room).collect(),
        None => text,
    };
    match (verb, value) {
        ('v' | 's', Value::Number(_) | Value::Bool(_)) if verb == 's' => {
            let kind = if value.is_boolean() { "bool" } else { "int" };
            format!("%!s({kind}={value})")
        }
        ('v' | 's', _) => cut(plain(value)),
        ('q', Value::String(text)) => format!("{text:?}"),
        ('d', Value::Number(number)) if number.is_i64() || number.is_u64() => number.to_string(),
        ('t', Value::Bool(value)) => value.to_string(),
        ('f' | 'g' | 'e', Value::Number(number)) => {
            let number = number.as_f64().unwrap_or_default();
            match verb {
                'f' => format!("{number:.*}", precision.unwrap_or(6)),
                _ => number.to_string(),
            }
        }
        ('x', Value::Number(number)) => match number.as_i64() {
            Some(number) => format!("{number:x}"),
            None => number.to_string(),
        },
        ('x', Value::String(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        (verb, value) => format!("%!{verb}({})", plain(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_and_verbs_are_those_of_go() {
        let values = [Value::from("ab"), Value::from("c"), Value::from(7)];
        assert_eq!(sprintf("%4s|%-3s|%03d|%%", &values), "  ab|c  |007|%");
        assert_eq!(sprintf("%q %v", &values), "\"ab\" c");
        assert_eq!(sprintf("%s", &[]), "%!s(MISSING)");
        assert_eq!(sprintf("%.1f", &[Value::from(1.25)]), "1.2");
        assert_eq!(plain(&serde_json::json!(["a", 1])), "[a 1]");
        assert_eq!(
            plain(&serde_json::json!({"b": 1, "a": true})),
            "map[a:true b:1]"
        );
    }
}
