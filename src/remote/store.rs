use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

/// What a draft's name begins with.
const DRAFT: &str = "draft-";

/// After that time, nobody works on a draft any more.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// Where copies are kept, each under what its content is known by, so that it never changes once it is there.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// `directory` need not be there yet.
    pub fn within(directory: impl Into<PathBuf>) -> Store {
        Store {
            directory: directory.into(),
        }
    }

    /// Whether a path lies here.
    pub fn holds(&self, path: &Path) -> bool {
        path.starts_with(&self.directory)
    }

    /// The copy under a key. `None`: there is none.
    pub(super) fn find(&self, kind: &str, key: &str) -> Option<PathBuf> {
        let found = self.directory.join(kind).join(key);
        found.is_dir().then_some(found)
    }

    /// An empty directory to make a copy in; it goes away unless it is kept.
    pub(super) fn draft(&self, kind: &str) -> io::Result<TempDir> {
        let place = self.directory.join(kind);
        fs::create_dir_all(&place)?;
        // Copies are as readable as their files, since containers may see them; who may come here is decided here.
        fs::set_permissions(&self.directory, Permissions::from_mode(0o700))?;
        sweep(&place);
        tempfile::Builder::new().prefix(DRAFT).tempdir_in(&place)
    }

    /// Makes a draft the copy under a key, in one step. One that somebody else has kept meanwhile is the same.
    pub(super) fn keep(&self, draft: TempDir, kind: &str, key: &str) -> io::Result<PathBuf> {
        fs::set_permissions(draft.path(), Permissions::from_mode(0o755))?;
        let place = self.directory.join(kind).join(key);
        match fs::rename(draft.path(), &place) {
            Err(error) if !place.is_dir() => Err(error),
            _ => Ok(place),
        }
    }
}

/// Removes what killed fetches have left.
fn sweep(place: &Path) {
    let Ok(entries) = fs::read_dir(place) else {
        return;
    };
    for entry in entries.flatten() {
        let is_draft = entry.file_name().to_string_lossy().starts_with(DRAFT);
        let changed = entry.metadata().and_then(|metadata| metadata.modified());
        let is_old = changed.is_ok_and(|changed| {
            SystemTime::now()
                .duration_since(changed)
                .is_ok_and(|age| age > ABANDONED)
        });
        if is_draft && is_old {
            // Another wharf may be at it too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_copy_that_is_whole_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::within(directory.path().join("remote"));
        let draft = store.draft("git").unwrap();
        fs::write(draft.path().join("a"), "1").unwrap();
        assert_eq!(store.find("git", "ab"), None);
        let kept = store.keep(draft, "git", "ab").unwrap();
        assert_eq!(store.find("git", "ab"), Some(kept.clone()));
        assert!(store.holds(&kept) && !store.holds(directory.path()));

        // The second of two that fetch the same at once finds the first one's.
        let late = store.draft("git").unwrap();
        fs::write(late.path().join("a"), "2").unwrap();
        assert_eq!(store.keep(late, "git", "ab").unwrap(), kept);
        assert_eq!(fs::read_to_string(kept.join("a")).unwrap(), "1");

        drop(store.draft("git").unwrap());
        let left = fs::read_dir(directory.path().join("remote/git")).unwrap();
        assert_eq!(left.count(), 1);
    }
}
