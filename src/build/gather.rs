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
        let mut has_triggers = false;
        if let Some(file) = &image.dockerfile {
            let target = request.target.as_deref();
            declared = file.parsed.argument_names();
            wanted = file.parsed.context_paths(target, &request.arguments);
            for reference in file.parsed.references(target, &request.arguments) {
                if context_of(&image.contexts, &reference.name).is_none() {
                    let found = self.builder.find(&reference.name).await.map_err(lost)?;
                    has_triggers |= found.as_ref().is_some_and(|found| found.has_triggers);
                    bases.insert(
                        reference.name,
                        found.map(|found| found.id).unwrap_or_default(),
                    );
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
            let found = self.builder.find(base).await.map_err(lost)?;
            has_triggers |= found.as_ref().is_some_and(|found| found.has_triggers);
            bases.insert(
                name.clone(),
                found.map(|found| found.id).unwrap_or_default(),
            );
        }
        if has_triggers {
            // They may copy anything, and ask for any argument.
            wanted = None;
            declared = request.arguments.keys().cloned().collect();
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
