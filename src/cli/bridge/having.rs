use std::sync::Arc;

use crate::apply::Cancel;
use crate::cli::Failure;
use crate::cli::carry_out::carry_out;
use crate::cli::context::Context;
use crate::engine::Engine;
use crate::observe::Snapshot;
use crate::plan::{Cause, Operation, Plan, Risk, Target, Verb};

/// Pulls images that the engine does not have, by reference and platform.
pub async fn have<'i>(
    context: &Context,
    engine: &Arc<dyn Engine>,
    images: impl IntoIterator<Item = (&'i str, Option<&'i str>)>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let mut plan = Plan::new(Verb::Pull, &Snapshot::default());
    for (reference, platform) in images {
        let target = Target::Image {
            reference: reference.to_owned(),
        };
        let is_planned = plan.steps.iter().any(|step| step.target == target);
        if is_planned || engine.inspect_image(reference).await?.is_some() {
            continue;
        }
        let pull = Operation::PullImage {
            reference: reference.to_owned(),
            platform: platform.map(str::to_owned),
        };
        plan.push(target, pull, Cause::Requested, Risk::Safe, []);
    }
    if !plan.is_empty() {
        carry_out(
            context,
            engine,
            None,
            &plan,
            context.apply_options(),
            cancel,
        )
        .await?;
    }
    Ok(())
}
