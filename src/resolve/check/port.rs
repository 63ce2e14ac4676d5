use std::collections::HashMap;

use super::View;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Node, Span};

/// A fixed port of the host that is published twice: the second container cannot start.
///
/// A warning, because Compose says nothing before the engine does, and because only one of the services may be meant to
/// run at a time.
pub fn check(view: &View, found: &mut Diagnostics) {
    // By port and protocol: who binds it, on which address, and where that is written.
    type Binding<'b> = (&'b str, &'b str, Span);
    let mut bound: HashMap<(&str, &str), Vec<Binding>> = HashMap::new();
    for service in view.services() {
        for port in service.items("ports") {
            let text = |key: &str| port.get(key).and_then(Node::as_str);
            let (Some(published), protocol) = (
                text("published").filter(|published| !published.contains('-')),
                text("protocol").unwrap_or("tcp"),
            ) else {
                continue;
            };
            if published.is_empty() {
                continue;
            }
            let address = text("host_ip").unwrap_or("0.0.0.0");
            let others = bound.entry((published, protocol)).or_default();
            if let Some((other, _, span)) =
                others.iter().find(|(_, bound, _)| overlap(bound, address))
            {
                let whose = if *other == service.name {
                    format!("twice by service `{other}`")
                } else {
                    format!("by service `{other}` and by service `{}`", service.name)
                };
                let finding = Diagnostic::warning(
                    "port-conflict",
                    format!("host port {published}/{protocol} is published {whose}"),
                )
                .at(port.span, "second binding")
                .because(*span, "first binding");
                found.push(if span.source == port.span.source {
                    finding.help("publish one of them on another port")
                } else {
                    finding
                        .note("lists of `ports` in several layers are appended to each other")
                        .help("write `ports: !override` in the higher layer to replace the inherited list")
                });
            }
            others.push((service.name, address, port.span));
        }
    }
}

fn overlap(left: &str, right: &str) -> bool {
    let is_any = |address: &str| matches!(address, "0.0.0.0" | "::" | "");
    left == right || is_any(left) || is_any(right)
}
