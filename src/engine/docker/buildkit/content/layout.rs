use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::{bare, is_digest};
use crate::file;

/// The annotation that holds the tag of an index's entry.
/// <https://github.com/opencontainers/image-spec/blob/main/annotations.md#pre-defined-annotation-keys>
const TAG: &str = "org.opencontainers.image.ref.name";

/// A directory with content by digest, and an index of what in it has a name.
/// <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine::docker) struct Layout(PathBuf);

/// Why a layout cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum LayoutError {
    #[error("there is no cache in `{}` yet", .0.display())]
    Missing(PathBuf),
    #[error("`{}` holds no cache with the tag `{tag}`", directory.display())]
    Untagged { directory: PathBuf, tag: String },
    #[error("`{}` cannot be read: {why}", file.display())]
    Unreadable { file: PathBuf, why: String },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    #[serde(default)]
    manifests: Vec<Descriptor>,
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    digest: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    #[serde(flatten)]
    more: BTreeMap<String, Value>,
}

impl Layout {
    pub(in crate::engine::docker) fn new(directory: impl Into<PathBuf>) -> Layout {
        Layout(directory.into())
    }

    /// Where content lies that has this digest. `None`: it is no digest by SHA-256, which all builders use.
    pub(super) fn blob(&self, digest: &str) -> Option<PathBuf> {
        is_digest(digest).then(|| self.blobs().join(bare(digest)))
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.0.join("blobs/sha256")
    }

    /// For content that is on its way.
    pub(super) fn drafts(&self) -> PathBuf {
        self.0.join("ingest")
    }

    /// The digest of what has a tag.
    pub(in super::super) fn tagged(&self, tag: &str) -> Result<String, LayoutError> {
        let index = self
            .index()?
            .ok_or_else(|| LayoutError::Missing(self.0.clone()))?;
        let found = index
            .manifests
            .into_iter()
            .find(|one| one.annotations.get(TAG).is_some_and(|named| named == tag));
        match found {
            Some(one) => Ok(one.digest),
            None => Err(LayoutError::Untagged {
                directory: self.0.clone(),
                tag: tag.to_owned(),
            }),
        }
    }

    /// Gives a tag to a manifest, which is named by its descriptor in JSON, and takes it from what had it before.
    pub(in super::super) fn tag(&self, descriptor: &str, tag: &str) -> Result<(), LayoutError> {
        let mut manifest: Descriptor =
            serde_json::from_str(descriptor).map_err(|error| self.unreadable(error))?;
        manifest.annotations.insert(TAG.to_owned(), tag.to_owned());
        let mut index = self.index()?.unwrap_or_else(|| Index {
            schema_version: 2,
            manifests: Vec::new(),
            more: BTreeMap::new(),
        });
        index
            .manifests
            .retain(|one| one.annotations.get(TAG) != manifest.annotations.get(TAG));
        index.manifests.push(manifest);
        let text = serde_json::to_string(&index).map_err(|error| self.unreadable(error))?;
        let marker = "{\"imageLayoutVersion\":\"1.0.0\"}";
        file::replace(&self.0.join("oci-layout"), marker)
            .and_then(|()| file::replace(&self.index_file(), &text))
            .map_err(|error| self.unreadable(error))
    }

    /// `None`: there is none yet.
    fn index(&self) -> Result<Option<Index>, LayoutError> {
        match fs::read_to_string(self.index_file()) {
            Ok(text) => serde_json::from_str(&text)
                .map(Some)
                .map_err(|error| self.unreadable(error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unreadable(error)),
        }
    }

    fn index_file(&self) -> PathBuf {
        self.0.join("index.json")
    }

    fn unreadable(&self, why: impl ToString) -> LayoutError {
        LayoutError::Unreadable {
            file: self.index_file(),
            why: why.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(digit: &str) -> String {
        format!(
            "{{\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"digest\":\"sha256:{}\",\"size\":7}}",
            digit.repeat(64)
        )
    }

    #[test]
    fn a_tag_moves_and_others_stay() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path().join("cache"));
        assert!(matches!(
            layout.tagged("latest"),
            Err(LayoutError::Missing(_))
        ));
        layout.tag(&descriptor("1"), "latest").unwrap();
        layout.tag(&descriptor("2"), "other").unwrap();
        layout.tag(&descriptor("3"), "latest").unwrap();
        let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
        assert_eq!(layout.tagged("latest").unwrap(), digest("3"));
        assert_eq!(layout.tagged("other").unwrap(), digest("2"));
        let text = fs::read_to_string(directory.path().join("cache/index.json")).unwrap();
        let index: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
        assert_eq!(index["manifests"][1]["size"], 7);
        let error = layout.tagged("none").unwrap_err().to_string();
        assert!(
            error.ends_with("holds no cache with the tag `none`"),
            "{error}"
        );
    }

    #[test]
    fn only_digests_name_files() {
        let layout = Layout::new("/c");
        let digest = "ab".repeat(32);
        assert_eq!(
            layout.blob(&format!("sha256:{digest}")),
            Some(PathBuf::from(format!("/c/blobs/sha256/{digest}")))
        );
        for other in ["", "sha256:", "sha256:../../etc/passwd", "sha512:ab"] {
            assert_eq!(layout.blob(other), None, "{other}");
        }
    }

    #[test]
    fn an_index_that_is_none_is_told() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("index.json"), "no").unwrap();
        let layout = Layout::new(directory.path());
        let error = layout.tagged("latest").unwrap_err().to_string();
        assert!(error.contains("index.json` cannot be read"), "{error}");
    }
}
