use crate::grammar;
use crate::source::{Kind, Mapping, Node, Span};

/// A value as a list of `KEY=VALUE` texts: a mapping sorted by text, a list as it is, a text alone. Other kinds have none.
pub(super) fn entries(value: Node) -> Vec<Node> {
    match value.kind {
        Kind::Sequence(items) => *items,
        Kind::String(_) => vec![value],
        Kind::Mapping(members) => sorted_entries(*members),
        Kind::Null
        | Kind::Bool(_)
        | Kind::Int(_)
        | Kind::Unsigned(_)
        | Kind::Float(_)
        | Kind::Timestamp(_) => Vec::new(),
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
        Kind::Bool(_) | Kind::Int(_) | Kind::Unsigned(_) | Kind::Float(_) => {
            grammar::plain(&value.kind)
        }
        Kind::String(text) | Kind::Timestamp(text) => Some(text.to_string()),
        Kind::Sequence(_) | Kind::Mapping(_) => Some(String::new()),
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
    fn mappings_become_sorted_lists() {
        let mut members = Mapping::new();
        members.insert("b".into(), Node::int(1, Span::NONE));
        members.insert("a".into(), Node::null(Span::NONE));
        let list = entries(Node::mapping(members, Span::NONE));
        let texts: Vec<_> = list.iter().filter_map(Node::as_str).collect();
        assert_eq!(texts, ["a", "b=1"]);
    }
}
