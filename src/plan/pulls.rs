use indexmap::IndexMap;

use super::{
    Cause, Operation, Plan, PlanError, Policy, Pull, Risk, Target, Verb, image_of, service_order,
};
use crate::model::{Project, PullPolicy};
use crate::observe::Snapshot;

/// The pulls that the policy asks for although an image may be there: `--pull always`, and a `pull_policy` that wants it anew.
/// Their outcome decides what is recreated, so observe again before [`super::reconcile()`].
pub fn pulls(project: &Project, snapshot: &Snapshot, policy: &Policy) -> Result<Plan, PlanError> {
    let mut wanted: IndexMap<String, (Option<String>, Cause)> = IndexMap::new();
    for name in service_order(project, &policy.services, !policy.no_deps)? {
        let service = &project.services[&name];
        let reference = image_of(project, &name, service);
        let image = snapshot.images.get(&reference);
        let is_there = image.is_some();
        let is_asked = match policy.pull {
            Pull::Always => service.build.is_none(),
            Pull::ByService => match service.pull_policy {
                Some(PullPolicy::Always) => true,
                Some(PullPolicy::Refresh(length)) => {
                    image.is_none_or(|image| image.is_older_than(length.std()))
                }
                Some(PullPolicy::Never | PullPolicy::Missing | PullPolicy::Build) | None => false,
            },
            Pull::Missing => service.build.is_none() && !is_there,
            Pull::Never => false,
        };
        if is_asked {
            let cause = if is_there {
                Cause::Requested
            } else {
                Cause::ImageMissing
            };
            wanted.insert(reference, (service.platform.clone(), cause));
        }
    }
    let mut plan = Plan::new(Verb::Pull, snapshot);
    for (reference, (platform, cause)) in wanted {
        plan.push(
            Target::Image {
                reference: reference.clone(),
            },
            Operation::PullImage {
                reference,
                platform,
            },
            cause,
            Risk::Safe,
            [],
        );
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Duration, Service};
    use crate::observe::ObservedImage;

    /// Whether an image of that age, in seconds, is fetched again under `every_1h`.
    fn is_fetched(age: Option<Option<u64>>) -> bool {
        let mut project = Project::default();
        let service = Service {
            image: Some("app:1".into()),
            pull_policy: Some(PullPolicy::Refresh(Duration::from_secs(3600))),
            ..Service::default()
        };
        project.services.insert("app".into(), service);
        let mut world = Snapshot::default();
        if let Some(age) = age {
            let image = ObservedImage {
                age,
                ..ObservedImage::default()
            };
            world.images.insert("app:1".into(), image);
        }
        let plan = pulls(&project, &world, &Policy::default()).expect("a plan");
        !plan.is_empty()
    }

    #[test]
    fn a_refreshed_image_is_fetched_when_it_is_missing_or_old() {
        assert!(is_fetched(None));
        assert!(is_fetched(Some(None)));
        assert!(is_fetched(Some(Some(3601))));
        assert!(!is_fetched(Some(Some(3599))));
    }
}
