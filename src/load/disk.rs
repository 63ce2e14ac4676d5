use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The files that loading may read. The real one is [`Host`]; tests hand in a map of path to text.
pub trait Disk {
    /// Reads a regular file whole. Anything else (directory, pipe, device) is an error of kind `InvalidInput`, and so is a
    /// file larger than `limit` bytes (`FileTooLarge`).
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;
    fn is_file(&self, path: &Path) -> bool;
    fn is_dir(&self, path: &Path) -> bool;
    /// The path without symbolic links where it exists.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf>;
    /// Reads standard input whole, for `-f -`.
    fn read_stdin(&self, limit: u64) -> io::Result<Vec<u8>>;
    /// The owner of a path, as (UID, GID); `None` where it cannot be told.
    fn owner(&self, path: &Path) -> Option<(u32, u32)>;
    /// Names of the directory's entries, sorted; empty when it cannot be read.
    fn entries(&self, path: &Path) -> Vec<String>;
}

/// The machine's own disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host;

/// `size` is what is expected, in bytes.
fn read_bounded(reader: impl Read, size: u64, limit: u64) -> io::Result<Vec<u8>> {
    // One more, to see the end without asking for more room.
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(limit)).unwrap_or_default() + 1);
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("larger than {limit} bytes"),
        ));
    }
    Ok(bytes)
}

impl Disk for Host {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        // Looked at before it is opened: opening a pipe blocks until someone writes.
        let metadata = std::fs::metadata(path)?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "is a directory",
            ));
        }
        if !kind.is_file() && path != Path::new("/dev/null") {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "is not a regular file",
            ));
        }
        read_bounded(std::fs::File::open(path)?, metadata.len(), limit)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.metadata().is_ok_and(|metadata| !metadata.is_dir())
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        path.canonicalize()
    }

    fn read_stdin(&self, limit: u64) -> io::Result<Vec<u8>> {
        // It ends once, and a project may be loaded again.
        static READ: OnceLock<Vec<u8>> = OnceLock::new();
        if let Some(bytes) = READ.get() {
            return Ok(bytes.clone());
        }
        let bytes = read_bounded(io::stdin().lock(), 0, limit)?;
        Ok(READ.get_or_init(|| bytes).clone())
    }

    fn owner(&self, path: &Path) -> Option<(u32, u32)> {
        use std::os::unix::fs::MetadataExt;
        let metadata = path.metadata().ok()?;
        Some((metadata.uid(), metadata.gid()))
    }

    fn entries(&self, path: &Path) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(path) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }
}

/// Absolute paths and their texts.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    pub files: BTreeMap<PathBuf, String>,
    /// Symbolic links to files, and the absolute paths that they lead to.
    pub links: BTreeMap<PathBuf, PathBuf>,
    /// (UID, GID) of whom everything belongs to.
    pub owner: Option<(u32, u32)>,
    pub stdin: String,
}

impl MemoryDisk {
    pub fn with(mut self, path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }

    pub fn link(mut self, path: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        self.links.insert(path.into(), target.into());
        self
    }

    fn file(&self, path: &Path) -> Option<&String> {
        self.files
            .get(self.links.get(path).map_or(path, PathBuf::as_path))
    }
}

impl Disk for MemoryDisk {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        match self.file(path) {
            Some(text) => read_bounded(text.as_bytes(), text.len() as u64, limit),
            None if self.is_dir(path) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "is a directory",
            )),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn is_file(&self, path: &Path) -> bool {
        self.file(path).is_some()
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.files
            .keys()
            .any(|file| file != path && file.starts_with(path))
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(self
            .links
            .get(path)
            .map_or(path, PathBuf::as_path)
            .to_path_buf())
    }

    fn read_stdin(&self, limit: u64) -> io::Result<Vec<u8>> {
        read_bounded(self.stdin.as_bytes(), 0, limit)
    }

    fn owner(&self, _path: &Path) -> Option<(u32, u32)> {
        self.owner
    }

    fn entries(&self, path: &Path) -> Vec<String> {
        let mut names: Vec<String> = self
            .files
            .keys()
            .chain(self.links.keys())
            .filter_map(|file| {
                let below = file.strip_prefix(path).ok()?;
                Some(below.components().next()?.as_os_str().to_str()?.to_owned())
            })
            .collect();
        names.sort();
        names.dedup();
        names
    }
}
