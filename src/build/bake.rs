use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::image::{Image, bake_flag, bake_list, given_arguments};
use super::recipe::attestation;
use super::{ContextSource, ImageGraph, ParentBy};
use crate::model::{Project, Ulimit};

impl ImageGraph {
    /// The images with these keys as a file for `docker buildx bake`, one target each, written as bake itself prints
    /// it. Edges that were found by reading Dockerfiles become contexts there, so that bake knows them as well. Values
    /// of secrets are left out.
    /// <https://docs.docker.com/build/bake/reference/>
    pub fn to_bake(&self, project: &Project, keys: &[String]) -> Value {
        let images = self
            .images
            .values()
            .filter(|image| keys.contains(&image.key));
        let mut targets: Vec<(String, Value)> = images
            .map(|image| (target_name(&image.key), escaped(Target::of(project, image))))
            .collect();
        targets.sort_by(|(one, _), (other, _)| one.cmp(other));
        let names: Vec<&String> = targets.iter().map(|(name, _)| name).collect();
        json!({
            "group": {"default": {"targets": names}},
            "target": targets.iter().cloned().collect::<Map<_, _>>(),
        })
    }
}

/// Targets are named with letters, digits, `_` and `-`.
pub(super) fn target_name(key: &str) -> String {
    key.replace('.', "_")
}

/// The value in a file where bake reads `${` and `%{` as the begin of something to be replaced.
fn escaped(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("${", "$${").replace("%{", "%%{")),
        Value::Array(list) => list.into_iter().map(escaped).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, escaped(value)))
            .collect(),
        other => other,
    }
}

/// A target in the making: what is empty is left out.
struct Target(Map<String, Value>);

impl Target {
    fn of(project: &Project, image: &Image) -> Value {
        let build = &image.build;
        let directory = project.directory.display().to_string();
        let relative = |path: &str| match path.strip_prefix(&directory) {
            Some("") => ".".to_owned(),
            Some(rest) if rest.starts_with('/') => rest[1..].to_owned(),
            _ => path.to_owned(),
        };
        let lists = |own: &[String], baked: &str| match bake_list(build, baked) {
            baked if baked.is_empty() => own.to_vec(),
            baked => baked,
        };
        let mut target = Target(Map::new());
        target.set("attest", attestations(image));
        target.set("context", json!(build.context.as_deref().map(relative)));
        target.set("contexts", Value::Object(contexts(image, &relative)));
        let dockerfile = build.dockerfile.as_deref().unwrap_or("Dockerfile");
        target.set("dockerfile", json!(dockerfile));
        target.set("dockerfile-inline", json!(build.dockerfile_inline));
        let mut arguments = given_arguments(build);
        arguments.sort_keys();
        target.set("args", json!(arguments));
        let mut labels = build.labels.clone();
        labels.sort_keys();
        target.set("labels", json!(labels));
        target.set("tags", json!(declared_names(project, image)));
        target.set(
            "cache-from",
            caches(&lists(&build.cache_from, "cache-from")),
        );
        target.set("cache-to", caches(&lists(&build.cache_to, "cache-to")));
        target.set("target", json!(build.target));
        target.set("secret", secrets(project, image, &relative));
        target.set("ssh", agents(&lists(&build.ssh, "ssh"), &relative));
        target.set("platforms", json!(lists(&build.platforms, "platforms")));
        target.set("output", entries(&bake_list(build, "output")));
        let switch =
            |baked, own: Option<bool>| json!(bake_flag(build, baked).or(own).filter(|on| *on));
        target.set("pull", switch("pull", build.pull));
        target.set("no-cache", switch("no-cache", build.no_cache));
        target.set("network", json!(build.network));
        target.set(
            "no-cache-filter",
            json!(lists(&build.no_cache_filter, "no-cache-filter")),
        );
        target.set("shm-size", json!(build.shm_size.map(|size| units(size.0))));
        target.set("ulimits", json!(ulimits(image)));
        target.set("entitlements", json!(entitlements(image)));
        target.set(
            "extra-hosts",
            Value::Object(extra_hosts(&build.extra_hosts)),
        );
        Value::Object(target.0)
    }

    fn set(&mut self, name: &str, value: Value) {
        let empty = match &value {
            Value::Null => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        if !empty {
            self.0.insert(name.to_owned(), value);
        }
    }
}

fn contexts(image: &Image, relative: &dyn Fn(&str) -> String) -> Map<String, Value> {
    let mut contexts = Map::new();
    let written = |name: &str| {
        let baked = image.build.bake.as_ref()?.get("contexts")?.get(name)?;
        Some(baked.as_str()?.to_owned())
    };
    for (name, source) in &image.contexts {
        let source = match source {
            // Bake leaves its own section as it stands.
            ContextSource::Directory(path) => {
                written(name).unwrap_or_else(|| relative(&path.display().to_string()))
            }
            ContextSource::Image(image) => format!("docker-image://{image}"),
            ContextSource::Remote(url) => url.clone(),
            ContextSource::Parent(key) => format!("target:{}", target_name(key)),
        };
        contexts.insert(name.clone(), Value::String(source));
    }
    for parent in &image.parents {
        if let ParentBy::Reference { name, .. } | ParentBy::Trigger { name, .. } = &parent.by {
            let target = format!("target:{}", target_name(&parent.key));
            contexts.insert(name.clone(), Value::String(target));
        }
    }
    contexts.sort_keys();
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

/// `type=registry,ref=x` as an object.
fn entry(text: &str) -> Map<String, Value> {
    text.split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), Value::String(value.to_owned())))
        .collect()
}

fn entries(texts: &[String]) -> Value {
    texts
        .iter()
        .map(|text| Value::Object(entry(text)))
        .collect()
}

/// An image's name alone is a registry's cache.
fn caches(texts: &[String]) -> Value {
    let cache = |text: &String| match text.contains('=') {
        true => Value::Object(entry(text)),
        false => json!({"ref": text, "type": "registry"}),
    };
    texts.iter().map(cache).collect()
}

fn secrets(project: &Project, image: &Image, relative: &dyn Fn(&str) -> String) -> Value {
    let secret = |used: &crate::model::BuildSecret| {
        let mut secret = Map::new();
        let id = used.target.as_ref().unwrap_or(&used.source);
        secret.insert("id".to_owned(), json!(id));
        if let Some(defined) = project.secrets.get(&used.source) {
            if let Some(file) = &defined.file {
                secret.insert("src".to_owned(), json!(relative(file)));
            } else if let Some(variable) = &defined.environment {
                secret.insert("env".to_owned(), json!(variable));
            }
        }
        Value::Object(secret)
    };
    let baked = bake_list(&image.build, "secret");
    let baked = baked.iter().map(|text| Value::Object(entry(text)));
    image
        .build
        .secrets
        .iter()
        .map(secret)
        .chain(baked)
        .collect()
}

fn agents(declared: &[String], relative: &dyn Fn(&str) -> String) -> Value {
    let agent = |entry: &String| match entry.split_once('=') {
        Some((id, paths)) if !paths.is_empty() => {
            let paths: Vec<String> = paths.split(',').map(relative).collect();
            json!({"id": id, "paths": paths})
        }
        Some((id, _)) => json!({"id": id}),
        None => json!({"id": entry}),
    };
    declared.iter().map(agent).collect()
}

/// `disabled`: it is said that there is to be none, which keeps bake from adding its own.
fn attestations(image: &Image) -> Value {
    let build = &image.build;
    [("sbom", &build.sbom), ("provenance", &build.provenance)]
        .into_iter()
        .filter_map(|(kind, asked)| {
            let asked = asked.as_deref().filter(|asked| !asked.is_empty())?;
            let mut object = match attestation(asked) {
                Some(parameters) => entry(&parameters),
                None => Map::from_iter([("disabled".to_owned(), Value::Bool(true))]),
            };
            object.insert("type".to_owned(), json!(kind));
            object.sort_keys();
            Some(Value::Object(object))
        })
        .collect()
}

fn ulimits(image: &Image) -> Vec<String> {
    let text = |(name, limit): (&String, &Ulimit)| match limit {
        Ulimit::Single(both) => format!("{name}={both}:{both}"),
        Ulimit::Pair { soft, hard } => format!("{name}={soft}:{hard}"),
    };
    image.build.ulimits.iter().map(text).collect()
}

fn entitlements(image: &Image) -> Vec<String> {
    let mut entitlements = image.build.entitlements.clone();
    let insecure = "security.insecure";
    if image.build.privileged == Some(true) && !entitlements.iter().any(|one| one == insecure) {
        entitlements.push(insecure.to_owned());
    }
    entitlements
}

/// `NAME=ADDRESS` or `NAME:ADDRESS`, an IPv6 address perhaps in brackets; several addresses of a name are one text.
fn extra_hosts(entries: &[String]) -> Map<String, Value> {
    let mut hosts: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for entry in entries {
        if let Some((host, address)) = entry.split_once('=').or_else(|| entry.split_once(':')) {
            let address = address.trim_start_matches('[').trim_end_matches(']');
            hosts.entry(host).or_default().push(address);
        }
    }
    hosts
        .into_iter()
        .map(|(host, addresses)| (host.to_owned(), json!(addresses.join(","))))
        .collect()
}

/// Bytes in the largest unit of which there is at least one, with four significant digits: `256MiB`, `1.431MiB`.
fn units(bytes: i64) -> String {
    let mut amount = bytes as f64;
    let mut unit = 0;
    let names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    while amount >= 1024.0 && unit + 1 < names.len() {
        amount /= 1024.0;
        unit += 1;
    }
    let digits = match amount {
        1000.0.. => 0,
        100.0.. => 1,
        10.0.. => 2,
        _ => 3,
    };
    let text = format!("{amount:.digits$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    format!("{text}{}", names[unit])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MemoryDisk;

    #[test]
    fn bake_reads_the_same_text() {
        let mut project: Project = serde_json::from_value(json!({"name": "p", "services": {
            "app": {"image": "app", "build": {
                "dockerfile_inline": "FROM b\nENV E=${P:-none} F=$F",
                "args": {"P": "100%{if}"}, "labels": {"l": "${Z}"},
                "extra_hosts": ["a=1.1.1.1", "b=::1", "a=2.2.2.2"], "shm_size": "1500000"
            }}
        }}))
        .unwrap();
        project.directory = "/p".into();
        let graph = ImageGraph::of(&project, &MemoryDisk::default()).unwrap();
        let bake = graph.to_bake(&project, &["app".to_owned()]);
        let target = &bake["target"]["app"];
        assert_eq!(
            target["dockerfile-inline"],
            "FROM b\nENV E=$${P:-none} F=$F"
        );
        assert_eq!(target["args"]["P"], "100%%{if}");
        assert_eq!(target["labels"]["l"], "$${Z}");
        assert_eq!(
            target["extra-hosts"],
            json!({"a": "1.1.1.1,2.2.2.2", "b": "::1"})
        );
        assert_eq!(target["shm-size"], "1.431MiB");
    }

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
                    "tools": {"dockerfile": "Dockerfile", "dockerfile-inline": "FROM scratch"}
                }
            })
        );
    }
}
