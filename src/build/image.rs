use std::path::Path;

use indexmap::IndexMap;

use super::dockerfile::{Dockerfile, ReferenceKind};
use super::source::is_remote;
use super::{ContextSource, DockerfileFile, GraphProblem};
use crate::load::Disk;
use crate::model::{Build, Project, Service, is_image_only};

/// Whether a context is a tar archive, or a Dockerfile alone, on standard input: it is written `-`, which is read as a
/// path like any other, and no directory has that name.
pub fn is_standard_input(context: &str, disk: &dyn Disk) -> bool {
    let path = Path::new(context);
    path.ends_with("-") && !disk.is_dir(path)
}

/// One image that wharf builds.
#[derive(Clone, Debug)]
pub struct Image {
    pub key: String,
    /// All services with this build definition.
    pub services: Vec<String>,
    /// What each of the services calls it, in their order.
    pub service_names: Vec<String>,
    /// All names that the image gets; never empty.
    pub names: Vec<String>,
    /// No service of it ever runs.
    pub image_only: bool,
    pub build: Build,
    /// Empty: the engine's own.
    pub platforms: Vec<String>,
    /// `None`: the context is remote, or there is a problem.
    pub dockerfile: Option<DockerfileFile>,
    /// Named contexts, those of `x-bake` included.
    pub contexts: IndexMap<String, ContextSource>,
    pub parents: Vec<Parent>,
    /// Why it cannot be built.
    pub problems: Vec<GraphProblem>,
}

/// Why one image needs another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The other image's key.
    pub key: String,
    pub by: ParentBy,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParentBy {
    /// A name in the Dockerfile is a name of the other image.
    Reference {
        kind: ReferenceKind,
        name: String,
        line: u32,
    },
    /// A named context of this name stands for it.
    Context(String),
    /// What the `FROM` in this line starts from brings an `ONBUILD` that names it.
    Trigger { name: String, line: u32 },
}

impl Image {
    pub(super) fn read(
        project: &Project,
        name: &str,
        service: &Service,
        build: &Build,
        disk: &dyn Disk,
    ) -> Image {
        let mut image = Image {
            key: name.to_owned(),
            services: Vec::new(),
            service_names: Vec::new(),
            names: Vec::new(),
            image_only: true,
            build: build.clone(),
            platforms: platforms(service, build),
            dockerfile: None,
            contexts: IndexMap::new(),
            parents: Vec::new(),
            problems: Vec::new(),
        };
        if let Some(platform) = &service.platform
            && !image.platforms.contains(platform)
        {
            image.problems.push(GraphProblem::Platform {
                service: name.to_owned(),
                platform: platform.clone(),
                declared: image.platforms.join(", "),
            });
        }
        if let Some(context) = &build.context
            && is_standard_input(context, disk)
        {
            image.problems.push(GraphProblem::StandardInput {
                service: name.to_owned(),
            });
            return image;
        }
        let is_remote = build.context.as_deref().is_some_and(is_remote);
        if is_remote && build.dockerfile_inline.is_none() {
            return image;
        }
        match DockerfileFile::read(project, name, build, disk) {
            Ok(mut file) => {
                file.parsed.platforms.clone_from(&image.platforms);
                if file.parsed.target(build.target.as_deref()).is_none() {
                    image.problems.push(GraphProblem::NoStage {
                        service: name.to_owned(),
                        target: build.target.clone().unwrap_or_default(),
                        path: file.shown_as.clone(),
                        known: stage_names(&file.parsed),
                    });
                }
                image.dockerfile = Some(file);
            }
            Err(problem) => image.problems.push(problem),
        }
        image
    }

    pub(super) fn add_service(
        &mut self,
        project: &Project,
        name: &str,
        service: &Service,
        build: &Build,
    ) {
        self.services.push(name.to_owned());
        self.image_only &= is_image_only(service);
        let default = || format!("{}-{name}", project.name);
        let own = service.image.clone().unwrap_or_else(default);
        self.service_names.push(own.clone());
        let baked = bake_list(build, "tags");
        for tag in [own]
            .into_iter()
            .chain(build.tags.iter().cloned())
            .chain(baked)
        {
            if !self.names.contains(&tag) {
                self.names.push(tag);
            }
        }
    }

    /// The names that the files write, of which one may be a registry's; none, where the only one is made up.
    pub fn declared_names(&self, project: &Project) -> Vec<String> {
        let services = || self.services.iter();
        let writes_one = |name: &String| {
            let service = project.services.get(name);
            service.is_some_and(|service| service.image.is_some())
        };
        if !services().any(writes_one) {
            return Vec::new();
        }
        let is_made_up = |name: &&String| {
            services().any(|service| **name == format!("{}-{service}", project.name))
        };
        self.names
            .iter()
            .filter(|name| !is_made_up(name))
            .cloned()
            .collect()
    }

    /// The arguments that the files give a value.
    pub fn arguments(&self) -> IndexMap<String, String> {
        given_arguments(&self.build)
    }

    /// The context's directory. `None`: it is remote, or there is none.
    pub fn context_directory(&self) -> Option<&Path> {
        let context = self.build.context.as_deref()?;
        (!is_remote(context)).then(|| Path::new(context))
    }
}

/// What makes two services share one build.
#[derive(PartialEq)]
pub(super) struct Definition {
    build: Build,
    bake: Option<serde_json::Value>,
    platforms: Vec<String>,
}

impl Definition {
    pub(super) fn of(build: &Build, service: &Service) -> Definition {
        let mut build = build.clone();
        let platforms = platforms(service, &build);
        build.tags.clear();
        let mut bake = build.bake.take();
        if let Some(serde_json::Value::Object(bake)) = &mut bake {
            bake.shift_remove("tags");
        }
        Definition {
            platforms,
            build,
            bake,
        }
    }
}

/// What an image is built for: `platforms`, else the service's own.
fn platforms(service: &Service, build: &Build) -> Vec<String> {
    let baked = bake_list(build, "platforms");
    match (baked.is_empty(), build.platforms.is_empty()) {
        (false, _) => baked,
        (true, false) => build.platforms.clone(),
        (true, true) => service.platform.iter().cloned().collect(),
    }
}

/// The arguments that are given with a value.
pub(super) fn given_arguments(build: &Build) -> IndexMap<String, String> {
    build
        .args
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
        .collect()
}

/// A list of `x-bake`, which may also be a single text.
pub(super) fn bake_list(build: &Build, key: &str) -> Vec<String> {
    let value = build.bake.as_ref().and_then(|bake| bake.get(key));
    match value {
        Some(serde_json::Value::String(one)) => vec![one.clone()],
        Some(serde_json::Value::Array(many)) => many
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

/// A switch of `x-bake`. `None`: it says nothing.
pub(super) fn bake_flag(build: &Build, key: &str) -> Option<bool> {
    build.bake.as_ref()?.get(key)?.as_bool()
}

fn stage_names(dockerfile: &Dockerfile) -> String {
    let names: Vec<String> = dockerfile
        .stages
        .iter()
        .filter_map(|stage| Some(format!("`{}`", stage.name.as_ref()?)))
        .collect();
    match names.is_empty() {
        true => "stages without names".to_owned(),
        false => names.join(", "),
    }
}
