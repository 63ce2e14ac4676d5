use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use indexmap::IndexMap;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::TEMPLATES;
use crate::archive::{pack, unpack};
use crate::engine::{
    ContainerSpec, Engine, EngineError, EngineMount, EngineMountKind, EngineResult, EngineStream,
    ErrorKind,
};

/// Where a transformation reads, and where it writes.
const IN: &str = "/in";
const OUT: &str = "/out";
/// The model below [`IN`].
const MODEL: &str = "compose.yaml";

/// Marks the container of a transformation.
const CONTAINER_LABEL: &str = "wharf.bridge";

/// A run of an image that makes something of a model. Everything is copied into its container and out of it, so that the engine may
/// be anywhere.
/// <https://docs.docker.com/compose/bridge/customize/>
#[derive(Clone, Debug)]
pub struct Transformation {
    pub image: String,
    /// For whom it works.
    pub uid: u32,
    pub gid: u32,
    /// A directory that takes the place of the image's own templates.
    pub templates: Option<PathBuf>,
}

impl Transformation {
    /// Its container. What it reads and writes lies in volumes that go with it, and that show nothing of what the image has there.
    pub fn container(&self) -> ContainerSpec {
        let templates = self.templates.as_ref().map(|_| TEMPLATES);
        let places = [IN, OUT].into_iter().chain(templates);
        ContainerSpec {
            image: self.image.clone(),
            user: Some(self.uid.to_string()),
            // Without it some images only print their licence.
            environment: IndexMap::from([("LICENSE_AGREEMENT".into(), Some("true".into()))]),
            labels: IndexMap::from([(CONTAINER_LABEL.into(), String::new())]),
            mounts: places
                .map(|place| EngineMount {
                    no_copy: true,
                    ..EngineMount::new(EngineMountKind::Volume, None, place.to_owned())
                })
                .collect(),
            ..ContainerSpec::default()
        }
    }

    /// Puts into its container what it reads: the model, the templates, and what the transformation before it has made.
    ///
    /// # Errors
    /// Those of the engine; templates that cannot be read.
    pub async fn fill(
        &self,
        engine: &dyn Engine,
        container: &str,
        model: &str,
        before: Option<&Results>,
    ) -> EngineResult<()> {
        let places = self.places(model).map_err(cannot_pack)?;
        let places = stream::iter([Ok(Bytes::from(places))]);
        engine
            .upload_archive(container, "/", Box::pin(places), false)
            .await?;
        if let Some(directory) = &self.templates {
            let templates = pack(directory.clone(), String::new(), true);
            engine
                .upload_archive(container, TEMPLATES, templates, false)
                .await?;
        }
        if let Some(before) = before {
            let made = before.read().await.map_err(cannot_pack)?;
            engine.upload_archive(container, "/", made, false).await?;
        }
        Ok(())
    }

    /// The directories, which belong to whom it works for, and the model.
    fn places(&self, model: &str) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        let header = |kind, mode, size| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_uid(self.uid.into());
            header.set_gid(self.gid.into());
            header.set_size(size);
            header
        };
        let name = |place: &str| format!("{}/", place.trim_start_matches('/'));
        for place in [IN, OUT] {
            let mut directory = header(tar::EntryType::Directory, 0o755, 0);
            archive.append_data(&mut directory, name(place), io::empty())?;
        }
        // It holds secrets.
        let mut file = header(tar::EntryType::Regular, 0o600, model.len() as u64);
        archive.append_data(&mut file, name(IN) + MODEL, model.as_bytes())?;
        archive.into_inner()
    }
}

fn cannot_pack(error: io::Error) -> EngineError {
    let message = format!("cannot put together what a transformation reads: {error}");
    EngineError::new(ErrorKind::Other, message).because(error)
}

/// What a transformation has made: an archive that is kept until all of them have done their work.
#[derive(Debug)]
pub struct Results {
    file: std::fs::File,
}

impl Results {
    /// Takes them out of a container.
    ///
    /// # Errors
    /// Those of the engine; when there is no room for them.
    pub async fn of(engine: &dyn Engine, container: &str) -> EngineResult<Results> {
        let cannot_keep = |error: io::Error| {
            let message = format!("cannot keep what a transformation has made: {error}");
            EngineError::new(ErrorKind::Other, message).because(error)
        };
        let file = tempfile::tempfile().map_err(cannot_keep)?;
        let mut copy = File::from_std(file.try_clone().map_err(cannot_keep)?);
        let mut pieces = engine.download_archive(container, OUT).await?;
        while let Some(piece) = pieces.next().await {
            copy.write_all(&piece?).await.map_err(cannot_keep)?;
        }
        copy.flush().await.map_err(cannot_keep)?;
        Ok(Results { file })
    }

    /// Unpacks them into a directory; they belong to the caller.
    ///
    /// # Errors
    /// When something cannot be written.
    pub async fn unpack(&self, directory: &Path) -> io::Result<()> {
        // The container's directory has a mode too, which is no affair of this one's.
        let permissions = std::fs::metadata(directory)?.permissions();
        let unpacked = unpack(self.read().await?, directory).await;
        std::fs::set_permissions(directory, permissions)?;
        unpacked
    }

    async fn read(&self) -> io::Result<EngineStream<Bytes>> {
        let mut file = File::from_std(self.file.try_clone()?);
        file.seek(SeekFrom::Start(0)).await?;
        Ok(Box::pin(stream::unfold(file, |mut file| async move {
            let mut buffer = vec![0; 64 * 1024];
            match file.read(&mut buffer).await {
                Ok(0) => None,
                Ok(count) => {
                    buffer.truncate(count);
                    Some((Ok(buffer.into()), file))
                }
                Err(error) => Some((Err(cannot_pack(error)), file)),
            }
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::memory::{Behaviour, MemoryEngine};

    #[tokio::test]
    async fn one_transformation_goes_on_from_what_another_has_made() {
        let engine = MemoryEngine::default();
        engine.add_image("t:1", Behaviour::exits(0));
        let transformation = Transformation {
            image: "t:1".into(),
            uid: 1000,
            gid: 1000,
            templates: None,
        };
        let spec = transformation.container();
        let fill = async |container: &str, before: Option<&Results>| {
            let filled = transformation.fill(&engine, container, "name: p\n", before);
            filled.await.unwrap();
        };
        let first = engine.create_container(&spec).await.unwrap().id;
        fill(&first, None).await;
        let made = tempfile::tempdir().unwrap();
        std::fs::write(made.path().join("a"), "made").unwrap();
        let made = pack(made.path().to_path_buf(), String::new(), false);
        engine
            .upload_archive(&first, OUT, made, false)
            .await
            .unwrap();
        let results = Results::of(&engine, &first).await.unwrap();
        let second = engine.create_container(&spec).await.unwrap().id;
        fill(&second, Some(&results)).await;
        let results = Results::of(&engine, &second).await.unwrap();
        let output = tempfile::tempdir().unwrap();
        results.unpack(output.path()).await.unwrap();
        let text = std::fs::read_to_string(output.path().join("a")).unwrap();
        assert_eq!(text, "made");
    }

    #[test]
    fn what_it_reads_is_the_callers() {
        let transformation = Transformation {
            image: "t:1".into(),
            uid: 1000,
            gid: 100,
            templates: Some("/t".into()),
        };
        let bytes = transformation.places("name: p\n").unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries: Vec<(String, u64, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let path = entry.path().unwrap().display().to_string();
                let header = entry.header();
                (path, header.uid().unwrap(), header.gid().unwrap())
            })
            .collect();
        let of_caller = |path: &str| (path.to_owned(), 1000, 100);
        assert_eq!(entries, ["in/", "out/", "in/compose.yaml"].map(of_caller));
        let places = transformation.container().mounts;
        let places: Vec<&str> = places.iter().map(|mount| mount.target.as_str()).collect();
        assert_eq!(places, ["/in", "/out", "/templates"]);
    }
}
