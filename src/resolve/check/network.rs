use super::View;
use crate::diagnostic::{Diagnostic, Diagnostics, Edit, closest};

/// Networks are defined, and a service has a network mode or networks, not both.
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
