use std::collections::BTreeMap;
use std::path::Path;

use super::dockerfile::Instruction;
use super::ignore::Patterns;
use super::source::context_of;
use super::{
    BuildFailure, BuildRequest, BuildRun, Context, ContextFiles, ContextSource, FailureCause,
    HashCache, Image, ImageName, Inputs, StoredImage,
};

/// What is known of an image before it is built.
pub(super) struct Gathered {
    pub(super) inputs: Inputs,
    /// An `ONBUILD` of what it starts from fetches what may be another thing every time.
    pub(super) base_fetches: bool,
}

impl BuildRun<'_> {
    /// Everything that the image is made from, as it is now.
    pub(super) async fn gather(
        &self,
        image: &Image,
        request: &BuildRequest,
        parents: &BTreeMap<String, String>,
    ) -> Result<Gathered, BuildFailure> {
        let mut bases = BTreeMap::new();
        let mut declared = Vec::new();
        let mut wanted = None;
        let mut triggers: Vec<Instruction> = Vec::new();
        let mut keep = |name: String, found: Option<StoredImage>| {
            let found = found.unwrap_or_default();
            let brought = found.triggers.iter();
            triggers.extend(brought.map(|text| Instruction::of_image(text)));
            bases.insert(name, found.id);
        };
        if let Some(file) = &image.dockerfile {
            let target = request.target.as_deref();
            declared = file.parsed.argument_names();
            wanted = file.parsed.context_paths(target, &request.arguments);
            for reference in file.parsed.references(target, &request.arguments) {
                if context_of(&image.contexts, &reference.name).is_none() {
                    let found = self.stored(image, &reference.name).await?;
                    keep(reference.name, found);
                }
            }
        }
        for (name, source) in &image.contexts {
            let base = match source {
                // By its id: its names may be somebody else's by now.
                ContextSource::Parent(key) => parents.get(key).map_or("", String::as_str),
                ContextSource::Image(image) => image,
                ContextSource::Directory(_) | ContextSource::Remote(_) => continue,
            };
            keep(name.clone(), self.stored_as(image, base).await?);
        }
        if !triggers.is_empty() {
            // They may copy anything, and ask for any argument.
            wanted = None;
            declared = request.arguments.keys().cloned().collect();
        }
        if let Some(file) = &image.dockerfile {
            for reference in file.parsed.references_of_triggers(&triggers) {
                if context_of(&image.contexts, &reference.name).is_none() {
                    let found = self.stored(image, &reference.name).await?;
                    bases.insert(reference.name, found.unwrap_or_default().id);
                }
            }
        }
        let files = self.files(image, request, wanted).await?;
        Ok(Gathered {
            inputs: Inputs::of(request, &files, &declared, bases),
            base_fetches: triggers.iter().any(Instruction::fetches),
        })
    }

    /// The image that a Dockerfile means by a name. `None`: the engine has none. What is no reference is left to the
    /// builder, whose message says where it stands.
    async fn stored(
        &self,
        image: &Image,
        reference: &str,
    ) -> Result<Option<StoredImage>, BuildFailure> {
        match ImageName::may_be(reference) {
            true => self.stored_as(image, reference).await,
            false => Ok(None),
        }
    }

    /// The image with a name or an id.
    async fn stored_as(
        &self,
        image: &Image,
        name: &str,
    ) -> Result<Option<StoredImage>, BuildFailure> {
        self.builder
            .find(name)
            .await
            .map_err(|error| BuildFailure::new(&image.key, FailureCause::Engine, error.to_string()))
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
                let ignore = rules_of(root).map_err(|error| {
                    let message = format!("the context `{name}` cannot be read: {error}");
                    BuildFailure::new(&image.key, FailureCause::Step, message)
                })?;
                trees.push((format!("{name}:"), root.clone(), ignore, None));
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

/// The ignore rules that lie in a named context; the engine honours them as well.
fn rules_of(root: &Path) -> std::io::Result<Patterns> {
    let file = root.join(".dockerignore");
    let named = |reason: &dyn std::fmt::Display| format!("`{}`: {reason}", file.display());
    match std::fs::read_to_string(&file) {
        Ok(text) => {
            Patterns::from_file(&text).map_err(|error| std::io::Error::other(named(&error)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Patterns::default()),
        Err(error) => Err(std::io::Error::new(error.kind(), named(&error))),
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
