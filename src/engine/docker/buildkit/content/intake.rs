use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Write};

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::layout::Layout;

/// The largest index or manifest that is read, in bytes.
const LARGEST_DOCUMENT: u64 = 16 << 20;
/// How many links may lead to each other.
const LINKS: usize = 8;

/// A file of an archive, as content.
#[derive(Clone, Debug)]
struct Piece {
    digest: String,
    /// Bytes.
    size: u64,
    is_compressed: bool,
}

/// <https://github.com/opencontainers/image-spec/blob/main/image-index.md>
#[derive(Deserialize)]
struct Index {
    manifests: Vec<Indexed>,
}

#[derive(Deserialize)]
struct Indexed {
    digest: String,
}

/// What older engines write instead.
/// <https://github.com/moby/docker-image-spec/blob/main/v1.2.md#combined-image-json--filesystem-changeset-format>
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    layers: Vec<String>,
}

impl Layout {
    /// Keeps what is in the archive of one image, as engines save and builders export it, and returns the digest of the
    /// image's manifest, or of its index. The same image gives the same digest.
    ///
    /// # Errors
    /// When the archive cannot be read, is not an image's, or something cannot be written.
    pub(in crate::engine::docker) fn fill(&self, archive: impl Read) -> io::Result<String> {
        for directory in [self.drafts(), self.blobs()] {
            fs::create_dir_all(directory)?;
        }
        let mut archive = tar::Archive::new(archive);
        let mut pieces: HashMap<String, Piece> = HashMap::new();
        let mut links: HashMap<String, String> = HashMap::new();
        let mut documents: HashMap<String, Vec<u8>> = HashMap::new();
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = text(&entry.path_bytes());
            match entry.header().entry_type() {
                tar::EntryType::Symlink | tar::EntryType::Link => {
                    let target = entry.link_name_bytes().unwrap_or_default();
                    links.insert(path, text(&target));
                }
                kind if kind.is_file() && matches!(&*path, "index.json" | "manifest.json") => {
                    let mut document = Vec::new();
                    entry.take(LARGEST_DOCUMENT).read_to_end(&mut document)?;
                    documents.insert(path, document);
                }
                kind if kind.is_file() => {
                    pieces.insert(path, self.keep(&mut entry)?);
                }
                _ => {}
            }
        }
        if let Some(index) = documents.get("index.json") {
            let index: Index = serde_json::from_slice(index)?;
            let first = index.manifests.into_iter().next();
            return first
                .map(|one| one.digest)
                .ok_or_else(|| io::Error::other("the archive's index names no image"));
        }
        let saved = documents
            .get("manifest.json")
            .ok_or_else(|| io::Error::other("the archive is not that of an image"))?;
        let saved: Vec<Saved> = serde_json::from_slice(saved)?;
        let first = saved.into_iter().next();
        let first = first.ok_or_else(|| io::Error::other("the archive holds no image"))?;
        let manifest = manifest(&first, |path| piece(path, &pieces, &links))?;
        let kept = self.keep(&mut manifest.to_string().as_bytes())?;
        Ok(kept.digest)
    }

    /// Keeps content under its digest.
    fn keep(&self, content: &mut dyn Read) -> io::Result<Piece> {
        let mut draft = NamedTempFile::new_in(self.drafts())?;
        let mut hasher = Sha256::new();
        let mut size = 0;
        let mut is_compressed = false;
        let mut buffer = vec![0; 256 << 10];
        loop {
            let read = content.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            if size == 0 {
                is_compressed = bytes.starts_with(&[0x1f, 0x8b]);
            }
            hasher.update(bytes);
            draft.write_all(bytes)?;
            size += bytes.len() as u64;
        }
        let digest = format!("sha256:{}", hex::encode(hasher.finalize()));
        if let Some(place) = self.blob(&digest) {
            draft.persist(place).map_err(|error| error.error)?;
        }
        Ok(Piece {
            digest,
            size,
            is_compressed,
        })
    }
}

fn text(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    path.trim_start_matches("./").to_owned()
}

/// What is at a path of the archive; a layer that is there twice is a link the second time.
fn piece(
    path: &str,
    pieces: &HashMap<String, Piece>,
    links: &HashMap<String, String>,
) -> io::Result<Piece> {
    let mut at = path.to_owned();
    for _ in 0..LINKS {
        let Some(target) = links.get(&at) else {
            break;
        };
        // `../ID/layer.tar`, from a directory of its own.
        at = target.trim_start_matches("../").to_owned();
    }
    let found = pieces.get(&at).cloned();
    found.ok_or_else(|| io::Error::other(format!("the archive has no `{path}`")))
}

/// <https://github.com/opencontainers/image-spec/blob/main/manifest.md>
fn manifest(saved: &Saved, piece: impl Fn(&str) -> io::Result<Piece>) -> io::Result<Value> {
    let described = |kind: &str, piece: Piece| json!({"mediaType": kind, "digest": piece.digest, "size": piece.size});
    let config = piece(&saved.config)?;
    let mut layers = Vec::new();
    for path in &saved.layers {
        let layer = piece(path)?;
        let kind = match layer.is_compressed {
            true => "application/vnd.oci.image.layer.v1.tar+gzip",
            false => "application/vnd.oci.image.layer.v1.tar",
        };
        layers.push(described(kind, layer));
    }
    Ok(json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": described("application/vnd.oci.image.config.v1+json", config),
        "layers": layers,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Archive(tar::Builder<Vec<u8>>);

    impl Archive {
        fn new() -> Archive {
            Archive(tar::Builder::new(Vec::new()))
        }

        fn file(mut self, path: &str, content: &[u8]) -> Archive {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            self.0.append_data(&mut header, path, content).unwrap();
            self
        }

        fn link(mut self, path: &str, target: &str) -> Archive {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            self.0.append_link(&mut header, path, target).unwrap();
            self
        }

        fn fill(self, layout: &Layout) -> io::Result<String> {
            layout.fill(self.0.into_inner().unwrap().as_slice())
        }
    }

    fn digest(content: &[u8]) -> String {
        format!("sha256:{}", hex::encode(Sha256::digest(content)))
    }

    #[test]
    fn an_archive_with_an_index_is_kept_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path());
        let manifest = b"{}";
        let index = format!(
            "{{\"manifests\":[{{\"digest\":\"{}\"}}]}}",
            digest(manifest)
        );
        let filled = Archive::new()
            .file("oci-layout", b"{}")
            .file("blobs/sha256/elsewhere", b"layer")
            .file("index.json", index.as_bytes())
            .fill(&layout)
            .unwrap();
        assert_eq!(filled, digest(manifest));
        // Content lies where its digest says, whatever its path was.
        let layer = layout.blob(&digest(b"layer")).unwrap();
        assert_eq!(fs::read(layer).unwrap(), b"layer");
        assert_eq!(fs::read_dir(layout.drafts()).unwrap().count(), 0);
    }

    #[test]
    fn what_an_older_engine_saves_gets_a_manifest() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path());
        let saved = "[{\"Config\":\"c.json\",\"RepoTags\":null,\"Layers\":[\"one/layer.tar\",\"two/layer.tar\"]}]";
        let archive = || {
            Archive::new()
                .file("c.json", b"{\"os\":\"linux\"}")
                .file("one/layer.tar", b"layer")
                .link("two/layer.tar", "../one/layer.tar")
                .file("manifest.json", saved.as_bytes())
        };
        let first = archive().fill(&layout).unwrap();
        assert_eq!(archive().fill(&layout).unwrap(), first);
        let manifest: Value =
            serde_json::from_slice(&fs::read(layout.blob(&first).unwrap()).unwrap()).unwrap();
        assert_eq!(manifest["config"]["digest"], digest(b"{\"os\":\"linux\"}"));
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 2);
        assert_eq!(manifest["layers"][1]["digest"], digest(b"layer"));
        assert_eq!(manifest["layers"][1]["size"], 5);
    }

    #[test]
    fn what_is_no_image_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout::new(directory.path());
        let refused = Archive::new().file("a", b"b").fill(&layout).unwrap_err();
        assert!(
            refused.to_string().contains("not that of an image"),
            "{refused}"
        );
        let saved = "[{\"Config\":\"c.json\",\"Layers\":[]}]";
        let refused = Archive::new().file("manifest.json", saved.as_bytes());
        let refused = refused.fill(&layout).unwrap_err();
        assert!(refused.to_string().contains("no `c.json`"), "{refused}");
    }
}
