use super::Expansion;
use crate::source::{Kind, Mapping, Node};

/// A single value becomes a list of it.
pub fn list(node: &mut Node, _: &mut Expansion) {
    if matches!(node.kind, Kind::Sequence(_) | Kind::Null) {
        return;
    }
    let span = node.span;
    let only = std::mem::replace(node, Node::sequence(Vec::new(), span));
    node.history.clone_from(&only.history);
    if let Some(items) = node.as_sequence_mut() {
        items.push(only);
    }
}

/// As [`list`], unless variables still stand.
pub fn texts(node: &mut Node, expansion: &mut Expansion) {
    if !expansion.keep_variables {
        list(node, expansion);
    }
}

/// As [`list`], without empty texts.
pub fn filled(node: &mut Node, expansion: &mut Expansion) {
    list(node, expansion);
    if let Some(items) = node.as_sequence_mut() {
        items.retain(|item| item.as_str() != Some(""));
    }
}

/// Every member of a mapping becomes a list.
pub fn lists(node: &mut Node, expansion: &mut Expansion) {
    if expansion.keep_variables {
        return;
    }
    for member in node
        .as_mapping_mut()
        .into_iter()
        .flat_map(Mapping::values_mut)
    {
        if !matches!(member.kind, Kind::Sequence(_)) {
            let span = member.span;
            let only = std::mem::replace(member, Node::null(span));
            *member = Node::sequence(vec![only], span);
        }
    }
}

/// A list of names becomes a mapping of the names to null.
pub fn names(node: &mut Node, _: &mut Expansion) {
    let Kind::Sequence(items) = &mut node.kind else {
        return;
    };
    let members: Mapping = items
        .drain(..)
        .filter_map(|item| {
            let span = item.span;
            let Kind::String(name) = item.kind else {
                return None;
            };
            Some((crate::source::Key::new(name, span), Node::null(span)))
        })
        .collect();
    node.kind = members.into();
}
