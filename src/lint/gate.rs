use super::Subject;
use crate::diagnostic::{Diagnostic, Diagnostics, Edit};
use crate::model::{Condition, Healthcheck};

/// Services that wait only until a dependency runs, although it has a health check that tells when it can be used.
pub(super) fn check(subject: &Subject, found: &mut Diagnostics) {
    let services = &subject.resolved.project.services;
    for (name, service) in services {
        for (other, dependency) in &service.depends_on {
            let checked = services
                .get(other)
                .and_then(|other| other.healthcheck.as_ref());
            if dependency.condition != Condition::Started || !checked.is_some_and(is_probe) {
                continue;
            }
            let path = ["services", name, "depends_on", other, "condition"];
            let written = subject.span(&path);
            let place = if written.is_some() {
                written
            } else {
                subject.span(&path[..4])
            };
            if !place.is_some() {
                // Implied by a link or a shared namespace, where no condition can be written.
                continue;
            }
            let finding = Diagnostic::warning(
                "health-not-awaited",
                format!("`{name}` does not wait until `{other}` is healthy"),
            )
            .at(place, format!("`{name}` starts as soon as `{other}` runs"))
            .because(
                subject.place(&["services", other, "healthcheck", "test"]),
                format!("tells when `{other}` can be used"),
            );
            let is_long = subject
                .resolved
                .sources
                .slice(place)
                .is_some_and(|text| text == "service_started");
            found.push(if is_long {
                finding.fix(
                    "wait for it",
                    vec![Edit {
                        span: place,
                        replacement: "service_healthy".into(),
                    }],
                )
            } else {
                finding.help(format!(
                    "write `depends_on: {{{other}: {{condition: service_healthy}}}}`"
                ))
            });
        }
    }
}

fn is_probe(healthcheck: &Healthcheck) -> bool {
    !healthcheck.is_disabled() && !healthcheck.test.is_empty()
}

#[cfg(test)]
mod tests {
    use crate::lint::advice;

    fn project(depends_on: &str, test: &str) -> Vec<(String, Option<String>)> {
        let text = format!(
            "services:\n  app: {{image: x, depends_on: {depends_on}}}\n  db: {{image: y, healthcheck: {{test: {test}}}}}\n"
        );
        advice(&[("compose.yaml", &text)])
    }

    #[test]
    fn a_probe_that_nobody_waits_for() {
        let message = "health-not-awaited: `app` does not wait until `db` is healthy";
        for (depends_on, place) in [
            ("[db]", "db"),
            ("{db: {condition: service_started}}", "service_started"),
        ] {
            assert_eq!(
                project(depends_on, "[CMD, x]"),
                [(message.to_owned(), Some(place.to_owned()))]
            );
        }
        assert_eq!(
            project("{db: {condition: service_healthy}}", "[CMD, x]"),
            []
        );
        assert_eq!(project("[db]", "[NONE]"), []);
    }
}
