use super::View;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Node;

/// A bind mount says which directory of the host it binds.
pub fn check(view: &View, found: &mut Diagnostics) {
    for service in view.services() {
        for mount in service.items("volumes") {
            if mount.get("type").and_then(Node::as_str) == Some("bind")
                && mount.get("source").is_none()
            {
                found.push(
                    Diagnostic::error(
                        "missing-key",
                        format!("a bind mount of service `{}` has no `source`", service.name),
                    )
                    .at(mount.span, "")
                    .help("add `source: PATH`, a path on this machine"),
                );
            }
        }
    }
}
