use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::dockerfile::{Dockerfile, DockerfileError, ReferenceKind};
use super::ignore::{PatternError, Patterns, candidates};
use super::image_only::is_image_only;
use super::{IgnoreText, ImageName};
use crate::graph::{Cycle, Dag};
use crate::load::Disk;
use crate::model::{Build, Project, Service};

/// Larger Dockerfiles and ignore files are not read, in bytes.
const LARGEST_FILE: u64 = 4 << 20;

/// The images that a project's services are made from, and which of them need which.
#[derive(Clone, Debug, Default)]
pub struct ImageGraph {
    /// By key: the first service that has this build.
    pub images: IndexMap<String, Image>,
    /// Keys; an image needs its parents.
    pub dag: Dag<String>,
}

/// One image that wharf builds.
#[derive(Clone, Debug)]
pub struct Image {
    pub key: String,
    /// All services with this build definition.
    pub services: Vec<String>,
    /// All names that the image gets; never empty.
    pub names: Vec<String>,
    /// No service of it ever runs.
    pub image_only: bool,
    pub build: Build,
    /// `None`: the engine's own.
    pub platform: Option<String>,
    /// `None`: the context is remote, or there is a problem.
    pub dockerfile: Option<DockerfileFile>,
    /// Named contexts, those of `x-bake` included.
    pub contexts: IndexMap<String, ContextSource>,
    pub parents: Vec<Parent>,
    /// Why it cannot be built.
    pub problems: Vec<GraphProblem>,
}

/// A Dockerfile that has been read.
#[derive(Clone, Debug)]
pub struct DockerfileFile {
    /// `None`: it stands in the Compose file (`dockerfile_inline`).
    pub path: Option<PathBuf>,
    /// Relative to the project's directory where it lies in there.
    pub shown_as: String,
    pub text: String,
    pub parsed: Dockerfile,
    pub ignore: Option<IgnoreText>,
}

/// What a named context stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextSource {
    Directory(PathBuf),
    Image(String),
    Remote(String),
    /// The image with this key.
    Parent(String),
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
}

/// Why an image cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphProblem {
    #[error("service `{service}` is built from `{path}`, which does not exist")]
    NoDockerfile { service: String, path: String },
    #[error("`{path}` cannot be read: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("{path}:{line}: {message}", line = .error.line, message = .error.message)]
    Dockerfile {
        path: String,
        error: DockerfileError,
    },
    #[error("{path}:{}: {error}", .error.line.unwrap_or(1))]
    Ignore { path: String, error: PatternError },
    #[error("service `{service}` builds the target `{target}`, but `{path}` has only {known}")]
    NoStage {
        service: String,
        target: String,
        path: String,
        /// The names of the stages there are, in backticks.
        known: String,
    },
    #[error(
        "the context `{context}` of service `{service}` is `{written}`, but the project has no such service with an image"
    )]
    NoService {
        service: String,
        context: String,
        written: String,
    },
}

impl ImageGraph {
    /// Reads the Dockerfiles of all services and finds out what is made from what. Problems of single images are kept
    /// with them; only a cycle leaves no graph.
    pub fn of(project: &Project, disk: &dyn Disk) -> Result<ImageGraph, Cycle<String>> {
        let mut graph = ImageGraph::default();
        let services = || project.services.iter().chain(&project.inactive);
        let mut definitions: Vec<(Definition, String)> = Vec::new();
        for (name, service) in services() {
            let Some(build) = &service.build else {
                continue;
            };
            let definition = Definition::of(build, service);
            let known = definitions.iter().find(|(known, _)| *known == definition);
            let key = match known {
                Some((_, key)) => key.clone(),
                None => {
                    definitions.push((definition, name.clone()));
                    let image = Image::read(project, name, service, build, disk);
                    graph.images.insert(name.clone(), image);
                    name.clone()
                }
            };
            if let Some(image) = graph.images.get_mut(&key) {
                image.add_service(project, name, service, build);
            }
        }
        let contexts: Vec<(String, IndexMap<String, String>)> = graph
            .images
            .iter()
            .map(|(key, image)| (key.clone(), written_contexts(&image.build)))
            .collect();
        for (key, written) in contexts {
            for (context, source) in written {
                let found = graph.context_source(project, &source);
                let Some(image) = graph.images.get_mut(&key) else {
                    continue;
                };
                match found {
                    Some(found) => {
                        if let ContextSource::Parent(parent) = &found {
                            image.parents.push(Parent {
                                key: parent.clone(),
                                by: ParentBy::Context(context.clone()),
                            });
                        }
                        image.contexts.insert(context, found);
                    }
                    None => image.problems.push(GraphProblem::NoService {
                        service: key.clone(),
                        context,
                        written: source,
                    }),
                }
            }
        }
        graph.match_names();
        for (key, image) in &graph.images {
            graph.dag.node(key.clone());
            for parent in &image.parents {
                graph.dag.edge(key.clone(), parent.key.clone());
            }
        }
        graph.dag.order()?;
        Ok(graph)
    }

    /// The image that a service runs. `None`: it is not built here.
    pub fn of_service(&self, service: &str) -> Option<&Image> {
        self.images
            .values()
            .find(|image| image.services.iter().any(|own| own == service))
    }

    /// Keys of the images that these services need, parents first: their own, and those of other services whose image
    /// they use without building it.
    pub fn needed_by<'s>(
        &self,
        project: &Project,
        services: impl IntoIterator<Item = &'s str>,
    ) -> Vec<String> {
        let mut keys: Vec<&String> = Vec::new();
        for name in services {
            if let Some(image) = self.of_service(name) {
                keys.push(&image.key);
                continue;
            }
            let service = project.services.get(name);
            if let Some(image) = service.and_then(|service| service.image.as_deref())
                && let Some(image) = self.named(image)
            {
                keys.push(&image.key);
            }
        }
        let needed = self.dag.closure(keys);
        // The graph has been checked for cycles when it was made.
        let order = self.dag.order().unwrap_or_default();
        order
            .into_iter()
            .filter(|key| needed.contains(key))
            .collect()
    }

    /// The image that has this name.
    pub fn named(&self, name: &str) -> Option<&Image> {
        let name = ImageName::normal(name);
        self.images
            .values()
            .find(|image| image.names.iter().any(|own| ImageName::normal(own) == name))
    }

    fn context_source(&self, project: &Project, written: &str) -> Option<ContextSource> {
        let service = written
            .strip_prefix("service:")
            .or_else(|| written.strip_prefix("target:"));
        if let Some(name) = service {
            if let Some(image) = self.of_service(name) {
                return Some(ContextSource::Parent(image.key.clone()));
            }
            let image = project.services.get(name)?.image.clone()?;
            return Some(match self.named(&image) {
                Some(image) => ContextSource::Parent(image.key.clone()),
                None => ContextSource::Image(image),
            });
        }
        if let Some(image) = written.strip_prefix("docker-image://") {
            return Some(match self.named(image) {
                Some(image) => ContextSource::Parent(image.key.clone()),
                None => ContextSource::Image(image.to_owned()),
            });
        }
        if is_remote(written) {
            return Some(ContextSource::Remote(written.to_owned()));
        }
        let path = written.strip_prefix("file://").unwrap_or(written);
        Some(ContextSource::Directory(project.directory.join(path)))
    }

    /// Finds edges by the names that Dockerfiles use.
    fn match_names(&mut self) {
        let mut names: IndexMap<ImageName, Vec<String>> = IndexMap::new();
        for (key, image) in &self.images {
            for name in &image.names {
                let keys = names.entry(ImageName::normal(name)).or_default();
                if !keys.contains(key) {
                    keys.push(key.clone());
                }
            }
        }
        for (key, image) in &mut self.images {
            let Some(dockerfile) = &image.dockerfile else {
                continue;
            };
            let arguments = given_arguments(&image.build);
            for reference in dockerfile
                .parsed
                .references(image.build.target.as_deref(), &arguments)
            {
                if context_of(&image.contexts, &reference.name).is_some() {
                    continue;
                }
                let parent = names
                    .get(&ImageName::normal(&reference.name))
                    .and_then(|keys| keys.iter().find(|other| *other != key));
                if let Some(parent) = parent {
                    image.parents.push(Parent {
                        key: parent.clone(),
                        by: ParentBy::Reference {
                            kind: reference.kind,
                            name: reference.name,
                            line: reference.lines.0,
                        },
                    });
                }
            }
        }
    }
}

impl Image {
    fn read(
        project: &Project,
        name: &str,
        service: &Service,
        build: &Build,
        disk: &dyn Disk,
    ) -> Image {
        let mut image = Image {
            key: name.to_owned(),
            services: Vec::new(),
            names: Vec::new(),
            image_only: true,
            build: build.clone(),
            platform: build
                .platforms
                .first()
                .or(service.platform.as_ref())
                .cloned(),
            dockerfile: None,
            contexts: IndexMap::new(),
            parents: Vec::new(),
            problems: Vec::new(),
        };
        if build.context.as_deref().is_some_and(is_remote) {
            return image;
        }
        match DockerfileFile::read(project, name, build, disk) {
            Ok(file) => {
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

    fn add_service(&mut self, project: &Project, name: &str, service: &Service, build: &Build) {
        self.services.push(name.to_owned());
        self.image_only &= is_image_only(service);
        let default = || format!("{}-{name}", project.name);
        let own = service.image.clone().unwrap_or_else(default);
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

    /// The context's directory. `None`: it is remote, or there is none.
    pub fn context_directory(&self) -> Option<&Path> {
        let context = self.build.context.as_deref()?;
        (!is_remote(context)).then(|| Path::new(context))
    }
}

impl DockerfileFile {
    fn read(
        project: &Project,
        service: &str,
        build: &Build,
        disk: &dyn Disk,
    ) -> Result<DockerfileFile, GraphProblem> {
        let context = build.context.as_deref().map(Path::new);
        let shown = |path: &Path| {
            let path = lexically_clean(path);
            let inside = path.strip_prefix(&project.directory).unwrap_or(&path);
            inside.display().to_string()
        };
        let unreadable = |path: &Path, error: std::io::Error| GraphProblem::Unreadable {
            path: shown(path),
            reason: error.to_string(),
        };
        let (path, shown_as, text) = match &build.dockerfile_inline {
            Some(text) => (None, format!("{service} (dockerfile_inline)"), text.clone()),
            None => {
                let file = build.dockerfile.as_deref().unwrap_or("Dockerfile");
                let path = lexically_clean(&context.unwrap_or(&project.directory).join(file));
                if !disk.is_file(&path) {
                    return Err(GraphProblem::NoDockerfile {
                        service: service.to_owned(),
                        path: shown(&path),
                    });
                }
                let bytes = disk
                    .read(&path, LARGEST_FILE)
                    .map_err(|error| unreadable(&path, error))?;
                let shown_as = shown(&path);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                (Some(path), shown_as, text)
            }
        };
        let parsed = Dockerfile::parse(&text).map_err(|error| GraphProblem::Dockerfile {
            path: shown_as.clone(),
            error,
        })?;
        let mut ignore = None;
        let places = context.map(|context| {
            let [beside, top] = candidates(path.as_deref().unwrap_or(Path::new("")), context);
            // An inline Dockerfile has no file beside which rules could lie.
            [path.is_some().then_some(beside), Some(top)]
        });
        if let Some(file) = places
            .into_iter()
            .flatten()
            .flatten()
            .find(|place| disk.is_file(place))
        {
            let bytes = disk
                .read(&file, LARGEST_FILE)
                .map_err(|error| unreadable(&file, error))?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            Patterns::from_file(&text).map_err(|error| GraphProblem::Ignore {
                path: shown(&file),
                error,
            })?;
            ignore = Some(IgnoreText {
                shown_as: shown(&file),
                text,
            });
        }
        Ok(DockerfileFile {
            path,
            shown_as,
            text,
            parsed,
            ignore,
        })
    }
}

/// What makes two services share one build.
#[derive(PartialEq)]
struct Definition {
    build: Build,
    bake: Option<serde_json::Value>,
    platform: Option<String>,
}

impl Definition {
    fn of(build: &Build, service: &Service) -> Definition {
        let mut build = build.clone();
        build.tags.clear();
        let mut bake = build.bake.take();
        if let Some(serde_json::Value::Object(bake)) = &mut bake {
            bake.shift_remove("tags");
        }
        Definition {
            platform: match build.platforms.is_empty() {
                true => service.platform.clone(),
                false => None,
            },
            build,
            bake,
        }
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
fn written_contexts(build: &Build) -> IndexMap<String, String> {
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

/// Whether the engine fetches this context itself.
pub(super) fn is_remote(context: &str) -> bool {
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

fn lexically_clean(path: &Path) -> PathBuf {
    match path.to_str() {
        Some(text) => PathBuf::from(super::ignore::clean(text)),
        None => path.to_path_buf(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MemoryDisk;
    use serde_json::json;

    fn project(services: serde_json::Value) -> Project {
        let mut project: Project =
            serde_json::from_value(json!({ "name": "p", "services": services })).unwrap();
        project.directory = PathBuf::from("/p");
        project
    }

    fn edges(graph: &ImageGraph) -> Vec<String> {
        graph
            .images
            .values()
            .flat_map(|image| {
                image
                    .parents
                    .iter()
                    .map(|parent| format!("{} -> {}", image.key, parent.key))
            })
            .collect()
    }

    /// The tree that Pycroft has, with the edges only in `x-bake`.
    fn pycroft() -> (Project, MemoryDisk) {
        let dev = json!({
            "context": "/p/docker/dev", "dockerfile": "../dev.Dockerfile",
            "x-bake": {"contexts": {"pycroft-base": "target:base"}}
        });
        let project = project(json!({
            "base": {
                "build": {"context": "/p/docker/base", "dockerfile": "../base.Dockerfile", "args": {"UID": "1000"}},
                "image": "agdsn/pycroft-base:latest", "entrypoint": ["/bin/true"], "command": []
            },
            "dev-app": {"build": dev, "image": "agdsn/pycroft-dev:latest"},
            "dev-worker": {"build": dev, "image": "agdsn/pycroft-dev:latest"},
            "prod-app": {
                "build": {"context": "/p", "dockerfile": "docker/prod.Dockerfile",
                    "x-bake": {"contexts": {"pycroft-base": "target:base", "pycroft-dev": "target:dev-worker"}}},
                "image": "agdsn/pycroft-prod:latest"
            },
            "worker": {"image": "agdsn/pycroft-prod"},
            "ldap": {"image": "dinkel/openldap:2.4.44"}
        }));
        let disk = MemoryDisk::default()
            .with(
                "/p/docker/base.Dockerfile",
                "FROM debian:bookworm-slim\nARG UID",
            )
            .with("/p/docker/dev.Dockerfile", "FROM pycroft-base")
            .with(
                "/p/docker/prod.Dockerfile",
                "FROM pycroft-dev AS wheels\nFROM pycroft-base\nCOPY --from=wheels /w /w",
            );
        (project, disk)
    }

    #[test]
    fn bake_contexts_are_edges_and_equal_builds_are_one() {
        let (project, disk) = pycroft();
        let graph = ImageGraph::of(&project, &disk).unwrap();
        assert_eq!(
            graph.images.keys().collect::<Vec<_>>(),
            ["base", "dev-app", "prod-app"]
        );
        assert_eq!(
            edges(&graph),
            ["dev-app -> base", "prod-app -> base", "prod-app -> dev-app"]
        );
        assert_eq!(graph.images["dev-app"].services, ["dev-app", "dev-worker"]);
        assert!(graph.images["base"].image_only);
        assert!(!graph.images["dev-app"].image_only);
        assert_eq!(
            graph.needed_by(&project, ["worker"]),
            ["base", "dev-app", "prod-app"]
        );
        assert_eq!(
            graph.needed_by(&project, ["dev-worker", "ldap"]),
            ["base", "dev-app"]
        );
        assert!(graph.images.values().all(|image| image.problems.is_empty()));
    }

    #[test]
    fn edges_are_found_by_names() {
        let project = project(json!({
            "app": {"build": {"context": "/p/app", "args": {"BASE": "mine/base"}, "target": "run"}},
            "base": {"build": {"context": "/p/base", "tags": ["other:1"]}, "image": "mine/base:latest"},
            "tools": {"build": {"context": "/p/tools"}},
            "unrelated": {"build": {"context": "/p/unrelated"}}
        }));
        let disk = MemoryDisk::default()
            .with(
                "/p/app/Dockerfile",
                "ARG BASE\nFROM $BASE AS run\nCOPY --from=p-tools /x /x\nFROM p-unrelated AS later",
            )
            .with("/p/base/Dockerfile", "FROM mine/base")
            .with(
                "/p/tools/Dockerfile",
                "FROM scratch\nRUN --mount=from=other:1,target=/x y",
            )
            .with("/p/unrelated/Dockerfile", "FROM debian");
        let graph = ImageGraph::of(&project, &disk).unwrap();
        assert_eq!(
            edges(&graph),
            ["app -> base", "app -> tools", "tools -> base"]
        );
        assert_eq!(graph.images["base"].names, ["mine/base:latest", "other:1"]);
        assert_eq!(
            graph.images["app"].parents[1].by,
            ParentBy::Reference {
                kind: ReferenceKind::Copy,
                name: "p-tools".to_owned(),
                line: 3
            }
        );
    }

    #[test]
    fn additional_contexts_of_every_kind() {
        let project = project(json!({
            "app": {"build": {"context": "/p", "additional_contexts": {
                "base": "service:base", "debian": "docker-image://debian:12", "src": "/src",
                "own": "docker-image://p-base", "git": "https://example.org/x.git", "redis": "service:cache"
            }}},
            "base": {"build": {"context": "/p"}},
            "cache": {"image": "redis:7"}
        }));
        let disk = MemoryDisk::default().with("/p/Dockerfile", "FROM base");
        let graph = ImageGraph::of(&project, &disk).unwrap();
        let contexts: Vec<&ContextSource> = graph.images["app"].contexts.values().collect();
        assert_eq!(
            contexts,
            [
                &ContextSource::Parent("base".to_owned()),
                &ContextSource::Image("debian:12".to_owned()),
                &ContextSource::Directory("/src".into()),
                &ContextSource::Parent("base".to_owned()),
                &ContextSource::Remote("https://example.org/x.git".to_owned()),
                &ContextSource::Image("redis:7".to_owned()),
            ]
        );
    }

    #[test]
    fn a_cycle_is_shown_as_its_path() {
        let project = project(json!({
            "a": {"build": {"context": "/p/a"}},
            "b": {"build": {"context": "/p/b"}}
        }));
        let disk = MemoryDisk::default()
            .with("/p/a/Dockerfile", "FROM p-b")
            .with("/p/b/Dockerfile", "FROM x\nCOPY --from=p-a / /");
        let cycle = ImageGraph::of(&project, &disk).unwrap_err();
        assert_eq!(cycle.to_string(), "`a` -> `b` -> `a`");
    }

    #[test]
    fn problems_stay_with_their_image() {
        let project = project(json!({
            "gone": {"build": {"context": "/p/gone"}},
            "broken": {"build": {"context": "/p/broken"}},
            "target": {"build": {"context": "/p/ok", "target": "nope"}},
            "context": {"build": {"context": "/p/ok", "additional_contexts": {"x": "service:nope"}}},
            "ignore": {"build": {"context": "/p/ignore"}},
            "fine": {"build": {"dockerfile_inline": "FROM debian"}}
        }));
        let disk = MemoryDisk::default()
            .with("/p/broken/Dockerfile", "FROM a\nRUN <<EOF\n")
            .with("/p/ok/Dockerfile", "FROM a AS one\nFROM b AS two")
            .with("/p/ignore/Dockerfile", "FROM a")
            .with("/p/ignore/.dockerignore", "ok\na[");
        let graph = ImageGraph::of(&project, &disk).unwrap();
        let problems: Vec<String> = graph
            .images
            .values()
            .flat_map(|image| image.problems.iter().map(ToString::to_string))
            .collect();
        assert_eq!(
            problems,
            [
                "service `gone` is built from `gone/Dockerfile`, which does not exist",
                "broken/Dockerfile:2: the text after `<<EOF` needs a line `EOF` that ends it",
                "service `target` builds the target `nope`, but `ok/Dockerfile` has only `one`, `two`",
                "the context `x` of service `context` is `service:nope`, but the project has no such service with an image",
                "ignore/.dockerignore:2: `a[` is not a pattern: a `[` needs its `]`",
            ]
        );
    }

    #[test]
    fn rules_named_after_the_dockerfile_win() {
        let project = project(
            json!({"app": {"build": {"context": "/p", "dockerfile": "docker/app.Dockerfile"}}}),
        );
        let disk = MemoryDisk::default()
            .with("/p/docker/app.Dockerfile", "FROM a")
            .with("/p/docker/app.Dockerfile.dockerignore", "one")
            .with("/p/.dockerignore", "two");
        let graph = ImageGraph::of(&project, &disk).unwrap();
        let file = graph.images["app"].dockerfile.as_ref().unwrap();
        assert_eq!(file.ignore.as_ref().unwrap().text, "one");
        assert_eq!(file.shown_as, "docker/app.Dockerfile");
    }
}
