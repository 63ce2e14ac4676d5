use indexmap::IndexMap;

use super::{
    Cause, Operation, Plan, PlanError, Policy, Pull, Risk, Target, Verb, image_of, service_order,
};
use crate::model::Project;
use crate::observe::Snapshot;

/// The pulls that the policy asks for although an image may be there: `--pull always` and `pull_policy: always`. Their
/// outcome decides what is recreated, so observe again before [`super::reconcile()`].
pub fn pulls(project: &Project, snapshot: &Snapshot, policy: &Policy) -> Result<Plan, PlanError> {
    let mut wanted: IndexMap<String, (Option<String>, Cause)> = IndexMap::new();
    for name in service_order(project, &policy.services, !policy.no_deps)? {
        let service = &project.services[&name];
        let reference = image_of(project, &name, service);
        let is_there = snapshot.images.contains_key(&reference);
        let is_asked = match policy.pull {
            Pull::Always => service.build.is_none(),
            Pull::ByService => matches!(service.pull_policy.as_deref(), Some("always")),
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
