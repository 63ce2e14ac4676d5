use std::collections::HashMap;

use super::View;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Span;

/// Nothing is mounted over something else.
pub fn check(view: &View, found: &mut Diagnostics) {
    for service in view.services() {
        let mut mounted: HashMap<&str, Span> = HashMap::new();
        let tmpfs = service.items("tmpfs").iter().filter_map(|item| {
            let path = item.as_str()?;
            Some((path.split(':').next().unwrap_or(path), item.span))
        });
        let volumes = service.items("volumes").iter().filter_map(|mount| {
            let target = mount.get("target")?;
            Some((target.as_str()?, target.span))
        });
        for (target, span) in tmpfs.chain(volumes) {
            if let Some(first) = mounted.insert(target, span) {
                found.push(
                    Diagnostic::error(
                        "mount-conflict",
                        format!("service `{}` mounts `{target}` twice", service.name),
                    )
                    .at(span, "second mount")
                    .because(first, "first mount")
                    .help("remove one of them"),
                );
            }
        }
    }
}
