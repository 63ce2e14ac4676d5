use std::path::{Path, PathBuf};

use super::dockerfile::Dockerfile;
use super::ignore::{Patterns, candidates};
use super::source::is_remote;
use super::{GraphProblem, IgnoreText};
use crate::load::Disk;
use crate::model::{Build, Project};

/// Larger Dockerfiles and ignore files are not read, in bytes.
const LARGEST_FILE: u64 = 4 << 20;

/// A Dockerfile that has been read.
#[derive(Clone, Debug)]
pub struct DockerfileFile {
    /// `None`: it stands in the Compose file (`dockerfile_inline`).
    pub path: Option<PathBuf>,
    /// Relative to the project's directory where it lies in there.
    pub shown_as: String,
    pub text: String,
    pub parsed: Dockerfile,
    pub ignore: Option<IgnoreText>,
}

impl DockerfileFile {
    pub(super) fn read(
        project: &Project,
        service: &str,
        build: &Build,
        disk: &dyn Disk,
    ) -> Result<DockerfileFile, GraphProblem> {
        let remote = build.context.as_deref().is_some_and(is_remote);
        let context = build.context.as_deref().map(Path::new);
        let shown = |path: &Path| {
            let path = lexically_clean(path);
            let inside = path.strip_prefix(&project.directory).unwrap_or(&path);
            inside.display().to_string()
        };
        let unreadable = |path: &Path, error: std::io::Error| GraphProblem::Unreadable {
            path: shown(path),
            reason: error.to_string(),
        };
        let (path, shown_as, text) = match &build.dockerfile_inline {
            Some(text) => (None, format!("{service} (dockerfile_inline)"), text.clone()),
            None => {
                let file = build.dockerfile.as_deref().unwrap_or("Dockerfile");
                let path = lexically_clean(&context.unwrap_or(&project.directory).join(file));
                if disk.is_dir(&path) {
                    return Err(GraphProblem::NoFile {
                        service: service.to_owned(),
                        path: shown(&path),
                    });
                }
                if !disk.is_file(&path) {
                    if let Some(context) = context.filter(|context| disk.is_file(context)) {
                        return Err(GraphProblem::NoDirectory {
                            service: service.to_owned(),
                            path: shown(context),
                        });
                    }
                    if let Some(context) = context.filter(|context| !disk.is_dir(context)) {
                        return Err(GraphProblem::NoContext {
                            service: service.to_owned(),
                            path: shown(context),
                        });
                    }
                    return Err(GraphProblem::NoDockerfile {
                        service: service.to_owned(),
                        path: shown(&path),
                    });
                }
                let bytes = disk
                    .read(&path, LARGEST_FILE)
                    .map_err(|error| unreadable(&path, error))?;
                let shown_as = shown(&path);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                (Some(path), shown_as, text)
            }
        };
        let parsed = Dockerfile::parse(&text).map_err(|error| GraphProblem::Dockerfile {
            path: shown_as.clone(),
            error,
        })?;
        let mut ignore = None;
        let places = context.filter(|_| !remote).map(|context| {
            let [beside, top] = candidates(path.as_deref().unwrap_or(Path::new("")), context);
            // An inline Dockerfile has no file beside which rules could lie.
            [path.is_some().then_some(beside), Some(top)]
        });
        if let Some(file) = places
            .into_iter()
            .flatten()
            .flatten()
            .find(|place| disk.is_file(place))
        {
            let bytes = disk
                .read(&file, LARGEST_FILE)
                .map_err(|error| unreadable(&file, error))?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Patterns::from_file(&text).map_err(|error| GraphProblem::Ignore {
                path: shown(&file),
                error,
            })?;
            ignore = Some(IgnoreText {
                shown_as: shown(&file),
                text,
            });
        }
        Ok(DockerfileFile {
            path,
            shown_as,
            text,
            parsed,
            ignore,
        })
    }
}

fn lexically_clean(path: &Path) -> PathBuf {
    match path.to_str() {
        Some(text) => PathBuf::from(super::ignore::clean(text)),
        None => path.to_path_buf(),
    }
}
