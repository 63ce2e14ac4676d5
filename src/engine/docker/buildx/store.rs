use std::path::PathBuf;

use indexmap::IndexMap;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::super::config_file::{self, read_if_there};
use crate::engine::{EngineError, EngineResult, ErrorKind};
use crate::load::Environment;

/// How much of a digest names a file.
const DIGITS: usize = 20;

/// Where buildx records its builders.
/// <https://github.com/docker/buildx/blob/master/store/store.go>
#[derive(Clone, Debug)]
pub(super) struct Store(
    /// `None`: there is no place for it.
    Option<PathBuf>,
);

/// A builder as `docker buildx create` has recorded it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Instance {
    pub name: String,
    /// `docker-container`, `remote`, `kubernetes` and so on.
    pub driver: String,
    pub nodes: Vec<StoredNode>,
}

/// One BuildKit of a builder.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct StoredNode {
    pub name: String,
    /// A Docker context or the address of the engine that runs the container; BuildKit's own address where it is remote.
    pub endpoint: String,
    /// What it was said to build for, besides what it finds out itself.
    pub platforms: Option<Vec<Platform>>,
    pub driver_opts: Option<IndexMap<String, String>>,
    /// Arguments of `buildkitd`.
    pub flags: Option<Vec<String>>,
    /// Base64 by the path below `/etc/buildkit`.
    pub files: Option<IndexMap<String, String>>,
}

/// <https://github.com/opencontainers/image-spec/blob/main/image-index.md#image-index-property-descriptions>
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    pub variant: String,
}

impl Platform {
    /// `os/arch[/variant]`
    pub fn text(&self) -> String {
        let Platform {
            os,
            architecture,
            variant,
        } = self;
        match variant.as_str() {
            "" => format!("{os}/{architecture}"),
            variant => format!("{os}/{architecture}/{variant}"),
        }
    }
}

/// The builder that is used unless another one is named, and where.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Current {
    key: String,
    name: String,
    /// It holds for every engine.
    global: bool,
}

impl Store {
    pub(super) fn of(environment: &Environment) -> Store {
        let own = environment.get("BUILDX_CONFIG");
        Store(match own.filter(|folder| !folder.is_empty()) {
            Some(folder) => Some(environment.working_directory.join(folder)),
            None => config_file::folder(environment).map(|folder| folder.join("buildx")),
        })
    }

    /// The builder of that name. `None`: there is none.
    ///
    /// # Errors
    /// When its record cannot be read.
    pub(super) fn instance(&self, name: &str) -> EngineResult<Option<Instance>> {
        if !may_be_a_name(name) {
            return Ok(None);
        }
        self.document(&["instances", &name.to_ascii_lowercase()])
    }

    /// The builder that is used with an engine unless another one is named. `key`: the engine's context, or its address where
    /// that is the default one. `None`: the engine's own.
    ///
    /// # Errors
    /// As [`Store::instance`].
    pub(super) fn current(&self, key: &str) -> EngineResult<Option<Instance>> {
        let current: Current = self.document(&["current"])?.unwrap_or_default();
        if !current.name.is_empty() {
            let is_for_all = current.global.then(|| self.instance(&current.name));
            if let Some(instance) = is_for_all.transpose()?.flatten() {
                return Ok(Some(instance));
            }
            if current.key == key {
                return self.instance(&current.name);
            }
        }
        let digest = hex::encode(Sha256::digest(key));
        let file = digest.get(..DIGITS).unwrap_or(&digest);
        let Some(name) = self.read(&["defaults", file])? else {
            return Ok(None);
        };
        self.instance(String::from_utf8_lossy(&name).trim())
    }

    fn document<T: for<'d> Deserialize<'d>>(&self, path: &[&str]) -> EngineResult<Option<T>> {
        let Some(text) = self.read(path)? else {
            return Ok(None);
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| {
            let file = self.file(path).unwrap_or_default();
            let message = format!("cannot read `{}`: {error}", file.display());
            EngineError::new(ErrorKind::Other, message).because(error)
        })
    }

    fn read(&self, path: &[&str]) -> EngineResult<Option<Vec<u8>>> {
        match self.file(path) {
            Some(file) => read_if_there(&file),
            None => Ok(None),
        }
    }

    fn file(&self, path: &[&str]) -> Option<PathBuf> {
        let folder = self.0.clone()?;
        Some(path.iter().fold(folder, |folder, part| folder.join(part)))
    }
}

/// A name is part of a path.
fn may_be_a_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As buildx 0.29 writes it.
    pub(in super::super) const ONE: &str = r#"{"Name":"one","Driver":"docker-container","Nodes":[{"Name":"one0","Endpoint":"unix:///e.sock","Platforms":[{"architecture":"arm64","os":"linux"}],"DriverOpts":{"env.A":"b","memory":"1g","network":"host"},"Flags":["--allow-insecure-entitlement=security.insecure","--allow-insecure-entitlement=network.host"],"Files":{"buildkitd.toml":"ZGVidWcgPSB0cnVlCg=="}}],"Dynamic":false}"#;
    const TWO: &str = r#"{"Name":"two","Driver":"remote","Nodes":[{"Name":"two0","Endpoint":"tcp://localhost:1234","Platforms":null,"DriverOpts":null,"Flags":null,"Files":null}],"Dynamic":false}"#;

    /// An environment whose store holds the builders `one` and `two`.
    pub(in super::super) fn environment(folder: &std::path::Path) -> Environment {
        std::fs::create_dir_all(folder.join("instances")).unwrap();
        std::fs::write(folder.join("instances/one"), ONE).unwrap();
        std::fs::write(folder.join("instances/two"), TWO).unwrap();
        Environment {
            variables: [("BUILDX_CONFIG".to_owned(), folder.display().to_string())]
                .into_iter()
                .collect(),
            home: Some(folder.to_owned()),
            ..Environment::default()
        }
    }

    fn name(instance: EngineResult<Option<Instance>>) -> Option<String> {
        instance.unwrap().map(|instance| instance.name)
    }

    #[test]
    fn records_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::of(&environment(folder.path()));
        let one = store.instance("One").unwrap().unwrap();
        let node = &one.nodes[0];
        assert_eq!(node.platforms.as_ref().unwrap()[0].text(), "linux/arm64");
        assert_eq!(node.driver_opts.as_ref().unwrap()["memory"], "1g");
        assert_eq!(node.flags.as_ref().unwrap().len(), 2);
        let two = store.instance("two").unwrap().unwrap();
        assert_eq!(two.nodes[0].endpoint, "tcp://localhost:1234");
        assert_eq!(two.nodes[0].platforms, None);
        for unknown in ["three", "../current", "", ".one"] {
            assert_eq!(name(store.instance(unknown)), None, "{unknown}");
        }
        std::fs::write(folder.path().join("instances/bad"), "{").unwrap();
        let error = store.instance("bad").unwrap_err().to_string();
        assert!(error.contains("instances/bad"), "{error}");
    }

    #[test]
    fn the_current_builder_is_that_of_the_engine_or_of_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::of(&environment(folder.path()));
        let current = |text: &str, key: &str| {
            std::fs::write(folder.path().join("current"), text).unwrap();
            name(store.current(key))
        };
        let here = r#"{"Key":"unix:///e.sock","Name":"one","Global":false}"#;
        assert_eq!(current(here, "unix:///e.sock").as_deref(), Some("one"));
        assert_eq!(current(here, "far"), None);
        let everywhere = r#"{"Key":"unix:///e.sock","Name":"two","Global":true}"#;
        assert_eq!(current(everywhere, "far").as_deref(), Some("two"));
        // One that is gone leaves the engine's own.
        let gone = r#"{"Key":"far","Name":"gone","Global":false}"#;
        assert_eq!(current(gone, "far"), None);
        // The default of an engine holds where none is current.
        std::fs::create_dir(folder.path().join("defaults")).unwrap();
        let digest = &hex::encode(Sha256::digest("far"))[..DIGITS];
        std::fs::write(folder.path().join("defaults").join(digest), "two").unwrap();
        let none = r#"{"Key":"far","Name":"","Global":false}"#;
        assert_eq!(current(none, "far").as_deref(), Some("two"));
        assert_eq!(current(none, "unix:///e.sock"), None);
    }

    #[test]
    fn without_a_store_there_are_no_builders() {
        let store = Store::of(&Environment::default());
        assert_eq!(name(store.instance("one")), None);
        assert_eq!(name(store.current("x")), None);
    }
}
