use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use futures_util::StreamExt;
use indexmap::IndexMap;
use tokio::sync::mpsc;

use super::junit::{self, Report};
use crate::engine::{Engine, EngineError, ErrorKind, Reader};

/// What of the declared artifacts matters to the verdict.
#[derive(Debug, Default)]
pub struct Collected {
    /// The one that is called `junit`.
    pub report: Option<Report>,
    /// Why there is none although one is declared.
    pub no_report: Option<String>,
}

/// Copies the declared artifacts (name to path in the container) into a directory, each under its own file name. One that
/// is not there is passed over: screenshots, for example, are left by failing tests alone.
pub async fn collect_artifacts(
    engine: &dyn Engine,
    container: &str,
    declared: &IndexMap<String, String>,
    target: &Path,
) -> Result<Collected, EngineError> {
    let mut collected = Collected::default();
    for (name, path) in declared {
        let file = Path::new(path)
            .file_name()
            .map_or_else(|| PathBuf::from(name), PathBuf::from);
        let to = target.join(file);
        let there = copy_out(engine, container, path, &to).await?;
        if name != "junit" {
            continue;
        }
        let text = there.then(|| std::fs::read_to_string(&to).ok()).flatten();
        collected.report = text.and_then(|text| junit::read(&text));
        if collected.report.is_none() {
            collected.no_report = Some(match there {
                true => format!("`{path}`, the tests' `junit` artifact, is no JUnit report"),
                false => format!(
                    "the tests left no `{path}`, which is declared as their `junit` artifact"
                ),
            });
        }
    }
    Ok(collected)
}

/// Copies a path out of a container, running or not, to `target` on this machine; files belong to the caller.
///
/// A directory arrives as a directory. Returns `false` when the container has no such path. Links and devices are left out:
/// an artifact never points outside of its directory.
pub async fn copy_out(
    engine: &dyn Engine,
    container: &str,
    path: &str,
    target: &Path,
) -> Result<bool, EngineError> {
    let mut stream = match engine.download_archive(container, path).await {
        Ok(stream) => stream,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let (sender, receiver) = mpsc::channel::<io::Result<bytes::Bytes>>(16);
    let to = target.to_path_buf();
    let unpacking = tokio::task::spawn_blocking(move || unpack(Reader::new(receiver), &to));
    let mut failed = None;
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => {
                if sender.send(Ok(piece)).await.is_err() {
                    break;
                }
            }
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(false),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    drop(sender);
    let unpacked = unpacking
        .await
        .unwrap_or_else(|panic| Err(io::Error::other(panic.to_string())));
    if let Some(error) = failed {
        return Err(error);
    }
    unpacked.map(|()| true).map_err(|error| {
        let message = format!("cannot write `{}`: {error}", target.display());
        EngineError::new(ErrorKind::Other, message).because(error)
    })
}

/// Unpacks the archive of one path: its first component is the path's own name, which `target` replaces.
fn unpack(archive: impl Read, target: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let below: PathBuf = entry
            .path()?
            .components()
            .filter(|part| !matches!(part, Component::CurDir))
            .skip(1)
            .collect();
        if below
            .components()
            .any(|part| !matches!(part, Component::Normal(_)))
        {
            continue;
        }
        let to = if below.as_os_str().is_empty() {
            target.to_path_buf()
        } else {
            target.join(below)
        };
        match entry.header().entry_type() {
            tar::EntryType::Directory => std::fs::create_dir_all(&to)?,
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                if let Some(parent) = to.parent() {
                    std::fs::create_dir_all(parent)?;
                }
                io::copy(&mut entry, &mut std::fs::File::create(&to)?)?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, kind, text) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            // Written by hand: the library refuses to write the paths that an attacker would.
            let name = path.as_bytes();
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name);
            header.set_cksum();
            builder.append(&header, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn a_file_takes_the_name_that_it_is_given() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("deep/junit.xml");
        let bytes = archive(&[("report.xml", tar::EntryType::Regular, "<x/>")]);
        unpack(bytes.as_slice(), &target).unwrap();
        assert_eq!(std::fs::read_to_string(target).unwrap(), "<x/>");
    }

    #[test]
    fn nothing_is_written_outside_of_the_target() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("out");
        let bytes = archive(&[
            ("d/", tar::EntryType::Directory, ""),
            ("d/ok", tar::EntryType::Regular, "1"),
            ("d/../../evil", tar::EntryType::Regular, "2"),
            ("d/link", tar::EntryType::Symlink, ""),
        ]);
        unpack(bytes.as_slice(), &target).unwrap();
        assert_eq!(std::fs::read_to_string(target.join("ok")).unwrap(), "1");
        assert!(!directory.path().join("evil").exists());
        assert!(!target.join("link").exists());
    }
}
