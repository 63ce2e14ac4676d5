use super::{Expansion, default};
use crate::source::{Key, Kind, Mapping, Node, Span};

/// A dependency as Compose has it when nothing is said.
pub fn started(restart: bool, required: bool) -> Node {
    let mut members = Mapping::with_capacity(if restart { 3 } else { 2 });
    members.insert(
        "condition".into(),
        Node::string("service_started", Span::NONE),
    );
    if restart {
        members.insert("restart".into(), Node::bool(true, Span::NONE));
    }
    members.insert("required".into(), Node::bool(required, Span::NONE));
    Node::mapping(members, Span::NONE)
}

/// A list of services becomes a mapping with conditions.
pub fn depends_on(node: &mut Node, _: &mut Expansion) {
    if let Kind::Sequence(items) = &mut node.kind {
        let members: Mapping = items
            .drain(..)
            .filter_map(|item| {
                let span = item.span;
                let Kind::String(name) = item.kind else {
                    return None;
                };
                let mut dependency = started(false, true);
                dependency.span = span;
                Some((Key::new(name, span), dependency))
            })
            .collect();
        node.kind = members.into();
        return;
    }
    for dependency in node
        .as_mapping_mut()
        .into_iter()
        .flat_map(Mapping::values_mut)
    {
        default(dependency, "condition", || {
            Node::string("service_started", Span::NONE)
        });
        default(dependency, "required", || Node::bool(true, Span::NONE));
    }
}
