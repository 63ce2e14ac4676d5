//! The builder that Docker had before BuildKit. wharf has none; who asks for it is told what it could not do.

use super::context::Context;
use super::{Exit, Failure};
use crate::build::ImageGraph;

/// Under Compose's name, `DOCKER_BUILDKIT=0` asks for the classic builder: it is refused what only BuildKit does. What both do, BuildKit
/// does.
pub fn refuse(context: &Context, graph: &ImageGraph, wanted: &[String]) -> Result<(), Failure> {
    let asked = context.environment.get("DOCKER_BUILDKIT");
    if !context.globals.as_compose || !asked.is_some_and(is_off) {
        return Ok(());
    }
    let images = wanted.iter().filter_map(|key| graph.images.get(key));
    for image in images {
        let lacks = match (image.platforms.len(), image.build.privileged) {
            (2.., _) => "multi-arch build",
            (_, Some(true)) => "privileged mode",
            _ => continue,
        };
        let compose = format!(
            "the classic builder doesn't support {lacks}, set DOCKER_BUILDKIT=1 to use BuildKit"
        );
        return Err(Failure::Worded {
            message: format!("image `{}`: {compose}", image.key),
            compose,
            exit: Exit::APPLY,
        });
    }
    Ok(())
}

fn is_off(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "0" | "f" | "false")
}
