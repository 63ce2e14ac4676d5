use super::Expansion;
use crate::diagnostic::Diagnostic;
use crate::source::{Kind, Node, Span};

/// Host names and addresses become sorted `host=address` texts.
pub fn extra_hosts(node: &mut Node, expansion: &mut Expansion) {
    if expansion.keep_variables {
        return;
    }
    let mut found: Vec<(String, String, Span)> = Vec::new();
    match &node.kind {
        Kind::Sequence(items) => {
            for item in items.iter() {
                let Some(text) = item.as_str() else {
                    return;
                };
                let Some((host, addresses)) = text.split_once('=').or_else(|| text.split_once(':'))
                else {
                    let finding = Diagnostic::error(
                        "bad-host",
                        format!("`{text}` in `{}` names no address", expansion.place),
                    )
                    .at(item.span, "")
                    .help("write `HOST=ADDRESS`");
                    expansion.refuse(finding);
                    return;
                };
                for address in addresses.split(',') {
                    found.push((host.to_owned(), address.to_owned(), item.span));
                }
            }
        }
        Kind::Mapping(members) => {
            for (host, addresses) in members.iter() {
                match &addresses.kind {
                    Kind::Sequence(addresses) => {
                        for address in addresses.iter() {
                            let text = address.as_str().unwrap_or_default();
                            found.push((host.text.to_string(), text.to_owned(), address.span));
                        }
                    }
                    Kind::String(address) => {
                        found.push((host.text.to_string(), address.to_string(), addresses.span));
                    }
                    _ => found.push((host.text.to_string(), String::new(), addresses.span)),
                }
            }
        }
        _ => return,
    }
    for (host, address, span) in &mut found {
        if host.is_empty() || host.contains([':', '=']) {
            let finding = Diagnostic::error(
                "bad-host",
                format!("`{host}` in `{}` is no host name", expansion.place),
            )
            .at(*span, "")
            .help("write a name without `:` and `=`");
            expansion.refuse(finding);
            return;
        }
        if let Some(inner) = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            && !inner.is_empty()
        {
            *address = inner.to_owned();
        }
    }
    let mut items: Vec<Node> = found
        .into_iter()
        .map(|(host, address, span)| Node::string(format!("{host}={address}"), span))
        .collect();
    items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    node.kind = items.into();
}
