use std::fmt;

use super::dockerfile::ReferenceKind;
use super::{ImageGraph, ParentBy};
use crate::graph::Cycle;

/// Images that are built from each other in a circle: each needs the next one, the last one the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageCycle(pub Vec<Need>);

/// One image's need of another, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    pub image: String,
    pub parent: String,
    /// `docker/Dockerfile:3: COPY --from=tools`, or the named context. Empty: unknown.
    pub place: String,
}

impl ImageCycle {
    pub(super) fn of(graph: &ImageGraph, cycle: &Cycle<String>) -> ImageCycle {
        let needs = cycle.0.windows(2).map(|pair| {
            let [image, parent] = pair else {
                unreachable!("windows of two")
            };
            Need {
                image: image.clone(),
                parent: parent.clone(),
                place: place(graph, image, parent).unwrap_or_default(),
            }
        });
        ImageCycle(needs.collect())
    }
}

fn place(graph: &ImageGraph, image: &str, parent: &str) -> Option<String> {
    let image = graph.images.get(image)?;
    let by = &image.parents.iter().find(|one| one.key == parent)?.by;
    Some(match by {
        ParentBy::Context(name) => format!("the context `{name}` of service `{}`", image.key),
        ParentBy::Reference { kind, name, line } => {
            let file = &image.dockerfile.as_ref()?.shown_as;
            let written = match kind {
                ReferenceKind::From => "FROM ",
                ReferenceKind::Copy => "COPY --from=",
                ReferenceKind::Mount => "RUN --mount=from=",
            };
            format!("{file}:{line}: {written}{name}")
        }
    })
}

impl fmt::Display for ImageCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for need in &self.0 {
            write!(f, "`{}` -> ", need.image)?;
        }
        if let Some(first) = self.0.first() {
            write!(f, "`{}`", first.image)?;
        }
        for need in &self.0 {
            write!(f, "\n  `{}` needs `{}`", need.image, need.parent)?;
            if !need.place.is_empty() {
                write!(f, ": {}", need.place)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ImageCycle {}
