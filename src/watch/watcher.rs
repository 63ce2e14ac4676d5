use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::{Changes, Filter};

/// How long nothing must change until a set of changes is complete: a checkout or a formatter is one set.
const QUIET: Duration = Duration::from_millis(150);

/// The longest that a set of changes is collected while the disk is never quiet.
const LONGEST: Duration = Duration::from_secs(2);

/// A file or a directory to watch. It may be missing at first, go, and come back.
#[derive(Clone, Debug)]
pub struct Root {
    /// Absolute.
    pub path: PathBuf,
    pub filter: Filter,
}

/// Files cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error(
        "the kernel watches no more directories for this user; ignore some of them, or raise `fs.inotify.max_user_watches`"
    )]
    TooMany,
    #[error("cannot watch `{path}`: {source}")]
    Path {
        path: PathBuf,
        #[source]
        source: notify::Error,
    },
    #[error("cannot watch files: {0}")]
    System(#[source] notify::Error),
}

/// Watches files and directories, without those directories in which nothing counts.
pub struct Watcher {
    inner: RecommendedWatcher,
    heard: mpsc::UnboundedReceiver<notify::Result<Event>>,
    roots: Vec<Root>,
    watched: HashSet<PathBuf>,
}

impl Watcher {
    /// Begins to watch; what changes from now on is told of by [`Watcher::next`].
    ///
    /// # Errors
    /// When the system has no more watches, or a directory may not be read.
    pub fn start(roots: Vec<Root>) -> Result<Watcher, WatchError> {
        let (sender, heard) = mpsc::unbounded_channel();
        let inner = notify::recommended_watcher(move |event| {
            // Whoever no longer listens has ended.
            let _ = sender.send(event);
        })
        .map_err(WatchError::System)?;
        let mut watcher = Watcher {
            inner,
            heard,
            roots,
            watched: HashSet::new(),
        };
        for root in watcher.roots.clone() {
            watcher.reach(&root)?;
            watcher.descend(&root, &root.path, None)?;
        }
        Ok(watcher)
    }

    /// The next changes that count, all of those that came close together; `None` when nothing can be told any more.
    ///
    /// # Errors
    /// As [`Watcher::start`], for directories that have come into being.
    pub async fn next(&mut self) -> Result<Option<Changes>, WatchError> {
        let mut changes = Changes::new();
        while changes.is_empty() {
            let Some(event) = self.heard.recv().await else {
                return Ok(None);
            };
            self.take(event, &mut changes)?;
            let end = Instant::now() + LONGEST;
            while !changes.is_empty() {
                let quiet = (Instant::now() + QUIET).min(end);
                match timeout_at(quiet, self.heard.recv()).await {
                    Ok(Some(event)) => self.take(event, &mut changes)?,
                    Ok(None) | Err(_) => break,
                }
                if Instant::now() >= end {
                    break;
                }
            }
        }
        changes.settle();
        Ok(Some(changes))
    }

    /// The changes that count so far, which may be none; [`Watcher::next`] does not tell of them again.
    ///
    /// # Errors
    /// As [`Watcher::next`].
    pub async fn so_far(&mut self) -> Result<Changes, WatchError> {
        // The kernel's word of a change comes a moment after it.
        tokio::time::sleep(QUIET).await;
        let mut changes = Changes::new();
        while let Ok(event) = self.heard.try_recv() {
            self.take(event, &mut changes)?;
        }
        changes.settle();
        Ok(changes)
    }

    fn take(
        &mut self,
        event: notify::Result<Event>,
        changes: &mut Changes,
    ) -> Result<(), WatchError> {
        let event = event.map_err(WatchError::System)?;
        if event.need_rescan() {
            // The kernel has dropped events: everything may have changed.
            for root in self.roots.clone() {
                self.reach(&root)?;
                self.descend(&root, &root.path, Some(changes))?;
            }
            return Ok(());
        }
        if !tells_of_a_change(&event.kind) {
            return Ok(());
        }
        for path in event.paths {
            if !path.is_dir() || path.is_symlink() {
                // A directory that is made anew under an old name needs a new watch.
                self.watched.remove(&path);
            }
            for root in self.roots.clone() {
                if path.starts_with(&root.path) {
                    if matches!(
                        event.kind,
                        EventKind::Create(_)
                            | EventKind::Modify(notify::event::ModifyKind::Name(_))
                    ) {
                        self.descend(&root, &path, Some(changes))?;
                    }
                    let is_the_watched_directory = path == root.path && path.is_dir();
                    if !is_the_watched_directory && root.filter.wants(&path) {
                        changes.note(path.clone());
                    }
                } else if root.path.starts_with(&path) {
                    // Something on the way to the root has come or gone.
                    self.reach(&root)?;
                    if root.path.exists() {
                        self.descend(&root, &root.path, Some(changes))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Watches what is above a root, as far as it exists: it tells when the root comes, goes, or is replaced.
    fn reach(&mut self, root: &Root) -> Result<(), WatchError> {
        let above = root.path.ancestors().skip(1).find(|path| path.is_dir());
        match above {
            Some(above) => self.watch(&above.to_path_buf()),
            None => Ok(()),
        }
    }

    /// Watches a directory and those in it; with `found`, what is in them counts as changed.
    fn descend(
        &mut self,
        root: &Root,
        path: &Path,
        mut found: Option<&mut Changes>,
    ) -> Result<(), WatchError> {
        let mut open = vec![path.to_path_buf()];
        while let Some(path) = open.pop() {
            if path != root.path && !root.filter.enters(&path) {
                continue;
            }
            if let Some(found) = found.as_deref_mut()
                && (path != root.path || !path.is_dir())
                && path.exists()
                && root.filter.wants(&path)
            {
                found.note(path.clone());
            }
            if path.is_symlink() && path != root.path || !path.is_dir() {
                continue;
            }
            // First the watch, then the look: what comes in between is seen twice rather than never.
            self.watch(&path)?;
            let Ok(entries) = std::fs::read_dir(&path) else {
                continue;
            };
            for entry in entries.flatten() {
                let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_directory || found.is_some() {
                    open.push(entry.path());
                }
            }
        }
        Ok(())
    }

    fn watch(&mut self, directory: &PathBuf) -> Result<(), WatchError> {
        if self.watched.contains(directory) {
            return Ok(());
        }
        match self.inner.watch(directory, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.watched.insert(directory.clone());
                Ok(())
            }
            Err(error) => match error.kind {
                ErrorKind::MaxFilesWatch => Err(WatchError::TooMany),
                // It went away before it could be watched.
                ErrorKind::PathNotFound => Ok(()),
                ErrorKind::Io(ref cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(WatchError::Path {
                    path: directory.clone(),
                    source: error,
                }),
            },
        }
    }
}

fn tells_of_a_change(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Change;
    use std::fs;

    /// A directory that is gone after the test.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("wharf-watch-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Place(path.canonicalize().unwrap())
        }

        fn watch(&self, root: &str, ignored: &[&str]) -> Watcher {
            let path = self.0.join(root);
            let filter = Filter::new().ignoring_all(&path, ignored).unwrap();
            Watcher::start(vec![Root { path, filter }]).unwrap()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    async fn next(watcher: &mut Watcher) -> Changes {
        let waiting = tokio::time::timeout(Duration::from_secs(60), watcher.next());
        waiting.await.expect("a change").unwrap().unwrap()
    }

    /// Waits until this has become of the path, in however many sets.
    async fn eventually(watcher: &mut Watcher, path: &Path, change: Change) -> Changes {
        loop {
            let changes = next(watcher).await;
            if changes.iter().any(|seen| seen == (path, change)) {
                return changes;
            }
        }
    }

    #[tokio::test]
    async fn writes_and_removals_are_told_of_and_ignored_ones_are_not() {
        let place = Place::new("writes");
        fs::create_dir(place.0.join("skip")).unwrap();
        let mut watcher = place.watch("", &["skip", "*.foo"]);
        fs::write(place.0.join("skip/x"), "x").unwrap();
        fs::write(place.0.join("y.foo"), "x").unwrap();
        let wanted = place.0.join("a.txt");
        fs::write(&wanted, "x").unwrap();
        let changes = eventually(&mut watcher, &wanted, Change::Written).await;
        assert_eq!(changes.len(), 1, "{changes:?}");
        fs::remove_file(&wanted).unwrap();
        eventually(&mut watcher, &wanted, Change::Removed).await;
    }

    #[tokio::test]
    async fn a_new_directory_is_watched_with_what_is_in_it_already() {
        let place = Place::new("new");
        let mut watcher = place.watch("", &[]);
        let deep = place.0.join("a/b/c");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("x"), "1").unwrap();
        eventually(&mut watcher, &deep.join("x"), Change::Written).await;
        fs::write(deep.join("y"), "1").unwrap();
        eventually(&mut watcher, &deep.join("y"), Change::Written).await;
    }

    #[tokio::test]
    async fn a_root_may_come_into_being_later_and_come_back() {
        let place = Place::new("later");
        let mut watcher = place.watch("some/data", &[]);
        let data = place.0.join("some/data");
        fs::create_dir_all(&data).unwrap();
        fs::write(data.join("x"), "1").unwrap();
        eventually(&mut watcher, &data.join("x"), Change::Written).await;
        fs::remove_dir_all(&data).unwrap();
        eventually(&mut watcher, &data.join("x"), Change::Removed).await;
        fs::create_dir_all(&data).unwrap();
        fs::write(data.join("z"), "1").unwrap();
        eventually(&mut watcher, &data.join("z"), Change::Written).await;
    }

    #[tokio::test]
    async fn a_single_file_may_be_replaced() {
        let place = Place::new("single");
        let file = place.0.join("package.json");
        fs::write(&file, "1").unwrap();
        let mut watcher = place.watch("package.json", &[]);
        fs::write(place.0.join("other"), "1").unwrap();
        fs::write(place.0.join("new"), "2").unwrap();
        fs::rename(place.0.join("new"), &file).unwrap();
        let changes = eventually(&mut watcher, &file, Change::Written).await;
        assert_eq!(changes.len(), 1, "{changes:?}");
    }
}
