use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::artifact::Layer;
use super::raw::{RawFile, RawFiles};
use crate::digest::{bare, digest_of};
use crate::load::Disk;
use crate::source::{MAX_BYTES, Span};

/// What is published beside the Compose files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// The contents of env files too, not only their names.
    pub env_files: bool,
    /// A layer that pins images to their digests.
    pub digests: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    #[error("env file `{path}` cannot be read: {source}")]
    EnvFile {
        path: String,
        source: std::io::Error,
    },
}

/// The layers of the artifact: the files of the project, those that they take services from, then what was asked for beside them.
///
/// A registry keeps no directories: what files call each other by is replaced by names that are made of their paths.
///
/// # Errors
/// When an env file is to be published that cannot be read.
pub fn layers(
    files: &RawFiles,
    published: &Published,
    disk: &dyn Disk,
) -> Result<Vec<Layer>, PublishError> {
    let mut layers = Vec::new();
    let mut env_files = IndexMap::new();
    for file in &files.layers {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        layers.push(Layer::compose_file(&name, portable(file, &mut env_files)));
    }
    for file in &files.extended {
        let name = name_of(&file.path, "yaml");
        layers.push(Layer::extended_file(&name, portable(file, &mut env_files)));
    }
    if published.env_files {
        for (path, name) in &env_files {
            match disk.read(path, MAX_BYTES as u64) {
                Ok(content) => layers.push(Layer::env_file(name, content)),
                // Only one that is not required can be missing in a project that was loaded.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(PublishError::EnvFile {
                        path: path.display().to_string(),
                        source,
                    });
                }
            }
        }
    }
    if let Some(digests) = &published.digests {
        layers.push(Layer::compose_file("image-digests.yaml", digests.as_str()));
    }
    Ok(layers)
}

/// The text of a file with other files named as the artifact names them. Env files are noted by path, with their new names.
fn portable(file: &RawFile, env_files: &mut IndexMap<PathBuf, String>) -> String {
    let mut changes: Vec<(Span, String)> = Vec::new();
    for reference in &file.env_files {
        let name = name_of(&reference.path, "env");
        env_files.insert(reference.path.clone(), name.clone());
        changes.push((reference.span, name));
    }
    for reference in &file.extended {
        changes.push((reference.span, name_of(&reference.path, "yaml")));
    }
    replaced(&file.text, changes)
}

/// A name for a file that stands alone: digits and letters, whatever its path was.
fn name_of(path: &Path, ending: &str) -> String {
    let digest = digest_of(path.to_string_lossy().as_bytes());
    format!("{}.{ending}", bare(&digest))
}

/// Values that came by an alias have the place of their anchor: a place is changed once.
fn replaced(text: &str, mut changes: Vec<(Span, String)>) -> String {
    changes.sort_by_key(|(span, _)| span.start);
    changes.dedup_by_key(|(span, _)| span.start);
    let mut changed = String::with_capacity(text.len());
    let mut kept = 0;
    for (span, name) in changes {
        let (start, end) = (span.start as usize, span.end as usize);
        let Some(before) = text.get(kept..start) else {
            continue;
        };
        changed.push_str(before);
        changed.push_str(&name);
        kept = end;
    }
    changed.push_str(text.get(kept..).unwrap_or_default());
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpolate::Lookup;
    use crate::load::MemoryDisk;
    use crate::source::Supply;

    /// `NAME` is `a`.
    struct Names;

    impl Lookup for Names {
        fn get(&self, name: &str) -> Option<(std::borrow::Cow<'_, str>, Supply)> {
            (name == "NAME").then(|| ("a".into(), Supply::Shell))
        }
    }

    fn hex(path: &str) -> String {
        let name = name_of(Path::new(path), "");
        name.trim_end_matches('.').to_owned()
    }

    fn published(published: &Published) -> Vec<(String, String)> {
        let disk = MemoryDisk::default()
            .with("/p/base/common.yml", "services:\n  c: {image: i, env_file: own.env, extends: {file: ../more.yml, service: m}}\n")
            .with("/p/more.yml", "services: {m: {image: i}}\n")
            .with("/p/a.env", "A=1\n")
            .with("/p/base/own.env", "OWN=1\n");
        let text = "services:\n  a:\n    env_file: [\"./${NAME}.env\", {path: missing.env, required: false}]\n    extends: {service: c, file: 'base/common.yml'} # kept\n  b:\n    extends: a\n";
        let files = RawFiles::read(
            vec![("/p/compose.yml".into(), text.to_owned())],
            Path::new("/p"),
            &Names,
            &disk,
        );
        layers(&files, published, &disk)
            .unwrap()
            .into_iter()
            .map(|layer| {
                let content = String::from_utf8(layer.content.clone()).unwrap();
                let artifact =
                    super::super::Artifact::new(&[layer], super::super::OciVersion::V1_1, "");
                let manifest: serde_json::Value =
                    serde_json::from_slice(&artifact.manifest).unwrap();
                let names = &manifest["layers"][0]["annotations"];
                let name = names["com.docker.compose.file"]
                    .as_str()
                    .or(names["com.docker.compose.envfile"].as_str())
                    .unwrap();
                (name.to_owned(), content)
            })
            .collect()
    }

    #[test]
    fn files_name_each_other_as_the_artifact_does() {
        let layers = published(&Published::default());
        let [compose, common, more] = layers.as_slice() else {
            panic!("{layers:?}");
        };
        assert_eq!(compose.0, "compose.yml");
        assert_eq!(
            compose.1,
            format!(
                "services:\n  a:\n    env_file: [{}.env, {{path: {}.env, required: false}}]\n    extends: {{service: c, file: {}.yaml}} # kept\n  b:\n    extends: a\n",
                hex("/p/a.env"),
                hex("/p/missing.env"),
                hex("/p/base/common.yml")
            )
        );
        assert_eq!(common.0, format!("{}.yaml", hex("/p/base/common.yml")));
        assert!(
            common
                .1
                .contains(&format!("env_file: {}.env", hex("/p/base/own.env")))
        );
        assert_eq!(more.0, format!("{}.yaml", hex("/p/more.yml")));
    }

    #[test]
    fn env_files_and_digests_come_when_they_are_asked_for() {
        let layers = published(&Published {
            env_files: true,
            digests: Some("services: {}\n".into()),
        });
        let names: Vec<&str> = layers
            .iter()
            .skip(3)
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                format!("{}.env", hex("/p/a.env")).as_str(),
                format!("{}.env", hex("/p/base/own.env")).as_str(),
                "image-digests.yaml"
            ]
        );
        assert_eq!(layers[3].1, "A=1\n");
    }

    #[test]
    fn a_place_that_several_services_share_is_changed_once() {
        let text = "x: &e [a.env]\nservices:\n  a: {env_file: *e}\n  b: {env_file: *e}\n";
        let files = RawFiles::read(
            vec![("/p/c.yml".into(), text.to_owned())],
            Path::new("/p"),
            &Names,
            &MemoryDisk::default(),
        );
        let mut found = IndexMap::new();
        let text = portable(&files.layers[0], &mut found);
        assert_eq!(found.len(), 1);
        assert_eq!(text.matches(".env").count(), 1, "{text}");
        assert!(text.ends_with("services:\n  a: {env_file: *e}\n  b: {env_file: *e}\n"));
    }
}
