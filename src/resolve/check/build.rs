use super::{View, items};
use crate::diagnostic::{Diagnostic, Diagnostics, closest};
use crate::source::Node;

/// One Dockerfile, contexts of services that are built, and the service's platform among those of its build.
pub fn check(view: &View, found: &mut Diagnostics) {
    for service in view.services() {
        let Some(build) = service.get("build") else {
            continue;
        };
        if let (Some(file), Some(inline)) =
            (build.get("dockerfile"), build.get("dockerfile_inline"))
        {
            found.push(
                Diagnostic::error(
                    "conflicting-keys",
                    format!(
                        "the build of service `{}` has both `dockerfile` and `dockerfile_inline`",
                        service.name
                    ),
                )
                .at(inline.span, "the Dockerfile's text")
                .because(file.span, "the Dockerfile's name")
                .help("keep one of them"),
            );
        }
        let contexts = build.get("additional_contexts").and_then(Node::as_mapping);
        for (name, context) in contexts.into_iter().flatten() {
            let Some(target) = context
                .as_str()
                .and_then(|text| text.strip_prefix("service:"))
            else {
                continue;
            };
            let Some(base) = view.service(target) else {
                let names = view.services().map(|service| service.name);
                let finding = Diagnostic::error(
                    "undefined-service",
                    format!(
                        "context `{}` of service `{}` refers to the undefined service `{target}`",
                        name.text, service.name
                    ),
                )
                .at(context.span, "");
                found.push(match closest(target, names) {
                    Some(near) => finding.help(format!("write `service:{near}`")),
                    None => finding,
                });
                continue;
            };
            if base.get("build").is_none() {
                found.push(
                    Diagnostic::error(
                        "context-without-build",
                        format!(
                            "context `{}` of service `{}` refers to `{target}`, which is not built",
                            name.text, service.name
                        ),
                    )
                    .at(context.span, "")
                    .because(base.span, "has no `build`")
                    .help("use `docker-image://IMAGE` for an image that is not built"),
                );
            }
        }
        let platforms = items(build, "platforms");
        if let Some(platform) = service.get("platform")
            && !platforms.is_empty()
            && !platforms
                .iter()
                .any(|built| built.as_str() == platform.as_str())
        {
            found.push(
                Diagnostic::error(
                    "platform-not-built",
                    format!(
                        "the build of service `{}` does not make its platform `{}`",
                        service.name,
                        platform.as_str().unwrap_or_default()
                    ),
                )
                .at(platform.span, "runs on this one")
                .because(platforms[0].span, "built for these")
                .help("add it to `build.platforms`"),
            );
        }
    }
}
