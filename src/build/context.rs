use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::hash_cache::{Hash, HashCache};
use super::ignore::Patterns;
use super::walk::{Link, Selection, walk};

/// The files of a build, as far as they have a part in its result: path to kind, permissions and content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContextFiles(BTreeMap<String, Hash>);

/// Most entries that a record holds.
const LONGEST_RECORD: usize = 200;

impl ContextFiles {
    /// Reads a directory. `wanted` are the paths that the build takes in; `None`: all of them.
    pub fn read(
        root: &Path,
        ignore: Patterns,
        wanted: Option<Vec<String>>,
        cache: &mut HashCache,
    ) -> io::Result<ContextFiles> {
        if wanted.as_ref().is_some_and(Vec::is_empty) {
            return Ok(ContextFiles::default());
        }
        // A source that is no pattern is the engine's to refuse; until then everything counts.
        let selection = Selection::without(root, Vec::new(), ignore.clone(), wanted)
            .or_else(|_| Selection::without(root, Vec::new(), ignore, None))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
        let mut files = BTreeMap::new();
        let mut failed = None;
        walk(root, &selection, &mut |entry| {
            let mut hasher = Sha256::new();
            hasher.update(entry.metadata.mode().to_le_bytes());
            match &entry.link {
                Link::Symbolic(target) => hasher.update(target),
                // Another name has the same content; which of them comes first does not matter.
                Link::Hard(_) | Link::None if entry.metadata.is_file() => {
                    let path = root.join(&entry.path);
                    match cache.hash(&entry.path, &path, &entry.metadata) {
                        Ok(hash) => hasher.update(hash),
                        Err(error) => {
                            failed = Some(io::Error::new(
                                error.kind(),
                                format!("`{}`: {error}", path.display()),
                            ));
                            return false;
                        }
                    }
                }
                Link::Hard(_) | Link::None => {}
            }
            files.insert(entry.path, hasher.finalize().into());
            true
        })?;
        match failed {
            Some(error) => Err(error),
            None => Ok(ContextFiles(files)),
        }
    }

    /// Takes in the files of a further context, its name before each path.
    pub fn add(&mut self, prefix: &str, other: ContextFiles) {
        for (path, hash) in other.0 {
            self.0.insert(format!("{prefix}{path}"), hash);
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Stands for all files together.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for (path, hash) in &self.0 {
            hasher.update((path.len() as u64).to_le_bytes());
            hasher.update(path);
            hasher.update(hash);
        }
        hex::encode(hasher.finalize())
    }

    /// A short form that tells what changed: files, or directories (with a final slash) where there are too many files.
    pub fn record(&self) -> BTreeMap<String, String> {
        let deepest = self.0.keys().map(|path| path.matches('/').count()).max();
        for depth in (0..=deepest.unwrap_or(0)).rev() {
            let record = self.record_to(depth);
            if record.len() <= LONGEST_RECORD || depth == 0 {
                let too_long = record.len() > LONGEST_RECORD;
                return if too_long { BTreeMap::new() } else { record };
            }
        }
        BTreeMap::new()
    }

    fn record_to(&self, depth: usize) -> BTreeMap<String, String> {
        let mut groups: BTreeMap<String, Sha256> = BTreeMap::new();
        for (path, hash) in &self.0 {
            let group = match path.match_indices('/').nth(depth) {
                Some((end, _)) => format!("{}/", &path[..end]),
                None => path.clone(),
            };
            let hasher = groups.entry(group).or_default();
            hasher.update(path);
            hasher.update(hash);
        }
        groups
            .into_iter()
            .map(|(group, hasher)| (group, hex::encode(&hasher.finalize()[..4])))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn read(root: &Path, ignore: &str, wanted: Option<&[&str]>) -> ContextFiles {
        let wanted = wanted.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect());
        let ignore = Patterns::from_file(ignore).unwrap();
        ContextFiles::read(root, ignore, wanted, &mut HashCache::default()).unwrap()
    }

    #[test]
    fn content_mode_and_names_count_and_dates_do_not() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::write(root.join("a"), "one").unwrap();
        fs::write(root.join("b"), "two").unwrap();
        let before = read(root, "", None).digest();
        fs::write(root.join("a"), "one").unwrap();
        assert_eq!(read(root, "", None).digest(), before);
        fs::write(root.join("a"), "two").unwrap();
        let changed = read(root, "", None).digest();
        assert_ne!(changed, before);
        fs::set_permissions(root.join("a"), fs::Permissions::from_mode(0o755)).unwrap();
        let mode = read(root, "", None).digest();
        assert_ne!(mode, changed);
        fs::rename(root.join("b"), root.join("c")).unwrap();
        assert_ne!(read(root, "", None).digest(), mode);
    }

    #[test]
    fn what_is_ignored_or_not_wanted_does_not_count() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("src")).unwrap();
        fs::write(root.join("src/a"), "a").unwrap();
        fs::write(root.join("log"), "x").unwrap();
        std::os::unix::fs::symlink("src/a", root.join("link")).unwrap();
        let keys = |files: &ContextFiles| files.0.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&read(root, "log\nlink", None)), ["src", "src/a"]);
        assert_eq!(
            keys(&read(root, "", Some(&["link"]))),
            ["link", "src", "src/a"]
        );
        assert_eq!(keys(&read(root, "", Some(&["."]))).len(), 4);
        assert!(read(root, "", Some(&[])).is_empty());
        assert_eq!(read(root, "", Some(&["a["])), read(root, "", None));
    }

    #[test]
    fn long_records_name_directories() {
        let many = (0..300).map(|at| (format!("src/m{}/f{at}", at % 10), [at as u8; 32]));
        let mut files = ContextFiles(many.collect());
        files.0.insert("top".to_owned(), [0; 32]);
        let before = files.record();
        assert_eq!(before.len(), 11);
        files.0.insert("src/m3/f3".to_owned(), [9; 32]);
        let after = files.record();
        let changed: Vec<&String> = before
            .keys()
            .filter(|key| before.get(*key) != after.get(*key))
            .collect();
        assert_eq!(changed, ["src/m3/"]);
    }
}
