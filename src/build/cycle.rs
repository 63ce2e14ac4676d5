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
    /// `None`: unknown.
    pub by: Option<ParentBy>,
    /// What messages call the image's Dockerfile. `None`: it is not on this machine.
    pub dockerfile: Option<String>,
}

impl ImageCycle {
    pub(super) fn of(graph: &ImageGraph, cycle: &Cycle<String>) -> ImageCycle {
        let needs = cycle.0.windows(2).map(|pair| {
            let [key, parent] = pair else {
                unreachable!("windows of two")
            };
            let image = graph.images.get(key);
            let parents = image.into_iter().flat_map(|image| &image.parents);
            let dockerfile = image.and_then(|image| image.dockerfile.as_ref());
            Need {
                image: key.clone(),
                parent: parent.clone(),
                by: parents
                    .filter(|one| one.key == *parent)
                    .map(|one| one.by.clone())
                    .next(),
                dockerfile: dockerfile.map(|file| file.shown_as.clone()),
            }
        });
        ImageCycle(needs.collect())
    }

    /// The images in the order in which they need each other, the first one again at the end: `` `a` -> `b` -> `a` ``.
    pub fn path(&self) -> String {
        let images = self.0.iter().chain(self.0.first());
        let names: Vec<String> = images.map(|need| format!("`{}`", need.image)).collect();
        names.join(" -> ")
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` needs `{}`", self.image, self.parent)?;
        match (&self.by, &self.dockerfile) {
            (Some(ParentBy::Context(name)), _) => {
                write!(f, ": the context `{name}` of service `{}`", self.image)
            }
            (Some(ParentBy::Reference { kind, name, line }), Some(file)) => {
                let written = match kind {
                    ReferenceKind::From => "FROM ",
                    ReferenceKind::Copy => "COPY --from=",
                    ReferenceKind::Mount => "RUN --mount=from=",
                };
                write!(f, ": {file}:{line}: {written}{name}")
            }
            (Some(ParentBy::Trigger { name, line }), Some(file)) => write!(
                f,
                ": {file}:{line}: an `ONBUILD` of what it starts from names `{name}`"
            ),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for ImageCycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())?;
        for need in &self.0 {
            write!(f, "\n  {need}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ImageCycle {}
