use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::super::buildkit::Layout;
use crate::build::dockerfile::Dockerfile;
use crate::build::rewrite::with_other_names;
use crate::build::{BuildRequest, Context, ImageName};

/// An image as files, for a builder that does not see it otherwise. They go with this value.
#[derive(Debug)]
pub(super) struct Files {
    directory: TempDir,
    /// Of the image's manifest or index.
    pub digest: String,
}

impl Files {
    /// Has an empty layout filled by what returns the digest of the image in it. Errors are for people.
    pub(super) async fn filled(
        fill: impl AsyncFnOnce(Layout) -> Result<String, String>,
    ) -> Result<Files, String> {
        let directory = tempfile::Builder::new()
            .prefix("wharf-image-")
            .tempdir()
            .map_err(|error| format!("there is no room for an image's files: {error}"))?;
        let digest = fill(Layout::new(directory.path())).await?;
        Ok(Files { directory, digest })
    }

    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }
}

/// The parents that a build takes something from, with the ids that the engine has for them.
pub(super) fn needed(request: &BuildRequest) -> BTreeMap<ImageName, String> {
    let mut names: BTreeSet<ImageName> = BTreeSet::new();
    for context in request.named_contexts.values() {
        if let Context::Image(name) = context {
            names.insert(ImageName::normal(name));
        }
    }
    // A file that cannot be read is the builder's to complain about.
    if let Ok(mut file) = Dockerfile::parse(&request.dockerfile.text) {
        file.platforms.clone_from(&request.platforms);
        let references = file.references(request.target.as_deref(), &request.arguments);
        let is_context = |name: &str| {
            let familiar = ImageName::normal(name);
            let mut contexts = request.named_contexts.keys();
            contexts.any(|context| ImageName::normal(context) == familiar)
        };
        names.extend(
            references
                .iter()
                .filter(|reference| !is_context(&reference.name))
                .map(|reference| ImageName::normal(&reference.name)),
        );
    }
    names
        .into_iter()
        .filter_map(|name| Some((name.clone(), request.parents.get(&name)?.clone())))
        .collect()
}

/// The same build with its parents as named contexts, each a directory and a digest in it.
/// <https://docs.docker.com/build/concepts/context/#named-contexts>
pub(super) fn handed_over(
    request: &BuildRequest,
    parents: &BTreeMap<ImageName, (PathBuf, String)>,
) -> BuildRequest {
    let mut own = request.clone();
    let layout = |(directory, digest): &(PathBuf, String)| Context::Layout {
        directory: directory.clone(),
        digest: digest.clone(),
    };
    for context in own.named_contexts.values_mut() {
        if let Context::Image(name) = &*context
            && let Some(parent) = parents.get(&ImageName::normal(name))
        {
            *context = layout(parent);
        }
    }
    let Ok(file) = Dockerfile::parse(&request.dockerfile.text) else {
        return own;
    };
    let is_stage = |name: &str| {
        let mut stages = file.stages.iter().filter_map(|stage| stage.name.as_deref());
        stages.any(|stage| stage.eq_ignore_ascii_case(name))
    };
    let mut renamed = BTreeMap::new();
    for (name, parent) in parents {
        let familiar = name.familiar().to_owned();
        // A context takes the place of a stage that has its name, too: `FROM base AS base` would be no stage any more.
        let key = match is_stage(&familiar) {
            true => {
                let pinned = format!("{familiar}@{}", parent.1);
                renamed.insert(name.clone(), pinned.clone());
                pinned
            }
            false => familiar,
        };
        own.named_contexts
            .entry(key)
            .or_insert_with(|| layout(parent));
    }
    if !renamed.is_empty()
        && let Ok(text) = with_other_names(
            &request.dockerfile.text,
            &request.platforms,
            &request.arguments,
            &renamed,
        )
    {
        own.dockerfile.text = text;
    }
    own
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::DockerfileText;
    use indexmap::IndexMap;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn request(text: &str, parents: &[&str]) -> BuildRequest {
        BuildRequest {
            dockerfile: DockerfileText {
                text: text.to_owned(),
                ..DockerfileText::default()
            },
            parents: parents
                .iter()
                .map(|name| (ImageName::normal(name), format!("id of {name}")))
                .collect(),
            ..BuildRequest::default()
        }
    }

    fn handed(request: &BuildRequest) -> BuildRequest {
        let parents = needed(request)
            .into_keys()
            .map(|name| (name, (PathBuf::from("/l"), DIGEST.to_owned())))
            .collect();
        handed_over(request, &parents)
    }

    fn contexts(request: &BuildRequest) -> Vec<&str> {
        request.named_contexts.keys().map(String::as_str).collect()
    }

    #[test]
    fn only_what_the_target_takes_in_is_needed() {
        let text = "ARG TAG=dev\nFROM base:$TAG AS one\nCOPY --from=tools /a /a\nFROM other\nFROM one AS two\nRUN --mount=from=debian true\n";
        let request = request(text, &["base:dev", "tools", "other", "unused"]);
        let needed: Vec<String> = needed(&request)
            .keys()
            .map(|name| name.familiar().to_owned())
            .collect();
        assert_eq!(needed, ["base:dev", "tools"]);
        let handed = handed(&request);
        assert_eq!(contexts(&handed), ["base:dev", "tools"]);
        assert_eq!(handed.dockerfile, request.dockerfile);
    }

    #[test]
    fn a_named_context_may_be_a_parent() {
        let mut request = request("FROM base\n", &["p-base", "base"]);
        request.named_contexts = IndexMap::from([(
            "base".to_owned(),
            Context::Image("p-base:latest".to_owned()),
        )]);
        assert_eq!(needed(&request).len(), 1);
        let handed = handed(&request);
        assert_eq!(contexts(&handed), ["base", "p-base"]);
        assert!(matches!(
            &handed.named_contexts["base"],
            Context::Layout { digest, .. } if digest == DIGEST
        ));
    }

    #[test]
    fn a_stage_of_the_same_name_stays_one() {
        let request = request("FROM base AS Base\nRUN a\nFROM base\nRUN b\n", &["base"]);
        let handed = handed(&request);
        let pinned = format!("base@{DIGEST}");
        assert_eq!(contexts(&handed), [pinned.as_str()]);
        assert_eq!(
            handed.dockerfile.text,
            format!("FROM {pinned} AS Base\nRUN a\nFROM base\nRUN b\n")
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_left_to_the_builder() {
        let request = request("FORM base", &["base"]);
        assert!(needed(&request).is_empty());
        assert_eq!(handed(&request), request);
    }
}
