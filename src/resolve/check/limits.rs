use super::{View, first_span};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::grammar::same;

/// Attributes of a service and where `deploy.resources` says the same.
const TWICE: [(&str, &str, &str); 4] = [
    ("cpus", "limits", "cpus"),
    ("mem_limit", "limits", "memory"),
    ("mem_reservation", "reservations", "memory"),
    ("pids_limit", "limits", "pids"),
];

/// A limit that is said in two places is the same in both.
pub fn check(view: &View, found: &mut Diagnostics) {
    for service in view.services() {
        let Some(resources) = service
            .get("deploy")
            .and_then(|deploy| deploy.get("resources"))
        else {
            continue;
        };
        for (key, section, inner) in TWICE {
            let (Some(own), Some(limits)) = (service.get(key), resources.get(section)) else {
                continue;
            };
            let deployed = limits.get(inner);
            let equal = deployed.is_some_and(|deployed| same(own, deployed));
            if !equal {
                let other = first_span([deployed.map_or(limits.span, |node| node.span)]);
                found.push(
                    Diagnostic::error(
                        "conflicting-keys",
                        format!(
                            "service `{}` has different values in `{key}` and `deploy.resources.{section}.{inner}`",
                            service.name
                        ),
                    )
                    .at(own.span, "")
                    .because(other, "")
                    .help("keep one of them"),
                );
            }
        }
    }
}
