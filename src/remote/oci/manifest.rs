use std::collections::HashSet;

use indexmap::IndexMap;
use serde::Deserialize;

use crate::digest::is_digest;
use crate::publish::{
    ENV_FILE, ENV_FILE_NAME, FILE, FILE_NAME, IS_EXTENDED, PROJECT, PROJECT_CONFIG,
};
use crate::source::MAX_BYTES;

/// How many files an artifact may have.
const MOST_FILES: usize = 1000;

/// How large they may be together, in bytes.
const MOST_BYTES: u64 = 128 << 20;

/// The name of a Compose file that has none.
const DEFAULT_NAME: &str = "compose.yaml";

/// A file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// A name without directories, of which no other file is.
    pub name: String,
    /// `sha256:..`
    pub digest: String,
    /// In bytes, as the manifest has it.
    pub size: usize,
    /// Whether it is a layer of the project, and not only named by one.
    pub is_layer: bool,
}

/// <https://github.com/opencontainers/image-spec/blob/main/manifest.md>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    artifact_type: String,
    #[serde(default)]
    config: Config,
    #[serde(default)]
    layers: Vec<Layer>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    media_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: Option<IndexMap<String, String>>,
}

impl Layer {
    fn note(&self, name: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(name).map(String::as_str)
    }
}

/// The files that a manifest names, in their order.
///
/// # Errors
/// Why it describes no project that may be kept here, as the end of a sentence.
pub fn files(manifest: &[u8]) -> Result<Vec<File>, String> {
    let manifest: Manifest = serde_json::from_slice(manifest)
        .map_err(|error| format!("its manifest cannot be read: {error}"))?;
    match manifest.artifact_type.as_str() {
        PROJECT => {}
        "" if manifest.config.media_type == PROJECT_CONFIG => {}
        "" => return Err("it is an image, or another artifact without a type".to_owned()),
        other => return Err(format!("it is an artifact of type `{other}`")),
    }
    if manifest.layers.len() > MOST_FILES {
        return Err(format!("it has more than {MOST_FILES} files"));
    }
    let mut found = Vec::new();
    let mut total = 0_u64;
    for layer in &manifest.layers {
        let (name, is_layer) = match layer.media_type.as_str() {
            ENV_FILE => (layer.note(ENV_FILE_NAME), false),
            FILE if layer.note(IS_EXTENDED).is_some() => (layer.note(FILE_NAME), false),
            FILE => (layer.note(FILE_NAME).or(Some(DEFAULT_NAME)), true),
            // Those who come later may add what this does not know.
            _ => continue,
        };
        let Some(name) = name else {
            return Err("it has a file without a name".to_owned());
        };
        if !is_plain(name) {
            return Err(format!(
                "it has a file `{}`, which is no name without directories",
                name.escape_debug()
            ));
        }
        if !is_digest(&layer.digest) {
            return Err(format!("its file `{name}` has no digest of SHA-256"));
        }
        total = total.saturating_add(layer.size);
        let size = usize::try_from(layer.size).ok();
        let Some(size) = size.filter(|size| *size <= MAX_BYTES && total <= MOST_BYTES) else {
            return Err(format!("its file `{name}` is too large"));
        };
        found.push(File {
            name: name.to_owned(),
            digest: layer.digest.clone(),
            size,
            is_layer,
        });
    }
    if !found.iter().any(|file| file.is_layer) {
        return Err("it has no Compose file".to_owned());
    }
    tell_apart(&mut found)?;
    Ok(found)
}

/// Layers come from several directories, of which only the artifact's one is left, and nothing calls them by name.
fn tell_apart(files: &mut [File]) -> Result<(), String> {
    let mut taken = HashSet::new();
    for file in files.iter().filter(|file| !file.is_layer) {
        if !taken.insert(file.name.clone()) {
            return Err(format!("it has two files `{}`", file.name));
        }
    }
    for file in files.iter_mut().filter(|file| file.is_layer) {
        let own = file.name.clone();
        let mut number = 1;
        while !taken.insert(file.name.clone()) {
            number += 1;
            file.name = format!("{number}-{own}");
        }
    }
    Ok(())
}

/// Whether a file of this name stands in the directory that it is written to.
fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= 200
        && !name.contains(|c: char| c.is_control() || matches!(c, '/' | '\\'))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::publish::{self, Artifact, OciVersion};

    fn read(artifact_type: &str, layers: Value) -> Result<Vec<File>, String> {
        let manifest = json!({"artifactType": artifact_type, "layers": layers});
        files(manifest.to_string().as_bytes())
    }

    fn file(name: &str) -> Value {
        json!({
            "mediaType": FILE,
            "digest": format!("sha256:{}", "ab".repeat(32)),
            "size": 3,
            "annotations": {FILE_NAME: name},
        })
    }

    #[test]
    fn what_is_published_is_read_again() {
        let layers = [
            publish::Layer::compose_file("compose.yml", "a"),
            publish::Layer::extended_file("ab.yaml", "b"),
            publish::Layer::env_file("cd.env", "C=1"),
            publish::Layer::compose_file("compose.yml", "d"),
        ];
        for version in [OciVersion::V1_0, OciVersion::V1_1] {
            let artifact = Artifact::new(&layers, version, "2026-01-02T03:04:05Z");
            let found = files(&artifact.manifest).unwrap();
            let named: Vec<(&str, bool, usize)> = found
                .iter()
                .map(|file| (file.name.as_str(), file.is_layer, file.size))
                .collect();
            assert_eq!(
                named,
                [
                    ("compose.yml", true, 1),
                    ("ab.yaml", false, 1),
                    ("cd.env", false, 3),
                    ("2-compose.yml", true, 1)
                ]
            );
        }
    }

    #[test]
    fn no_name_leads_out_of_the_directory() {
        for name in [
            "../a.yml",
            "/etc/a.yml",
            "a/b.yml",
            "a\\b.yml",
            "..",
            "",
            "a\nb",
        ] {
            let refused = read(PROJECT, json!([file("compose.yml"), file(name)]));
            assert!(
                refused.as_ref().is_err_and(|why| why.contains("no name")),
                "{name:?}: {refused:?}"
            );
        }
        assert!(read(PROJECT, json!([file(".env.yml")])).is_ok());
    }

    #[test]
    fn only_projects_of_a_bearable_size_are_taken() {
        let with = |member: &str, value: Value| {
            let mut changed = file("compose.yml");
            changed[member] = value;
            read(PROJECT, json!([changed])).unwrap_err()
        };
        assert!(with("size", json!(1_u64 << 40)).contains("too large"));
        assert!(with("digest", json!("sha256:../x")).contains("digest"));
        assert!(
            read(PROJECT, json!([]))
                .unwrap_err()
                .contains("no Compose file")
        );
        assert!(
            read("", json!([file("a.yml")]))
                .unwrap_err()
                .contains("an image")
        );
        let other = read("application/x", json!([file("a.yml")]));
        assert!(other.unwrap_err().contains("application/x"));
        let many = vec![file("a.yml"); MOST_FILES + 1];
        assert!(
            read(PROJECT, many.into())
                .unwrap_err()
                .contains("more than")
        );
    }
}
