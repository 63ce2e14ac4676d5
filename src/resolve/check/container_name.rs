use std::collections::HashMap;

use super::View;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;

/// No two containers have the same name.
pub fn check(view: &View, found: &mut Diagnostics) {
    let mut taken: HashMap<&str, (&str, Span)> = HashMap::new();
    for service in view.services() {
        let Some(node) = service.get("container_name") else {
            continue;
        };
        let Some(name) = node.as_str() else {
            continue;
        };
        if let Some((other, span)) = taken.insert(name, (service.name, node.span)) {
            found.push(
                Diagnostic::error(
                    "container-name-taken",
                    format!(
                        "services `{other}` and `{}` both name their container `{name}`",
                        service.name
                    ),
                )
                .at(node.span, "")
                .because(span, format!("service `{other}`"))
                .help("give one of them another name"),
            );
        }
    }
}
