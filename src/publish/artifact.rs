use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::digest::digest_of;
use crate::observe::labels::{COMPOSE_VERSION, VERSION};

/// What the manifest of a Compose project is the manifest of.
/// <https://docs.docker.com/compose/how-tos/oci-artifact/>
pub const PROJECT: &str = "application/vnd.docker.compose.project";
pub const FILE: &str = "application/vnd.docker.compose.file+yaml";
pub const ENV_FILE: &str = "application/vnd.docker.compose.envfile";
/// What a layer's annotations call it.
pub const FILE_NAME: &str = "com.docker.compose.file";
pub const ENV_FILE_NAME: &str = "com.docker.compose.envfile";
/// Marks a file that others take services from, and that is no layer of the project.
pub const IS_EXTENDED: &str = "com.docker.compose.extends";
/// The kind of configuration that marks a Compose project where manifests have no type.
pub const PROJECT_CONFIG: &str = "application/vnd.docker.compose.config.empty.v1+json";
/// <https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidance-for-an-empty-descriptor>
const NO_CONFIG: &str = "application/vnd.oci.empty.v1+json";
/// The content of a configuration that says nothing.
pub const EMPTY_CONFIG: &[u8] = b"{}";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Which version of the image specification a manifest follows.
/// <https://github.com/opencontainers/image-spec/blob/main/manifest.md>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OciVersion {
    /// Without `artifactType`: the type of the configuration tells what it is.
    V1_0,
    V1_1,
}

/// One file of a project on its way to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    media_type: &'static str,
    annotations: Vec<(&'static str, String)>,
    pub content: Vec<u8>,
}

impl Layer {
    /// A Compose file. `name`: without directories.
    pub fn compose_file(name: &str, content: impl Into<Vec<u8>>) -> Layer {
        Layer {
            media_type: FILE,
            annotations: vec![
                (FILE_NAME, name.to_owned()),
                (VERSION, COMPOSE_VERSION.to_owned()),
            ],
            content: content.into(),
        }
    }

    /// A Compose file that others take services from, and that is no layer of the project.
    pub fn extended_file(name: &str, content: impl Into<Vec<u8>>) -> Layer {
        let mut layer = Layer::compose_file(name, content);
        layer
            .annotations
            .insert(0, (IS_EXTENDED, "true".to_owned()));
        layer
    }

    pub fn env_file(name: &str, content: impl Into<Vec<u8>>) -> Layer {
        Layer {
            media_type: ENV_FILE,
            annotations: vec![
                (ENV_FILE_NAME, name.to_owned()),
                (VERSION, COMPOSE_VERSION.to_owned()),
            ],
            content: content.into(),
        }
    }

    fn descriptor(&self) -> Descriptor {
        let annotations = self.annotations.iter();
        Descriptor {
            annotations: annotations
                .map(|(name, value)| ((*name).to_owned(), value.as_str().into()))
                .collect(),
            ..Descriptor::of(self.media_type, &self.content)
        }
    }
}

/// What a manifest says of one of its parts.
/// <https://github.com/opencontainers/image-spec/blob/main/descriptor.md>
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    /// `sha256:..`
    pub digest: String,
    /// In bytes.
    pub size: u64,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub annotations: Map<String, Value>,
    /// The content itself in base64, where it is small enough to stand here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'static str>,
    /// `None`: it is no artifact, or its configuration tells what it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<&'static str>,
}

impl Descriptor {
    pub fn of(media_type: &str, content: &[u8]) -> Descriptor {
        Descriptor {
            media_type: media_type.to_owned(),
            digest: digest_of(content),
            size: content.len() as u64,
            annotations: Map::new(),
            data: None,
            artifact_type: None,
        }
    }
}

/// Bytes that a registry keeps by their digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    pub digest: String,
    pub content: Vec<u8>,
}

/// A project as a registry keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// What the manifest refers to.
    pub blobs: Vec<Blob>,
    pub manifest: Vec<u8>,
    version: OciVersion,
}

impl Artifact {
    /// `created`: the time as RFC 3339 has it.
    pub fn new(layers: &[Layer], version: OciVersion, created: &str) -> Artifact {
        let config = match version {
            OciVersion::V1_0 => Descriptor::of(PROJECT_CONFIG, EMPTY_CONFIG),
            OciVersion::V1_1 => Descriptor {
                data: Some("e30="),
                ..Descriptor::of(NO_CONFIG, EMPTY_CONFIG)
            },
        };
        let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST});
        if version == OciVersion::V1_1 {
            manifest["artifactType"] = PROJECT.into();
        }
        manifest["config"] = json!(config);
        manifest["layers"] = layers
            .iter()
            .map(|layer| json!(layer.descriptor()))
            .collect();
        manifest["annotations"] = json!({"org.opencontainers.image.created": created});
        let contents = std::iter::once(EMPTY_CONFIG)
            .chain(layers.iter().map(|layer| layer.content.as_slice()));
        Artifact {
            blobs: contents
                .map(|content| Blob {
                    digest: digest_of(content),
                    content: content.to_vec(),
                })
                .collect(),
            manifest: manifest.to_string().into_bytes(),
            version,
        }
    }

    /// What names the manifest.
    pub fn descriptor(&self) -> Descriptor {
        let artifact_type = match self.version {
            OciVersion::V1_0 => None,
            OciVersion::V1_1 => Some(PROJECT),
        };
        Descriptor {
            annotations: versioned(),
            artifact_type,
            ..Descriptor::of(MANIFEST, &self.manifest)
        }
    }
}

/// The images of a published project as one index that refers to it.
/// <https://github.com/opencontainers/image-spec/blob/main/image-index.md>
pub fn index(images: &[Descriptor], project: &Descriptor) -> Vec<u8> {
    let index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": images,
        "subject": project,
        "annotations": versioned(),
    });
    index.to_string().into_bytes()
}

fn versioned() -> Map<String, Value> {
    Map::from_iter([(VERSION.to_owned(), COMPOSE_VERSION.into())])
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATED: &str = "2026-01-02T03:04:05Z";

    fn layers() -> Vec<Layer> {
        vec![
            Layer::compose_file("compose.yml", "services: {}\n"),
            Layer::extended_file("ab.yaml", "services: {a: {}}\n"),
            Layer::env_file("cd.env", "A=1\n"),
        ]
    }

    fn manifest(version: OciVersion) -> Value {
        let artifact = Artifact::new(&layers(), version, CREATED);
        serde_json::from_slice(&artifact.manifest).unwrap()
    }

    #[test]
    fn a_manifest_names_every_file_by_digest_kind_and_name() {
        let manifest = manifest(OciVersion::V1_1);
        assert_eq!(manifest["artifactType"], PROJECT);
        assert_eq!(manifest["config"]["mediaType"], NO_CONFIG);
        let empty = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(manifest["config"]["digest"], empty);
        assert_eq!(manifest["config"]["data"], "e30=");
        assert_eq!(
            manifest["annotations"]["org.opencontainers.image.created"],
            CREATED
        );
        let named = |at: usize, name: &str| manifest["layers"][at]["annotations"][name].clone();
        assert_eq!(named(0, "com.docker.compose.file"), "compose.yml");
        assert_eq!(named(0, "com.docker.compose.extends"), Value::Null);
        assert_eq!(named(1, "com.docker.compose.file"), "ab.yaml");
        assert_eq!(named(1, "com.docker.compose.extends"), "true");
        assert_eq!(named(2, "com.docker.compose.envfile"), "cd.env");
        assert_eq!(manifest["layers"][0]["mediaType"], FILE);
        assert_eq!(manifest["layers"][0]["size"], 13);
        assert_eq!(manifest["layers"][2]["mediaType"], ENV_FILE);
    }

    #[test]
    fn an_older_manifest_is_told_by_its_configuration() {
        let manifest = manifest(OciVersion::V1_0);
        assert_eq!(manifest.get("artifactType"), None);
        assert_eq!(manifest["config"]["mediaType"], PROJECT_CONFIG);
        assert_eq!(manifest["config"].get("data"), None);
        let artifact = Artifact::new(&layers(), OciVersion::V1_0, CREATED);
        assert_eq!(artifact.descriptor().artifact_type, None);
    }

    #[test]
    fn every_blob_that_a_manifest_names_is_there() {
        let artifact = Artifact::new(&layers(), OciVersion::V1_1, CREATED);
        let manifest = manifest(OciVersion::V1_1);
        let mut named = vec![manifest["config"]["digest"].clone()];
        named.extend(
            manifest["layers"]
                .as_array()
                .unwrap()
                .iter()
                .map(|layer| layer["digest"].clone()),
        );
        let there: Vec<Value> = artifact
            .blobs
            .iter()
            .map(|blob| blob.digest.as_str().into())
            .collect();
        assert_eq!(there, named);
    }

    #[test]
    fn an_index_of_images_refers_to_its_project() {
        let project = Artifact::new(&layers(), OciVersion::V1_1, CREATED).descriptor();
        let image = Descriptor::of(MANIFEST, b"x");
        let index: Value =
            serde_json::from_slice(&index(std::slice::from_ref(&image), &project)).unwrap();
        assert_eq!(index["manifests"][0]["digest"], *image.digest);
        assert_eq!(index["subject"]["digest"], *project.digest);
        assert_eq!(index["subject"]["artifactType"], PROJECT);
    }
}
