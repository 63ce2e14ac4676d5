use std::path::PathBuf;

use indexmap::IndexMap;

use super::bake::target_name;
use super::{GraphProblem, ImageGraph, ImageName};
use crate::model::{Build, Project};

/// What a named context stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextSource {
    Directory(PathBuf),
    Image(String),
    Remote(String),
    /// The image with this key.
    Parent(String),
}

impl ImageGraph {
    /// What a named context of a service means.
    pub(super) fn context_source(
        &self,
        project: &Project,
        service: &str,
        context: &str,
        written: &str,
    ) -> Result<ContextSource, GraphProblem> {
        let image = |name: &str| match self.named(name) {
            Some(image) => ContextSource::Parent(image.key.clone()),
            None => ContextSource::Image(name.to_owned()),
        };
        let target = written.strip_prefix("target:");
        if let Some(name) = written.strip_prefix("service:").or(target) {
            let by_target = || {
                // Bake names targets in its own way.
                let mut services = self.images.values().flat_map(|image| &image.services);
                let service = services.find(|service| target == Some(&target_name(service)))?;
                self.of_service(service)
            };
            if let Some(image) = self.of_service(name).or_else(by_target) {
                return Ok(ContextSource::Parent(image.key.clone()));
            }
            let defined = project.services.get(name).or(project.inactive.get(name));
            return match defined.and_then(|service| service.image.as_deref()) {
                Some(name) => Ok(image(name)),
                None => Err(GraphProblem::NoService {
                    service: service.to_owned(),
                    context: context.to_owned(),
                    written: written.to_owned(),
                }),
            };
        }
        if let Some(name) = written.strip_prefix("docker-image://") {
            return Ok(image(name));
        }
        if written.starts_with("oci-layout://") {
            return Err(GraphProblem::OciLayout {
                service: service.to_owned(),
                context: context.to_owned(),
                written: written.to_owned(),
            });
        }
        if is_remote(written) {
            return Ok(ContextSource::Remote(written.to_owned()));
        }
        let path = written.strip_prefix("file://").unwrap_or(written);
        Ok(ContextSource::Directory(project.directory.join(path)))
    }
}

/// The named context that a Dockerfile means by a name, as the frontend looks it up.
pub(super) fn context_of<'c>(
    contexts: &'c IndexMap<String, ContextSource>,
    name: &str,
) -> Option<&'c ContextSource> {
    contexts
        .get(name)
        .or_else(|| contexts.get(ImageName::normal(name).familiar()))
}

/// `additional_contexts`, then those of `x-bake`, which win.
pub(super) fn written_contexts(build: &Build) -> IndexMap<String, String> {
    let mut contexts = build.additional_contexts.clone();
    let baked = build.bake.as_ref().and_then(|bake| bake.get("contexts"));
    if let Some(baked) = baked.and_then(|contexts| contexts.as_object()) {
        for (name, source) in baked {
            if let Some(source) = source.as_str() {
                contexts.insert(name.clone(), source.to_owned());
            }
        }
    }
    contexts
}

/// Whether this context is an address that is fetched when the image is built.
pub(super) fn is_remote(context: &str) -> bool {
    // A repository on this machine is fetched as any other; `file://` in front of a directory means the directory.
    let repository = context.split('#').next().unwrap_or(context);
    if repository.starts_with("file://") && repository.ends_with(".git") {
        return true;
    }
    [
        "http://",
        "https://",
        "git://",
        "ssh://",
        "git@",
        "github.com/",
        "oci://",
    ]
    .iter()
    .any(|scheme| context.starts_with(scheme))
}
