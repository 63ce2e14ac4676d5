use super::Expansion;
use super::file::member;
use crate::diagnostic::Diagnostic;
use crate::source::{Kind, Mapping, Node};

/// A path becomes `{context: path}`.
pub fn build(node: &mut Node, _: &mut Expansion) {
    member(node, "context");
}

/// Null becomes an empty mapping; the former `external: {name: ..}` becomes `external: true` with the name beside it.
pub fn resource(node: &mut Node, expansion: &mut Expansion) {
    if node.is_null() {
        node.kind = Mapping::new().into();
        return;
    }
    let Some(members) = node.as_mapping_mut() else {
        return;
    };
    let Some(external) = members.get_mut("external") else {
        return;
    };
    if external.as_mapping().is_none() {
        return;
    }
    let Kind::Mapping(mut former) = std::mem::replace(&mut external.kind, Kind::Bool(true)) else {
        return;
    };
    let Some(name) = former.remove("name") else {
        return;
    };
    match members.get("name") {
        None => {
            members.insert("name".into(), name);
        }
        Some(own) if own.as_str() != name.as_str() => {
            let finding = Diagnostic::error(
                "conflicting-keys",
                format!(
                    "`{}` has two names: `name` and `external.name`",
                    expansion.place
                ),
            )
            .at(name.span, "the former way to say it")
            .because(own.span, "")
            .help("keep `name`, and write `external: true`");
            expansion.refuse(finding);
        }
        Some(_) => {}
    }
}
