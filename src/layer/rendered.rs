use std::io;
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;
use indexmap::IndexMap;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::declared;
use crate::diagnostic::Diagnostic;
use crate::engine::EngineError;
use crate::image::NewFile;
use crate::load::Disk;
use crate::model::{ConfigFile, Project};
use crate::secret::is_secret;
use crate::source::Sources;
use crate::template::{self, FileText};

/// The largest file or template, in bytes.
const LARGEST: u64 = 16 << 20;
const MODE: u32 = 0o444;
/// Bytes of a value that is looked for; shorter ones are words that stand everywhere, such as `postgres`.
const SHORTEST: usize = 9;

/// Why there is no configuration layer.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The template is wrong.
    #[error("{}", .0.message)]
    Template(Box<Diagnostic>),
    #[error("an entry of `x-wharf.config` for `{target}` needs either `template` or `file`")]
    Source { target: String },
    #[error("two entries of `x-wharf.config` for service `{service}` have the target `{target}`")]
    Twice { service: String, target: String },
    #[error("cannot read `{path}`, which `x-wharf.config` adds as `{target}`: {error}")]
    Unreadable {
        path: String,
        target: String,
        error: io::Error,
    },
    #[error("`{path}` is not UTF-8, as a template has to be; add it with `file` as it is")]
    NotText { path: String },
    #[error(
        "`{path}` is the secret `{secret}`; say `allow-secrets: true` to put it into an image, which then cannot be pushed to a registry"
    )]
    SecretFile { path: String, secret: String },
    #[error("the secret `{secret}` cannot be read: {why}")]
    Secret { secret: String, why: String },
    #[error(
        "{what} `{text}` of `x-wharf.config` for `{target}` is not a number; images know no names of users"
    )]
    Number {
        what: &'static str,
        text: String,
        target: String,
    },
    #[error("`{target}` cannot be added to image `{image}`: {why}")]
    Target {
        image: String,
        target: String,
        why: String,
    },
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("the image with the configuration cannot be built: {0}")]
    Build(String),
    /// The engine does not take a layer alone; [`super::add_by_build`] works there.
    #[error("this engine takes images only whole")]
    Refused,
}

/// The files of a configuration layer, in the order in which they were declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigLayer {
    pub files: Vec<NewFile>,
    /// A secret may be in it.
    pub has_secrets: bool,
}

impl ConfigLayer {
    /// Stands for all of it; the same files give the same digest.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for file in &self.files {
            let head = format!(
                "{}\0{:o}\0{}\0{}\0{}\0",
                file.path,
                file.mode,
                file.uid,
                file.gid,
                file.content.len()
            );
            hasher.update(head);
            hasher.update(&file.content);
        }
        hex::encode(hasher.finalize())
    }
}

/// Whose configuration is wanted, and where it is for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'w> {
    pub service: &'w str,
    /// The server that it is shipped to. `None`: this machine.
    pub host: Option<&'w str>,
    /// Values that count instead of those of the files.
    pub values: &'w IndexMap<String, String>,
}

/// Renders what is declared for a service. `None`: nothing is.
///
/// A template sees `values`, `project`, `env`, `service`, `host` when it is shipped, and, with `allow-secrets`, `secrets`.
///
/// # Errors
/// When a source cannot be read, or a template uses what is not defined; its text is then among `sources`.
pub fn render(
    project: &Project,
    wanted: Wanted<'_>,
    disk: &dyn Disk,
    sources: &mut Sources,
) -> Result<Option<ConfigLayer>, LayerError> {
    let files = declared(project, wanted.service);
    if files.is_empty() {
        return Ok(None);
    }
    let mut layer = ConfigLayer::default();
    let secrets = known_secrets(project, disk);
    for file in files {
        let content = content(project, file, wanted, disk, sources)?;
        // Values of variables reach templates by other ways than `secrets`.
        let has_secret = secrets
            .as_ref()
            .is_some_and(|secrets| secrets.is_match(&content));
        let number = |what, text: &Option<String>| match text {
            None => Ok(0),
            Some(text) => text.parse().map_err(|_| LayerError::Number {
                what,
                text: text.clone(),
                target: file.target.clone(),
            }),
        };
        let mode = match &file.mode {
            None => MODE,
            Some(text) => u32::from_str_radix(text, 8).map_err(|_| LayerError::Number {
                what: "mode",
                text: text.clone(),
                target: file.target.clone(),
            })?,
        };
        if layer.files.iter().any(|other| other.path == file.target) {
            return Err(LayerError::Twice {
                service: wanted.service.to_owned(),
                target: file.target.clone(),
            });
        }
        layer.files.push(NewFile {
            path: file.target.clone(),
            mode: mode & 0o7777,
            uid: number("uid", &file.uid)?,
            gid: number("gid", &file.gid)?,
            content,
        });
        layer.has_secrets |= file.allow_secrets || has_secret;
    }
    Ok(Some(layer))
}

/// A path without links, where it can be told.
fn real(disk: &dyn Disk, path: &str) -> PathBuf {
    let path = Path::new(path);
    disk.canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Finds the values of the project's secrets, and of variables and build arguments that are called like secrets. `None`: there are none,
/// or too many to look for.
fn known_secrets(project: &Project, disk: &dyn Disk) -> Option<AhoCorasick> {
    let mut values: Vec<Vec<u8>> = Vec::new();
    for secret in project.secrets.values() {
        let file = secret.file.as_ref();
        values.extend(file.and_then(|path| disk.read(Path::new(path), LARGEST).ok()));
        let value = secret.value.as_ref().map(|value| value.as_str());
        let text = value.or(secret.content.as_deref());
        values.extend(text.map(|text| text.as_bytes().to_vec()));
    }
    for service in project.services.values() {
        let arguments = service.build.iter().flat_map(|build| &build.args);
        let named = service
            .environment
            .iter()
            .chain(arguments)
            .filter(|(name, _)| is_secret(name));
        values.extend(named.filter_map(|(_, value)| Some(value.as_ref()?.as_bytes().to_vec())));
    }
    let needles: Vec<&[u8]> = values
        .iter()
        .map(|value| value.trim_ascii())
        .filter(|value| value.len() >= SHORTEST && !value.starts_with(b"$"))
        .collect();
    match needles.is_empty() {
        true => None,
        false => AhoCorasick::new(needles).ok(),
    }
}

fn content(
    project: &Project,
    file: &ConfigFile,
    wanted: Wanted<'_>,
    disk: &dyn Disk,
    sources: &mut Sources,
) -> Result<Vec<u8>, LayerError> {
    let (path, is_template) = match (&file.template, &file.file) {
        (Some(path), None) => (path, true),
        (None, Some(path)) => (path, false),
        _ => {
            return Err(LayerError::Source {
                target: file.target.clone(),
            });
        }
    };
    if !file.allow_secrets
        && let Some((name, _)) = project.secrets.iter().find(|(_, secret)| {
            let file = secret.file.as_deref();
            file.is_some_and(|file| real(disk, file) == real(disk, path))
        })
    {
        return Err(LayerError::SecretFile {
            path: shown(project, path),
            secret: name.clone(),
        });
    }
    let bytes = disk
        .read(Path::new(path), LARGEST)
        .map_err(|error| LayerError::Unreadable {
            path: shown(project, path),
            target: file.target.clone(),
            error,
        })?;
    if !is_template {
        return Ok(bytes);
    }
    let text = String::from_utf8(bytes).map_err(|_| LayerError::NotText {
        path: shown(project, path),
    })?;
    let values = values(project, file, wanted, disk, &text)?;
    let name = shown(project, path);
    let template = FileText {
        path: Path::new(path),
        name: &name,
        text: &text,
    };
    let rendered = template::render(sources, template, &values);
    rendered
        .map(String::into_bytes)
        .map_err(|finding| LayerError::Template(advised(finding, file)))
}

/// Why secrets are not there is worth a word of its own.
fn advised(finding: Box<Diagnostic>, file: &ConfigFile) -> Box<Diagnostic> {
    if file.allow_secrets || !finding.message.contains("`secrets") {
        return finding;
    }
    let help = "say `allow-secrets: true` at this entry of `x-wharf.config`; the image can then not be pushed";
    Box::new((*finding).help(help))
}

fn values(
    project: &Project,
    file: &ConfigFile,
    wanted: Wanted<'_>,
    disk: &dyn Disk,
    text: &str,
) -> Result<Value, LayerError> {
    let mut own = file.values.clone();
    own.extend(wanted.values.clone());
    let mut all = Map::new();
    all.insert("values".into(), json!(own));
    all.insert("project".into(), json!(project.name));
    all.insert("service".into(), json!(wanted.service));
    if let Some(env) = &project.env {
        all.insert("env".into(), json!(env));
    }
    if let Some(host) = wanted.host {
        all.insert("host".into(), json!(host));
    }
    if file.allow_secrets {
        let mut secrets = Map::new();
        // A secret that the template does not name need not be there.
        let named = project
            .secrets
            .iter()
            .filter(|(name, _)| text.contains(*name));
        for (name, secret) in named {
            let failed = |why: String| LayerError::Secret {
                secret: name.clone(),
                why,
            };
            let value = match (&secret.file, &secret.environment) {
                (Some(path), _) => {
                    let bytes = disk
                        .read(Path::new(path), LARGEST)
                        .map_err(|error| failed(error.to_string()))?;
                    String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8".into()))?
                }
                (None, Some(variable)) => secret
                    .value
                    .as_ref()
                    .ok_or_else(|| failed(format!("`{variable}` is not set")))?
                    .as_str()
                    .to_owned(),
                (None, None) => match &secret.content {
                    Some(content) => content.clone(),
                    None => continue,
                },
            };
            let value = value.trim_end_matches('\n');
            secrets.insert(name.clone(), json!(value));
        }
        all.insert("secrets".into(), Value::Object(secrets));
    }
    Ok(Value::Object(all))
}

/// Relative to the project's directory where it lies in there.
fn shown(project: &Project, path: &str) -> String {
    let path = Path::new(path);
    let path = path.strip_prefix(&project.directory).unwrap_or(path);
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MemoryDisk;

    fn project(entry: &str) -> Project {
        let text = format!(
            r#"{{"name": "p", "services": {{"app": {{"x-wharf": {{"config": [{entry}]}}}}}},
                "secrets": {{"key": {{"file": "/p/key.txt"}}, "absent": {{"file": "/p/absent"}}}}}}"#
        );
        let mut project: Project = serde_json::from_str(&text).unwrap();
        project.directory = "/p".into();
        project
    }

    fn rendered(entry: &str, given: &[(&str, &str)]) -> Result<ConfigLayer, LayerError> {
        let disk = MemoryDisk::default()
            .with("/p/app.conf", "port={{ values.port }}\n")
            .with("/p/secret.conf", "key={{ secrets.key }}\n")
            .with("/p/key.txt", "hunter2\n");
        let values: IndexMap<String, String> = given
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let wanted = Wanted {
            service: "app",
            host: None,
            values: &values,
        };
        let mut sources = Sources::default();
        let layer = render(&project(entry), wanted, &disk, &mut sources)?;
        Ok(layer.expect("a layer"))
    }

    #[test]
    fn values_of_the_call_count_more_than_those_of_the_file() {
        let entry = r#"{"template": "/p/app.conf", "target": "/etc/app.conf", "mode": "0640", "uid": "1000",
            "values": {"port": "80"}}"#;
        let layer = rendered(entry, &[]).unwrap();
        let file = &layer.files[0];
        assert_eq!(file.content, b"port=80\n");
        assert_eq!((file.mode, file.uid, file.gid), (0o640, 1000, 0));
        assert!(!layer.has_secrets);
        let other = rendered(entry, &[("port", "81")]).unwrap();
        assert_eq!(other.files[0].content, b"port=81\n");
        assert_ne!(layer.digest(), other.digest());
        assert_eq!(layer.digest(), rendered(entry, &[]).unwrap().digest());
    }

    #[test]
    fn an_undefined_value_is_an_error() {
        let entry = r#"{"template": "/p/app.conf", "target": "/etc/app.conf"}"#;
        let error = rendered(entry, &[]).unwrap_err();
        assert!(matches!(&error, LayerError::Template(_)), "{error}");
        assert!(error.to_string().contains("not defined"), "{error}");
    }

    #[test]
    fn secrets_have_to_be_allowed() {
        let entry = r#"{"template": "/p/secret.conf", "target": "/etc/app.conf"}"#;
        assert!(matches!(rendered(entry, &[]), Err(LayerError::Template(_))));
        let entry =
            r#"{"template": "/p/secret.conf", "target": "/etc/app.conf", "allow-secrets": true}"#;
        let layer = rendered(entry, &[]).unwrap();
        assert_eq!(layer.files[0].content, b"key=hunter2\n");
        assert!(layer.has_secrets);
        let entry = r#"{"file": "/p/key.txt", "target": "/etc/key"}"#;
        let error = rendered(entry, &[]).unwrap_err();
        assert!(matches!(error, LayerError::SecretFile { .. }), "{error}");
    }

    #[test]
    fn secrets_are_known_by_whatever_way_they_come() {
        let mut linked = project(r#"{"file": "/p/link", "target": "/etc/key"}"#);
        let disk = MemoryDisk::default()
            .with("/p/key.txt", "hunter2hunter2\n")
            .with("/p/app.conf", "{{ values.a }}")
            .link("/p/link", "/p/key.txt");
        let values = IndexMap::new();
        let wanted = Wanted {
            service: "app",
            host: None,
            values: &values,
        };
        let mut sources = Sources::default();
        let error = render(&linked, wanted, &disk, &mut sources).unwrap_err();
        assert!(matches!(error, LayerError::SecretFile { .. }), "{error}");
        for (value, has_secrets) in [
            ("x=hunter2hunter2", true),
            ("pw:password of a service", true),
            ("harmless", false),
        ] {
            let entry = format!(
                r#"{{"template": "/p/app.conf", "target": "/a", "values": {{"a": "{value}"}}}}"#
            );
            linked = project(&entry);
            let password = Some("password of a service".to_owned());
            let service = linked.services.get_mut("app").unwrap();
            service.environment.insert("DB_PASSWORD".into(), password);
            let layer = render(&linked, wanted, &disk, &mut sources).unwrap();
            assert_eq!(layer.unwrap().has_secrets, has_secrets, "{value}");
        }
    }

    #[test]
    fn a_target_has_one_source() {
        let entry =
            r#"{"file": "/p/app.conf", "target": "/a"}, {"file": "/p/app.conf", "target": "/a"}"#;
        assert!(matches!(
            rendered(entry, &[]),
            Err(LayerError::Twice { .. })
        ));
        let entry = r#"{"file": "/p/app.conf", "template": "/p/app.conf", "target": "/a"}"#;
        assert!(matches!(
            rendered(entry, &[]),
            Err(LayerError::Source { .. })
        ));
    }
}
