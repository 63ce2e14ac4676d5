use std::path::Path;
use std::{fs, io};

use bytes::Bytes;

use super::manifest::{File, files};
use crate::digest::{bare, digest_of, is_digest};
use crate::load::RemoteCopy;
use crate::registry::{Registry, RegistryError};
use crate::remote::{Fetched, RemoteError, Source};

/// The copies of artifacts in the store, by the digest of their manifest.
const KIND: &str = "oci";

/// In a copy: what describes it, and the directory of its files.
const MANIFEST: &str = "manifest.json";
const FILES: &str = "files";

/// A copy of an artifact's files.
pub async fn fetch(reference: &str, source: Source<'_>) -> Result<Fetched, RemoteError> {
    let fetching = Fetching {
        reference,
        name: reference.strip_prefix("oci://").unwrap_or(reference),
        source,
    };
    if let Some(found) = fetching.kept() {
        return Ok(found);
    }
    let registry = fetching.registry().await?;
    let manifest = registry.manifest(&registry.reference).await;
    let manifest = manifest.map_err(|error| fetching.refused(error))?.content;
    let digest = digest_of(&manifest);
    if is_digest(&registry.reference) && registry.reference != digest {
        return Err(fetching.unusable("the registry gives another manifest than that".to_owned()));
    }
    let files = fetching.files(&manifest)?;
    let is_new = source.store.find(KIND, bare(&digest)).is_none();
    if is_new {
        fetching.pull(&registry, &digest, &manifest, &files).await?;
    }
    fetching.found(&digest, &files, is_new)
}

struct Fetching<'f> {
    /// With `oci://`.
    reference: &'f str,
    /// Without it.
    name: &'f str,
    source: Source<'f>,
}

impl Fetching<'_> {
    /// The copy of what is named by its digest: there is nothing to ask. `None`: there is no copy, or the name can mean another
    /// artifact tomorrow.
    fn kept(&self) -> Option<Fetched> {
        let (_, digest) = self.name.rsplit_once('@')?;
        if !is_digest(digest) {
            return None;
        }
        let root = self.source.store.find(KIND, bare(digest))?;
        let manifest = fs::read(root.join(MANIFEST)).ok()?;
        if digest_of(&manifest) != digest {
            return None;
        }
        self.found(digest, &files(&manifest).ok()?, false).ok()
    }

    async fn registry(&self) -> Result<Registry, RemoteError> {
        let host = self.name.split('/').next().unwrap_or_default();
        let is_plain = self.source.insecure.iter().any(|one| one == host);
        Registry::of(self.name, is_plain, self.source.environment)
            .await
            .map_err(|error| self.refused(error))
    }

    fn files(&self, manifest: &[u8]) -> Result<Vec<File>, RemoteError> {
        files(manifest).map_err(|why| self.unusable(why))
    }

    async fn pull(
        &self,
        registry: &Registry,
        digest: &str,
        manifest: &[u8],
        files: &[File],
    ) -> Result<(), RemoteError> {
        let mut contents = Vec::with_capacity(files.len());
        for file in files {
            let content = registry.read_blob(&file.digest, file.size).await;
            contents.push(content.map_err(|error| self.refused(error))?);
        }
        self.write(digest, manifest, files, &contents)
            .map_err(|source| RemoteError::Store {
                reference: self.reference.to_owned(),
                source,
            })
    }

    fn write(
        &self,
        digest: &str,
        manifest: &[u8],
        files: &[File],
        contents: &[Bytes],
    ) -> io::Result<()> {
        let store = self.source.store;
        let draft = store.draft(KIND)?;
        fs::write(draft.path().join(MANIFEST), manifest)?;
        let directory = draft.path().join(FILES);
        fs::create_dir(&directory)?;
        for (file, content) in files.iter().zip(contents) {
            fs::write(directory.join(&file.name), content)?;
        }
        store.keep(draft, KIND, bare(digest)).map(|_| ())
    }

    fn found(&self, digest: &str, files: &[File], is_new: bool) -> Result<Fetched, RemoteError> {
        let gone = || RemoteError::Store {
            reference: self.reference.to_owned(),
            source: io::ErrorKind::NotFound.into(),
        };
        let root = self
            .source
            .store
            .find(KIND, bare(digest))
            .ok_or_else(gone)?;
        let root = root.join(FILES);
        let path = |file: &File| root.join(Path::new(&file.name));
        let layers = files
            .iter()
            .filter(|file| file.is_layer)
            .map(path)
            .collect();
        Ok(Fetched {
            copy: RemoteCopy {
                files: layers,
                root,
                prefix: format!("{}/", self.reference),
            },
            version: format!("sha256:{}", bare(digest).get(..12).unwrap_or_default()),
            is_new,
        })
    }

    fn refused(&self, source: RegistryError) -> RemoteError {
        let reference = self.reference.to_owned();
        match source {
            RegistryError::Name(_) => RemoteError::Reference {
                reference,
                why: "it names no repository of a registry".to_owned(),
            },
            source => RemoteError::Registry { reference, source },
        }
    }

    fn unusable(&self, why: String) -> RemoteError {
        RemoteError::Artifact {
            reference: self.reference.to_owned(),
            why,
        }
    }
}
