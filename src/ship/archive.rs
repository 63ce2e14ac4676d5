//! The archive that an engine loads: `docker save`'s, without the layers that the engine has. It is made of gzip members,
//! one for each layer and one for the rest, which can be sent apart and make one stream when they are put together.
//! <https://github.com/moby/docker-image-spec/blob/main/spec.md#combined-image-json--filesystem-changeset-format>

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use crate::digest::{bare, digest_of};

const BLOCK: u64 = 512;

/// Where a layer lies in the archive.
fn layer_path(diff_id: &str) -> String {
    format!("{}/layer.tar", bare(diff_id))
}

fn header(path: &str, size: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path)?;
    header.set_mode(0o644);
    header.set_size(size);
    header.set_cksum();
    Ok(header)
}

/// Writes a layer of `size` bytes as a member of its own. The same layer always gives the same bytes.
pub(super) fn write_layer<W: Write>(
    into: W,
    diff_id: &str,
    size: u64,
    layer: &mut dyn Read,
) -> io::Result<W> {
    let mut member = GzEncoder::new(into, Compression::default());
    member.write_all(header(&layer_path(diff_id), size)?.as_bytes())?;
    let copied = io::copy(&mut layer.take(size), &mut member)?;
    if copied != size {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let over = size % BLOCK;
    if over > 0 {
        member.write_all(&vec![0; usize::try_from(BLOCK - over).unwrap_or(0)])?;
    }
    member.finish()
}

/// An image in the archive.
pub(super) struct Loaded<'a> {
    pub(super) config: &'a [u8],
    /// Digests of all of its layers, lowest first.
    pub(super) layers: &'a [String],
    pub(super) name: &'a str,
}

/// The last member: configurations, what belongs together, and the end.
pub(super) fn tail(images: &[Loaded<'_>]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let mut manifest = Vec::new();
    let mut written = std::collections::HashSet::new();
    for image in images {
        let path = format!("{}.json", bare(&digest_of(image.config)));
        if written.insert(path.clone()) {
            archive.append(&header(&path, image.config.len() as u64)?, image.config)?;
        }
        let layers: Vec<String> = image.layers.iter().map(|id| layer_path(id)).collect();
        manifest.push(json!({ "Config": path, "RepoTags": [image.name], "Layers": layers }));
    }
    let manifest = serde_json::Value::from(manifest).to_string();
    archive.append(
        &header("manifest.json", manifest.len() as u64)?,
        manifest.as_bytes(),
    )?;
    archive.into_inner()?.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_are_put_together_are_one_archive() {
        let layer = vec![7; 700];
        let id = digest_of(&layer);
        let mut stream = write_layer(Vec::new(), &id, 700, &mut layer.as_slice()).unwrap();
        let again = write_layer(Vec::new(), &id, 700, &mut layer.as_slice()).unwrap();
        assert_eq!(stream, again, "the same bytes, or nothing could be resumed");
        let image = Loaded {
            config: b"{}",
            layers: &["sha256:there".to_owned(), id.clone()],
            name: "x:1",
        };
        stream.extend(tail(&[image]).unwrap());
        let unpacked = flate2::read::MultiGzDecoder::new(stream.as_slice());
        let mut archive = tar::Archive::new(unpacked);
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            found.push((path, content));
        }
        assert_eq!(found[0], (layer_path(&id), layer));
        assert_eq!(found[1].1, b"{}");
        let manifest: serde_json::Value = serde_json::from_slice(&found[2].1).unwrap();
        assert_eq!(manifest[0]["Layers"][0], "there/layer.tar");
        assert_eq!(manifest[0]["RepoTags"][0], "x:1");
    }

    #[test]
    fn a_layer_that_ends_early_is_an_error() {
        assert!(write_layer(Vec::new(), "sha256:x", 10, &mut &b"short"[..]).is_err());
    }
}
