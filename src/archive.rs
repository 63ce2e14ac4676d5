//! Paths of containers as tar streams: what is there, out of them, into them.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::engine::{Engine, EngineError, EngineResult, EngineStream, ErrorKind, read_blocking};

/// What a path of a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Directory,
    /// A symbolic link, with what it says.
    Link(String),
    /// A file, or something else without anything in it.
    File,
}

/// How many links may lead to each other, as the kernel has it.
pub const LINKS: usize = 40;

/// Whose a path is, and what may be done with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Permission bits.
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
}

/// What a path of a container is, by the first header of its archive. `None`: there is nothing.
///
/// # Errors
/// Those of the engine; an archive that cannot be read.
pub async fn look(engine: &dyn Engine, container: &str, path: &str) -> EngineResult<Option<Found>> {
    let found = header(engine, container, path).await?;
    Ok(found.map(|(found, _)| found))
}

/// As [`look`], with whose it is.
///
/// # Errors
/// As [`look`].
pub async fn header(
    engine: &dyn Engine,
    container: &str,
    path: &str,
) -> EngineResult<Option<(Found, Header)>> {
    let mut pieces = match engine.download_archive(container, path).await {
        Ok(pieces) => pieces,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut head = Vec::new();
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => head.extend_from_slice(&piece),
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        }
        // A long name or link has headers of its own in front.
        if head.len() >= 64 * 1024 {
            break;
        }
    }
    first(&head).map(Some).map_err(|error| {
        let message = format!("cannot read the archive of `{path}`: {error}");
        EngineError::new(ErrorKind::Other, message).because(error)
    })
}

fn first(head: &[u8]) -> io::Result<(Found, Header)> {
    let mut archive = tar::Archive::new(head);
    let entry = archive
        .entries()?
        .next()
        .ok_or_else(|| io::Error::other("it is empty"))??;
    let header = Header {
        mode: entry.header().mode()? & 0o7777,
        uid: entry.header().uid()?,
        gid: entry.header().gid()?,
    };
    let found = match entry.header().entry_type() {
        tar::EntryType::Directory => Found::Directory,
        tar::EntryType::Symlink => {
            let target = entry.link_name()?.unwrap_or_default();
            Found::Link(target.to_string_lossy().into_owned())
        }
        _ => Found::File,
    };
    Ok((found, header))
}

/// The path that a path of a container stands for after its last link; links on the way to it are the engine's affair.
///
/// # Errors
/// As [`look`]; links that lead in a circle.
pub async fn followed(engine: &dyn Engine, container: &str, path: &str) -> EngineResult<String> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let Some(Found::Link(target)) = look(engine, container, &path).await? else {
            return Ok(path);
        };
        path = led_to(&path, &target);
    }
    Err(EngineError::new(
        ErrorKind::BadRequest,
        format!("the links at `{path}` lead in a circle"),
    ))
}

/// Where a link at `path` of a container leads that says `target`.
pub fn led_to(path: &str, target: &str) -> String {
    let path = path.trim_end_matches('/');
    let above = path.rsplit_once('/').map_or("", |(above, _)| above);
    match target.starts_with('/') {
        true => target.to_owned(),
        false => format!("{above}/{target}"),
    }
}

/// Unpacks the archive of one path; `target` takes the place of the path's own name. Files belong to the caller.
///
/// # Errors
/// When the archive ends early, cannot be read, or something cannot be written; an entry that would be written outside
/// of `target`.
pub async fn unpack(pieces: EngineStream<Bytes>, target: &Path) -> io::Result<()> {
    let target = target.to_path_buf();
    read_blocking(pieces, move |archive| unpack_all(archive, &target)).await
}

fn unpack_all(archive: impl Read, target: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(archive);
    archive.set_preserve_permissions(true);
    // Directories get their dates and permissions last: what comes into one changes its date, and it may forbid writing to its
    // own.
    let mut directories = Vec::new();
    let mut only_one = false;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let to = rebased(&entry.path()?, target)?;
        let kind = entry.header().entry_type();
        if to == target {
            only_one = kind != tar::EntryType::Directory;
        } else if only_one {
            return Err(io::Error::other(format!(
                "the archive's entry `{}` lies in what is no directory",
                entry.path()?.display()
            )));
        }
        if let Some(parent) = to.parent().filter(|_| to != target) {
            inside(parent, target)?;
        }
        match kind {
            tar::EntryType::Directory => {
                if to != target && is_link(&to) {
                    return Err(led_away(&to));
                }
                std::fs::create_dir_all(&to)?;
                directories.push((to, entry.header().clone()));
            }
            tar::EntryType::Link => {
                let name = entry.link_name()?.unwrap_or_default().into_owned();
                let other = rebased(&name, target)?;
                inside(other.parent().unwrap_or(target), target)?;
                std::fs::hard_link(other, &to)?;
            }
            _ => {
                entry.unpack(&to)?;
            }
        }
    }
    for (directory, header) in directories.into_iter().rev() {
        if directory != target && is_link(&directory) {
            return Err(led_away(&directory));
        }
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(header.mtime()?);
        let mode = std::fs::Permissions::from_mode(header.mode()? & 0o7777);
        std::fs::File::open(&directory)?.set_modified(modified)?;
        std::fs::set_permissions(&directory, mode)?;
    }
    Ok(())
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|metadata| metadata.is_symlink())
}

/// `target` in place of the first part of an archive's path.
fn rebased(path: &Path, target: &Path) -> io::Result<PathBuf> {
    let mut parts = path.components();
    parts.next();
    let mut to = target.to_path_buf();
    for part in parts {
        match part {
            Component::Normal(name) => to.push(name),
            Component::CurDir => {}
            _ => {
                return Err(io::Error::other(format!(
                    "the archive's entry `{}` leads out of it",
                    path.display()
                )));
            }
        }
    }
    Ok(to)
}

/// A link that was unpacked before must not lead what follows elsewhere.
fn inside(directory: &Path, target: &Path) -> io::Result<()> {
    let (directory, target) = (directory.canonicalize()?, target.canonicalize()?);
    if directory.starts_with(&target) {
        return Ok(());
    }
    Err(led_away(&directory))
}

fn led_away(to: &Path) -> io::Error {
    io::Error::other(format!(
        "the archive has a link that leads to `{}`",
        to.display()
    ))
}

/// Packs a local path under a name; an empty name packs what is in a directory. With `follow`, a link is packed as what
/// it names; links below a directory stay links. Sockets are left out, and what goes away meanwhile.
pub fn pack(source: PathBuf, name: String, follow: bool) -> EngineStream<Bytes> {
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(16);
    let shown = source.display().to_string();
    tokio::task::spawn_blocking(move || {
        let writer = Writer {
            sender: sender.clone(),
        };
        if let Err(error) = pack_all(writer, &source, &name, follow) {
            let _ = sender.blocking_send(Err(error));
        }
    });
    let pieces = tokio_stream::wrappers::ReceiverStream::new(receiver);
    Box::pin(pieces.map(move |piece| {
        piece.map_err(|error| {
            let message = format!("cannot read `{shown}`: {error}");
            EngineError::new(ErrorKind::Other, message).because(error)
        })
    }))
}

fn pack_all(writer: impl Write, source: &Path, name: &str, follow: bool) -> io::Result<()> {
    let mut archive = tar::Builder::new(io::BufWriter::with_capacity(64 * 1024, writer));
    archive.follow_symlinks(false);
    let real = match follow {
        true => source.canonicalize()?,
        false => source.to_path_buf(),
    };
    let name = Path::new(if name.is_empty() { "." } else { name });
    let mut waiting = vec![(name.to_owned(), real)];
    while let Some((name, path)) = waiting.pop() {
        match add(&mut archive, &name, &path, Owner::Kept) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && path != source => continue,
            added => added?,
        }
        if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            let mut below = std::fs::read_dir(&path)?.collect::<io::Result<Vec<_>>>()?;
            below.sort_by_key(|entry| std::cmp::Reverse(entry.file_name()));
            let below = below.iter();
            waiting.extend(below.map(|entry| (name.join(entry.file_name()), entry.path())));
        }
    }
    archive.into_inner()?.flush()
}

/// Packs local files and directories, each under a path of its own and without what is in it. They belong to root; what has
/// gone away meanwhile is left out.
pub fn pack_each(files: BTreeMap<String, PathBuf>) -> EngineStream<Bytes> {
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(16);
    tokio::task::spawn_blocking(move || {
        let writer = Writer {
            sender: sender.clone(),
        };
        if let Err(error) = add_each(writer, &files) {
            let _ = sender.blocking_send(Err(error));
        }
    });
    let pieces = tokio_stream::wrappers::ReceiverStream::new(receiver);
    Box::pin(pieces.map(|piece| {
        piece.map_err(|error| EngineError::new(ErrorKind::Other, error.to_string()).because(error))
    }))
}

fn add_each(writer: impl Write, files: &BTreeMap<String, PathBuf>) -> io::Result<()> {
    let mut archive = tar::Builder::new(io::BufWriter::with_capacity(64 * 1024, writer));
    for (name, path) in files {
        let name = name.trim_start_matches('/');
        if name.is_empty() {
            continue;
        }
        match add(&mut archive, Path::new(name), path, Owner::Root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other.map_err(|error| {
                let message = format!("cannot read `{}`: {error}", path.display());
                io::Error::new(error.kind(), message)
            })?,
        }
    }
    archive.into_inner()?.flush()
}

/// Whose files of an archive are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Kept,
    Root,
}

/// Adds one path without what is in it. A socket is no file that anything could be done with.
fn add<W: Write>(
    archive: &mut tar::Builder<W>,
    name: &Path,
    path: &Path,
    owner: Owner,
) -> io::Result<()> {
    let metadata = path.symlink_metadata()?;
    let mut header = tar::Header::new_gnu();
    header.set_metadata(&metadata);
    if owner == Owner::Root {
        header.set_uid(0);
        header.set_gid(0);
    }
    header.set_size(0);
    if metadata.is_dir() {
        archive.append_data(&mut header, name.join(""), io::empty())
    } else if metadata.is_symlink() {
        archive.append_link(&mut header, name, std::fs::read_link(path)?)
    } else if metadata.is_file() {
        let file = std::fs::File::open(path)?;
        // A file that changes while it is read has the size that its header says.
        let size = file.metadata()?.len();
        header.set_size(size);
        archive.append_data(&mut header, name, file.chain(io::repeat(0)).take(size))
    } else if metadata.file_type().is_socket() {
        Ok(())
    } else {
        archive.append_path_with_name(path, name)
    }
}

struct Writer {
    sender: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        self.sender
            .blocking_send(Ok(piece))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(archive: &mut tar::Builder<Vec<u8>>, path: &str, kind: tar::EntryType, link: &str) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        if link.is_empty() {
            archive.append_data(&mut header, path, io::empty()).unwrap();
        } else {
            archive.append_link(&mut header, path, link).unwrap();
        }
    }

    #[test]
    fn what_is_packed_can_be_unpacked_under_another_name() {
        let here = tempfile::tempdir().unwrap();
        let from = here.path().join("from");
        std::fs::create_dir_all(from.join("deep")).unwrap();
        std::fs::write(from.join("deep/f"), "hello").unwrap();
        std::os::unix::fs::symlink("f", from.join("deep/l")).unwrap();
        let mut bytes = Vec::new();
        pack_all(&mut bytes, &from, "name", false).unwrap();
        assert_eq!(first(&bytes).unwrap().0, Found::Directory);
        let to = here.path().join("to");
        unpack_all(bytes.as_slice(), &to).unwrap();
        assert_eq!(std::fs::read_to_string(to.join("deep/f")).unwrap(), "hello");
        let link = std::fs::read_link(to.join("deep/l")).unwrap();
        assert_eq!(link, Path::new("f"));
    }

    #[test]
    fn nothing_is_written_outside() {
        let here = tempfile::tempdir().unwrap();
        let (to, other) = (here.path().join("to"), here.path().join("other"));
        std::fs::create_dir(&other).unwrap();
        let mut archive = tar::Builder::new(Vec::new());
        entry(&mut archive, "d", tar::EntryType::Directory, "");
        let there = other.to_string_lossy().into_owned();
        entry(&mut archive, "d/out", tar::EntryType::Symlink, &there);
        entry(&mut archive, "d/out/f", tar::EntryType::Regular, "");
        let bytes = archive.into_inner().unwrap();
        let refused = unpack_all(bytes.as_slice(), &to).unwrap_err();
        assert!(
            refused.to_string().contains("a link that leads"),
            "{refused}"
        );
        assert!(!other.join("f").exists());
        assert!(rebased(Path::new("d/../../f"), &to).is_err());
    }

    #[test]
    fn neither_the_root_nor_a_directory_may_be_a_link_that_is_written_through() {
        let here = tempfile::tempdir().unwrap();
        let other = here.path().join("other");
        std::fs::create_dir(&other).unwrap();
        std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o700)).unwrap();
        let there = other.to_string_lossy().into_owned();
        let refuses = |to: &str, parts: &[(&str, tar::EntryType, &str)]| {
            let mut archive = tar::Builder::new(Vec::new());
            for (path, kind, link) in parts {
                entry(&mut archive, path, *kind, link);
            }
            let bytes = archive.into_inner().unwrap();
            unpack_all(bytes.as_slice(), &here.path().join(to)).is_err()
        };
        let (link, file) = (tar::EntryType::Symlink, tar::EntryType::Regular);
        let directory = tar::EntryType::Directory;
        assert!(refuses("a", &[("d", link, &there), ("d/f", file, "")]));
        assert!(!other.join("f").exists());
        let again = [
            ("d", directory, ""),
            ("d/x", link, &there),
            ("d/x", directory, ""),
        ];
        assert!(refuses("b", &again));
        let mode = other.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_socket_is_left_out_and_a_directory_keeps_its_date() {
        let here = tempfile::tempdir().unwrap();
        let from = here.path().join("from");
        std::fs::create_dir(&from).unwrap();
        std::fs::write(from.join("f"), "hello").unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(from.join("s")).unwrap();
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        std::fs::File::open(&from)
            .unwrap()
            .set_modified(date)
            .unwrap();
        let mut bytes = Vec::new();
        pack_all(&mut bytes, &from, "name", false).unwrap();
        let to = here.path().join("to");
        unpack_all(bytes.as_slice(), &to).unwrap();
        assert_eq!(to.metadata().unwrap().modified().unwrap(), date);
        let names: Vec<_> = std::fs::read_dir(&to).unwrap().flatten().collect();
        assert_eq!(names.len(), 1);
    }

    #[test]
    fn a_link_says_where_it_leads() {
        let mut archive = tar::Builder::new(Vec::new());
        entry(&mut archive, "l", tar::EntryType::Symlink, "a/b");
        let bytes = archive.into_inner().unwrap();
        assert_eq!(first(&bytes).unwrap().0, Found::Link("a/b".into()));
        assert_eq!(led_to("/o/latest.xml", "runs/7.xml"), "/o/runs/7.xml");
        assert_eq!(led_to("/o/latest/", "/var/x"), "/var/x");
        assert_eq!(led_to("/latest", "x"), "/x");
    }

    #[test]
    fn each_file_is_packed_under_a_path_of_its_own() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(place.path().join("sub")).unwrap();
        std::fs::write(place.path().join("sub/a"), "hello").unwrap();
        let files = [
            ("/app/sub".to_owned(), place.path().join("sub")),
            ("/app/sub/a".to_owned(), place.path().join("sub/a")),
            ("/app/gone".to_owned(), place.path().join("gone")),
        ];
        let mut bytes = Vec::new();
        add_each(&mut bytes, &files.into()).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["app/sub/", "app/sub/a"]);
    }
}
