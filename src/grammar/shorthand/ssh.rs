use std::mem;

use super::Expansion;
use crate::diagnostic::Diagnostic;
use crate::source::{Kind, Node};

/// Agents and keys become `id` or `id=path` texts.
/// <https://github.com/compose-spec/compose-spec/blob/main/build.md#ssh>
pub fn ssh(node: &mut Node, expansion: &mut Expansion) {
    match &mut node.kind {
        Kind::Mapping(members) => {
            let items: Vec<Node> = mem::take(&mut **members)
                .into_iter()
                .map(|(id, path)| {
                    let span = id.span;
                    let text = match path.as_str() {
                        Some(path) if !path.is_empty() => format!("{}={path}", id.text).into(),
                        _ => id.text,
                    };
                    Node::string(text, span)
                })
                .collect();
            node.kind = items.into();
        }
        Kind::Sequence(items) => {
            for item in items.iter() {
                let text = item.as_str().unwrap_or_default();
                if !text.contains('=') && text != "default" {
                    let finding = Diagnostic::error(
                        "bad-entry",
                        format!("`{text}` in `{}` names no key", expansion.place),
                    )
                    .at(item.span, "")
                    .help("write `default` or `ID=PATH`");
                    expansion.refuse(finding);
                }
            }
        }
        _ => {}
    }
}
