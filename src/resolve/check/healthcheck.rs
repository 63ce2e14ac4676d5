use super::{View, items};
use crate::diagnostic::{Diagnostic, Diagnostics};

/// A test in list form begins with the way it is run.
pub fn check(view: &View, found: &mut Diagnostics) {
    for service in view.services() {
        let Some(first) = service
            .get("healthcheck")
            .and_then(|check| items(check, "test").first())
        else {
            continue;
        };
        let kind = first.as_str().unwrap_or_default();
        if !matches!(kind, "CMD" | "CMD-SHELL" | "NONE") {
            found.push(
                Diagnostic::error(
                    "healthcheck-kind",
                    format!(
                        "the health check of service `{}` begins with `{kind}`",
                        service.name
                    ),
                )
                .at(first.span, "")
                .help("begin the list with `CMD`, `CMD-SHELL` or `NONE`, or write the command as one text"),
            );
        }
    }
}
