use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flate2::read::GzDecoder;
use serde::Deserialize;

use super::archive::write_layer;
use super::reading::{Hashing, either};
use super::{ShipError, ShipImage};
use crate::digest::{bare, digest_of, is_digest};
use crate::engine::{Engine, read_blocking};
use crate::image::Beginning;

/// The largest configuration or manifest that is read, in bytes.
const LARGEST_DOCUMENT: u64 = 16 << 20;
/// After that time what a killed wharf has left is removed.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);

/// Layers as they go over the wire, in a directory of the caller's own that goes with this value. It is what makes one
/// reading of the engine's archive do for all servers and all tries.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    /// By the digest of the uncompressed layer.
    pub layers: HashMap<String, Piece>,
    /// Configurations by the local engine's id of the image.
    pub configs: HashMap<String, Vec<u8>>,
}

/// A compressed layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub path: PathBuf,
    /// Bytes on the wire.
    pub size: u64,
}

impl Drop for Spool {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Spool {
    /// Reads these layers and the configurations of these images. `base`: where the directory is made.
    ///
    /// # Errors
    /// Those of the engine; when an image cannot be read, or the disk cannot be written.
    pub async fn fill(
        base: &Path,
        engine: &dyn Engine,
        images: &[ShipImage],
        layers: &HashSet<String>,
    ) -> Result<Spool, ShipError> {
        let mut spool = Spool::new(base).map_err(ShipError::spool(base))?;
        let mut wanted = layers.clone();
        for image in images {
            if let Some(made) = &image.made {
                spool.configs.insert(image.id.clone(), made.config.clone());
                if let Some(top) = image.layers.last()
                    && wanted.remove(top)
                {
                    let size = made.layer.len() as u64;
                    spool.keep(top, size, &mut made.layer.as_slice())?;
                }
            }
        }
        let read: Vec<String> = images
            .iter()
            .filter(|image| {
                image.made.is_none() || image.layers.iter().any(|layer| wanted.contains(layer))
            })
            .map(|image| match &image.made {
                Some(made) => made.base.clone(),
                None => image.id.clone(),
            })
            .collect();
        if read.is_empty() {
            return Ok(spool);
        }
        let known: HashSet<String> = images
            .iter()
            .flat_map(|image| image.layers.iter().cloned())
            .collect();
        let images = images.to_vec();
        let pieces = engine.save_images(&read).await?;
        let reading = read_blocking(pieces, move |archive| {
            let read = spool.read(archive, &images, &wanted, &known);
            Ok(read.map(|()| spool))
        });
        reading.await.map_err(ShipError::Images)?
    }

    fn new(base: &Path) -> io::Result<Spool> {
        use std::os::unix::fs::DirBuilderExt;
        std::fs::create_dir_all(base)?;
        for entry in std::fs::read_dir(base)?.flatten() {
            let is_old = entry
                .metadata()
                .and_then(|metadata| metadata.modified())
                .is_ok_and(|time| {
                    SystemTime::now()
                        .duration_since(time)
                        .is_ok_and(|age| age > FORGOTTEN)
                });
            if is_old && entry.file_name().to_string_lossy().starts_with("spool-") {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let nanos = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let directory = base.join(format!("spool-{}-{nanos}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&directory)?;
        Ok(Spool {
            directory,
            layers: HashMap::new(),
            configs: HashMap::new(),
        })
    }

    /// Compresses a layer into the spool.
    fn keep(&mut self, diff_id: &str, size: u64, content: &mut dyn Read) -> Result<(), ShipError> {
        let path = self.directory.join(format!("{}.gz", bare(diff_id)));
        let size = either(&path, content, |content| {
            let file = BufWriter::with_capacity(256 * 1024, File::create(&path)?);
            write_layer(file, diff_id, size, content)?.flush()?;
            Ok(std::fs::metadata(&path)?.len())
        })?;
        self.layers.insert(diff_id.to_owned(), Piece { path, size });
        Ok(())
    }

    fn read(
        &mut self,
        archive: impl Read,
        images: &[ShipImage],
        wanted: &HashSet<String>,
        known: &HashSet<String>,
    ) -> Result<(), ShipError> {
        let mut archive = tar::Archive::new(archive);
        let mut documents: HashMap<String, Vec<u8>> = HashMap::new();
        let mut manifest: Option<Vec<Manifest>> = None;
        for entry in archive.entries().map_err(ShipError::Images)? {
            let mut entry = entry.map_err(ShipError::Images)?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let size = entry.size();
            if path == "manifest.json" {
                let text = document(&mut entry).map_err(ShipError::Images)?;
                manifest = Some(parsed(&text)?);
                continue;
            }
            // Engines call layers `ID/layer.tar`, `DIGEST.tar` or `blobs/sha256/DIGEST`, and a store that keeps them
            // compressed means the digests of the compressed ones.
            let id = digest_in(&path).unwrap_or_default();
            if wanted.contains(&id) {
                let mut hashing = Hashing::new(&mut entry);
                self.keep(&id, size, &mut hashing)?;
                hashing.expect(&id).map_err(ShipError::Images)?;
                continue;
            }
            if known.contains(&id) {
                continue;
            }
            let (beginning, mut file) = Beginning::of(&mut entry).map_err(ShipError::Images)?;
            match beginning {
                Beginning::Json if size <= LARGEST_DOCUMENT => {
                    let text = document(&mut file).map_err(ShipError::Images)?;
                    documents.insert(path, text);
                }
                Beginning::Gzip => self.identify(&mut GzDecoder::new(file), wanted)?,
                Beginning::Tar => self.identify(&mut file, wanted)?,
                Beginning::Json | Beginning::Zstd | Beginning::Other => {}
            }
        }
        for entry in manifest.unwrap_or_default() {
            let Some(config) = documents.get(&entry.config) else {
                continue;
            };
            let parsed: Config = parsed(config)?;
            let id = digest_of(config);
            for image in images {
                if image.id == id || image.layers == parsed.rootfs.diff_ids && image.made.is_none()
                {
                    self.configs
                        .entry(image.id.clone())
                        .or_insert_with(|| config.clone());
                }
            }
        }
        let lacking = |what: String| Err(ShipError::Images(io::Error::other(what)));
        if let Some(layer) = wanted.iter().find(|id| !self.layers.contains_key(*id)) {
            return lacking(format!("the archive of the images has no layer {layer}"));
        }
        match images
            .iter()
            .find(|image| !self.configs.contains_key(&image.id))
        {
            Some(image) => lacking(format!(
                "the archive of image `{}` has no configuration of it",
                image.name
            )),
            None => Ok(()),
        }
    }

    /// Finds out which layer it is, which its name does not tell, and keeps it if it is wanted.
    fn identify(
        &mut self,
        layer: &mut dyn Read,
        wanted: &HashSet<String>,
    ) -> Result<(), ShipError> {
        let path = self.directory.join("raw");
        let (mut raw, size, id) = either(&path, layer, |layer| {
            let mut raw = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(&path)?;
            let mut hashing = Hashing::new(layer);
            let size = io::copy(&mut hashing, &mut raw)?;
            raw.rewind()?;
            Ok((raw, size, hashing.digest()))
        })?;
        if wanted.contains(&id) && !self.layers.contains_key(&id) {
            self.keep(&id, size, &mut raw)?;
        }
        std::fs::remove_file(&path).map_err(ShipError::spool(&path))
    }
}

/// The digest that a file of an archive is called by. `None`: it is called something else.
fn digest_in(path: &str) -> Option<String> {
    let name = path.strip_prefix("blobs/sha256/");
    let name = name.or_else(|| path.strip_suffix(".tar"))?;
    Some(format!("sha256:{name}")).filter(|digest| is_digest(digest))
}

fn parsed<'t, T: Deserialize<'t>>(text: &'t [u8]) -> Result<T, ShipError> {
    serde_json::from_slice(text).map_err(|error| ShipError::Images(error.into()))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest {
    config: String,
}

#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

fn document(from: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    from.take(LARGEST_DOCUMENT).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Dribble;

    fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, path, *content).unwrap();
        }
        archive.into_inner().unwrap()
    }

    /// An image of two layers as three generations of engines and Podman save it; only the upper layer is wanted.
    #[test]
    fn the_layer_that_is_wanted_is_found_whatever_it_is_called() {
        let (lower, upper) = (tar_of(&[("a", b"1")]), tar_of(&[("b", b"2")]));
        let ids = vec![digest_of(&lower), digest_of(&upper)];
        let config = serde_json::json!({ "rootfs": { "diff_ids": ids } }).to_string();
        let id = digest_of(config.as_bytes());
        let manifest = |path: &str| format!(r#"[{{"Config":"{path}","Layers":[]}}]"#);
        let old_config = format!("{}.json", bare(&id));
        let old = tar_of(&[
            ("0/layer.tar", &upper),
            ("1/layer.tar", &lower),
            (&old_config, config.as_bytes()),
            ("manifest.json", manifest(&old_config).as_bytes()),
        ]);
        let blob = |id: &str| format!("blobs/sha256/{}", bare(id));
        let new = tar_of(&[
            (&blob(&ids[0]), &lower),
            (&blob(&ids[1]), &upper),
            (&blob(&id), config.as_bytes()),
            ("manifest.json", manifest(&blob(&id)).as_bytes()),
        ]);
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&upper).unwrap();
        let packed = packed.finish().unwrap();
        let compressed = tar_of(&[
            (&blob(&digest_of(&packed)), &packed),
            (&blob(&id), config.as_bytes()),
            ("manifest.json", manifest(&blob(&id)).as_bytes()),
        ]);
        let podmans = |id: &str, kind: &str| format!("{}.{kind}", bare(id));
        let podman = tar_of(&[
            (&podmans(&ids[0], "tar"), &lower),
            (&podmans(&ids[1], "tar"), &upper),
            ("1/VERSION", b"1.0"),
            ("repositories", b"{}"),
            (&old_config, config.as_bytes()),
            ("manifest.json", manifest(&old_config).as_bytes()),
        ]);
        for archive in [old, new, compressed, podman] {
            let here = tempfile::tempdir().unwrap();
            let mut spool = Spool::new(here.path()).unwrap();
            let image = ShipImage {
                name: "x".into(),
                id: id.clone(),
                layers: ids.clone(),
                ..ShipImage::default()
            };
            let wanted = HashSet::from([ids[1].clone()]);
            let known = ids.iter().cloned().collect();
            // However little is handed over at once.
            spool
                .read(Dribble(&archive), &[image], &wanted, &known)
                .unwrap();
            assert_eq!(spool.layers.keys().collect::<Vec<_>>(), [&ids[1]]);
            assert_eq!(spool.configs[&id], config.as_bytes());
            drop(spool);
            assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn who_failed_is_told_truly() {
        let here = tempfile::tempdir().unwrap();
        let mut spool = Spool::new(here.path()).unwrap();
        let mut short = &b"x"[..];
        let error = spool.keep("sha256:a", 2, &mut short).unwrap_err();
        assert!(matches!(error, ShipError::Images(_)), "{error}");
        std::fs::remove_dir_all(&spool.directory).unwrap();
        let error = spool.keep("sha256:a", 1, &mut &b"x"[..]).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("where layers wait to be sent"), "{said}");
        assert!(!said.contains("engine"), "{said}");
    }
}
