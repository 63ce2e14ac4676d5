use std::path::Path;

use indexmap::{IndexMap, IndexSet};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use crate::config::{Format, View};
use crate::engine::Image;
use crate::load::Disk;
use crate::resolve::Resolved;
use crate::source::to_yaml;

/// Larger secrets and configs are not read, in bytes.
const LIMIT: u64 = 16 << 20;

/// The sections whose members have a content.
const WITH_CONTENT: [&str; 2] = ["configs", "secrets"];

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("cannot read `{file}`, the content of `{section}.{name}`: {error}")]
    File {
        section: &'static str,
        name: String,
        file: String,
        error: std::io::Error,
    },
    #[error("the project cannot be written as data: {0}")]
    Data(#[from] serde_json::Error),
}

/// An image that a service runs from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    pub service: String,
    pub reference: String,
    pub platform: Option<String>,
    /// It is built here; a registry need not have it.
    pub is_built: bool,
}

/// The images of the active services. What another program provides has none.
pub fn needed(resolved: &Resolved) -> Vec<Needed> {
    let project = &resolved.project;
    let services = project.services.iter();
    services
        .filter(|(_, service)| service.provider.is_none())
        .map(|(name, service)| Needed {
            service: name.clone(),
            reference: service.image_name(&project.name, name),
            platform: service.platform.clone(),
            is_built: service.build.is_some(),
        })
        .collect()
}

/// The project as transformations read it: what `docker compose config` prints, completed by what only this machine
/// knows. Every service names its image and all its ports; secrets and configs have their content; env files and label files stay
/// listed.
/// <https://docs.docker.com/compose/bridge/customize/>
pub struct Model {
    document: Value,
    /// By section and name.
    contents: IndexMap<(&'static str, String), Vec<u8>>,
}

impl Model {
    /// `images`: by the name of the service that runs from them.
    ///
    /// # Errors
    /// A secret or config whose file cannot be read.
    pub fn of(
        resolved: &Resolved,
        images: &IndexMap<String, Image>,
        disk: &dyn Disk,
    ) -> Result<Model, ModelError> {
        let view = View::new(&resolved.document, Format::Yaml).verbatim();
        let mut document = serde_json::to_value(&view)?;
        if let (Some(root), Some(models)) =
            (document.as_object_mut(), resolved.document.get("models"))
        {
            let models = serde_json::to_value(View::raw(models, Format::Yaml))?;
            root.insert("models".into(), models);
        }
        let needed: IndexMap<String, Needed> = needed(resolved)
            .into_iter()
            .map(|one| (one.service.clone(), one))
            .collect();
        let services = document.get_mut("services").and_then(Value::as_object_mut);
        for (name, service) in services.into_iter().flatten() {
            let Some(members) = service.as_object_mut() else {
                continue;
            };
            if let Some(needed) = needed.get(name) {
                complete(members, needed, images.get(name));
            }
            let files = resolved.project.services.get(name);
            let files = files.map(|service| service.label_files.as_slice());
            if let Some(files @ [_, ..]) = files {
                members.insert("label_file".into(), json!(files));
            }
        }
        Ok(Model {
            contents: contents(resolved, disk)?,
            document,
        })
    }

    /// With a line break at its end.
    pub fn to_yaml(&self) -> String {
        to_yaml(self)
    }
}

/// Adds to a service its image and every port that something may speak to: its own, the image's and those that it publishes.
fn complete(members: &mut Map<String, Value>, needed: &Needed, image: Option<&Image>) {
    let list = |key: &str| members.get(key).and_then(Value::as_array);
    let own = list("expose").into_iter().flatten().map(text_of);
    let of_image = image.into_iter().flat_map(|image| &image.exposed_ports);
    let of_image = of_image.map(|port| port.split('/').next().unwrap_or(port).to_owned());
    let published = list("ports").into_iter().flatten();
    let published = published.filter_map(|port| port.get("target").map(text_of));
    let ports: IndexSet<String> = own.chain(of_image).chain(published).collect();
    if !ports.is_empty() {
        members.insert("expose".into(), json!(ports));
    }
    members.insert("image".into(), json!(needed.reference));
    if let Some(Value::Array(files)) = members.get_mut("env_file") {
        files.iter_mut().for_each(shorten);
    }
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// An env file that must be there is its path alone.
fn shorten(file: &mut Value) {
    if file.get("required") != Some(&Value::Bool(false))
        && let Some(path) = file.get_mut("path").map(Value::take)
    {
        *file = path;
    }
}

fn contents(
    resolved: &Resolved,
    disk: &dyn Disk,
) -> Result<IndexMap<(&'static str, String), Vec<u8>>, ModelError> {
    let project = &resolved.project;
    let mut contents = IndexMap::new();
    for section in WITH_CONTENT {
        let objects = match section {
            "configs" => &project.configs,
            _ => &project.secrets,
        };
        for (name, object) in objects.iter().filter(|(_, object)| !object.external) {
            let content = match &object.file {
                Some(file) => {
                    let read = disk.read(Path::new(file), LIMIT);
                    Some(read.map_err(|error| ModelError::File {
                        section,
                        name: name.clone(),
                        file: file.clone(),
                        error,
                    })?)
                }
                None => {
                    let value = object.value.as_ref();
                    value.map(|value| value.as_str().as_bytes().to_vec())
                }
            };
            // As with Compose, what is empty has no key.
            if let Some(content) = content.filter(|content| !content.is_empty()) {
                contents.insert((section, name.clone()), content);
            }
        }
    }
    Ok(contents)
}

impl Serialize for Model {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, section) in self.document.as_object().into_iter().flatten() {
            match WITH_CONTENT.into_iter().find(|one| one == key) {
                Some(name) => map.serialize_entry(key, &Objects(self, name, section))?,
                None => map.serialize_entry(key, section)?,
            }
        }
        map.end()
    }
}

/// A section of the model whose members have a content.
struct Objects<'m>(&'m Model, &'static str, &'m Value);

impl Serialize for Objects<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Objects(model, section, objects) = self;
        let mut map = serializer.serialize_map(None)?;
        for (name, fields) in objects.as_object().into_iter().flatten() {
            let content = model.contents.get(&(*section, name.clone()));
            map.serialize_entry(name, &Object(fields, content.map(Vec::as_slice)))?;
        }
        map.end()
    }
}

struct Object<'m>(&'m Value, Option<&'m [u8]>);

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Object(fields, content) = self;
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in fields.as_object().into_iter().flatten() {
            map.serialize_entry(key, value)?;
        }
        match content.map(|bytes| (std::str::from_utf8(bytes), bytes)) {
            Some((Ok(text), _)) => map.serialize_entry("content", text)?,
            Some((Err(_), bytes)) => map.serialize_entry("content", &Binary(bytes))?,
            None => {}
        }
        map.end()
    }
}

struct Binary<'b>(&'b [u8]);

impl Serialize for Binary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Environment, LoadRequest, MemoryDisk, load};
    use crate::resolve::{Options, resolve};

    fn model(disk: &MemoryDisk) -> String {
        let environment = Environment {
            working_directory: "/p".into(),
            variables: IndexMap::from([("TOKEN".to_owned(), "t$1".to_owned())]),
            ..Environment::default()
        };
        let request = LoadRequest {
            files: vec!["compose.yml".into()],
            ..LoadRequest::default()
        };
        let options = Options {
            list_env_files: true,
            ..Options::default()
        };
        let loaded = load(&request, disk, &environment);
        let resolved = resolve(loaded, disk, &environment, &options);
        assert!(
            !resolved.diagnostics.has_errors(),
            "{:?}",
            resolved.diagnostics
        );
        let image = Image {
            exposed_ports: vec!["80/tcp".into(), "7000/udp".into()],
            ..Image::default()
        };
        let images = IndexMap::from([("web".to_owned(), image)]);
        Model::of(&resolved, &images, disk).unwrap().to_yaml()
    }

    #[test]
    fn a_service_has_its_image_and_all_its_ports() {
        let text = "name: p
services:
  web:
    build: .
    expose: ['9000', '7000/udp']
    ports: ['8080:80', '443']
    env_file: [a.env, {path: b.env, required: false}]
    environment: {PRICE: '$$5'}
    models: [m]
models: {m: {model: ai/m}}
";
        let disk = MemoryDisk::default()
            .with("/p/compose.yml", text)
            .with("/p/a.env", "A=1\n");
        insta::assert_snapshot!(model(&disk), @r#"
        name: p
        services:
          web:
            build:
              context: /p
              dockerfile: Dockerfile
            environment:
              A: "1"
              PRICE: $5
            env_file:
              - /p/a.env
              - path: /p/b.env
                required: false
            expose:
              - "9000"
              - 7000/udp
              - "80"
              - "7000"
              - "443"
            models:
              m: null
            networks:
              default: null
            ports:
              - mode: ingress
                target: 80
                published: "8080"
                protocol: tcp
              - mode: ingress
                target: 443
                protocol: tcp
            image: p-web
        networks:
          default:
            name: p_default
        models:
          m:
            model: ai/m
        "#);
    }

    #[test]
    fn what_is_outside_of_the_files_is_put_in() {
        let text = "name: p
services: {web: {image: x, secrets: [s, token], configs: [c, inline]}}
secrets: {s: {file: s.txt}, token: {environment: TOKEN}}
configs: {c: {file: none.txt}, inline: {content: 'a $$b'}}
";
        let disk = MemoryDisk::default()
            .with("/p/compose.yml", text)
            .with("/p/s.txt", "secret\n")
            .with("/p/none.txt", "");
        insta::assert_snapshot!(model(&disk), @r#"
        name: p
        services:
          web:
            configs:
              - source: c
              - source: inline
            image: x
            networks:
              default: null
            secrets:
              - source: s
                target: /run/secrets/s
              - source: token
                target: /run/secrets/token
            expose:
              - "80"
              - "7000"
        networks:
          default:
            name: p_default
        secrets:
          s:
            name: p_s
            file: /p/s.txt
            content: |
              secret
          token:
            name: p_token
            environment: TOKEN
            content: t$1
        configs:
          c:
            name: p_c
            file: /p/none.txt
          inline:
            name: p_inline
            content: a $b
        "#);
    }
}
