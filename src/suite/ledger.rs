use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::own_directory::own_directory;
use crate::file;

/// Where green runs are noted, below the project's directory.
const LEDGER: &str = ".wharf/tested.jsonl";
/// Notes that are kept.
const KEPT: usize = 500;

/// An image that a run stood on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CoveredImage {
    /// As the project names it, with its tag.
    pub name: String,
    /// The engine's id.
    pub id: String,
    /// Digest of what this machine built it from. `None`: it was built elsewhere, or not by wharf.
    pub inputs: Option<String>,
    /// Services that ran in it; empty for one that others are built from.
    pub services: Vec<String>,
}

/// A run of every suite of an env, all green: what may be released because of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GreenRun {
    pub run: String,
    /// When it ended, RFC 3339.
    pub at: String,
    pub env: Option<String>,
    pub suites: Vec<String>,
    /// The commit that was checked out. `None`: the project is in no Git repository.
    pub revision: Option<String>,
    /// Files differed from that commit.
    pub dirty: bool,
    pub images: Vec<CoveredImage>,
}

impl GreenRun {
    /// Whether an image with this id, or one that was built from these inputs, was run. `inputs`: of a build of this machine, as
    /// [`crate::build::own_inputs`] gives it, never what a label says, which every image inherits that stands on it.
    pub fn covers(&self, id: &str, inputs: Option<&str>) -> bool {
        self.images
            .iter()
            .any(|image| image.id == id || inputs.is_some() && image.inputs.as_deref() == inputs)
    }
}

/// Adds a green run to the notes of a project.
pub fn note_green(project: &Path, run: &GreenRun) -> io::Result<()> {
    own_directory(project)?;
    let path = project.join(LEDGER);
    let line = serde_json::to_string(run).map_err(io::Error::other)? + "\n";
    // Runs beside this one add their lines too; a line is written at once.
    let mut notes = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)?;
    notes.write_all(line.as_bytes())?;
    let text = fs::read_to_string(&path)?;
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() > 2 * KEPT {
        let kept = lines[lines.len() - KEPT..].join("\n") + "\n";
        file::replace(&path, &kept)?;
    }
    Ok(())
}

/// The green runs that are noted for a project, oldest first. None where nothing was tested yet.
pub fn green_runs(project: &Path) -> io::Result<Vec<GreenRun>> {
    match fs::read_to_string(project.join(LEDGER)) {
        // A line of a later wharf, or one that a full disk has cut, covers nothing.
        Ok(text) => Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_green_run_covers_its_images_and_those_of_the_same_inputs() {
        let project = tempfile::tempdir().unwrap();
        assert!(green_runs(project.path()).unwrap().is_empty());
        let run = GreenRun {
            run: "r1".into(),
            images: vec![CoveredImage {
                name: "app:latest".into(),
                id: "sha256:1".into(),
                inputs: Some("abc".into()),
                services: vec!["app".into()],
            }],
            ..GreenRun::default()
        };
        note_green(project.path(), &run).unwrap();
        note_green(project.path(), &GreenRun::default()).unwrap();
        let runs = green_runs(project.path()).unwrap();
        assert_eq!(runs[0], run);
        assert!(runs[0].covers("sha256:1", None));
        assert!(runs[0].covers("sha256:2", Some("abc")));
        assert!(!runs[0].covers("sha256:2", None));
        assert!(!runs[1].covers("sha256:1", Some("abc")));
    }
}
