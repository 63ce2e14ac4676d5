use super::{Expansion, default};
use crate::diagnostic::Diagnostic;
use crate::source::{Kind, Mapping, Node};

/// `SOURCE[:TARGET[:PERMISSIONS]]`.
pub fn device(node: &mut Node, expansion: &mut Expansion) {
    let Some(text) = node.as_str() else {
        return;
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts[..] {
        [source] => (source, "", "rwm"),
        [source, target] => (source, target, "rwm"),
        [source, target, permissions] => (source, target, permissions),
        _ => {
            let finding = Diagnostic::error(
                "bad-device",
                format!("`{text}` in `{}` has too many colons", expansion.place),
            )
            .at(node.span, "")
            .help("write `SOURCE:TARGET:PERMISSIONS`, or a mapping with these keys");
            expansion.refuse(finding);
            return;
        }
    };
    let target = if target.is_empty() { source } else { target };
    let span = node.span;
    let mut members = Mapping::new();
    members.insert("source".into(), Node::string(source, span));
    members.insert("target".into(), Node::string(target, span));
    members.insert("permissions".into(), Node::string(permissions, span));
    node.kind = members.into();
}

/// A request that says neither how many nor which devices asks for all.
pub fn device_request(node: &mut Node, expansion: &mut Expansion) {
    if let (Some(count), Some(ids)) = (node.get("count"), node.get("device_ids")) {
        let finding = Diagnostic::error(
            "conflicting-keys",
            format!("`{}` has both `count` and `device_ids`", expansion.place),
        )
        .at(ids.span, "which devices")
        .because(count.span, "how many devices")
        .help("keep one of them");
        expansion.refuse(finding);
        return;
    }
    if node.get("device_ids").is_none() {
        let span = node.span;
        default(node, "count", || Node::string("all", span));
    }
}

/// `all` becomes one request for all devices.
pub fn gpus(node: &mut Node, _: &mut Expansion) {
    if node.as_str().is_some() {
        let span = node.span;
        let mut request = Mapping::new();
        let all = std::mem::replace(&mut node.kind, Kind::Null);
        request.insert("count".into(), Node::new(all, span));
        node.kind = vec![Node::mapping(request, span)].into();
    }
}
