use serde::Serialize;

use crate::build::{BuildEvent, BuildRunEvent};

/// The stable form of build events for `--progress json`.
#[derive(Serialize)]
pub(super) struct BuildLine<'e> {
    event: &'static str,
    image: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached: Option<bool>,
    /// Bytes of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    milliseconds: Option<u128>,
}

impl<'e> BuildLine<'e> {
    pub(super) fn of(event: &'e BuildRunEvent) -> Self {
        let line = |event, image: &'e str| BuildLine {
            event,
            image,
            id: None,
            step: None,
            text: None,
            cached: None,
            size: None,
            milliseconds: None,
        };
        match event {
            BuildRunEvent::Started { image, reason } => BuildLine {
                text: Some(reason.to_string()),
                ..line("build_started", image)
            },
            BuildRunEvent::Unchanged { image, id } => BuildLine {
                id: Some(id),
                ..line("image_unchanged", image)
            },
            BuildRunEvent::Due { image, reason } => BuildLine {
                text: Some(reason.to_string()),
                ..line("build_due", image)
            },
            BuildRunEvent::Built {
                image,
                id,
                duration,
                size,
            } => BuildLine {
                id: Some(id),
                size: *size,
                milliseconds: Some(duration.as_millis()),
                ..line("image_built", image)
            },
            BuildRunEvent::Failed(failure) => BuildLine {
                text: Some(failure.message.clone()),
                step: failure.step.as_deref(),
                ..line("build_failed", &failure.image)
            },
            BuildRunEvent::Abandoned { image } => line("build_abandoned", image),
            BuildRunEvent::Step { image, event } => match event {
                BuildEvent::StepStarted { name, .. } => BuildLine {
                    step: Some(name),
                    ..line("step_started", image)
                },
                BuildEvent::StepCompleted {
                    name,
                    cached,
                    duration,
                    ..
                } => BuildLine {
                    step: Some(name),
                    milliseconds: Some(duration.as_millis()),
                    cached: Some(*cached),
                    ..line("step_completed", image)
                },
                BuildEvent::StepFailed { name, error, .. } => BuildLine {
                    step: Some(name),
                    text: Some(error.clone()),
                    ..line("step_failed", image)
                },
                BuildEvent::Output { line: text, .. } => BuildLine {
                    text: Some(text.clone()),
                    ..line("output", image)
                },
                BuildEvent::Transfer {
                    name,
                    current,
                    total,
                    ..
                } => BuildLine {
                    text: Some(match total {
                        Some(total) => format!("{name}: {current} of {total} bytes"),
                        None => format!("{name}: {current} bytes"),
                    }),
                    ..line("transfer", image)
                },
                BuildEvent::Warning { message, .. } => BuildLine {
                    text: Some(message.clone()),
                    ..line("warning", image)
                },
            },
        }
    }
}
