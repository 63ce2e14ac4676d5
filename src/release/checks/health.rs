use super::{Checked, Inspected};
use crate::model::Project;

const CHECK: &str = "health-check";
/// The condition of those who wait for a service to be done: it is none that stays.
const DONE: &str = "service_completed_successfully";

/// Each service that stays running has a health check, its own or the image's.
pub(super) fn check(inspected: &Inspected<'_>) -> Checked {
    if inspected.component.limits.health_check == Some(false) {
        return Checked::skipped(CHECK, "none is asked for");
    }
    let of_image = inspected
        .image
        .healthcheck
        .as_ref()
        .is_some_and(|check| !check.test.is_empty() && !is_off(&check.test));
    let mut without = Vec::new();
    let mut count = 0;
    for name in &inspected.component.services {
        let Some(service) = inspected.project.services.get(name) else {
            continue;
        };
        if is_one_shot(inspected.project, name) {
            continue;
        }
        count += 1;
        let own = service.healthcheck.as_ref();
        let has_one = match own {
            Some(own) => !own.disable && !is_off(&own.test) && (!own.test.is_empty() || of_image),
            None => of_image,
        };
        if !has_one {
            without.push(format!("`{name}`"));
        }
    }
    if !without.is_empty() {
        let names = without.join(", ");
        return Checked::failed(
            CHECK,
            format!(
                "nothing tells whether {names} works; add `healthcheck` to the service or `HEALTHCHECK` to the image"
            ),
        );
    }
    match count {
        0 => Checked::skipped(CHECK, "no service of it stays running"),
        _ if of_image => Checked::passed(CHECK, "the image has one"),
        _ => Checked::passed(CHECK, "each service has one"),
    }
}

/// Whether a test takes the check away. <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#healthcheck>
fn is_off(test: &[String]) -> bool {
    test.first().is_some_and(|word| word == "NONE")
}

fn is_one_shot(project: &Project, name: &str) -> bool {
    project.services.values().any(|service| {
        let dependency = service.depends_on.get(name);
        dependency.is_some_and(|dependency| {
            let condition = serde_json::to_value(dependency).unwrap_or_default();
            condition["condition"] == DONE
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::super::tests::Sample;
    use super::*;
    use crate::model::ReleaseLimits;

    fn verdict(services: &str) -> Verdict {
        let mut sample = Sample::new(ReleaseLimits::default());
        let text = format!(r#"{{"name": "p", "services": {services}}}"#);
        sample.project = serde_json::from_str(&text).unwrap();
        sample.component.services = sample.project.services.keys().cloned().collect();
        sample.check(check).verdict
    }

    #[test]
    fn what_stays_running_needs_a_health_check() {
        assert_eq!(verdict(r#"{"app": {"image": "x"}}"#), Verdict::Failed);
        let own = r#"{"app": {"image": "x", "healthcheck": {"test": ["CMD", "true"]},
                 "depends_on": {"migrate": {"condition": "service_completed_successfully"}}},
            "migrate": {"image": "x"}}"#;
        assert_eq!(verdict(own), Verdict::Passed);
        let off = r#"{"app": {"image": "x", "healthcheck": {"disable": true}}}"#;
        assert_eq!(verdict(off), Verdict::Failed);
        let none = r#"{"app": {"image": "x", "healthcheck": {"test": ["NONE"]}}}"#;
        assert_eq!(verdict(none), Verdict::Failed);
    }
}
