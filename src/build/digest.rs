use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{BuildRequest, Context, ContextFiles};

/// The image label that holds what an image was built from.
pub const LABEL: &str = "wharf.build.inputs";

/// Everything that an image is built from, in a short form: the same inputs give the same image. Values are hashed, so
/// that none of them can be read from the label.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inputs {
    /// The Dockerfile's text.
    dockerfile: String,
    /// All files together.
    context: String,
    /// Files, or directories where there are many files.
    files: BTreeMap<String, String>,
    /// The arguments that the Dockerfile asks for.
    arguments: BTreeMap<String, String>,
    /// Target, platform, network and so on; which secrets there are, not what they hold.
    settings: BTreeMap<String, String>,
    /// Images that it is made from, by name: their ids, empty where the engine has none.
    bases: BTreeMap<String, String>,
}

/// One thing that is not as it was when the image was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputChange {
    Dockerfile,
    FileAdded(String),
    FileChanged(String),
    FileRemoved(String),
    /// Too many files to tell which.
    Files,
    Argument(String),
    Setting(String),
    Base(String),
}

impl fmt::Display for InputChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InputChange::Dockerfile => f.write_str("the Dockerfile changed"),
            InputChange::FileAdded(path) => write!(f, "`{path}` is new"),
            InputChange::FileChanged(path) => write!(f, "`{path}` changed"),
            InputChange::FileRemoved(path) => write!(f, "`{path}` is gone"),
            InputChange::Files => f.write_str("files of the context changed"),
            InputChange::Argument(name) => write!(f, "the argument `{name}` changed"),
            InputChange::Setting(name) => write!(f, "the setting `{name}` changed"),
            InputChange::Base(name) => write!(f, "the image `{name}` changed"),
        }
    }
}

impl Inputs {
    /// `declared` are the arguments that the Dockerfile asks for; others change nothing. `bases` are the ids of the
    /// images that it is made from.
    pub fn of(
        request: &BuildRequest,
        files: &ContextFiles,
        declared: &[String],
        bases: BTreeMap<String, String>,
    ) -> Inputs {
        // The engine uses these without being asked.
        let implied = |name: &str| {
            name.starts_with("BUILDKIT_")
                || name == "SOURCE_DATE_EPOCH"
                || name.to_ascii_lowercase().ends_with("_proxy")
        };
        Inputs {
            dockerfile: short(&request.dockerfile.text),
            context: files.digest(),
            files: files.record(),
            arguments: request
                .arguments
                .iter()
                .filter(|(name, _)| declared.contains(name) || implied(name))
                .map(|(name, value)| (name.clone(), short(value)))
                .collect(),
            settings: settings(request),
            bases,
        }
    }

    /// Stands for all of it.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.canonical()))
    }

    /// The label's value.
    pub fn to_label(&self) -> String {
        self.canonical()
    }

    /// `None`: the image has not been built by this version of wharf.
    pub fn from_label(label: &str) -> Option<Inputs> {
        serde_json::from_str(label).ok()
    }

    fn canonical(&self) -> String {
        // Maps of text to text always have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What is different from what an image was built from.
    pub fn changes_since(&self, before: &Inputs) -> Vec<InputChange> {
        let mut changes = Vec::new();
        if self.dockerfile != before.dockerfile {
            changes.push(InputChange::Dockerfile);
        }
        if self.context != before.context {
            let known = changes.len();
            for (path, hash) in &self.files {
                match before.files.get(path) {
                    None => changes.push(InputChange::FileAdded(path.clone())),
                    Some(old) if old != hash => {
                        changes.push(InputChange::FileChanged(path.clone()))
                    }
                    Some(_) => {}
                }
            }
            let gone = before
                .files
                .keys()
                .filter(|path| !self.files.contains_key(*path));
            changes.extend(gone.cloned().map(InputChange::FileRemoved));
            if changes.len() == known {
                changes.push(InputChange::Files);
            }
        }
        for (now, then, change) in [
            (
                &self.arguments,
                &before.arguments,
                InputChange::Argument as fn(String) -> InputChange,
            ),
            (&self.settings, &before.settings, InputChange::Setting),
            (&self.bases, &before.bases, InputChange::Base),
        ] {
            let mut names: Vec<&String> = now.keys().chain(then.keys()).collect();
            names.sort();
            names.dedup();
            let differing = names
                .into_iter()
                .filter(|name| now.get(*name) != then.get(*name));
            changes.extend(differing.cloned().map(change));
        }
        changes
    }
}

fn settings(request: &BuildRequest) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    let mut set = |name: &str, value: String| {
        if !value.is_empty() {
            settings.insert(name.to_owned(), value);
        }
    };
    set("target", request.target.clone().unwrap_or_default());
    set("platform", request.platforms.join(","));
    set("network", request.network.clone().unwrap_or_default());
    set("extra_hosts", request.extra_hosts.join(","));
    set(
        "shm_size",
        request
            .shm_size
            .map(|size| size.to_string())
            .unwrap_or_default(),
    );
    set("ulimits", request.ulimits.join(","));
    set("entitlements", request.entitlements.join(","));
    let keys = |keys: Vec<&String>| keys.into_iter().cloned().collect::<Vec<_>>().join(",");
    set("secrets", keys(request.secrets.keys().collect()));
    set("ssh", keys(request.ssh.keys().collect()));
    if request.cache_to.iter().any(|cache| cache.kind == "inline") {
        // The cache is a part of the image.
        set("cache_to", "inline".to_owned());
    }
    for (kind, parameters) in &request.attestations {
        set(kind, format!("asked for {parameters}"));
    }
    for (name, context) in &request.named_contexts {
        let source = match context {
            Context::Empty => "nothing".to_owned(),
            Context::Files(_) => "files".to_owned(),
            // The directory's files are inputs of their own.
            Context::Directory(_) => "directory".to_owned(),
            Context::Image(image) => image.clone(),
            Context::Layout { digest, .. } => digest.clone(),
            Context::Remote(url) => url.clone(),
        };
        set(&format!("context {name}"), source);
    }
    for (name, value) in &request.labels {
        if name != LABEL {
            set(&format!("label {name}"), short(value));
        }
    }
    settings
}

fn short(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::{Cache, DockerfileText, SecretSource};
    use crate::load::Environment;
    use indexmap::IndexMap;
    use std::path::Path;

    fn request() -> BuildRequest {
        BuildRequest {
            dockerfile: DockerfileText {
                text: "FROM a\nARG UID".to_owned(),
                ..DockerfileText::default()
            },
            arguments: IndexMap::from([
                ("UID".to_owned(), "1000".to_owned()),
                ("UNUSED".to_owned(), "x".to_owned()),
            ]),
            secrets: BTreeMap::from([(
                "token".to_owned(),
                SecretSource::Value(b"hunter2".to_vec()),
            )]),
            ..BuildRequest::default()
        }
    }

    fn inputs(request: &BuildRequest) -> Inputs {
        let bases = BTreeMap::from([("a".to_owned(), "sha256:1".to_owned())]);
        Inputs::of(
            request,
            &ContextFiles::default(),
            &["UID".to_owned()],
            bases,
        )
    }

    #[test]
    fn every_change_is_named() {
        let before = inputs(&request());
        let mut changed = request();
        changed.dockerfile.text.push_str("\nRUN x");
        changed
            .arguments
            .insert("UID".to_owned(), "1001".to_owned());
        changed.target = Some("prod".to_owned());
        let mut after = inputs(&changed);
        after.bases.insert("a".to_owned(), "sha256:2".to_owned());
        let named: Vec<String> = after
            .changes_since(&before)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            named,
            [
                "the Dockerfile changed",
                "the argument `UID` changed",
                "the setting `target` changed",
                "the image `a` changed"
            ]
        );
        assert_ne!(after.digest(), before.digest());
    }

    #[test]
    fn what_the_builder_takes_without_being_asked_is_an_input() {
        let before = inputs(&request());
        let mut dated = request();
        let epoch = ("SOURCE_DATE_EPOCH".to_owned(), "7".to_owned());
        dated.arguments.extend([epoch]);
        assert_ne!(inputs(&dated).digest(), before.digest());
        let mut cached = request();
        let cache = Cache::read("type=inline", Path::new("/p"), &Environment::default());
        cached.cache_to.extend(cache);
        let changes = inputs(&cached).changes_since(&before);
        assert_eq!(changes, [InputChange::Setting("cache_to".to_owned())]);
    }

    #[test]
    fn what_does_not_reach_the_build_changes_nothing() {
        let before = inputs(&request());
        let mut other = request();
        other.arguments.insert("UNUSED".to_owned(), "y".to_owned());
        other
            .secrets
            .insert("token".to_owned(), SecretSource::Value(b"other".to_vec()));
        other.labels.insert(LABEL.to_owned(), before.to_label());
        let cache = Cache::read("x", Path::new("/p"), &Environment::default());
        other.cache_from.extend(cache);
        assert_eq!(inputs(&other).digest(), before.digest());
    }

    #[test]
    fn the_label_reads_back_and_hides_values() {
        let before = inputs(&request());
        let label = before.to_label();
        assert_eq!(Inputs::from_label(&label), Some(before));
        for hidden in ["hunter2", "1000"] {
            assert!(!label.contains(hidden), "{label}");
        }
        assert_eq!(Inputs::from_label("something else"), None);
    }
}
