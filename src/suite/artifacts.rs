use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use indexmap::IndexMap;

use super::junit::{self, Report};
use crate::archive::{LINKS, led_to};
use crate::engine::{Engine, EngineError, EngineResult, ErrorKind, read_blocking};
use crate::model::{MountKind, Service, artifact_file};

/// What of the declared artifacts matters to the verdict, and to those who look for them.
#[derive(Debug, Default)]
pub struct Collected {
    /// The one that is called `junit`.
    pub report: Option<Report>,
    /// Why there is none, or only a part of it, although one is declared.
    pub no_report: Option<String>,
    /// What of the others the tests have not left, with the reason where it is known.
    pub missing: Vec<String>,
    /// What of the others could not be copied.
    pub problems: Vec<String>,
}

/// Copies the declared artifacts (name to path in the container) into a directory, each under its own file name, which no
/// two share in a project without errors. `service`: what the tests ran in.
///
/// One that is not there is only told of: screenshots, for example, are left by failing tests alone. What cannot be copied
/// says nothing about the tests, so that it is no error.
pub async fn collect_artifacts(
    engine: &dyn Engine,
    container: &str,
    service: Option<&Service>,
    declared: &IndexMap<String, String>,
    target: &Path,
) -> Collected {
    let mut collected = Collected::default();
    for (name, path) in declared {
        let to = target.join(artifact_file(name, path));
        let inside = inside(engine, container, service, path).await;
        let there = match copy_out(engine, container, &inside, &to).await {
            Ok(there) => there,
            Err(error) => {
                let problem = format!("the artifact `{name}` (`{path}`) cannot be copied: {error}");
                match name.as_str() {
                    JUNIT => collected.no_report = Some(problem),
                    _ => collected.problems.push(problem),
                }
                continue;
            }
        };
        if !there {
            let why = why_missing(&inside, service);
            match name.as_str() {
                JUNIT => {
                    collected.no_report = Some(format!(
                        "the tests left no `{path}`, which is declared as their `junit` artifact{why}"
                    ));
                }
                _ => collected.missing.push(format!("`{name}` (`{path}`){why}")),
            }
            continue;
        }
        if name != JUNIT {
            continue;
        }
        let reading = junit::read_path(&to);
        collected.report = reading.report;
        if !reading.problems.is_empty() {
            collected.no_report = Some(format!(
                "`{path}`, the tests' `junit` artifact, is no JUnit report that can be read: {}",
                reading.problems.join("; ")
            ));
        }
    }
    collected
}

/// The artifact whose content counts.
const JUNIT: &str = "junit";

/// A declared path as the container has it: a relative one begins where the tests do.
async fn inside(
    engine: &dyn Engine,
    container: &str,
    service: Option<&Service>,
    path: &str,
) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let of_image = async || -> EngineResult<Option<String>> {
        let Some(seen) = engine.inspect_container(container).await? else {
            return Ok(None);
        };
        let image = engine.inspect_image(&seen.image_id).await?;
        Ok(image.map(|image| image.working_dir))
    };
    let directory = match service.and_then(|service| service.working_dir.clone()) {
        Some(directory) => directory,
        // An engine that does not say is asked for the path below the root.
        None => of_image().await.ok().flatten().unwrap_or_default(),
    };
    format!("{}/{path}", directory.trim_end_matches('/'))
}

/// What is known about a path that is not there, to follow it in a sentence. Empty: nothing.
fn why_missing(path: &str, service: Option<&Service>) -> String {
    let service = service.into_iter();
    let tmpfs = service.flat_map(|service| {
        let short = service.tmpfs.iter().map(|tmpfs| {
            let path = tmpfs.split(':').next();
            path.unwrap_or(tmpfs).to_owned()
        });
        let mounts = service.volumes.iter();
        short.chain(
            mounts
                .filter(|mount| mount.kind == MountKind::Tmpfs)
                .map(|mount| mount.target.clone()),
        )
    });
    let mut below = tmpfs.filter(|tmpfs| Path::new(path).starts_with(tmpfs));
    if let Some(tmpfs) = below.next() {
        return format!(": the tmpfs at `{tmpfs}` is gone when the tests end; write it elsewhere");
    }
    match path.contains(['*', '?', '[']) {
        true => ": patterns are not expanded; name the directory".to_owned(),
        false => String::new(),
    }
}

/// Copies a path out of a container, running or not, to `target` on this machine; files belong to the caller.
///
/// A directory arrives as a directory, and a link as what it leads to in the container. Returns `false` when the container
/// has no such path. Links and devices in a directory are left out: an artifact never points outside of its directory.
/// Whoever drops the answer stops the copying.
///
/// # Errors
/// When the engine fails, or a file cannot be written.
pub async fn copy_out(
    engine: &dyn Engine,
    container: &str,
    path: &str,
    target: &Path,
) -> Result<bool, EngineError> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match copy_once(engine, container, &path, target).await? {
            None => return Ok(false),
            Some(Unpacked::All) => return Ok(true),
            Some(Unpacked::Link(to)) => path = led_to(&path, &to),
        }
    }
    Ok(false)
}

/// `None`: there is no such path.
async fn copy_once(
    engine: &dyn Engine,
    container: &str,
    path: &str,
    target: &Path,
) -> Result<Option<Unpacked>, EngineError> {
    let stream = match engine.download_archive(container, path).await {
        Ok(stream) => stream,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let to = target.to_path_buf();
    let unpacked = read_blocking(stream, move |archive| unpack(archive, &to)).await;
    let error = match unpacked {
        Ok(unpacked) => return Ok(Some(unpacked)),
        Err(error) => error,
    };
    match error.downcast::<EngineError>() {
        Ok(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Ok(error) => Err(error),
        Err(error) => {
            let message = format!("cannot write `{}`: {error}", target.display());
            Err(EngineError::new(ErrorKind::Other, message).because(error))
        }
    }
}

/// What an archive was.
#[derive(Debug, PartialEq, Eq)]
enum Unpacked {
    /// A file or a directory, which is there now.
    All,
    /// Only a link that leads there.
    Link(String),
}

/// Unpacks the archive of one path: its first component is the path's own name, which `target` replaces.
fn unpack(archive: impl Read, target: &Path) -> io::Result<Unpacked> {
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let Some(to) = placed(&entry.path()?, target) else {
            continue;
        };
        match entry.header().entry_type() {
            tar::EntryType::Directory => std::fs::create_dir_all(&to)?,
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                if let Some(parent) = to.parent() {
                    std::fs::create_dir_all(parent)?;
                }
                io::copy(&mut entry, &mut std::fs::File::create(&to)?)?;
            }
            // A further name of a file that came before.
            tar::EntryType::Link => {
                let first = entry.link_name()?;
                if let Some(first) = first.and_then(|first| placed(&first, target)) {
                    std::fs::copy(first, &to)?;
                }
            }
            tar::EntryType::Symlink if to == target => {
                let leads = entry.link_name()?.unwrap_or_default();
                return Ok(Unpacked::Link(leads.to_string_lossy().into_owned()));
            }
            _ => {}
        }
    }
    Ok(Unpacked::All)
}

/// Where an entry of an archive goes. `None`: outside of the target, where nothing goes.
fn placed(path: &Path, target: &Path) -> Option<PathBuf> {
    let below: PathBuf = path
        .components()
        .filter(|part| !matches!(part, Component::CurDir))
        .skip(1)
        .collect();
    let inside = |part| matches!(part, Component::Normal(_));
    if !below.components().all(inside) {
        return None;
    }
    Some(match below.as_os_str().is_empty() {
        true => target.to_path_buf(),
        false => target.join(below),
    })
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
            let mut content = text.as_bytes();
            if matches!(kind, tar::EntryType::Link | tar::EntryType::Symlink) {
                header.set_link_name_literal(content).unwrap();
                header.set_size(0);
                content = b"";
            }
            header.set_cksum();
            builder.append(&header, content).unwrap();
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
            ("d/link", tar::EntryType::Symlink, "/etc/passwd"),
            ("d/hard", tar::EntryType::Link, "d/../../evil"),
        ]);
        unpack(bytes.as_slice(), &target).unwrap();
        assert_eq!(std::fs::read_to_string(target.join("ok")).unwrap(), "1");
        assert!(!directory.path().join("evil").exists());
        assert!(!target.join("link").exists());
        assert!(!target.join("hard").exists());
    }

    #[test]
    fn a_further_name_of_a_file_is_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("out");
        let bytes = archive(&[
            ("d/", tar::EntryType::Directory, ""),
            ("d/a", tar::EntryType::Regular, "1"),
            ("d/b", tar::EntryType::Link, "d/a"),
        ]);
        unpack(bytes.as_slice(), &target).unwrap();
        assert_eq!(std::fs::read_to_string(target.join("b")).unwrap(), "1");
    }

    #[test]
    fn a_link_instead_of_the_artifact_says_where_it_leads() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("out");
        let bytes = archive(&[("latest.xml", tar::EntryType::Symlink, "runs/7.xml")]);
        let unpacked = unpack(bytes.as_slice(), &target).unwrap();
        assert_eq!(unpacked, Unpacked::Link("runs/7.xml".to_owned()));
    }

    #[test]
    fn what_is_missing_says_why_where_that_is_known() {
        let service: Service = serde_yaml::from_str("{image: a, tmpfs: ['/t:size=1m']}").unwrap();
        assert!(why_missing("/t/x.txt", Some(&service)).contains("tmpfs"));
        assert!(why_missing("/o/*.xml", Some(&service)).contains("patterns"));
        assert_eq!(why_missing("/tt/x.txt", Some(&service)), "");
    }
}
