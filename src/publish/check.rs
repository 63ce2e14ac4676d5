use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;

use super::raw::{RawFile, RawFiles, env_files, text_of};
use crate::grammar::plain;
use crate::interpolate::{self, Part, Template};
use crate::load::{Disk, is_remote};
use crate::model::{MountKind, Project, Service};
use crate::secret::{Detected, in_pairs, in_text, is_secret};
use crate::source::{Kind, Mapping, Node};

/// The bind mounts of services, `source:target:mode`.
pub type BindMounts = Vec<(String, Vec<String>)>;

/// Whether a file includes another one of this machine: an artifact has no place for it.
pub fn local_include(files: &RawFiles) -> bool {
    let is_local = |path: &Node| path.as_str().is_some_and(|path| !is_remote(path));
    files
        .all()
        .flat_map(|file| &file.documents)
        .filter_map(|document| document.get("include")?.as_sequence())
        .flatten()
        .map(|element| element.get("path").unwrap_or(element))
        .any(|path| match path.as_sequence() {
            Some(paths) => paths.iter().any(is_local),
            None => is_local(path),
        })
}

fn services(project: &Project) -> impl Iterator<Item = (&String, &Service)> {
    project.services.iter().chain(&project.inactive)
}

/// Services that name no image: whoever gets the artifact has nothing to build them from.
pub fn built_only(project: &Project) -> Vec<String> {
    services(project)
        .filter(|(_, service)| service.image.is_none() && service.build.is_some())
        .map(|(name, _)| name.clone())
        .collect()
}

pub fn bind_mounts(project: &Project) -> BindMounts {
    services(project)
        .filter_map(|(name, service)| {
            let mounts: Vec<String> = service
                .volumes
                .iter()
                .filter(|mount| mount.kind == MountKind::Bind)
                .map(|mount| {
                    let source = mount.source.as_deref().unwrap_or_default();
                    let mode = if mount.read_only { "ro" } else { "rw" };
                    format!("{source}:{}:{mode}", mount.target)
                })
                .collect();
            (!mounts.is_empty()).then(|| (name.clone(), mounts))
        })
        .collect()
}

/// What the files say of environments, as it is published: `${..}` is not replaced in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    pub services: BTreeMap<String, Environment>,
    /// Configs whose content is written out in a file.
    pub configs: BTreeSet<String>,
}

/// What one service says of its environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    pub has_env_files: bool,
    /// Variables with a value that is written out, and a secret's name.
    pub secrets: BTreeSet<String>,
    /// Other variables with a value that is written out.
    pub others: BTreeSet<String>,
}

impl Environment {
    fn is_empty(&self) -> bool {
        !self.has_env_files && self.secrets.is_empty() && self.others.is_empty()
    }
}

pub fn declared(files: &RawFiles) -> Declared {
    let mut declared = Declared::default();
    for file in files.all() {
        for (name, service) in file.section("services") {
            let found = declared.services.entry(name.to_owned()).or_default();
            found.has_env_files |= !env_files(service).is_empty();
            for (variable, value) in environment(service) {
                let secret = is_secret(&variable);
                if is_written_out(&value, secret) {
                    match secret {
                        true => found.secrets.insert(variable),
                        false => found.others.insert(variable),
                    };
                }
            }
        }
        for (name, config) in file.section("configs") {
            let content = config.get("content").and_then(Node::as_str);
            if content.is_some_and(|content| is_written_out(content, true)) {
                declared.configs.insert(name.to_owned());
            }
        }
    }
    declared.services.retain(|_, found| !found.is_empty());
    declared
}

/// The variables of a service that have a value, in either form.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#environment>
fn environment(service: &Node) -> Vec<(String, String)> {
    match service.get("environment").map(|node| &node.kind) {
        Some(Kind::Mapping(entries)) => entries
            .iter()
            .filter_map(|(key, value)| Some((key.text.to_string(), text_of_scalar(value)?)))
            .collect(),
        Some(Kind::Sequence(items)) => items
            .iter()
            .filter_map(|item| item.as_str()?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        _ => Vec::new(),
    }
}

/// `None`: it is no single value, or null.
fn text_of_scalar(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::String(text) | Kind::Timestamp(text) => Some(text.to_string()),
        other => plain(other),
    }
}

/// Whether a value says anything beside variables. `with_defaults`: what stands in for an unset variable counts too.
fn is_written_out(value: &str, with_defaults: bool) -> bool {
    match interpolate::parse(value) {
        Ok(template) => says_something(&template, with_defaults),
        Err(_) => true,
    }
}

fn says_something(template: &Template<'_>, with_defaults: bool) -> bool {
    template.parts.iter().any(|part| match part {
        Part::Text(text) => !text.trim().is_empty(),
        Part::Expression(expression) => {
            let operation = expression.operation.as_ref();
            with_defaults && operation.is_some_and(|one| says_something(&one.template, true))
        }
    })
}

/// What looks like a secret in the files of the project, in its env files, and in its configs and secrets that are files.
pub fn sensitive(files: &RawFiles, project: &Project, disk: &dyn Disk) -> Vec<Detected> {
    let mut found = Vec::new();
    for file in files.all() {
        found.extend(in_pairs(
            values(file)
                .iter()
                .map(|(path, value)| (path.as_str(), value.as_str())),
        ));
    }
    let objects = project.configs.values().chain(project.secrets.values());
    let objects = objects.filter_map(|object| Some(PathBuf::from(object.file.as_ref()?)));
    let env_files = files.all().flat_map(|file| &file.env_files);
    let mut met = HashSet::new();
    for path in env_files
        .map(|reference| reference.path.clone())
        .chain(objects)
    {
        if met.insert(path.clone())
            && let Some(text) = text_of(&path, disk)
        {
            found.extend(in_text(&text));
        }
    }
    found
}

/// Every value of a file by its path, `services.web.environment.NAME`.
fn values(file: &RawFile) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for document in &file.documents {
        collect(document, "", &mut found);
    }
    found
}

fn collect(node: &Node, path: &str, found: &mut Vec<(String, String)>) {
    let below = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match &node.kind {
        Kind::Mapping(entries) => collect_members(entries, below, found),
        Kind::Sequence(items) => {
            for (at, item) in items.iter().enumerate() {
                // Lists of `NAME=value` stand for mappings.
                match item.as_str().and_then(|text| text.split_once('=')) {
                    Some((name, value)) if is_name(name) => {
                        found.push((below(name), value.to_owned()));
                    }
                    _ => collect(item, &format!("{path}[{at}]"), found),
                }
            }
        }
        _ => found.extend(text_of_scalar(node).map(|text| (path.to_owned(), text))),
    }
}

fn collect_members(
    entries: &Mapping,
    below: impl Fn(&str) -> String,
    found: &mut Vec<(String, String)>,
) {
    for (key, value) in entries {
        collect(value, &below(&key.text), found);
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::path::Path;

    use super::*;
    use crate::interpolate::Lookup;
    use crate::load::MemoryDisk;
    use crate::source::Supply;

    struct Nothing;

    impl Lookup for Nothing {
        fn get(&self, _: &str) -> Option<(Cow<'_, str>, Supply)> {
            None
        }
    }

    fn files(text: &str, disk: &MemoryDisk) -> RawFiles {
        let layers = vec![("/p/compose.yml".into(), text.to_owned())];
        RawFiles::read(layers, Path::new("/p"), &Nothing, disk)
    }

    fn of(text: &str) -> RawFiles {
        files(text, &MemoryDisk::default())
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn only_includes_of_this_machine_cannot_be_published() {
        for (text, is_local) in [
            ("include: [common.yml]", true),
            ("include: [{path: [oci://r/a, b.yml]}]", true),
            ("include: [{path: c.yml}]", true),
            (
                "include: [oci://registry.example/app, {path: https://host/x.git}]",
                false,
            ),
            ("services: {}", false),
        ] {
            assert_eq!(local_include(&of(text)), is_local, "{text}");
        }
    }

    #[test]
    fn what_is_written_out_is_told_from_variables() {
        let found = declared(&of("
services:
  list: {environment: [A=1, 'B=${B}', C, 'DB_PASSWORD=x', 'TOKEN=${T:-written}', 'D=${D:-d}']}
  map: {environment: {N: 1, E: , P: '$P', Q: 'x$P', R: 'a$$b'}, env_file: [a.env]}
  none: {environment: ['B=${B}'], image: i}
configs:
  literal: {content: hello}
  variable: {content: '${X}'}
  file: {file: x}
"));
        let list = found.services.get("list").unwrap();
        assert_eq!(list.others, set(&["A"]));
        assert_eq!(list.secrets, set(&["DB_PASSWORD", "TOKEN"]));
        assert!(!list.has_env_files);
        let map = found.services.get("map").unwrap();
        assert_eq!(map.others, set(&["N", "Q", "R"]));
        assert!(map.has_env_files);
        assert!(!found.services.contains_key("none"));
        assert_eq!(found.configs, set(&["literal"]));
    }

    #[test]
    fn a_service_that_is_extended_is_looked_at_too() {
        let disk = MemoryDisk::default().with(
            "/p/base.yml",
            "services: {b: {environment: {API_TOKEN: t}}}\n",
        );
        let found = files(
            "services: {a: {extends: {file: base.yml, service: b}}}",
            &disk,
        );
        let found = declared(&found);
        assert_eq!(found.services["b"].secrets, set(&["API_TOKEN"]));
    }

    #[test]
    fn secrets_are_found_wherever_the_artifact_or_its_containers_get_them() {
        let token = "ghp_1234567890abcdefghijklmnopqrstuvwxyz";
        let disk = MemoryDisk::default()
            .with("/p/a.env", format!("GITHUB_TOKEN={token}\n"))
            .with("/p/config.txt", "AKIA1234567890ABCDEF\n");
        let text = "
services:
  web:
    image: i
    env_file: a.env
    environment: [AWS_ACCESS_KEY_ID=A3TX1234567890ABCDEF]
    labels: {url: 'http://user:pass@host/'}
";
        let mut project = Project::default();
        let config = crate::model::FileObject {
            file: Some("/p/config.txt".into()),
            ..Default::default()
        };
        project.configs.insert("c".into(), config);
        let found = sensitive(&files(text, &disk), &project, &disk);
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|one| (one.what, one.key.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (
                    "AWS Client ID",
                    "services.web.environment.AWS_ACCESS_KEY_ID"
                ),
                ("URL with password", "services.web.labels.url"),
                ("Github authentication", "GITHUB_TOKEN"),
                ("AWS Client ID", ""),
            ]
        );
    }

    #[test]
    fn mounts_and_builds_are_those_of_all_services() {
        let service = |text: &str| -> Service { serde_yaml::from_str(text).unwrap() };
        let mut project = Project::default();
        let mounted = "{image: i, volumes: [{type: bind, source: /a, target: /b, read_only: true}, {type: volume, source: v, target: /v}]}";
        project.services.insert("web".into(), service(mounted));
        project
            .services
            .insert("built".into(), service("{build: {context: .}}"));
        project
            .inactive
            .insert("later".into(), service("{build: {context: .}}"));
        project
            .services
            .insert("both".into(), service("{image: i, build: {context: .}}"));
        assert_eq!(
            bind_mounts(&project),
            [("web".to_owned(), vec!["/a:/b:ro".to_owned()])]
        );
        assert_eq!(built_only(&project), ["built", "later"]);
    }
}
