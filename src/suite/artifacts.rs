use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use indexmap::IndexMap;

use super::junit::{self, Report};
use crate::archive::{LINKS, led_to};
use crate::build::ignore::Patterns;
use crate::engine::{Engine, EngineError, EngineResult, ErrorKind, read_blocking};
use crate::model::{MountKind, Service, artifact_file, artifact_pattern};

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

/// Copies the declared artifacts (name to path in the container) into a directory, each under its own file name, or what a
/// pattern finds below the artifact's; no two share one in a project without errors. `service`: what the tests ran in.
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
        let (begins, pattern) = match artifact_pattern(path) {
            Some((directory, pattern)) => (directory, Some(pattern)),
            None => (path.as_str(), None),
        };
        let inside = inside(engine, container, service, begins).await;
        let copied = match pattern {
            Some(pattern) => copy_matching(engine, container, &inside, pattern, &to).await,
            None => copy_out(engine, container, &inside, &to).await,
        };
        let there = match copied {
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
    String::new()
}

/// Copies a path out of a container, running or not, to `target` on this machine; files belong to the caller.
///
/// A directory arrives as a directory, and a link as what it leads to in the container. Returns `false` when the container
/// has no such file or directory. Links and devices in a directory are left out: an artifact never points outside of its
/// directory. Whoever drops the answer stops the copying.
///
/// # Errors
/// When the engine fails, or a file cannot be written.
async fn copy_out(
    engine: &dyn Engine,
    container: &str,
    path: &str,
    target: &Path,
) -> Result<bool, EngineError> {
    copy(engine, container, path, &Wanted::All, target).await
}

/// As [`copy_out`], of what a pattern matches below a directory of a container, with its path below that directory. What is in
/// a directory that matches comes with it. Returns `false` when nothing matches.
///
/// # Errors
/// As [`copy_out`]; a pattern that cannot be read, which no project without errors has.
async fn copy_matching(
    engine: &dyn Engine,
    container: &str,
    directory: &str,
    pattern: &str,
    target: &Path,
) -> Result<bool, EngineError> {
    // In front of a list's pattern the mark would take back what others match.
    let mark = if pattern.starts_with('!') { "\\" } else { "" };
    let patterns = Patterns::new([format!("{mark}{pattern}")])
        .map_err(|error| EngineError::new(ErrorKind::BadRequest, error.to_string()))?;
    copy(
        engine,
        container,
        directory,
        &Wanted::Matching(patterns),
        target,
    )
    .await
}

async fn copy(
    engine: &dyn Engine,
    container: &str,
    path: &str,
    wanted: &Wanted,
    target: &Path,
) -> Result<bool, EngineError> {
    let mut path = match path.trim_end_matches('/') {
        "" => "/".to_owned(),
        path => path.to_owned(),
    };
    for _ in 0..LINKS {
        match copy_once(engine, container, &path, wanted, target).await? {
            None => return Ok(false),
            Some(Unpacked::Link(to)) => path = led_to(&path, &to),
            Some(Unpacked::There { found, elsewhere }) => {
                for (first, to) in elsewhere {
                    let first = format!("{}/{}", path.trim_end_matches('/'), first.display());
                    copy_once(engine, container, &first, &Wanted::All, &to).await?;
                }
                return Ok(found);
            }
        }
    }
    Ok(false)
}

/// `None`: there is no such path.
async fn copy_once(
    engine: &dyn Engine,
    container: &str,
    path: &str,
    wanted: &Wanted,
    target: &Path,
) -> Result<Option<Unpacked>, EngineError> {
    let stream = match engine.download_archive(container, path).await {
        Ok(stream) => stream,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let (wanted, to) = (wanted.clone(), target.to_path_buf());
    let unpacked = read_blocking(stream, move |archive| unpack(archive, &wanted, &to)).await;
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

/// What of an archive is kept.
#[derive(Clone, Debug)]
enum Wanted {
    All,
    /// What these match, relative to the archive's own directory.
    Matching(Patterns),
}

impl Wanted {
    /// `below`: relative to the archive's own directory; empty for that.
    fn keeps(&self, below: &Path) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Matching(patterns) => {
                let below = below.to_string_lossy();
                !below.is_empty() && patterns.matches(&below)
            }
        }
    }
}

/// What an archive was.
#[derive(Debug, PartialEq, Eq)]
enum Unpacked {
    /// A file or a directory.
    There {
        /// Something of it was wanted, and is here now.
        found: bool,
        /// Further names of files that were not wanted themselves: a file's path below the archive's own directory, and where
        /// it goes.
        elsewhere: Vec<(PathBuf, PathBuf)>,
    },
    /// Only a link that leads there.
    Link(String),
}

/// Unpacks the archive of one path: its first component is the path's own name, which `target` replaces.
fn unpack(archive: impl Read, wanted: &Wanted, target: &Path) -> io::Result<Unpacked> {
    let mut found = false;
    let mut elsewhere = Vec::new();
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let Some(below) = below(&entry.path()?) else {
            continue;
        };
        let kind = entry.header().entry_type();
        if kind == tar::EntryType::Symlink && below.as_os_str().is_empty() {
            let leads = entry.link_name()?.unwrap_or_default();
            return Ok(Unpacked::Link(leads.to_string_lossy().into_owned()));
        }
        if !wanted.keeps(&below) {
            continue;
        }
        let to = placed(&below, target);
        match kind {
            tar::EntryType::Directory => std::fs::create_dir_all(&to)?,
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                make_parent(&to)?;
                io::copy(&mut entry, &mut std::fs::File::create(&to)?)?;
            }
            // A further name of a file that came before.
            tar::EntryType::Link => {
                let first = entry.link_name()?;
                let Some(first) = first.and_then(|first| self::below(&first)) else {
                    continue;
                };
                make_parent(&to)?;
                if wanted.keeps(&first) {
                    std::fs::copy(placed(&first, target), &to)?;
                } else {
                    elsewhere.push((first, to));
                }
            }
            _ => continue,
        }
        found = true;
    }
    Ok(Unpacked::There { found, elsewhere })
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), std::fs::create_dir_all)
}

/// The path of an archive's entry below the archive's own directory; empty for that. `None`: it lies outside.
fn below(path: &Path) -> Option<PathBuf> {
    let below: PathBuf = path
        .components()
        .filter(|part| !matches!(part, Component::CurDir))
        .skip(1)
        .collect();
    let inside = |part| matches!(part, Component::Normal(_));
    below.components().all(inside).then_some(below)
}

/// Where what is at a path below the archive's own directory goes.
fn placed(below: &Path, target: &Path) -> PathBuf {
    match below.as_os_str().is_empty() {
        true => target.to_path_buf(),
        false => target.join(below),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ContainerSpec;
    use crate::engine::memory::{Behaviour, MemoryEngine};

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
        unpack(bytes.as_slice(), &Wanted::All, &target).unwrap();
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
        unpack(bytes.as_slice(), &Wanted::All, &target).unwrap();
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
        unpack(bytes.as_slice(), &Wanted::All, &target).unwrap();
        assert_eq!(std::fs::read_to_string(target.join("b")).unwrap(), "1");
    }

    #[test]
    fn a_link_instead_of_the_artifact_says_where_it_leads() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("out");
        let bytes = archive(&[("latest.xml", tar::EntryType::Symlink, "runs/7.xml")]);
        let unpacked = unpack(bytes.as_slice(), &Wanted::All, &target).unwrap();
        assert_eq!(unpacked, Unpacked::Link("runs/7.xml".to_owned()));
    }

    #[test]
    fn what_is_missing_says_why_where_that_is_known() {
        let service: Service = serde_yaml::from_str("{image: a, tmpfs: ['/t:size=1m']}").unwrap();
        assert!(why_missing("/t/x.txt", Some(&service)).contains("tmpfs"));
        assert_eq!(why_missing("/tt/x.txt", Some(&service)), "");
    }

    fn matching(pattern: &str) -> Wanted {
        Wanted::Matching(Patterns::new([pattern]).unwrap())
    }

    /// Files below a directory, in order.
    fn files(directory: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![directory.to_path_buf()];
        while let Some(path) = open.pop() {
            for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
                match entry.path().is_dir() {
                    true => open.push(entry.path()),
                    false => {
                        let path = entry.path();
                        let below = path.strip_prefix(directory).unwrap();
                        found.push(below.display().to_string());
                    }
                }
            }
        }
        found.sort();
        found
    }

    #[test]
    fn a_pattern_keeps_what_it_matches_and_is_as_careful() {
        let directory = tempfile::tempdir().unwrap();
        let bytes = archive(&[
            ("d/", tar::EntryType::Directory, ""),
            ("d/a.png", tar::EntryType::Regular, "1"),
            ("d/a.txt", tar::EntryType::Regular, "2"),
            ("d/in/shot-1.png", tar::EntryType::Regular, "3"),
            ("d/in/deep/shot-2.png", tar::EntryType::Regular, "4"),
            ("d/link.png", tar::EntryType::Symlink, "/etc/passwd"),
            ("d/../evil.png", tar::EntryType::Regular, "5"),
            ("d/../../evil.png", tar::EntryType::Regular, "5"),
            ("d/hard.png", tar::EntryType::Link, "d/../../evil.png"),
        ]);
        for (number, (pattern, kept)) in [
            ("*.png", "a.png"),
            ("**/shot-*.png", "in/deep/shot-2.png in/shot-1.png"),
            ("*/shot-[0-9].png", "in/shot-1.png"),
            ("i?", "in/deep/shot-2.png in/shot-1.png"),
            ("**", "a.png a.txt in/deep/shot-2.png in/shot-1.png"),
            ("*.xml", ""),
        ]
        .into_iter()
        .enumerate()
        {
            let target = directory.path().join(number.to_string());
            let unpacked = unpack(bytes.as_slice(), &matching(pattern), &target).unwrap();
            assert_eq!(files(&target).join(" "), kept, "{pattern}");
            let expected = Unpacked::There {
                found: !kept.is_empty(),
                elsewhere: Vec::new(),
            };
            assert_eq!(unpacked, expected, "{pattern}");
            assert_eq!(target.exists(), !kept.is_empty());
        }
        assert!(!directory.path().join("evil.png").exists());
    }

    #[test]
    fn a_further_name_of_a_file_that_does_not_match_is_asked_for() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("out");
        let bytes = archive(&[
            ("d/a.tmp", tar::EntryType::Regular, "1"),
            ("d/b/c.png", tar::EntryType::Link, "d/a.tmp"),
        ]);
        let unpacked = unpack(bytes.as_slice(), &matching("**/*.png"), &target).unwrap();
        let expected = Unpacked::There {
            found: true,
            elsewhere: vec![("a.tmp".into(), target.join("b/c.png"))],
        };
        assert_eq!(unpacked, expected);
    }

    #[tokio::test]
    async fn patterns_are_looked_for_in_the_container() {
        let engine = MemoryEngine::default();
        engine.add_image("app", Behaviour::default());
        let spec = ContainerSpec {
            name: "tests".to_owned(),
            image: "app".to_owned(),
            ..ContainerSpec::default()
        };
        engine.create_container(&spec).await.unwrap();
        let mut tar = tar::Builder::new(Vec::new());
        let report = r#"<testsuite name="s"><testcase name="t"/></testsuite>"#;
        for (path, text) in [
            ("app/out/a.png", "1"),
            ("app/out/a.txt", "2"),
            ("app/deep/b.png", "3"),
            ("app/out/TEST-1.xml", report),
            ("app/out/TEST-2.xml", report),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        let tar = Ok(bytes::Bytes::from(tar.into_inner().unwrap()));
        let tar = Box::pin(futures_util::stream::iter([tar]));
        engine
            .upload_archive("tests", "/", tar, false)
            .await
            .unwrap();
        let service: Service = serde_yaml::from_str("{image: app, working_dir: /app}").unwrap();
        let declared = [
            ("junit", "out/TEST-*.xml"),
            ("shots", "**/*.png"),
            ("text", "/app/out/*.txt"),
            ("none", "out/*.jpg"),
            ("nowhere", "/else/*"),
        ];
        let declared = declared
            .map(|(name, path)| (name.to_owned(), path.to_owned()))
            .into();
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path();
        let collected =
            collect_artifacts(&engine, "tests", Some(&service), &declared, target).await;
        assert_eq!(
            files(target),
            [
                "junit/TEST-1.xml",
                "junit/TEST-2.xml",
                "shots/deep/b.png",
                "shots/out/a.png",
                "text/a.txt",
            ]
        );
        let counts = junit::count(&collected.report.unwrap());
        assert_eq!((counts.tests, collected.no_report), (2, None));
        assert_eq!(
            collected.missing,
            ["`none` (`out/*.jpg`)", "`nowhere` (`/else/*`)"]
        );
        assert_eq!(collected.problems, Vec::<String>::new());
    }
}
