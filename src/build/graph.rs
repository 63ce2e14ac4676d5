use indexmap::IndexMap;

use super::dockerfile::{Dockerfile, Reference, ReferenceKind};
use super::image::{Definition, given_arguments};
use super::source::{context_of, written_contexts};
use super::{ContextSource, GraphProblem, Image, ImageCycle, ImageName, Parent, ParentBy};
use crate::graph::Dag;
use crate::load::Disk;
use crate::model::Project;

/// The images that a project's services are made from, and which of them need which.
#[derive(Clone, Debug, Default)]
pub struct ImageGraph {
    /// By key: the first service that has this build.
    pub images: IndexMap<String, Image>,
    /// Keys; an image needs its parents.
    pub dag: Dag<String>,
}

/// Two images that give themselves the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameClash {
    pub name: String,
    /// Keys of the images.
    pub first: String,
    pub second: String,
}

impl ImageGraph {
    /// Reads the Dockerfiles of all services and finds out what is made from what. Problems of single images are kept
    /// with them; only a cycle leaves no graph.
    pub fn of(project: &Project, disk: &dyn Disk) -> Result<ImageGraph, ImageCycle> {
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
                let found = graph.context_source(project, &key, &context, &source);
                let Some(image) = graph.images.get_mut(&key) else {
                    continue;
                };
                match found {
                    Ok(ContextSource::Directory(path)) if !disk.is_dir(&path) => {
                        let shown = path.strip_prefix(&project.directory).unwrap_or(&path);
                        image.problems.push(GraphProblem::NoNamedContext {
                            service: key.clone(),
                            context,
                            path: shown.display().to_string(),
                        });
                    }
                    Ok(found) => {
                        if let ContextSource::Parent(parent) = &found {
                            image.parents.push(Parent {
                                key: parent.clone(),
                                by: ParentBy::Context(context.clone()),
                            });
                        }
                        image.contexts.insert(context, found);
                    }
                    Err(problem) => image.problems.push(problem),
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
        match graph.dag.order() {
            Ok(_) => Ok(graph),
            Err(cycle) => Err(ImageCycle::of(&graph, &cycle)),
        }
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

    /// Names that several images give themselves: the one that is built last would take it from the others.
    pub fn name_clashes(&self) -> Vec<NameClash> {
        let mut owners: IndexMap<ImageName, &Image> = IndexMap::new();
        let mut clashes = Vec::new();
        for image in self.images.values() {
            for name in &image.names {
                match owners.get(&ImageName::normal(name)) {
                    None => {
                        owners.insert(ImageName::normal(name), image);
                    }
                    Some(owner) if owner.key != image.key => clashes.push(NameClash {
                        name: name.clone(),
                        first: owner.key.clone(),
                        second: image.key.clone(),
                    }),
                    Some(_) => {}
                }
            }
        }
        clashes
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
        let mut found: Vec<(String, Vec<Parent>)> = Vec::new();
        for (key, image) in &self.images {
            let Some(dockerfile) = &image.dockerfile else {
                continue;
            };
            let named = |name: &str| match context_of(&image.contexts, name) {
                Some(ContextSource::Parent(parent)) => (Some(parent), false),
                Some(_) => (None, false),
                None => {
                    let keys = names.get(&ImageName::normal(name));
                    let others = keys.into_iter().flatten();
                    (others.into_iter().find(|other| *other != key), true)
                }
            };
            let mut parents = Vec::new();
            let mut add = |name: &str, by: ParentBy| {
                // Contexts are edges already.
                if let (Some(parent), true) = named(name) {
                    let key = parent.clone();
                    parents.push(Parent { key, by });
                }
            };
            let arguments = given_arguments(&image.build);
            let target = image.build.target.as_deref();
            for reference in dockerfile.parsed.references(target, &arguments) {
                let line = reference.lines.0;
                if reference.kind == ReferenceKind::From
                    && let (Some(base), _) = named(&reference.name)
                {
                    for inherited in self.triggered(base, &dockerfile.parsed) {
                        let name = inherited.name;
                        add(&name.clone(), ParentBy::Trigger { name, line });
                    }
                }
                let name = reference.name;
                let by = ParentBy::Reference {
                    kind: reference.kind,
                    name: name.clone(),
                    line,
                };
                add(&name, by);
            }
            found.push((key.clone(), parents));
        }
        for (key, parents) in found {
            if let Some(image) = self.images.get_mut(&key) {
                image.parents.extend(parents);
            }
        }
    }

    /// What the image with the key `base` brings into a build from it (`ONBUILD`) names.
    fn triggered(&self, base: &str, into: &Dockerfile) -> Vec<Reference> {
        let base = self.images.get(base);
        let file = base.and_then(|base| Some((base, base.dockerfile.as_ref()?)));
        file.map_or(Vec::new(), |(base, file)| {
            let target = base.build.target.as_deref();
            into.references_of_triggers(file.parsed.triggers(target))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MemoryDisk;
    use serde_json::json;
    use std::path::PathBuf;

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
    fn what_a_base_brings_into_its_builds_is_an_edge() {
        let project = project(json!({
            "app": {"build": {"dockerfile_inline": "FROM p-base"}},
            "baked": {"build": {"dockerfile_inline": "FROM x", "additional_contexts": {"x": "service:base"}}},
            "apart": {"build": {"dockerfile_inline": "FROM p-tools\nCOPY --from=p-base / /"}},
            "base": {"build": {"dockerfile_inline": "FROM debian\nONBUILD COPY --from=p-tools /v /v"}},
            "tools": {"build": {"dockerfile_inline": "FROM debian"}}
        }));
        let graph = ImageGraph::of(&project, &MemoryDisk::default()).unwrap();
        assert_eq!(
            edges(&graph),
            [
                "app -> tools",
                "app -> base",
                "baked -> base",
                "baked -> tools",
                "apart -> tools",
                "apart -> base"
            ]
        );
    }

    #[test]
    fn edges_follow_what_the_build_gives() {
        let project = project(json!({
            "app": {"build": {"context": "/p/app", "args": {"VERSION": "2"}}},
            "second": {"image": "img:2", "build": {"dockerfile_inline": "FROM scratch"}}
        }));
        let disk = MemoryDisk::default().with(
            "/p/app/Dockerfile",
            "ARG VERSION=1\nARG BASE=img:${VERSION}\nFROM ${BASE}",
        );
        let graph = ImageGraph::of(&project, &disk).unwrap();
        assert_eq!(edges(&graph), ["app -> second"]);
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
        let disk = MemoryDisk::default()
            .with("/p/Dockerfile", "FROM base")
            .with("/src/file", "");
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
        assert_eq!(
            cycle.to_string(),
            "`a` -> `b` -> `a`\n  `a` needs `b`: a/Dockerfile:1: FROM p-b\n  `b` needs `a`: b/Dockerfile:2: COPY --from=p-a"
        );
    }

    #[test]
    fn problems_stay_with_their_image() {
        let project = project(json!({
            "gone": {"build": {"context": "/p/gone"}},
            "nowhere": {"build": {"context": "/p/nowhere"}},
            "stdin": {"build": {"context": "/p/-"}},
            "layout": {"build": {"context": "/p/ok", "additional_contexts": {"x": "oci-layout://./dir"}}},
            "broken": {"build": {"context": "/p/broken"}},
            "target": {"build": {"context": "/p/ok", "target": "nope"}},
            "context": {"build": {"context": "/p/ok", "additional_contexts": {"x": "service:nope"}}},
            "ignore": {"build": {"context": "/p/ignore"}},
            "file": {"build": {"context": "/p/gone/file"}},
            "directory": {"build": {"context": "/p", "dockerfile": "gone"}},
            "fine": {"build": {"dockerfile_inline": "FROM debian"}}
        }));
        let disk = MemoryDisk::default()
            .with("/p/gone/file", "")
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
                "the build context `nowhere` of service `nowhere` does not exist",
                "the context of service `stdin` is the standard input, which only `wharf build` reads: `wharf build stdin < context.tar`",
                "the context `x` of service `layout` is `oci-layout://./dir`, but OCI layouts on disk are not supported; load the image (`docker load`) and name it as `docker-image://NAME`",
                "broken/Dockerfile:2: the text after `<<EOF` needs a line `EOF` that ends it",
                "service `target` builds the target `nope`, but `ok/Dockerfile` has only `one`, `two`",
                "the context `x` of service `context` is `service:nope`, but the project has no such service with an image",
                "ignore/.dockerignore:2: `a[` is not a pattern: a `[` needs its `]`",
                "the build context `gone/file` of service `file` is a file; a context is a directory",
                "service `directory` is built from `gone`, which is a directory; name a Dockerfile in it",
            ]
        );
    }

    #[test]
    fn a_name_belongs_to_one_image() {
        let project = project(json!({
            "one": {"image": "app", "build": {"dockerfile_inline": "FROM a"}},
            "same": {"image": "app", "build": {"dockerfile_inline": "FROM a"}},
            "other": {"image": "app:latest", "build": {"dockerfile_inline": "FROM b"}}
        }));
        let graph = ImageGraph::of(&project, &MemoryDisk::default()).unwrap();
        assert_eq!(
            graph.name_clashes(),
            [NameClash {
                name: "app:latest".to_owned(),
                first: "one".to_owned(),
                second: "other".to_owned()
            }]
        );
    }

    #[test]
    fn platforms_hold_the_services_own() {
        let project = project(json!({
            "app": {"platform": "linux/riscv64", "build": {"dockerfile_inline": "FROM a", "platforms": ["linux/amd64"]}}
        }));
        let graph = ImageGraph::of(&project, &MemoryDisk::default()).unwrap();
        assert!(
            graph.images["app"].problems[0]
                .to_string()
                .contains("MUST include service.platform \"linux/riscv64\"")
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
