use crate::source::{Kind, Mapping, Node, Span};

/// A value as a list of `KEY=VALUE` texts: a mapping sorted by text, a list as it is, a text alone. Other kinds have none.
pub(super) fn entries(value: Node) -> Vec<Node> {
    match value.kind {
        Kind::Sequence(items) => items,
        Kind::String(_) => vec![value],
        Kind::Mapping(members) => sorted_entries(members),
        Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) | Kind::Timestamp(_) => {
            Vec::new()
        }
    }
}

fn sorted_entries(members: Mapping) -> Vec<Node> {
    let mut list = Vec::with_capacity(members.len());
    for (key, mut value) in members {
        let span = join(key.span, value.span);
        match value.kind {
            Kind::Sequence(items) => {
                list.extend(items.into_iter().map(|mut item| {
                    item.kind = Kind::String(entry(&key.text, &item).into());
                    item
                }));
            }
            _ => {
                value.kind = Kind::String(entry(&key.text, &value).into());
                value.span = span;
                list.push(value);
            }
        }
    }
    list.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    list
}

/// `KEY=VALUE`; `KEY` alone for null.
fn entry(key: &str, value: &Node) -> String {
    match text(value) {
        Some(text) => format!("{key}={text}"),
        None => key.to_owned(),
    }
}

/// The text of a scalar where Compose wants a text; `None` for null.
pub(super) fn text(value: &Node) -> Option<String> {
    match &value.kind {
        Kind::Null => None,
        Kind::Bool(value) => Some(value.to_string()),
        Kind::Int(value) => Some(value.to_string()),
        Kind::Float(value) => Some(float(*value)),
        Kind::String(text) | Kind::Timestamp(text) => Some(text.to_string()),
        Kind::Sequence(_) | Kind::Mapping(_) => Some(String::new()),
    }
}

/// The shortest text that reads back as the same number; with an exponent of at least two digits from a million on and
/// below a ten-thousandth, as Compose prints numbers that stand where a text is wanted.
fn float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    let scientific = format!("{value:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    } else {
        format!("{value}")
    }
}

/// From a key to its value, where both stand in one file in this order; else the value.
fn join(key: Span, value: Span) -> Span {
    if key.source == value.source && key.start <= value.start {
        Span {
            end: value.end.max(key.end),
            ..key
        }
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_the_texts_that_compose_prints() {
        for (value, text) in [
            (1e6, "1e+06"),
            (123_456_789.5, "1.234567895e+08"),
            (1e-5, "1e-05"),
            (100_000.5, "100000.5"),
            (1.1, "1.1"),
            (1e20, "1e+20"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn mappings_become_sorted_lists() {
        let mut members = Mapping::new();
        members.insert("b".into(), Node::int(1, Span::NONE));
        members.insert("a".into(), Node::null(Span::NONE));
        let list = entries(Node::mapping(members, Span::NONE));
        let texts: Vec<_> = list.iter().filter_map(Node::as_str).collect();
        assert_eq!(texts, ["a", "b=1"]);
    }
}
