//! Short forms that are left when layers meet, made long.

use std::mem;

use super::entry::entries;
use crate::source::{Key, Kind, Mapping, Node, Span};

pub(super) fn become_entries(value: &mut Node) {
    if !matches!(value.kind, Kind::Sequence(_)) {
        let (span, tag, history) = (value.span, value.tag, value.history.take());
        let list = entries(mem::replace(value, Node::null(span)));
        *value = Node::sequence(list, span);
        value.tag = tag;
        value.history = history;
    }
}

pub(super) fn become_build(value: &mut Node) {
    if value.as_str().is_some() {
        let span = value.span;
        let context = mem::replace(value, Node::null(span));
        let mut members = Mapping::new();
        members.insert(Key::new("context", span), context);
        *value = Node::mapping(members, span);
    }
}

/// A list with an element that is no text stays as it is, to be refused.
pub(super) fn become_names(value: &mut Node, member: fn(Span) -> Node) {
    let Some(items) = value.as_sequence() else {
        return;
    };
    let members: Option<Mapping> = items
        .iter()
        .map(|item| Some((Key::new(item.as_str()?, item.span), member(item.span))))
        .collect();
    if let Some(members) = members {
        value.kind = members.into();
    }
}

/// What a bare name in `depends_on` stands for.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#short-syntax-1>
pub(super) fn dependency(span: Span) -> Node {
    let mut members = Mapping::with_capacity(2);
    for (key, value) in [
        ("condition", Node::string("service_started", span)),
        ("required", Node::bool(true, span)),
    ] {
        members.insert(Key::new(key, span), value);
    }
    Node::mapping(members, span)
}
