use super::{View, items};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Node;

/// Watched paths are not empty.
pub fn check_paths(view: &View, found: &mut Diagnostics) {
    for service in view.services() {
        for rule in service
            .get("develop")
            .into_iter()
            .flat_map(|d| items(d, "watch"))
        {
            if let Some(path) = rule.get("path")
                && path.as_str() == Some("")
            {
                found.push(
                    Diagnostic::error(
                        "not-allowed",
                        format!(
                            "a watch rule of service `{}` has an empty path",
                            service.name
                        ),
                    )
                    .at(path.span, "")
                    .help("write the directory or file that is to be watched"),
                );
            }
        }
    }
}

/// Files that are copied need a place to go to.
pub fn check_targets(view: &View, found: &mut Diagnostics) {
    for service in view.services() {
        for rule in service
            .get("develop")
            .into_iter()
            .flat_map(|d| items(d, "watch"))
        {
            let action = rule.get("action");
            let text = action.and_then(Node::as_str).unwrap_or_default();
            if rule.get("target").is_none() && !matches!(text, "rebuild" | "restart") {
                found.push(
                    Diagnostic::error(
                        "missing-key",
                        format!(
                            "a watch rule of service `{}` copies files but has no `target`",
                            service.name
                        ),
                    )
                    .at(
                        action.map_or(rule.span, |action| action.span),
                        "copies files",
                    )
                    .help("add `target: PATH`, a path in the container"),
                );
            }
        }
    }
}
