use serde_json::{Map, Value, json};

use super::graph::{Image, ImageGraph, bake_list, given_arguments};
use super::{ContextSource, ParentBy};
use crate::model::{Project, Ulimit};

impl ImageGraph {
    /// The images with these keys as a file for `docker buildx bake`, one target each. Edges that were found by reading
    /// Dockerfiles become contexts there, so that bake knows them as well. Values of secrets are left out.
    /// <https://docs.docker.com/build/bake/reference/>
    pub fn to_bake(&self, project: &Project, keys: &[String]) -> Value {
        let images = self
            .images
            .values()
            .filter(|image| keys.contains(&image.key));
        let targets: Map<String, Value> = images
            .map(|image| (image.key.clone(), self.target(project, image)))
            .collect();
        let mut names: Vec<&String> = targets.keys().collect();
        names.sort();
        json!({"group": {"default": {"targets": names}}, "target": targets})
    }

    fn target(&self, project: &Project, image: &Image) -> Value {
        let build = &image.build;
        let mut target = Map::new();
        let mut set = |name: &str, value: Value| {
            let empty = match &value {
                Value::Null => true,
                Value::Array(list) => list.is_empty(),
                Value::Object(map) => map.is_empty(),
                _ => false,
            };
            if !empty {
                target.insert(name.to_owned(), value);
            }
        };
        let relative =
            |path: &str| match path.strip_prefix(&project.directory.display().to_string()) {
                Some("") => ".".to_owned(),
                Some(rest) if rest.starts_with('/') => rest[1..].to_owned(),
                _ => path.to_owned(),
            };
        let dockerfile = match build.dockerfile_inline {
            Some(_) => None,
            None => Some(build.dockerfile.as_deref().unwrap_or("Dockerfile")),
        };
        set("context", json!(build.context.as_deref().map(relative)));
        set("contexts", Value::Object(contexts(image, &relative)));
        set("dockerfile", json!(dockerfile));
        set("dockerfile-inline", json!(build.dockerfile_inline));
        set("args", json!(given_arguments(build)));
        set("labels", json!(build.labels));
        set("tags", json!(declared_names(project, image)));
        set(
            "cache-from",
            caches(&build.cache_from, &bake_list(build, "cache-from")),
        );
        set(
            "cache-to",
            caches(&build.cache_to, &bake_list(build, "cache-to")),
        );
        set("target", json!(build.target));
        set("secret", secrets(project, image));
        set("ssh", agents(&build.ssh));
        set("platforms", json!(build.platforms));
        set(
            "no-cache",
            json!(build.no_cache.filter(|no_cache| *no_cache)),
        );
        set("no-cache-filter", json!(build.no_cache_filter));
        set("pull", json!(build.pull.filter(|pull| *pull)));
        set("network", json!(build.network));
        set(
            "shm-size",
            json!(build.shm_size.map(|size| size.to_string())),
        );
        set("ulimits", json!(ulimits(image)));
        set("entitlements", json!(build.entitlements));
        Value::Object(target)
    }
}

fn contexts(image: &Image, relative: &dyn Fn(&str) -> String) -> Map<String, Value> {
    let mut contexts = Map::new();
    for (name, source) in &image.contexts {
        let written = match source {
            ContextSource::Directory(path) => relative(&path.display().to_string()),
            ContextSource::Image(image) => format!("docker-image://{image}"),
            ContextSource::Remote(url) => url.clone(),
            ContextSource::Parent(key) => format!("target:{key}"),
        };
        contexts.insert(name.clone(), Value::String(written));
    }
    for parent in &image.parents {
        if let ParentBy::Reference { name, .. } = &parent.by {
            contexts.insert(
                name.clone(),
                Value::String(format!("target:{}", parent.key)),
            );
        }
    }
    contexts
}

/// The names that the files give; those that wharf makes up are left out, as bake does.
fn declared_names<'i>(project: &Project, image: &'i Image) -> Vec<&'i String> {
    let made_up: Vec<String> = image
        .services
        .iter()
        .filter(|name| {
            let service = project.services.get(*name).or(project.inactive.get(*name));
            service.is_some_and(|service| service.image.is_none())
        })
        .map(|name| format!("{}-{name}", project.name))
        .collect();
    image
        .names
        .iter()
        .filter(|name| !made_up.contains(name))
        .collect()
}

/// `type=registry,ref=x` as an object; an image's name is a registry's cache.
fn caches(declared: &[String], baked: &[String]) -> Value {
    let entry = |text: &String| -> Value {
        if !text.contains('=') {
            return json!({"ref": text, "type": "registry"});
        }
        let pairs: Map<String, Value> = text
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), Value::String(value.to_owned())))
            .collect();
        Value::Object(pairs)
    };
    declared.iter().chain(baked).map(entry).collect()
}

fn secrets(project: &Project, image: &Image) -> Value {
    let secret = |used: &crate::model::BuildSecret| {
        let mut secret = Map::new();
        let id = used.target.as_ref().unwrap_or(&used.source);
        secret.insert("id".to_owned(), json!(id));
        if let Some(defined) = project.secrets.get(&used.source) {
            if let Some(file) = &defined.file {
                secret.insert("src".to_owned(), json!(file));
            } else if let Some(variable) = &defined.environment {
                secret.insert("env".to_owned(), json!(variable));
            }
        }
        Value::Object(secret)
    };
    image.build.secrets.iter().map(secret).collect()
}

fn agents(declared: &[String]) -> Value {
    let agent = |entry: &String| match entry.split_once('=') {
        Some((id, path)) => json!({"id": id, "paths": [path]}),
        None => json!({"id": entry}),
    };
    declared.iter().map(agent).collect()
}

fn ulimits(image: &Image) -> Vec<String> {
    let text = |(name, limit): (&String, &Ulimit)| match limit {
        Ulimit::Single(both) => format!("{name}={both}:{both}"),
        Ulimit::Pair { soft, hard } => format!("{name}={soft}:{hard}"),
    };
    image.build.ulimits.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MemoryDisk;

    #[test]
    fn every_image_is_one_target_with_its_edges() {
        let mut project: Project = serde_json::from_value(json!({"name": "p",
            "services": {
                "base": {"build": {"context": "/p/base", "args": {"UID": "1000"}, "secrets": [{"source": "token"}, {"source": "env"}]}, "image": "base:1"},
                "app": {"build": {"context": "/p", "dockerfile": "app/Dockerfile", "cache_from": ["a:cache"], "ssh": ["default"],
                    "x-bake": {"contexts": {"tools": "target:tools"}}}},
                "worker": {"build": {"context": "/p", "dockerfile": "app/Dockerfile", "cache_from": ["a:cache"], "ssh": ["default"],
                    "x-bake": {"contexts": {"tools": "target:tools"}}}},
                "tools": {"build": {"dockerfile_inline": "FROM scratch"}}
            },
            "secrets": {"token": {"file": "/etc/token"}, "env": {"environment": "TOKEN"}}
        }))
        .unwrap();
        project.directory = "/p".into();
        let disk = MemoryDisk::default()
            .with("/p/base/Dockerfile", "FROM debian")
            .with("/p/app/Dockerfile", "FROM base:1\nCOPY --from=tools / /");
        let graph = ImageGraph::of(&project, &disk).unwrap();
        let keys = graph.needed_by(&project, ["worker"]);
        assert_eq!(
            graph.to_bake(&project, &keys),
            json!({
                "group": {"default": {"targets": ["app", "base", "tools"]}},
                "target": {
                    "base": {"context": "base", "dockerfile": "Dockerfile", "args": {"UID": "1000"}, "tags": ["base:1"],
                        "secret": [{"id": "token", "src": "/etc/token"}, {"id": "env", "env": "TOKEN"}]},
                    "app": {"context": ".", "contexts": {"tools": "target:tools", "base:1": "target:base"},
                        "dockerfile": "app/Dockerfile", "cache-from": [{"ref": "a:cache", "type": "registry"}],
                        "ssh": [{"id": "default"}]},
                    "tools": {"dockerfile-inline": "FROM scratch"}
                }
            })
        );
    }
}
