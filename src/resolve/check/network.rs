use super::{Service, View};
use crate::diagnostic::{Diagnostic, Diagnostics, Edit, closest};
use crate::resolve::profiles;
use crate::source::Node;

/// Whether a service says that it can do without another. That it cannot is the rule of dependencies.
fn is_optional(service: Service, other: &str) -> bool {
    let mut dependencies = service.members("depends_on");
    let dependency = dependencies.find(|(name, _)| name.text == other);
    dependency.is_some_and(|(_, dependency)| {
        dependency.get("required").and_then(Node::as_bool) == Some(false)
    })
}

/// Networks are defined, a service has a network mode or networks, not both, and the service whose network it lives in is active.
pub fn check(view: &View, found: &mut Diagnostics) {
    for service in view.services() {
        if let (Some(mode), Some(networks)) = (service.get("network_mode"), service.get("networks"))
        {
            found.push(
                Diagnostic::error(
                    "conflicting-keys",
                    format!(
                        "service `{}` has both `network_mode` and `networks`",
                        service.name
                    ),
                )
                .at(networks.span, "joins networks")
                .because(mode.span, "leaves them")
                .help("keep one of them; `networks: !reset null` removes what a lower layer says"),
            );
        }
        if let Some(mode) = service.get("network_mode")
            && let Some(other) = mode.as_str().and_then(|mode| mode.strip_prefix("service:"))
            && let Some((key, inactive)) = view.inactive.get_key_value(other)
            && is_optional(service, other)
        {
            let profile = profiles::of(inactive).first().copied().unwrap_or_default();
            found.push(
                Diagnostic::error(
                    "inactive-dependency",
                    format!(
                        "service `{}` lives in the network of `{other}`, which no active profile brings in",
                        service.name
                    ),
                )
                .at(mode.span, "")
                .because(key.span, "only in a profile")
                .help(format!(
                    "add `--profile {profile}`, or give service `{}` the same profile",
                    service.name
                )),
            );
        }
        for (name, _) in service.members("networks") {
            if name.text.starts_with("x-") {
                found.push(
                    Diagnostic::error(
                        "bad-name",
                        format!(
                            "service `{}` joins `{}`, whose name begins with `x-`",
                            service.name, name.text
                        ),
                    )
                    .at(name.span, "")
                    .note("keys that begin with `x-` are extensions, so that to Compose the service joins no network here")
                    .help("give the network another name"),
                );
                continue;
            }
            if view.has("networks", &name.text) {
                continue;
            }
            let finding = Diagnostic::error(
                "undefined-network",
                format!(
                    "service `{}` joins the undefined network `{}`",
                    service.name, name.text
                ),
            )
            .at(name.span, "");
            let known = view.section("networks").map(|(key, _)| &*key.text);
            found.push(match closest(&name.text, known) {
                Some(near) => finding.fix(
                    format!("write `{near}`"),
                    vec![Edit {
                        span: name.span,
                        replacement: near.to_owned(),
                    }],
                ),
                None => finding.help(format!(
                    "define `{}` under the top-level `networks`",
                    name.text
                )),
            });
        }
    }
}
