use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::checks::Checked;
use super::pinned::release_of as pinned_release;
use crate::suite::own_directory;

/// The record's name beside the Compose files.
pub const RECORD: &str = "image-digests.json";
/// The layer that pins what was released, beside the record.
pub const PINNED: &str = "docker-compose.release.yml";
/// Where releases are kept, below the project's directory.
const RELEASES: &str = ".wharf/releases";
/// Which release was made, or gone back to, last.
const CURRENT: &str = "current";

/// What was released: `image-digests.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Of this form.
    pub version: u32,
    /// When it was made and from which commit: `20260102T030405Z-0123456`.
    pub id: String,
    pub project: String,
    pub env: Option<String>,
    /// RFC 3339.
    pub created: String,
    /// The commit's whole hash.
    pub revision: String,
    pub branch: Option<String>,
    /// The version that a tag of the commit names.
    pub release: Option<String>,
    /// The tree had changes that no commit has.
    pub dirty: bool,
    pub components: IndexMap<String, ComponentRecord>,
}

/// One image of a release.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ComponentRecord {
    /// The services that run from it.
    pub services: Vec<String>,
    /// What the engine called it.
    pub reference: String,
    pub image_id: String,
    /// Its last layer is the configuration of `x-wharf.config`.
    pub configured: bool,
    /// `linux/amd64`
    pub platform: String,
    /// Uncompressed bytes.
    pub size: i64,
    pub layers: Vec<LayerRecord>,
    /// Stands for everything that it was built from. `None`: it was not built here.
    pub inputs: Option<String>,
    /// What its Dockerfile starts from.
    pub base: Option<BaseRecord>,
    pub tags: Vec<String>,
    /// By repository, without tags.
    pub repositories: IndexMap<String, RepositoryRecord>,
    /// The green test run that covered it. `None`: none did, as far as wharf knows.
    pub tested_by: Option<TestedBy>,
    pub checks: Vec<Checked>,
    /// The SBOM's file, beside the kept record.
    pub sbom: Option<String>,
    /// The id of the earlier release that made it. `None`: this one did.
    pub carried_from: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LayerRecord {
    /// Of the uncompressed layer.
    pub digest: String,
    /// Bytes.
    pub size: i64,
    /// What made it, as the image says.
    pub created_by: String,
    /// `images/app/Dockerfile:12`; `None`: no Dockerfile of the project.
    pub line: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BaseRecord {
    pub name: String,
    pub id: String,
    /// `repository@sha256:..`; `None`: it came from no registry.
    pub digest: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RepositoryRecord {
    /// The manifest's, `sha256:..`. `None`: it was not pushed.
    pub digest: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TestedBy {
    pub run: String,
    /// `image`, or `parents`.
    pub covers: String,
}

impl Record {
    pub const VERSION: u32 = 1;

    /// The id of a release that is made now from a commit.
    pub fn id_of(now: chrono::DateTime<chrono::Utc>, short: &str) -> String {
        format!("{}-{short}", now.format("%Y%m%dT%H%M%SZ"))
    }

    /// Takes those of these components that this release did not make from the one before, so that they stay pinned. Gives the
    /// names of those that no release has.
    pub fn carry(&mut self, former: Option<&Record>, components: &[String]) -> Vec<String> {
        let mut missing = Vec::new();
        for name in components {
            if self.components.contains_key(name) {
                continue;
            }
            let found = former.and_then(|former| Some((former, former.components.get(name)?)));
            let Some((former, component)) = found else {
                missing.push(name.clone());
                continue;
            };
            let mut component = component.clone();
            component.carried_from.get_or_insert(former.id.clone());
            self.components.insert(name.clone(), component);
        }
        missing
    }

    fn to_text(&self) -> io::Result<String> {
        Ok(serde_json::to_string_pretty(self).map_err(io::Error::other)? + "\n")
    }
}

/// The releases that a project's directory keeps, as one env sees them: each env has a current one of its own.
#[derive(Clone, Debug)]
pub struct Releases {
    project: PathBuf,
    env: Option<String>,
}

/// Why a kept release cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("there is no release yet; `wharf release` makes one")]
    None,
    #[error("there is no release `{id}`; there {known}")]
    Unknown { id: String, known: String },
    #[error("`{id}` stands for several releases: {matches}")]
    Ambiguous { id: String, matches: String },
    #[error("`{path}` cannot be read as the record of a release: {error}")]
    Unreadable { path: String, error: io::Error },
}

/// The directory of a release that is being made. It goes with this value unless the release is kept.
#[derive(Debug)]
pub struct Draft {
    directory: PathBuf,
    is_kept: bool,
}

impl Draft {
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

impl Releases {
    /// Of an env of the project in this directory.
    pub fn of(project: &Path, env: Option<&str>) -> Releases {
        Releases {
            project: project.to_path_buf(),
            env: env.map(str::to_owned),
        }
    }

    fn root(&self) -> PathBuf {
        self.project.join(RELEASES)
    }

    /// Where everything of a release is kept.
    pub fn directory(&self, id: &str) -> PathBuf {
        self.root().join(id)
    }

    /// The file that says which release of the env is the current one, and where its record was written.
    fn current_path(&self) -> PathBuf {
        self.root().join(match &self.env {
            Some(env) => format!("{CURRENT}-{env}"),
            None => CURRENT.to_owned(),
        })
    }

    /// Ids of the releases of all envs, the oldest first.
    pub fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = fs::read_dir(self.root())
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let is_one = entry.path().join(RECORD).is_file();
                is_one.then(|| entry.file_name().to_string_lossy().into_owned())
            })
            .collect();
        ids.sort();
        ids
    }

    /// The release of the env that was made, or gone back to, last. `None`: none has been made.
    pub fn current(&self) -> Option<String> {
        let text = fs::read_to_string(self.current_path()).ok()?;
        let id = text.lines().next()?.trim().to_owned();
        self.directory(&id).join(RECORD).is_file().then_some(id)
    }

    /// For each env that has a current release: its id, and where its record was written beside the kept one.
    pub fn currents(&self) -> Vec<(String, PathBuf)> {
        let entries = fs::read_dir(self.root()).into_iter().flatten().flatten();
        let files = entries.filter(|entry| {
            let name = entry.file_name();
            let rest = name.to_str().and_then(|name| name.strip_prefix(CURRENT));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        });
        let read = |entry: fs::DirEntry| {
            let text = fs::read_to_string(entry.path()).ok()?;
            let mut lines = text.lines();
            Some((lines.next()?.to_owned(), PathBuf::from(lines.next()?)))
        };
        files.filter_map(read).collect()
    }

    /// The release that the layer beside the Compose files pins, of whichever env. `None`: there is no such layer.
    pub fn pinned_now(&self) -> Option<Record> {
        let text = fs::read_to_string(self.project.join(PINNED)).ok()?;
        self.record(pinned_release(&text)?).ok()
    }

    /// The id that a word stands for: an id, a beginning of one, or `current`. Releases of other envs are meant only where none of
    /// this env is.
    ///
    /// # Errors
    /// When it stands for none or several.
    pub fn find(&self, word: &str) -> Result<String, RecordError> {
        let ids = self.ids();
        let is_own = |id: &&String| self.record(id).is_ok_and(|record| record.env == self.env);
        if word == CURRENT {
            return self
                .current()
                .or_else(|| ids.iter().rev().find(is_own).cloned())
                .ok_or(RecordError::None);
        }
        let mut matches: Vec<&String> = ids
            .iter()
            .filter(|id| id.starts_with(word) || id.split('-').nth(1) == Some(word))
            .collect();
        if matches.len() > 1 && matches.iter().any(&is_own) {
            matches.retain(is_own);
        }
        match matches[..] {
            [one] => Ok(one.clone()),
            [] if ids.is_empty() => Err(RecordError::None),
            [] => {
                let list: Vec<String> = ids
                    .iter()
                    .rev()
                    .take(5)
                    .map(|id| format!("`{id}`"))
                    .collect();
                let verb = if list.len() == 1 { "is" } else { "are" };
                Err(RecordError::Unknown {
                    id: word.to_owned(),
                    known: format!("{verb} {}", list.join(", ")),
                })
            }
            _ => Err(RecordError::Ambiguous {
                id: word.to_owned(),
                matches: matches
                    .iter()
                    .map(|id| format!("`{id}`"))
                    .collect::<Vec<_>>()
                    .join(", "),
            }),
        }
    }

    /// # Errors
    /// When there is no such release or it cannot be read.
    pub fn read(&self, id: &str) -> Result<Record, RecordError> {
        self.record(&self.find(id)?)
    }

    /// Of a whole id.
    fn record(&self, id: &str) -> Result<Record, RecordError> {
        let path = self.directory(id).join(RECORD);
        let read = fs::read_to_string(&path)
            .and_then(|text| serde_json::from_str(&text).map_err(io::Error::other));
        read.map_err(|error| RecordError::Unreadable {
            path: path.display().to_string(),
            error,
        })
    }

    /// Makes room for a release's files.
    ///
    /// # Errors
    /// When a directory cannot be made.
    pub fn draft(&self, id: &str) -> io::Result<Draft> {
        own_directory(&self.project)?;
        let directory = self.directory(id);
        fs::create_dir_all(&directory)?;
        Ok(Draft {
            directory,
            is_kept: false,
        })
    }

    /// Keeps a release, and makes it the current one: its record is written to `copy`, and the layer that pins it beside
    /// the Compose files.
    ///
    /// # Errors
    /// When something cannot be written. What could be written in the release's own directory stays there: it may have been
    /// pushed.
    pub fn keep(
        &self,
        mut draft: Draft,
        record: &Record,
        pinned: &str,
        copy: &Path,
    ) -> io::Result<()> {
        draft.is_kept = true;
        fs::write(draft.directory.join(RECORD), record.to_text()?)?;
        fs::write(draft.directory.join(PINNED), pinned)?;
        self.make_current(&record.id, copy)
    }

    /// Makes a kept release the current one again.
    ///
    /// # Errors
    /// When something cannot be read or written; the message names it. The record's copy comes last: without it, the release is
    /// the current one all the same.
    pub fn make_current(&self, id: &str, copy: &Path) -> io::Result<()> {
        let directory = self.directory(id);
        let current = self.current_path();
        fs::write(&current, format!("{id}\n{}\n", copy.display()))
            .map_err(|error| at(&current, &error))?;
        let layer = self.project.join(PINNED);
        fs::copy(directory.join(PINNED), &layer).map_err(|error| at(&layer, &error))?;
        if let Some(parent) = copy.parent() {
            fs::create_dir_all(parent).map_err(|error| at(parent, &error))?;
        }
        fs::copy(directory.join(RECORD), copy).map_err(|error| at(copy, &error))?;
        Ok(())
    }
}

/// Makes the directories above a file that is to be written, and finds out whether it can be.
///
/// # Errors
/// When it cannot be written; the message names what stands in the way.
pub fn make_room(file: &Path) -> io::Result<()> {
    let parent = file.parent().unwrap_or(file);
    fs::create_dir_all(parent).map_err(|error| at(parent, &error))?;
    let tried = match file.exists() {
        true => fs::OpenOptions::new().append(true).open(file).map(|_| ()),
        false => tempfile::tempfile_in(parent).map(|_| ()),
    };
    tried.map_err(|error| at(file, &error))
}

/// An error that names the file.
fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str) -> Record {
        Record {
            version: Record::VERSION,
            id: id.into(),
            ..Record::default()
        }
    }

    #[test]
    fn releases_are_kept_and_gone_back_to() {
        let project = tempfile::tempdir().unwrap();
        let releases = Releases::of(project.path(), None);
        let copy = project.path().join(RECORD);
        assert!(matches!(releases.read("current"), Err(RecordError::None)));
        let (one, two) = ("20260101T000000Z-aaaaaaa", "20260102T000000Z-bbbbbbb");
        for id in [one, two] {
            let draft = releases.draft(id).unwrap();
            releases
                .keep(draft, &record(id), &format!("# {id}\n"), &copy)
                .unwrap();
        }
        assert_eq!(releases.current().as_deref(), Some(two));
        assert_eq!(releases.find("aaaaaaa").unwrap(), one);
        assert!(matches!(
            releases.find("2026"),
            Err(RecordError::Ambiguous { .. })
        ));
        assert!(matches!(
            releases.find("x"),
            Err(RecordError::Unknown { .. })
        ));
        releases.make_current(one, &copy).unwrap();
        assert_eq!(releases.read("current").unwrap().id, one);
        let pinned = fs::read_to_string(project.path().join(PINNED)).unwrap();
        assert_eq!(pinned, format!("# {one}\n"));
    }

    #[test]
    fn a_release_that_is_not_kept_leaves_nothing() {
        let project = tempfile::tempdir().unwrap();
        let releases = Releases::of(project.path(), None);
        let draft = releases.draft("20260101T000000Z-aaaaaaa").unwrap();
        let directory = draft.directory().to_owned();
        fs::write(directory.join("sbom.json"), "{}").unwrap();
        drop(draft);
        assert!(!directory.exists());
    }

    #[test]
    fn each_env_has_a_current_release_of_its_own() {
        let project = tempfile::tempdir().unwrap();
        let here = |env: &str| Releases::of(project.path(), Some(env));
        let copy = project.path().join(RECORD);
        let made = |env: &str, id: &str| {
            let mut record = record(id);
            record.env = Some(env.into());
            let text = super::super::pinned(&record);
            let draft = here(env).draft(id).unwrap();
            here(env).keep(draft, &record, &text, &copy).unwrap();
        };
        let (prod, stage) = ("20260101T000000Z-aaaaaaa", "20260102T000000Z-aaaaaaa");
        made("prod", prod);
        made("stage", stage);
        assert_eq!(here("prod").read("current").unwrap().id, prod);
        assert_eq!(here("stage").read("current").unwrap().id, stage);
        assert!(matches!(
            here("test").read("current"),
            Err(RecordError::None)
        ));
        assert_eq!(here("prod").find("aaaaaaa").unwrap(), prod);
        assert_eq!(here("prod").find(stage).unwrap(), stage);
        assert_eq!(here("prod").pinned_now().unwrap().id, stage);
        let mut currents = here("prod").currents();
        currents.sort();
        assert_eq!(
            currents,
            [(prod.into(), copy.clone()), (stage.into(), copy)]
        );
    }

    #[test]
    fn components_that_are_not_released_stay_pinned() {
        let mut former = record("one");
        for name in ["api", "ui", "gone"] {
            let component = ComponentRecord {
                image_id: format!("{name} 1"),
                ..ComponentRecord::default()
            };
            former.components.insert(name.into(), component);
        }
        let mut next = record("two");
        next.components.insert(
            "api".into(),
            ComponentRecord {
                image_id: "api 2".into(),
                ..ComponentRecord::default()
            },
        );
        let names = ["api", "ui", "new"].map(str::to_owned);
        assert_eq!(next.carry(Some(&former), &names), ["new"]);
        assert_eq!(next.components.len(), 2);
        assert_eq!(next.components["api"].image_id, "api 2");
        assert_eq!(next.components["ui"].carried_from.as_deref(), Some("one"));
        let mut third = record("three");
        third.carry(Some(&next), &names);
        assert_eq!(third.components["ui"].carried_from.as_deref(), Some("one"));
        assert_eq!(third.components["api"].carried_from.as_deref(), Some("two"));
    }

    #[test]
    fn a_record_that_cannot_be_written_is_known_before() {
        let project = tempfile::tempdir().unwrap();
        let here = project.path();
        fs::write(here.join("blocker"), "").unwrap();
        let error = make_room(&here.join("blocker/x.json")).unwrap_err();
        assert!(error.to_string().contains("blocker"), "{error}");
        assert!(make_room(here).is_err());
        let copy = here.join("new/x.json");
        make_room(&copy).unwrap();
        assert!(!copy.exists());
    }
}
