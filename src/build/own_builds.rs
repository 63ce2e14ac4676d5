use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::hash_cache::{file_about, sweep};
use super::{ImageGraph, ImageName, Inputs, LABEL};

/// Most builds of one name that are remembered.
const LONGEST_RECORD: usize = 32;
const EXTENSION: &str = "builds";

/// Which images this machine has built under a name. The label with the inputs is inherited by every image that somebody
/// else makes from such an image, so the label alone does not say who built what has the name now. The record may be
/// deleted at any time; then the label is trusted.
pub(super) struct OwnBuilds {
    /// `None`: nothing is kept.
    file: Option<PathBuf>,
}

impl OwnBuilds {
    /// The record for one name, kept in `directory`. `None`: nowhere.
    pub(super) fn of(directory: Option<&Path>, name: &str) -> OwnBuilds {
        let file = directory
            .map(|directory| file_about(directory, ImageName::normal(name).to_string(), EXTENSION));
        OwnBuilds { file }
    }

    fn lines(&self) -> Vec<String> {
        let text = self.file.as_ref().map(std::fs::read_to_string);
        let text = text.and_then(Result::ok).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Whether this machine has built these inputs under this name, and never the image with this id.
    pub(super) fn disown(&self, inputs: &Inputs, id: &str) -> bool {
        let prefix = format!("{} ", inputs.digest());
        let lines = self.lines();
        let mut own = lines
            .iter()
            .filter_map(|line| line.strip_prefix(&prefix))
            .peekable();
        own.peek().is_some() && own.all(|own| own != id)
    }

    /// Whether this machine has built these inputs under this name.
    pub(super) fn knows(&self, inputs: &Inputs) -> bool {
        let prefix = format!("{} ", inputs.digest());
        self.lines().iter().any(|line| line.starts_with(&prefix))
    }

    /// Whether this machine has built the image with this id from these inputs.
    fn has(&self, inputs: &Inputs, id: &str) -> bool {
        let line = format!("{} {id}", inputs.digest());
        self.lines().contains(&line)
    }

    pub(super) fn add(&self, inputs: &Inputs, id: &str) {
        let Some(file) = &self.file else {
            return;
        };
        let mut lines = self.lines();
        if let (true, Some(directory)) = (lines.is_empty(), file.parent()) {
            sweep(directory, EXTENSION);
        }
        let line = format!("{} {id}", inputs.digest());
        lines.retain(|known| *known != line);
        lines.push(line);
        let surplus = lines.len().saturating_sub(LONGEST_RECORD);
        let text: String = lines
            .iter()
            .skip(surplus)
            .map(|line| format!("{line}\n"))
            .collect();
        if let Err(error) = crate::file::replace(file, &text) {
            tracing::debug!(%error, file = %file.display(), "the record of builds cannot be written");
        }
    }
}

/// The digest of what an image of this graph was built from. `cache`: as [`super::BuildOptions::cache`]; `labels`, `id`: what the
/// engine says of the image that has this name. `None`: this machine has not built it, or its record of that is gone; what the
/// label says may then be inherited.
pub fn own_inputs(
    graph: &ImageGraph,
    cache: Option<&Path>,
    name: &str,
    labels: &IndexMap<String, String>,
    id: &str,
) -> Option<String> {
    let inputs = Inputs::from_label(labels.get(LABEL)?)?;
    let recorded_as = graph.named(name)?.names.first()?;
    let is_own = OwnBuilds::of(cache, recorded_as).has(&inputs, id);
    is_own.then(|| inputs.digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_is_inherited_says_nothing() {
        let project = serde_json::from_str(
            r#"{"name": "p", "services": {"app": {"image": "x", "build": {"context": "/src", "dockerfile_inline": "FROM y"}}}}"#,
        );
        let graph = ImageGraph::of(&project.unwrap(), &crate::load::MemoryDisk::default()).unwrap();
        let cache = tempfile::tempdir().unwrap();
        let inputs = Inputs::default();
        let labels = IndexMap::from([(LABEL.to_owned(), inputs.to_label())]);
        let of = |name, id| own_inputs(&graph, Some(cache.path()), name, &labels, id);
        assert_eq!(of("x", "sha256:built"), None);
        OwnBuilds::of(Some(cache.path()), "x").add(&inputs, "sha256:built");
        assert_eq!(of("x:latest", "sha256:built"), Some(inputs.digest()));
        assert_eq!(of("x", "sha256:committed"), None);
        assert_eq!(of("y", "sha256:built"), None);
    }

    #[test]
    fn only_what_was_built_here_is_known_to_be_another() {
        let directory = tempfile::tempdir().unwrap();
        let of = |name: &str| OwnBuilds::of(Some(directory.path()), name);
        let inputs = Inputs::default();
        assert!(!of("app").disown(&inputs, "sha256:1"));
        of("app").add(&inputs, "sha256:1");
        assert!(!of("app:latest").disown(&inputs, "sha256:1"));
        assert!(of("app:latest").knows(&inputs) && !of("other").knows(&inputs));
        assert!(of("app").disown(&inputs, "sha256:2"));
        assert!(!of("other").disown(&inputs, "sha256:2"));
        for id in 0..100 {
            of("app").add(&inputs, &format!("sha256:{id}"));
        }
        assert_eq!(of("app").lines().len(), LONGEST_RECORD);
        assert!(!OwnBuilds::of(None, "app").disown(&inputs, "sha256:2"));
    }
}
