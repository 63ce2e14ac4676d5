use super::{Service, View};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::Node;

/// The number of containers is said once, is not negative, and is one where their name is fixed.
pub fn check(view: &View, found: &mut Diagnostics) {
    for service in view.services() {
        let scale = service.get("scale");
        let replicas = service
            .get("deploy")
            .and_then(|deploy| deploy.get("replicas"));
        if let (Some(scale), Some(replicas)) = (scale, replicas)
            && scale.as_int() != replicas.as_int()
        {
            found.push(
                Diagnostic::error(
                    "conflicting-keys",
                    format!(
                        "service `{}` has different values in `scale` and `deploy.replicas`",
                        service.name
                    ),
                )
                .at(scale.span, "")
                .because(replicas.span, "")
                .help("keep one of them"),
            );
        }
        for (key, value) in [("scale", scale), ("deploy.replicas", replicas)] {
            if let Some(node) = value
                && let Some(number) = node.as_int()
                && number < 0
            {
                found.push(
                    Diagnostic::error(
                        "not-allowed",
                        format!("`services.{}.{key}` is {number}", service.name),
                    )
                    .at(node.span, "")
                    .help("write 0 or more"),
                );
            }
        }
        fixed_name(service, scale.or(replicas), found);
    }
}

fn fixed_name(service: Service, count: Option<&Node>, found: &mut Diagnostics) {
    if let (Some(name), Some(count)) = (service.get("container_name"), count)
        && count.as_int().is_some_and(|count| count > 1)
    {
        found.push(
            Diagnostic::error(
                "container-name-scaled",
                format!(
                    "service `{}` has several containers but one `container_name`",
                    service.name
                ),
            )
            .at(name.span, "names one container")
            .because(count.span, "asks for several")
            .help("remove `container_name`: wharf names each container"),
        );
    }
}
