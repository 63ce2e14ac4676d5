use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub(super) type Hash = [u8; 32];

/// Files that changed less than this many nanoseconds ago are hashed again next time: another change might leave the
/// same date.
const TOO_FRESH: i128 = 2_000_000_000;
/// What has learnt nothing for that long belongs to a tree that is gone, or is soon learnt again.
const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 3600);
const EXTENSION: &str = "hashes";

/// Remembers hashes of files by their size, dates and inode. It may be deleted at any time, and nothing is lost when it
/// cannot be written.
#[derive(Debug, Default)]
pub struct HashCache {
    /// `None`: nothing is kept.
    file: Option<PathBuf>,
    /// What the names of files are relative to.
    root: PathBuf,
    known: HashMap<String, (Stamp, Hash)>,
    seen: HashMap<String, (Stamp, Hash)>,
    changed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size: u64,
    inode: u64,
    /// Nanoseconds since the epoch.
    modified: i128,
    /// Nanoseconds since the epoch.
    status_changed: i128,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        let nanoseconds =
            |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Stamp {
            size: metadata.len(),
            inode: metadata.ino(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            status_changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn is_settled(&self) -> bool {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos() as i128);
        self.modified.max(self.status_changed) + TOO_FRESH < now
    }
}

impl HashCache {
    /// The cache for one tree of files, kept in `directory`. `None`: in memory only.
    pub fn open(directory: Option<&Path>, root: &Path) -> HashCache {
        let file = directory
            .map(|directory| file_about(directory, root.as_os_str().as_encoded_bytes(), EXTENSION));
        let text = file
            .as_ref()
            .and_then(|file| std::fs::read_to_string(file).ok())
            .unwrap_or_default();
        HashCache {
            known: text.lines().filter_map(read_line).collect(),
            file,
            root: root.to_owned(),
            ..HashCache::default()
        }
    }

    /// The hash of a regular file's content. `path` is its name in the cache.
    pub(super) fn hash(
        &mut self,
        path: &str,
        file: &Path,
        metadata: &Metadata,
    ) -> io::Result<Hash> {
        let stamp = Stamp::of(metadata);
        if let Some((known, hash)) = self.known.get(path)
            && *known == stamp
        {
            self.seen.insert(path.to_owned(), (stamp, *hash));
            return Ok(*hash);
        }
        let hash = hash_file(file)?;
        if stamp.is_settled() && !path.contains('\n') {
            self.seen.insert(path.to_owned(), (stamp, hash));
            self.changed = true;
        }
        Ok(hash)
    }

    /// Writes what has been learnt.
    pub fn save(mut self) {
        let Some(file) = self.file.take().filter(|_| self.changed) else {
            return;
        };
        if let (true, Some(directory)) = (self.known.is_empty(), file.parent()) {
            sweep(directory, EXTENSION);
        }
        // Builds of the same tree with other rules have seen other files: theirs stay.
        let mut entries = std::mem::take(&mut self.known);
        entries.retain(|path, _| self.seen.contains_key(path) || self.root.join(path).exists());
        entries.extend(self.seen);
        let mut text = String::new();
        for (path, (stamp, hash)) in &entries {
            text.push_str(&format!(
                "{} {} {} {} {} {path}\n",
                hex::encode(hash),
                stamp.size,
                stamp.inode,
                stamp.modified,
                stamp.status_changed
            ));
        }
        if let Err(error) = crate::file::replace(&file, &text) {
            tracing::debug!(%error, file = %file.display(), "the cache of hashes cannot be written");
        }
    }
}

/// The file of this kind that is about what has this name, in a directory of such files.
pub(super) fn file_about(directory: &Path, name: impl AsRef<[u8]>, extension: &str) -> PathBuf {
    let name = Sha256::digest(name);
    directory.join(format!("{}.{extension}", hex::encode(&name[..12])))
}

/// Removes files of this kind that have been as they are for long: nobody builds what they are about any more.
pub(super) fn sweep(directory: &Path, extension: &str) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let age = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
            .and_then(|modified| modified.elapsed().ok());
        if path.extension().is_some_and(|is| is == extension)
            && age.is_some_and(|age| age > FORGOTTEN)
            && let Err(error) = std::fs::remove_file(&path)
        {
            tracing::debug!(%error, file = %path.display(), "an old file of the cache stays");
        }
    }
}

fn read_line(line: &str) -> Option<(String, (Stamp, Hash))> {
    let mut words = line.splitn(6, ' ');
    let hash = unhex(words.next()?)?;
    let stamp = Stamp {
        size: words.next()?.parse().ok()?,
        inode: words.next()?.parse().ok()?,
        modified: words.next()?.parse().ok()?,
        status_changed: words.next()?.parse().ok()?,
    };
    Some((words.next()?.to_owned(), (stamp, hash)))
}

fn hash_file(file: &Path) -> io::Result<Hash> {
    let mut file = File::open(file)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hasher.finalize().into());
        }
        hasher.update(&buffer[..read]);
    }
}

fn unhex(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    hex::decode_to_slice(text, &mut hash).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(path: &Path, by: Duration) {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - by).unwrap();
    }

    #[test]
    fn a_line_reads_back() {
        let line = format!("{} 1 2 3 4 with a blank", "ab".repeat(32));
        let (path, (stamp, hash)) = read_line(&line).unwrap();
        assert_eq!(
            (path.as_str(), stamp.size, stamp.status_changed, hash[0]),
            ("with a blank", 1, 4, 0xab)
        );
        assert_eq!(read_line("nonsense"), None);
        assert_eq!(read_line(&format!("{} 1 2 3", "zz".repeat(32))), None);
    }

    #[test]
    fn a_fresh_file_is_not_remembered_and_garbage_is_no_harm() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "one").unwrap();
        age(&file, Duration::from_secs(60));
        let metadata = std::fs::metadata(&file).unwrap();
        let mut cache = HashCache::open(Some(directory.path()), directory.path());
        let hash = cache.hash("file", &file, &metadata).unwrap();
        // Its status changed just now.
        assert!(cache.seen.is_empty());
        assert_eq!(hex::encode(&hash[..4]), "7692c3ad");
        cache.save();
        std::fs::write(directory.path().join("x.hashes"), "garbage\n\n1 2 3\n").unwrap();
        assert!(
            HashCache::open(Some(directory.path()), directory.path())
                .known
                .is_empty()
        );
    }

    #[test]
    fn files_that_are_gone_and_trees_that_nobody_builds_are_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let (cache, tree) = (
            directory.path().join("cache"),
            directory.path().join("tree"),
        );
        std::fs::create_dir_all(&cache).unwrap();
        std::fs::create_dir_all(&tree).unwrap();
        for (name, days) in [("old.hashes", 40), ("young.hashes", 20), ("old.txt", 40)] {
            std::fs::write(cache.join(name), "").unwrap();
            age(&cache.join(name), Duration::from_secs(days * 24 * 3600));
        }
        let stamp = Stamp {
            size: 1,
            inode: 1,
            modified: 1,
            status_changed: 1,
        };
        let learn = |names: &[&str]| {
            let mut opened = HashCache::open(Some(&cache), &tree);
            for name in names {
                std::fs::write(tree.join(name), "x").unwrap();
                opened.seen.insert((*name).to_owned(), (stamp, [7; 32]));
            }
            opened.changed = true;
            opened.save();
        };
        learn(&["one", "two"]);
        assert!(!cache.join("old.hashes").exists());
        assert!(cache.join("young.hashes").exists() && cache.join("old.txt").exists());
        std::fs::remove_file(tree.join("one")).unwrap();
        learn(&["three"]);
        let opened = HashCache::open(Some(&cache), &tree);
        let mut known: Vec<&String> = opened.known.keys().collect();
        known.sort();
        assert_eq!(known, ["three", "two"]);
    }

    #[test]
    fn a_known_stamp_answers_without_reading() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "one").unwrap();
        let metadata = std::fs::metadata(&file).unwrap();
        let mut cache = HashCache::default();
        cache
            .known
            .insert("file".to_owned(), (Stamp::of(&metadata), [7; 32]));
        assert_eq!(cache.hash("file", &file, &metadata).unwrap(), [7; 32]);
        std::fs::write(&file, "three").unwrap();
        let metadata = std::fs::metadata(&file).unwrap();
        assert_ne!(cache.hash("file", &file, &metadata).unwrap(), [7; 32]);
    }
}
