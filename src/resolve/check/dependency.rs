use super::View;
use crate::diagnostic::{Diagnostic, Diagnostics, closest};
use crate::resolve::profiles;
use crate::source::Node;

/// Dependencies are defined and, unless they are not required, active.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#depends_on>
pub fn check(view: &View, found: &mut Diagnostics) {
    for service in view.services() {
        for (name, dependency) in service.members("depends_on") {
            if view.has("services", &name.text) {
                continue;
            }
            if let Some((key, inactive)) = view.inactive.get_key_value(&name.text) {
                if dependency.get("required").and_then(Node::as_bool) == Some(false) {
                    continue;
                }
                let profiles = profiles::of(inactive);
                let profile = profiles.first().copied().unwrap_or_default();
                found.push(
                    Diagnostic::error(
                        "inactive-dependency",
                        format!(
                            "service `{}` depends on `{}`, which no active profile brings in",
                            service.name, name.text
                        ),
                    )
                    .at(name.span, "")
                    .because(key.span, "only in a profile")
                    .help(format!(
                        "add `--profile {profile}`, or say `required: false` beside the condition"
                    )),
                );
                continue;
            }
            let finding = Diagnostic::error(
                "undefined-service",
                format!(
                    "service `{}` depends on the undefined service `{}`",
                    service.name, name.text
                ),
            )
            .at(name.span, "");
            let known = view
                .services()
                .map(|service| service.name)
                .chain(view.inactive.keys().map(|key| &*key.text));
            found.push(match closest(&name.text, known) {
                Some(near) => finding.help(format!("write `{near}`")),
                None => finding,
            });
        }
    }
}
