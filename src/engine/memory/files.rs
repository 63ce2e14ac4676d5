use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Component, Path};

use bytes::Bytes;
use futures_util::stream;

use super::MemoryEngine;
use super::world::refuse;
use crate::engine::{EngineError, EngineResult, EngineStream, ErrorKind};

impl MemoryEngine {
    pub(super) fn pack(&self, container: &str, path: &str) -> EngineResult<EngineStream<Bytes>> {
        let files = self.shared.world().unit(container)?.files.clone();
        let below = format!("{}/", path.trim_end_matches('/'));
        let parent = Path::new(path).parent().unwrap_or(Path::new("/"));
        let mut builder = tar::Builder::new(Vec::new());
        let mut found = false;
        for (name, content) in &files {
            if name != path && !name.starts_with(&below) {
                continue;
            }
            found = true;
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            let inside = Path::new(name)
                .strip_prefix(parent)
                .unwrap_or(Path::new(name));
            builder
                .append_data(&mut header, inside, content.as_slice())
                .map_err(|error| EngineError::new(ErrorKind::Other, error.to_string()))?;
        }
        if !found {
            return refuse(
                ErrorKind::NotFound,
                format!("there is no `{path}` in container `{container}`"),
            );
        }
        let bytes = builder
            .into_inner()
            .map_err(|error| EngineError::new(ErrorKind::Other, error.to_string()))?;
        Ok(Box::pin(stream::iter([Ok(Bytes::from(bytes))])))
    }
}

/// Files of a tar by their absolute path below a directory.
pub(super) fn unpacked(directory: &str, tar: &[u8]) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path()?.into_owned();
        if path.components().any(|part| part == Component::ParentDir) {
            return Err(std::io::Error::other("the archive leaves its directory"));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        let path = Path::new(directory).join(path.strip_prefix("/").unwrap_or(&path));
        let path = path.to_string_lossy().into_owned();
        if seen.insert(path.clone()) {
            files.push((path, content));
        }
    }
    Ok(files)
}
