use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::build::ignore::PatternError;
use crate::model::{MountKind, Project};
use crate::watch::Filter;

/// What tools leave beside sources; none of it is a change of them.
const LEFT_BEHIND: [&str; 6] = [
    "**/.wharf",
    "**/__pycache__",
    "**/*.pyc",
    "**/.pytest_cache",
    "**/.coverage*",
    "**/node_modules",
];

/// Files that are looked at to tell whether sources are as they were. Who mounts more has them looked at by nobody.
const MOST_FILES: usize = 100_000;

/// Which files in a directory are sources.
///
/// # Errors
/// A pattern that cannot be read, which is wharf's own mistake.
pub fn filter(directory: &Path) -> Result<Filter, PatternError> {
    Filter::new().ignoring_all(directory, LEFT_BEHIND)
}

/// Files and directories of this machine that containers of these services see: what is mounted, and the files of their
/// configs and secrets. Sorted, each once.
pub fn mounted(project: &Project, services: &[String]) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for service in services
        .iter()
        .filter_map(|name| project.services.get(name))
    {
        let binds = service.volumes.iter();
        paths.extend(
            binds
                .filter(|mount| mount.kind == MountKind::Bind)
                .filter_map(|mount| mount.source.as_ref().map(PathBuf::from)),
        );
        let configs = service
            .configs
            .iter()
            .filter_map(|used| project.configs.get(&used.source));
        let secrets = service
            .secrets
            .iter()
            .filter_map(|used| project.secrets.get(&used.source));
        paths.extend(
            configs
                .chain(secrets)
                .filter_map(|object| object.file.as_ref().map(PathBuf::from)),
        );
    }
    paths.sort();
    paths.dedup();
    paths
}

/// Stands for the state of these files and of what is in these directories: names, kinds, sizes and times of changes. It is
/// another one whenever something of it was written.
///
/// `None`: there is too much to look through, so that nobody knows. What cannot be read is passed over, and so is what lies
/// on another file system, such as `/proc` below `/`.
pub fn fingerprint(paths: &[PathBuf]) -> Option<String> {
    let mut hasher = Sha256::new();
    let mut count = 0;
    for path in paths {
        let device = match path.metadata() {
            Ok(metadata) => metadata.dev(),
            Err(_) => {
                hasher.update(path.as_os_str().as_encoded_bytes());
                hasher.update(b"missing");
                continue;
            }
        };
        let filter = filter(path).ok()?;
        let root = path;
        let mut open = vec![root.clone()];
        while let Some(path) = open.pop() {
            count += 1;
            if count > MOST_FILES {
                return None;
            }
            // What is mounted may itself be a link, and is then what it leads to.
            let metadata = match path == *root {
                true => path.metadata(),
                false => path.symlink_metadata(),
            };
            let Ok(metadata) = metadata else { continue };
            hasher.update(path.as_os_str().as_encoded_bytes());
            hasher.update(metadata.mode().to_le_bytes());
            if metadata.is_dir() {
                if metadata.dev() == device {
                    open.extend(sources_in(&path, &filter).unwrap_or_default());
                }
                continue;
            }
            hasher.update(metadata.len().to_le_bytes());
            for time in [
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ] {
                hasher.update(time.to_le_bytes());
            }
        }
    }
    Some(hex::encode(hasher.finalize()))
}

fn sources_in(directory: &Path, filter: &Filter) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if filter.enters(&path) && filter.wants(&path) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_services_mount_is_found() {
        let project: Project = serde_yaml::from_str(
            "name: p\nservices:\n  db: {image: a, volumes: [{type: bind, source: /p/init.sql, target: /i}, {type: volume, source: data, target: /d}], configs: [{source: c}], secrets: [{source: s}]}\n  app: {image: a, volumes: [{type: bind, source: /p/src, target: /s}]}\nconfigs: {c: {file: /p/c.conf}}\nsecrets: {s: {file: /p/s.txt}}\n",
        )
        .unwrap();
        let paths = |services: &[&str]| {
            let services: Vec<String> = services.iter().map(|name| (*name).to_owned()).collect();
            let found = mounted(&project, &services);
            let found: Vec<String> = found.iter().map(|p| p.display().to_string()).collect();
            found.join(" ")
        };
        assert_eq!(paths(&["db"]), "/p/c.conf /p/init.sql /p/s.txt");
        assert_eq!(paths(&["app"]), "/p/src");
    }

    #[test]
    fn a_change_of_a_source_is_seen_and_what_tools_leave_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        std::fs::create_dir_all(root.join("src/deep")).unwrap();
        std::fs::write(root.join("src/deep/a.py"), "1").unwrap();
        let paths = [root.join("src"), root.join("init.sql")];
        let before = fingerprint(&paths).unwrap();
        assert_eq!(fingerprint(&paths).unwrap(), before);
        std::fs::create_dir_all(root.join("src/.wharf/runs/1")).unwrap();
        std::fs::create_dir_all(root.join("src/deep/__pycache__")).unwrap();
        std::fs::write(root.join("src/deep/__pycache__/a.pyc"), "x").unwrap();
        assert_eq!(fingerprint(&paths).unwrap(), before);
        std::fs::write(root.join("src/deep/a.py"), "22").unwrap();
        let changed = fingerprint(&paths).unwrap();
        assert_ne!(changed, before);
        std::fs::write(root.join("init.sql"), "").unwrap();
        assert_ne!(fingerprint(&paths).unwrap(), changed);
    }
}
