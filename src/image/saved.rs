use std::collections::HashMap;
use std::io::{self, Read};

use flate2::read::GzDecoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Beginning;
use crate::engine::{Engine, EngineError, EngineResult, ErrorKind, read_blocking};

/// The largest manifest that is read, in bytes.
const LARGEST_MANIFEST: u64 = 16 << 20;
/// The largest file that is kept in memory, in bytes.
const LARGEST_KEPT: u64 = 64 << 20;

/// One layer of a saved image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedLayer {
    /// In the order of the archive.
    pub files: Vec<LayerFile>,
}

/// One entry of a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayerFile {
    /// Without a leading `/`; whiteouts as they stand there.
    pub path: String,
    pub kind: Kind,
    pub mode: u32,
    pub uid: u64,
    pub gid: u64,
    /// Unix seconds.
    pub modified: u64,
    /// Bytes.
    pub size: u64,
    /// Where a link leads.
    pub link: String,
    /// `None`: nobody asked for it.
    pub digest: Option<[u8; 32]>,
    /// `None`: nobody asked for it.
    pub content: Option<Vec<u8>>,
    /// What [`Interest::scan`] found.
    pub findings: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    File,
    Directory,
    Symlink,
    HardLink,
    /// A device or a pipe.
    Special,
}

/// What is of interest in an image's files, besides that they are there.
pub trait Interest: Send {
    /// Whether a file's content is kept.
    fn keeps(&self, _path: &str) -> bool {
        false
    }

    /// Whether digests of all files are wanted.
    fn digests(&self) -> bool {
        false
    }

    /// Looks through a file.
    ///
    /// # Errors
    /// When it cannot be read.
    fn scan(&mut self, _path: &str, _content: &mut dyn Read) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

impl Interest for () {}

/// Reads the layers of an image, lowest first, out of the engine's archive. Nothing is written to disk, and no layer is
/// held in memory.
///
/// # Errors
/// Those of the engine; an archive that cannot be read.
pub async fn read_layers(
    engine: &dyn Engine,
    reference: &str,
    interest: impl Interest + 'static,
) -> EngineResult<Vec<SavedLayer>> {
    let pieces = engine.save_images(&[reference.to_owned()]).await?;
    let reading = read_blocking(pieces, move |archive| {
        let mut interest = interest;
        read_archive(archive, &mut interest)
    });
    reading.await.map_err(|error| {
        let message = format!("cannot read the archive of image `{reference}`: {error}");
        EngineError::new(ErrorKind::Other, message).because(error)
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest {
    layers: Vec<String>,
}

fn read_archive(reader: impl Read, interest: &mut dyn Interest) -> io::Result<Vec<SavedLayer>> {
    let mut archive = tar::Archive::new(reader);
    // What the manifest names: it comes last, and engines call layers `ID/layer.tar`, `DIGEST.tar` or `blobs/sha256/DIGEST`.
    let mut layers: HashMap<String, Blob> = HashMap::new();
    let mut links: HashMap<String, String> = HashMap::new();
    let mut manifest: Option<Vec<Manifest>> = None;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = normal(&entry.path_bytes());
        match entry.header().entry_type() {
            tar::EntryType::Symlink | tar::EntryType::Link => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                let is_relative = entry.header().entry_type() == tar::EntryType::Symlink;
                links.insert(path.clone(), target_of(&path, &target, is_relative));
            }
            kind if kind.is_file() && path == "manifest.json" => {
                let mut text = Vec::new();
                entry.take(LARGEST_MANIFEST).read_to_end(&mut text)?;
                manifest = Some(serde_json::from_slice(&text)?);
            }
            kind if kind.is_file() => {
                if let Some(blob) = read_blob(&mut entry, interest)? {
                    layers.insert(path, blob);
                }
            }
            _ => {}
        }
    }
    let manifest = manifest
        .and_then(|images| images.into_iter().next())
        .ok_or_else(|| io::Error::other("it has no `manifest.json`"))?;
    let mut read = Vec::new();
    for path in &manifest.layers {
        let mut at = path.as_str();
        // The same layer twice is stored once, with links to it.
        for _ in 0..8 {
            match links.get(at) {
                Some(target) => at = target,
                None => break,
            }
        }
        match layers.get(at) {
            Some(Blob::Layer(layer)) => read.push(layer.clone()),
            Some(Blob::Zstd) => {
                return Err(io::Error::other(format!(
                    "the layer `{path}` is compressed with zstd, which wharf does not read"
                )));
            }
            None => {
                return Err(io::Error::other(format!("the layer `{path}` is missing")));
            }
        }
    }
    Ok(read)
}

/// A file of an archive that may be a layer.
enum Blob {
    Layer(SavedLayer),
    Zstd,
}

fn target_of(path: &str, target: &[u8], is_relative: bool) -> String {
    let target = String::from_utf8_lossy(target).into_owned();
    let mut parts: Vec<&str> = match is_relative {
        true => path.split('/').collect(),
        false => Vec::new(),
    };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// A layer; `None`: the file is something else, such as a configuration.
fn read_blob(file: &mut dyn Read, interest: &mut dyn Interest) -> io::Result<Option<Blob>> {
    let (beginning, file) = Beginning::of(file)?;
    let layer = match beginning {
        Beginning::Gzip => read_layer(GzDecoder::new(file), interest)?,
        Beginning::Tar => read_layer(file, interest)?,
        Beginning::Zstd => return Ok(Some(Blob::Zstd)),
        Beginning::Json | Beginning::Other => return Ok(None),
    };
    Ok(Some(Blob::Layer(layer)))
}

fn read_layer(layer: impl Read, interest: &mut dyn Interest) -> io::Result<SavedLayer> {
    let mut archive = tar::Archive::new(layer);
    let mut files = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let header = entry.header();
        let kind = match header.entry_type() {
            tar::EntryType::Directory => Kind::Directory,
            tar::EntryType::Symlink => Kind::Symlink,
            tar::EntryType::Link => Kind::HardLink,
            kind if kind.is_file() => Kind::File,
            tar::EntryType::Char | tar::EntryType::Block | tar::EntryType::Fifo => Kind::Special,
            _ => continue,
        };
        let mut file = LayerFile {
            kind,
            mode: header.mode()? & 0o7777,
            uid: header.uid()?,
            gid: header.gid()?,
            modified: header.mtime()?,
            size: entry.size(),
            path: normal(&entry.path_bytes()),
            link: entry
                .link_name_bytes()
                .map(|name| String::from_utf8_lossy(&name).into_owned())
                .unwrap_or_default(),
            ..LayerFile::default()
        };
        if file.path.is_empty() {
            continue;
        }
        if kind == Kind::File {
            look_into(&mut file, &mut entry, interest)?;
        }
        files.push(file);
    }
    Ok(SavedLayer { files })
}

fn look_into(
    file: &mut LayerFile,
    content: &mut dyn Read,
    interest: &mut dyn Interest,
) -> io::Result<()> {
    if interest.keeps(&file.path) && file.size <= LARGEST_KEPT {
        let mut kept = Vec::new();
        content.read_to_end(&mut kept)?;
        if interest.digests() {
            file.digest = Some(Sha256::digest(&kept).into());
        }
        file.findings = interest.scan(&file.path, &mut kept.as_slice())?;
        file.content = Some(kept);
        return Ok(());
    }
    if interest.digests() {
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = content.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(buffer.get(..count).unwrap_or_default());
        }
        file.digest = Some(hasher.finalize().into());
        return Ok(());
    }
    file.findings = interest.scan(&file.path, content)?;
    Ok(())
}

/// Without `./`, a leading or a trailing `/`.
fn normal(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    let path = path.trim_start_matches("./").trim_matches('/');
    if path == "." {
        return String::new();
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::Dribble;
    use super::*;

    fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_uid(0);
            header.set_gid(0);
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, path, *content).unwrap();
        }
        archive.into_inner().unwrap()
    }

    struct Keep;

    impl Interest for Keep {
        fn keeps(&self, path: &str) -> bool {
            path == "etc/a"
        }
    }

    #[test]
    fn layers_come_in_the_manifests_order_in_either_format() {
        let lower = tar_of(&[("./etc/a", b"1")]);
        let upper = tar_of(&[("etc/.wh.a", b"")]);
        let old = tar_of(&[
            ("b/layer.tar", &upper),
            ("c.json", b"{}"),
            ("z/layer.tar", &lower),
            (
                "manifest.json",
                br#"[{"Config":"c.json","Layers":["z/layer.tar","b/layer.tar"]}]"#,
            ),
        ]);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut packed, &lower).unwrap();
        let packed = packed.finish().unwrap();
        let new = tar_of(&[
            ("blobs/sha256/2", &upper),
            ("blobs/sha256/3", br#"{"config": true}"#),
            ("blobs/sha256/9", &packed),
            (
                "manifest.json",
                br#"[{"Config":"blobs/sha256/3","Layers":["blobs/sha256/9","blobs/sha256/2"]}]"#,
            ),
        ]);
        let podman = tar_of(&[
            ("9.tar", &lower),
            ("2.tar", &upper),
            ("3.json", br#"{"config": true}"#),
            ("1/VERSION", b"1.0"),
            (
                "manifest.json",
                br#"[{"Config":"3.json","Layers":["9.tar","2.tar"]}]"#,
            ),
        ]);
        for archive in [old, new, podman] {
            // However little is handed over at once.
            for layers in [
                read_archive(archive.as_slice(), &mut Keep).unwrap(),
                read_archive(Dribble(&archive), &mut Keep).unwrap(),
            ] {
                assert_eq!(layers.len(), 2);
                assert_eq!(layers[0].files[0].path, "etc/a");
                assert_eq!(layers[0].files[0].content.as_deref(), Some(&b"1"[..]));
                assert_eq!(layers[1].files[0].path, "etc/.wh.a");
            }
        }
    }

    #[test]
    fn only_a_layer_that_is_named_has_to_be_readable() {
        let lower = tar_of(&[("a", b"1")]);
        let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0];
        let archive = |named: &str| {
            let manifest = format!(r#"[{{"Config":"c","Layers":["{named}"]}}]"#);
            tar_of(&[
                ("blobs/sha256/1", &lower),
                ("blobs/sha256/2", &zstd),
                ("manifest.json", manifest.as_bytes()),
            ])
        };
        let named = |blob: &str| read_archive(archive(blob).as_slice(), &mut ());
        assert_eq!(named("blobs/sha256/1").unwrap().len(), 1);
        let error = named("blobs/sha256/2").unwrap_err().to_string();
        assert!(error.contains("zstd"), "{error}");
    }

    #[test]
    fn a_layer_that_is_missing_is_an_error() {
        let archive = tar_of(&[(
            "manifest.json",
            br#"[{"Config":"c","Layers":["z/layer.tar"]}]"#,
        )]);
        let error = read_archive(archive.as_slice(), &mut ()).unwrap_err();
        assert!(error.to_string().contains("z/layer.tar"), "{error}");
    }

    #[test]
    fn links_lead_where_they_say() {
        assert_eq!(
            target_of("a/layer.tar", b"../b/layer.tar", true),
            "b/layer.tar"
        );
        assert_eq!(target_of("x", b"blobs/1", false), "blobs/1");
    }
}
