use std::path::Path;

use serde_json::{Map, Value, json};

use super::git::Revision;
use super::version::Version;
use crate::diagnostic::Diagnostic;
use crate::source::Sources;
use crate::template::{self, FileText};

/// Branches whose commits are `latest` unless the project names one.
const MAIN_BRANCHES: [&str; 2] = ["main", "master"];
/// What `x-wharf.release.tags` is when it is empty.
const DEFAULT: [&str; 3] = ["semver", "sha", "latest"];
/// <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests>
const LONGEST: usize = 128;

/// Why there are no tags.
#[derive(Debug, thiserror::Error)]
pub enum TagError {
    #[error(
        "the tree has changes that are not committed, so that it is not version {version}; commit them, or release without the tag `v{version}`"
    )]
    DirtyVersion { version: Version },
    /// `template`: as `x-wharf.release.tags` has it; the finding points into it.
    #[error("{}", .finding.message)]
    Template {
        template: String,
        finding: Box<Diagnostic>,
    },
    #[error(
        "the template `{template}` of `x-wharf.release.tags` gives `{tag}`; a tag has letters, digits, `_`, `.` and `-`, and at most 128 of them"
    )]
    NoTag { template: String, tag: String },
}

/// What a release is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    pub names: Vec<String>,
    /// What was asked for and does not apply, with the reason.
    pub notes: Vec<String>,
}

/// What tags are made from.
pub struct Naming<'n> {
    /// `x-wharf.release.tags`.
    pub declared: &'n [String],
    /// `x-wharf.release.main-branch`.
    pub main_branch: Option<&'n str>,
    pub revision: &'n Revision,
    pub env: Option<&'n str>,
    pub project: &'n str,
}

impl Naming<'_> {
    /// The tags of this release, in the order in which they are declared. A tree with changes that are not committed marks
    /// its tags with `-dirty`, and is neither a version nor `latest`.
    ///
    /// # Errors
    /// When such a tree would be a version, or a template gives no tag; templates are then among `sources`.
    pub fn tags(&self, sources: &mut Sources) -> Result<Tags, TagError> {
        let default: Vec<String> = DEFAULT.iter().map(|&word| word.to_owned()).collect();
        let declared = match self.declared {
            [] => &default,
            declared => declared,
        };
        let revision = self.revision;
        let mut tags = Tags::default();
        let mut add = |tag: String| {
            if !tags.names.contains(&tag) {
                tags.names.push(tag);
            }
        };
        let mut notes = Vec::new();
        for word in declared {
            match word.as_str() {
                "latest" => match self.why_not_latest() {
                    None => add("latest".to_owned()),
                    Some(why) => notes.push(format!("no tag `latest`: {why}")),
                },
                "semver" => match &revision.version {
                    Some(version) if revision.dirty => {
                        let version = version.clone();
                        return Err(TagError::DirtyVersion { version });
                    }
                    Some(version) if revision.shallow => {
                        add(version.to_string());
                        if version.pre.is_empty() {
                            notes.push(format!(
                                "no tags such as `{}.{}`: this clone is shallow, and a version that it does not know may have them; `git fetch --tags --unshallow` brings all of them",
                                version.major, version.minor
                            ));
                        }
                    }
                    Some(version) => versions(version, &revision.versions)
                        .into_iter()
                        .for_each(&mut add),
                    None => {
                        notes.push("no version: no tag such as `v1.2.3` names this commit".into())
                    }
                },
                "sha" => add(self.marked(&format!("sha-{}", revision.short()))),
                "sha-full" => add(self.marked(&format!("sha-{}", revision.sha))),
                "branch" => match &revision.branch {
                    Some(branch) => add(self.marked(&slug(branch))),
                    None => notes.push("no tag of a branch: none is checked out".to_owned()),
                },
                "date" => add(self.marked(&date(revision.committed))),
                template => {
                    let tag = self.filled(template, sources)?;
                    let tag = tag.trim();
                    if tag.is_empty() {
                        continue;
                    }
                    if !is_tag(tag) {
                        return Err(TagError::NoTag {
                            template: template.to_owned(),
                            tag: tag.to_owned(),
                        });
                    }
                    add(self.marked(tag));
                }
            }
        }
        if tags.names.is_empty() {
            notes.push("the release has no tag: `x-wharf.release.tags` gives none".to_owned());
        }
        tags.notes = notes;
        Ok(tags)
    }

    fn why_not_latest(&self) -> Option<String> {
        if self.revision.dirty {
            return Some("the tree has changes that are not committed".to_owned());
        }
        let Some(branch) = &self.revision.branch else {
            return Some("no branch is checked out".to_owned());
        };
        let is_main = match self.main_branch {
            Some(main) => branch == main,
            None => MAIN_BRANCHES.contains(&branch.as_str()),
        };
        (!is_main).then(|| match self.main_branch {
            Some(main) => format!("this is branch `{branch}`, not `{main}`"),
            None => format!("this is branch `{branch}`, not `main` or `master`"),
        })
    }

    fn marked(&self, tag: &str) -> String {
        let mark = if self.revision.dirty { "-dirty" } else { "" };
        let kept: String = tag.chars().take(LONGEST - mark.len()).collect();
        format!("{kept}{mark}")
    }

    fn filled(&self, text: &str, sources: &mut Sources) -> Result<String, TagError> {
        let template = FileText {
            path: Path::new("x-wharf.release.tags"),
            name: "x-wharf.release.tags",
            text,
        };
        template::render(sources, template, &self.values()).map_err(|finding| TagError::Template {
            template: text.to_owned(),
            finding,
        })
    }

    fn values(&self) -> Value {
        let revision = self.revision;
        let mut values = Map::new();
        values.insert("sha".into(), json!(revision.short()));
        values.insert("sha_full".into(), json!(revision.sha));
        values.insert("date".into(), json!(date(revision.committed)));
        values.insert("timestamp".into(), json!(revision.committed));
        values.insert("dirty".into(), json!(revision.dirty));
        values.insert("project".into(), json!(self.project));
        if let Some(env) = self.env {
            values.insert("env".into(), json!(env));
        }
        if let Some(branch) = &revision.branch {
            values.insert("branch".into(), json!(slug(branch)));
        }
        if let Some(version) = &revision.version {
            values.insert("version".into(), json!(version.to_string()));
            values.insert("major".into(), json!(version.major));
            values.insert("minor".into(), json!(version.minor));
            values.insert("patch".into(), json!(version.patch));
        }
        Value::Object(values)
    }
}

/// `1.2.3`, and `1.2` and `1` as long as no later version has them.
fn versions(version: &Version, all: &[Version]) -> Vec<String> {
    let mut tags = vec![version.to_string()];
    if !version.pre.is_empty() {
        return tags;
    }
    let is_highest = |within: &dyn Fn(&Version) -> bool| {
        all.iter()
            .filter(|other| other.pre.is_empty() && within(other))
            .all(|other| other <= version)
    };
    let same_minor = |other: &Version| (other.major, other.minor) == (version.major, version.minor);
    let same_major = |other: &Version| other.major == version.major;
    if is_highest(&same_minor) {
        tags.push(format!("{}.{}", version.major, version.minor));
    }
    // Before 1.0 every minor version may break; `0` would promise what nobody does.
    if version.major > 0 && is_highest(&same_major) {
        tags.push(version.major.to_string());
    }
    tags
}

/// A branch's name as a tag: `feature/x` is `feature-x`.
fn slug(branch: &str) -> String {
    let slug: String = branch
        .chars()
        .map(|c| match c.is_ascii_alphanumeric() || "_.-".contains(c) {
            true => c,
            false => '-',
        })
        .collect();
    let slug = slug.trim_start_matches(['.', '-']);
    match slug {
        "" => "branch".to_owned(),
        slug => slug.to_owned(),
    }
}

/// `20260102`, in UTC.
fn date(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0)
        .unwrap_or_default()
        .format("%Y%m%d")
        .to_string()
}

fn is_tag(text: &str) -> bool {
    text.len() <= LONGEST
        && !text.starts_with(['.', '-'])
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(tags: &[&str], branch: &str, dirty: bool) -> Revision {
        let versions: Vec<Version> = tags.iter().filter_map(|tag| Version::of_tag(tag)).collect();
        Revision {
            sha: "0123456789abcdef".into(),
            branch: Some(branch.into()),
            version: versions.first().cloned(),
            versions,
            shallow: false,
            dirty,
            committed: 1_700_000_000,
            source: None,
        }
    }

    fn tags(declared: &[&str], revision: &Revision) -> Result<Vec<String>, TagError> {
        named(declared, revision).map(|tags| tags.names)
    }

    fn named(declared: &[&str], revision: &Revision) -> Result<Tags, TagError> {
        let declared: Vec<String> = declared.iter().map(|&word| word.to_owned()).collect();
        let naming = Naming {
            declared: &declared,
            main_branch: None,
            revision,
            env: Some("prod"),
            project: "p-prod",
        };
        naming.tags(&mut Sources::default())
    }

    #[test]
    fn a_version_on_main_has_all_its_names() {
        let revision = revision(&["v1.2.3", "1.1.0"], "main", false);
        assert_eq!(
            tags(&[], &revision).unwrap(),
            ["1.2.3", "1.2", "1", "sha-0123456", "latest"]
        );
    }

    #[test]
    fn an_older_line_does_not_take_the_names_of_a_newer_one() {
        let fix = revision(&["v1.2.4", "v1.3.0", "v2.0.0"], "1.2.x", false);
        assert_eq!(tags(&["semver"], &fix).unwrap(), ["1.2.4", "1.2"]);
        let pre = revision(&["v2.0.0-rc.1"], "main", false);
        assert_eq!(tags(&["semver"], &pre).unwrap(), ["2.0.0-rc.1"]);
        let early = revision(&["v0.3.0"], "main", false);
        assert_eq!(tags(&["semver"], &early).unwrap(), ["0.3.0", "0.3"]);
    }

    #[test]
    fn a_clone_without_all_tags_takes_no_name_that_a_later_version_may_have() {
        let mut clone = revision(&["v1.0.1"], "main", false);
        clone.shallow = true;
        let tags = named(&["semver"], &clone).unwrap();
        assert_eq!(tags.names, ["1.0.1"]);
        assert!(tags.notes[0].contains("--unshallow"), "{:?}", tags.notes);
    }

    #[test]
    fn a_dirty_tree_is_marked_and_no_version() {
        let dirty = revision(&[], "feature/x", true);
        assert_eq!(
            tags(&["sha", "branch", "date", "latest"], &dirty).unwrap(),
            ["sha-0123456-dirty", "feature-x-dirty", "20231114-dirty"]
        );
        let version = revision(&["v1.0.0"], "main", true);
        assert!(matches!(
            tags(&["semver"], &version),
            Err(TagError::DirtyVersion { .. })
        ));
    }

    #[test]
    fn templates_are_strict() {
        let revision = revision(&[], "main", false);
        assert_eq!(
            tags(&["{{ env }}-{{ branch }}.{{ date }}"], &revision).unwrap(),
            ["prod-main.20231114"]
        );
        assert!(matches!(
            tags(&["{{ version }}"], &revision),
            Err(TagError::Template { .. })
        ));
        assert!(matches!(
            tags(&["a b{{ sha }}"], &revision),
            Err(TagError::NoTag { .. })
        ));
        let optional = "{% if version is defined %}{{ version }}{% endif %}{{ '' }}";
        let none = named(&[optional], &revision).unwrap();
        assert!(none.names.is_empty());
        assert!(none.notes[0].contains("no tag"), "{:?}", none.notes);
    }
}
