use std::collections::BTreeMap;
use std::path::Path;

use super::ignore::Patterns;
use super::source::context_of;
use super::{
    BuildFailure, BuildRequest, BuildRun, BuilderError, Context, ContextFiles, ContextSource,
    FailureCause, HashCache, Image, Inputs,
};

impl BuildRun<'_> {
    /// Everything that the image is made from, as it is now.
    pub(super) async fn inputs(
        &self,
        image: &Image,
        request: &BuildRequest,
        parents: &BTreeMap<String, String>,
    ) -> Result<Inputs, BuildFailure> {
        let lost = |error: BuilderError| {
            BuildFailure::new(&image.key, FailureCause::Engine, error.to_string())
        };
        let mut bases = BTreeMap::new();
        let mut declared = Vec::new();
        let mut wanted = None;
        if let Some(file) = &image.dockerfile {
            let target = request.target.as_deref();
            declared = file.parsed.argument_names();
            wanted = file.parsed.context_paths(target, &request.arguments);
            for reference in file.parsed.references(target, &request.arguments) {
                if context_of(&image.contexts, &reference.name).is_none() {
                    let found = self.builder.find(&reference.name).await.map_err(lost)?;
                    bases.insert(
                        reference.name,
                        found.map(|found| found.id).unwrap_or_default(),
                    );
                }
            }
        }
        for (name, source) in &image.contexts {
            let id = match source {
                ContextSource::Parent(key) => parents.get(key).cloned(),
                ContextSource::Image(image) => self
                    .builder
                    .find(image)
                    .await
                    .map_err(lost)?
                    .map(|found| found.id),
                ContextSource::Directory(_) | ContextSource::Remote(_) => continue,
            };
            bases.insert(name.clone(), id.unwrap_or_default());
        }
        let files = self.files(image, request, wanted).await?;
        Ok(Inputs::of(request, &files, &declared, bases))
    }

    async fn files(
        &self,
        image: &Image,
        request: &BuildRequest,
        wanted: Option<Vec<String>>,
    ) -> Result<ContextFiles, BuildFailure> {
        let mut trees = Vec::new();
        if let Context::Directory(root) = &request.context {
            // The rules have been checked when they were read.
            let ignore = request.dockerfile.ignore.as_ref();
            let ignore = ignore.and_then(|ignore| Patterns::from_file(&ignore.text).ok());
            trees.push((
                String::new(),
                root.clone(),
                ignore.unwrap_or_default(),
                wanted,
            ));
        }
        for (name, context) in &request.named_contexts {
            if let Context::Directory(root) = context {
                trees.push((format!("{name}:"), root.clone(), Patterns::default(), None));
            }
        }
        let cache = self.options.cache.clone();
        let read = move || {
            let mut files = ContextFiles::default();
            for (prefix, root, ignore, wanted) in trees {
                files.add(&prefix, read_tree(cache.as_deref(), &root, ignore, wanted)?);
            }
            Ok::<_, std::io::Error>(files)
        };
        let read = tokio::task::spawn_blocking(read).await;
        read.map_err(std::io::Error::other)
            .and_then(|read| read)
            .map_err(|error| {
                let message = format!("the build context cannot be read: {error}");
                BuildFailure::new(&image.key, FailureCause::Step, message)
            })
    }
}

fn read_tree(
    cache: Option<&Path>,
    root: &Path,
    ignore: Patterns,
    wanted: Option<Vec<String>>,
) -> std::io::Result<ContextFiles> {
    let mut cache = HashCache::open(cache, root);
    let files = ContextFiles::read(root, ignore, wanted, &mut cache)?;
    cache.save();
    Ok(files)
}
