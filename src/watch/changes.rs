use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What has become of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is there now, new or with other content.
    Written,
    Removed,
}

/// Paths that have changed, each once, in order: a directory stands before what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(BTreeMap<PathBuf, Change>);

impl Changes {
    pub fn new() -> Self {
        Changes::default()
    }

    /// Notes that something has happened to a path; what has become of it is read from the disk.
    pub fn note(&mut self, path: PathBuf) {
        let change = match path.symlink_metadata() {
            Ok(_) => Change::Written,
            Err(_) => Change::Removed,
        };
        self.0.insert(path, change);
    }

    /// Looks at every path again: what came and went within one batch is as it is now.
    pub fn settle(&mut self) {
        for (path, change) in &mut self.0 {
            *change = match path.symlink_metadata() {
                Ok(_) => Change::Written,
                Err(_) => Change::Removed,
            };
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Path, Change)> {
        self.0
            .iter()
            .map(|(path, change)| (path.as_path(), *change))
    }

    /// The first path, for people.
    pub fn first(&self) -> Option<&Path> {
        self.0.keys().next().map(PathBuf::as_path)
    }
}

impl FromIterator<(PathBuf, Change)> for Changes {
    fn from_iter<I: IntoIterator<Item = (PathBuf, Change)>>(changes: I) -> Self {
        Changes(changes.into_iter().collect())
    }
}
