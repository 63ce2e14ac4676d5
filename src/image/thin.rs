use std::io;

use bytes::Bytes;
use futures_util::stream;
use serde_json::{Map, Value, json};

use super::base::{BaseImage, sorted};
use super::history::{document, rfc3339};
use crate::digest::{bare, digest_of};
use crate::engine::EngineStream;

/// A file that is added to an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// Absolute, without links on the way in the image that it is added to.
    pub path: String,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    pub content: Vec<u8>,
}

/// What a new layer consists of, in order: directories before what lies in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewEntry {
    /// A directory as it is in the image below, or a new one. An upper layer decides about a directory's owner and mode, so
    /// that those of a directory that exists are said again.
    Directory {
        path: String,
        mode: u32,
        uid: u64,
        gid: u64,
    },
    File(NewFile),
}

/// An image that is another one with one more layer, complete except for the layers that the other one has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThinImage {
    /// `sha256:..` of the configuration: the image's id on every engine that names images by it.
    pub id: String,
    /// The configuration, as JSON.
    pub config: Vec<u8>,
    /// The new layer, as a tar archive.
    pub layer: Vec<u8>,
    /// Digests of all layers, lowest first; the last one is the new layer's.
    pub layers: Vec<String>,
}

impl ThinImage {
    /// The same base, entries and labels give the same image. `created_by` is what its history says.
    ///
    /// # Errors
    /// When an entry does not fit into an archive.
    pub fn of(
        base: &BaseImage,
        entries: &[NewEntry],
        labels: &[(&str, String)],
        created_by: &str,
    ) -> io::Result<ThinImage> {
        let layer = archive_of(entries, base.created.unsigned_abs())?;
        let mut layers = base.layers.clone();
        layers.push(digest_of(&layer));
        let mut config = base.config.clone();
        let all = config
            .entry("Labels")
            .or_insert_with(|| Value::Object(Map::new()));
        if let Some(all) = all.as_object_mut() {
            for (name, value) in labels {
                all.insert((*name).to_owned(), json!(value));
            }
        }
        let mut whole = Map::new();
        whole.insert("architecture".into(), json!(base.architecture));
        whole.insert("config".into(), sorted(&Value::Object(config)));
        whole.insert("created".into(), json!(rfc3339(base.created)));
        if let Some(mut history) = document(&base.history, base.layers.len()) {
            history.push(json!({ "created": rfc3339(base.created), "created_by": created_by }));
            whole.insert("history".into(), json!(history));
        }
        whole.insert("os".into(), json!(base.operating_system));
        whole.insert(
            "rootfs".into(),
            json!({ "type": "layers", "diff_ids": layers }),
        );
        if !base.variant.is_empty() {
            whole.insert("variant".into(), json!(base.variant));
        }
        let config = Value::Object(whole).to_string().into_bytes();
        Ok(ThinImage {
            id: digest_of(&config),
            config,
            layer,
            layers,
        })
    }

    /// The archive that an engine loads that has all layers but the last, and the names that the image gets.
    /// <https://github.com/moby/docker-image-spec/blob/main/spec.md#combined-image-json--filesystem-changeset-format>
    ///
    /// # Errors
    /// When something does not fit into an archive.
    pub fn archive(&self, names: &[String]) -> io::Result<Vec<u8>> {
        let config = format!("{}.json", bare(&self.id));
        let path = |layer: &String| format!("{}/layer.tar", bare(layer));
        let paths: Vec<String> = self.layers.iter().map(path).collect();
        let manifest = json!([{ "Config": config, "RepoTags": names, "Layers": paths }]);
        let mut archive = tar::Builder::new(Vec::new());
        let mut add = |path: &str, content: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, path, content)
        };
        add(&config, &self.config)?;
        if let Some(new) = self.layers.last() {
            add(&path(new), &self.layer)?;
        }
        add("manifest.json", manifest.to_string().as_bytes())?;
        archive.into_inner()
    }

    /// [`ThinImage::archive`] as a stream.
    ///
    /// # Errors
    /// As there.
    pub fn stream(&self, names: &[String]) -> io::Result<EngineStream<Bytes>> {
        let archive = Bytes::from(self.archive(names)?);
        Ok(Box::pin(stream::iter([Ok(archive)])))
    }
}

/// All times are `modified`: those of directories are no input, because an engine touches `/etc` in each container that it makes.
fn archive_of(entries: &[NewEntry], modified: u64) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        match entry {
            NewEntry::Directory {
                path,
                mode,
                uid,
                gid,
            } => {
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(*mode);
                header.set_uid(*uid);
                header.set_gid(*gid);
                header.set_mtime(modified);
                header.set_size(0);
                let path = format!("{}/", path.trim_matches('/'));
                archive.append_data(&mut header, path, io::empty())?;
            }
            NewEntry::File(file) => {
                header.set_entry_type(tar::EntryType::Regular);
                header.set_mode(file.mode);
                header.set_uid(file.uid);
                header.set_gid(file.gid);
                header.set_mtime(modified);
                header.set_size(file.content.len() as u64);
                let path = file.path.trim_start_matches('/');
                archive.append_data(&mut header, path, file.content.as_slice())?;
            }
        }
    }
    archive.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> BaseImage {
        BaseImage {
            id: "sha256:base".into(),
            operating_system: "linux".into(),
            architecture: "amd64".into(),
            variant: String::new(),
            created: 1_700_000_000,
            layers: vec!["sha256:aa".into()],
            history: Vec::new(),
            config: Map::new(),
        }
    }

    fn file(content: &str) -> NewEntry {
        NewEntry::File(NewFile {
            path: "/etc/app.conf".into(),
            mode: 0o440,
            uid: 1000,
            gid: 1000,
            content: content.into(),
        })
    }

    #[test]
    fn the_same_input_gives_the_same_image_and_another_one_another() {
        let of = |content: &str, value: &str| {
            let labels = [("wharf.x", value.to_owned())];
            ThinImage::of(&base(), &[file(content)], &labels, "wharf").unwrap()
        };
        assert_eq!(of("a", "1"), of("a", "1"));
        assert_ne!(of("a", "1").id, of("b", "1").id);
        assert_ne!(of("a", "1").id, of("a", "2").id);
        assert_eq!(of("a", "1").layer, of("a", "2").layer);
    }

    #[test]
    fn the_archive_holds_the_new_layer_only() {
        let image = ThinImage::of(&base(), &[file("a")], &[], "wharf").unwrap();
        let bytes = image.archive(&["x:1".into()]).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let paths: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        let new = format!("{}/layer.tar", bare(&image.layers[1]));
        let config = format!("{}.json", bare(&image.id));
        assert_eq!(paths, [config, new, "manifest.json".to_owned()]);
        let config: Value = serde_json::from_slice(&image.config).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], "sha256:aa");
        assert_eq!(digest_of(&image.config), image.id);
    }
}
