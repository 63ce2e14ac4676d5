use std::collections::BTreeMap;
use std::path::PathBuf;

use indexmap::IndexMap;

use super::graph::{ContextSource, Image, ImageGraph, bake_list, given_arguments, is_remote};
use super::{BuildRequest, Context, DockerfileText, SecretSource};
use crate::load::Environment;
use crate::model::{Project, Ulimit};

/// Why an image's description does not give a build.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    #[error(
        "image `{image}` uses the build secret `{secret}`, which the project's `secrets` do not define"
    )]
    UnknownSecret { image: String, secret: String },
    #[error(
        "the build secret `{secret}` of image `{image}` is external; a build needs a `file` or an `environment` variable"
    )]
    ExternalSecret { image: String, secret: String },
    #[error(
        "the build secret `{secret}` of image `{image}` is read from the variable `{variable}`, which is not set"
    )]
    UnsetSecret {
        image: String,
        secret: String,
        variable: String,
    },
    #[error(
        "image `{image}` uses the ssh agent of the caller, but `SSH_AUTH_SOCK` is not set; start one with `eval $(ssh-agent)` and `ssh-add`"
    )]
    NoAgent { image: String },
    #[error(
        "image `{image}` is to be built for {platforms}; the engine's own store holds one platform, set `platforms` to one of them"
    )]
    SeveralPlatforms { image: String, platforms: String },
}

/// Values that come from the command line and hold for every image of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// `--build-arg`
    pub arguments: BTreeMap<String, String>,
    pub no_cache: bool,
    pub pull: bool,
    /// `--ssh`: `default`, `id` or `id=socket`.
    pub ssh: Vec<String>,
    /// Seconds since the epoch. `None`: now.
    pub source_date_epoch: Option<i64>,
    /// Labels that say what an image is, by the image's key.
    pub marks: BTreeMap<String, IndexMap<String, String>>,
}

impl ImageGraph {
    /// The complete build of an image of this graph.
    pub fn request(
        &self,
        image: &Image,
        project: &Project,
        environment: &Environment,
        overrides: &Overrides,
    ) -> Result<BuildRequest, RecipeError> {
        let build = &image.build;
        let key = || image.key.clone();
        if build.platforms.len() > 1 {
            return Err(RecipeError::SeveralPlatforms {
                image: key(),
                platforms: build.platforms.join(", "),
            });
        }
        let mut arguments = given_arguments(build);
        for (name, value) in &build.args {
            if value.is_none()
                && let Some(value) = environment.get(name)
            {
                arguments.insert(name.clone(), value.to_owned());
            }
        }
        arguments.extend(overrides.arguments.clone());
        let context = match build.context.as_deref() {
            None => Context::Empty,
            Some(url) if is_remote(url) => Context::Remote(url.to_owned()),
            Some(path) => Context::Directory(path.into()),
        };
        let named_contexts = image
            .contexts
            .iter()
            .map(|(name, source)| {
                let context = match source {
                    ContextSource::Directory(path) => Context::Directory(path.clone()),
                    ContextSource::Image(image) => Context::Image(image.clone()),
                    ContextSource::Remote(url) => Context::Remote(url.clone()),
                    ContextSource::Parent(key) => {
                        let name = self.images.get(key).and_then(|image| image.names.first());
                        Context::Image(name.unwrap_or(key).clone())
                    }
                };
                (name.clone(), context)
            })
            .collect();
        let both = |own: &[String], baked: &str| {
            let mut all = own.to_vec();
            all.extend(bake_list(build, baked));
            all
        };
        Ok(BuildRequest {
            image: key(),
            names: image.names.clone(),
            dockerfile: match &image.dockerfile {
                Some(file) => DockerfileText {
                    shown_as: file.shown_as.clone(),
                    text: file.text.clone(),
                    ignore: file.ignore.clone(),
                },
                None => DockerfileText::default(),
            },
            remote_dockerfile: matches!(context, Context::Remote(_)).then(|| {
                let path = build.dockerfile.clone();
                path.unwrap_or_else(|| "Dockerfile".to_owned())
            }),
            context,
            named_contexts,
            arguments,
            target: build.target.clone(),
            labels: build.labels.clone(),
            marks: overrides.marks.get(&image.key).cloned().unwrap_or_default(),
            platform: image.platform.clone(),
            no_cache: overrides.no_cache || build.no_cache.unwrap_or(false),
            no_cache_stages: both(&build.no_cache_filter, "no-cache-filter"),
            pull: overrides.pull || build.pull.unwrap_or(false),
            network: build.network.clone(),
            extra_hosts: build.extra_hosts.clone(),
            shm_size: build.shm_size.map(|size| size.0),
            ulimits: build
                .ulimits
                .iter()
                .map(|(name, limit)| ulimit(name, limit))
                .collect(),
            secrets: secrets(image, project, environment)?,
            ssh_agents: agents(image, &both(&build.ssh, "ssh"), environment, overrides)?,
            cache_from: both(&build.cache_from, "cache-from"),
            cache_to: both(&build.cache_to, "cache-to"),
            entitlements: entitlements(image),
            source_date_epoch: overrides.source_date_epoch,
        })
    }
}

fn ulimit(name: &str, limit: &Ulimit) -> String {
    match limit {
        Ulimit::Single(both) => format!("{name}={both}:{both}"),
        Ulimit::Pair { soft, hard } => format!("{name}={soft}:{hard}"),
    }
}

fn entitlements(image: &Image) -> Vec<String> {
    let mut entitlements = image.build.entitlements.clone();
    let insecure = "security.insecure".to_owned();
    if image.build.privileged == Some(true) && !entitlements.contains(&insecure) {
        entitlements.push(insecure);
    }
    entitlements
}

fn secrets(
    image: &Image,
    project: &Project,
    environment: &Environment,
) -> Result<BTreeMap<String, SecretSource>, RecipeError> {
    let mut secrets = BTreeMap::new();
    for used in &image.build.secrets {
        let (image, secret) = (image.key.clone(), used.source.clone());
        let Some(defined) = project.secrets.get(&used.source) else {
            return Err(RecipeError::UnknownSecret { image, secret });
        };
        let source = match (&defined.file, &defined.environment, &defined.content) {
            (Some(file), ..) => SecretSource::File(project.directory.join(file)),
            (_, Some(variable), _) => match environment.get(variable) {
                Some(value) => SecretSource::Value(value.as_bytes().to_vec()),
                None => {
                    return Err(RecipeError::UnsetSecret {
                        image,
                        secret,
                        variable: variable.clone(),
                    });
                }
            },
            (_, _, Some(content)) => SecretSource::Value(content.as_bytes().to_vec()),
            _ => return Err(RecipeError::ExternalSecret { image, secret }),
        };
        let id = used.target.clone().unwrap_or_else(|| used.source.clone());
        secrets.insert(id, source);
    }
    Ok(secrets)
}

fn agents(
    image: &Image,
    declared: &[String],
    environment: &Environment,
    overrides: &Overrides,
) -> Result<BTreeMap<String, PathBuf>, RecipeError> {
    let mut agents = BTreeMap::new();
    for entry in declared.iter().chain(&overrides.ssh) {
        let (id, socket) = match entry.split_once('=') {
            Some((id, socket)) if !socket.is_empty() => (id, Some(socket)),
            Some((id, _)) => (id, None),
            None => (entry.as_str(), None),
        };
        let Some(socket) = socket.or_else(|| environment.get("SSH_AUTH_SOCK")) else {
            return Err(RecipeError::NoAgent {
                image: image.key.clone(),
            });
        };
        agents.insert(id.to_owned(), PathBuf::from(socket));
    }
    Ok(agents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MemoryDisk;
    use serde_json::json;

    fn request(
        build: serde_json::Value,
        secrets: serde_json::Value,
    ) -> Result<BuildRequest, RecipeError> {
        let mut project: Project = serde_json::from_value(json!({
            "name": "p",
            "services": {"app": {"build": build}, "base": {"build": {"dockerfile_inline": "FROM scratch"}}},
            "secrets": secrets
        }))
        .unwrap();
        project.directory = "/p".into();
        let disk = MemoryDisk::default().with("/p/Dockerfile", "FROM base");
        let graph = ImageGraph::of(&project, &disk).unwrap();
        let mut environment = Environment::default();
        for (name, value) in [
            ("TOKEN", "t0ken"),
            ("SSH_AUTH_SOCK", "/agent"),
            ("UID", "4711"),
        ] {
            environment
                .variables
                .insert(name.to_owned(), value.to_owned());
        }
        graph.request(
            &graph.images["app"],
            &project,
            &environment,
            &Overrides::default(),
        )
    }

    #[test]
    fn everything_of_a_build_is_in_its_request() {
        let request = request(
            json!({
                "context": "/p", "args": {"UID": null, "GID": "5", "NONE": null}, "target": "x",
                "additional_contexts": {"base": "service:base"}, "network": "host", "ssh": ["default", "k=/s"],
                "secrets": [{"source": "token", "target": "t"}, {"source": "ca"}],
                "ulimits": {"nproc": 5, "nofile": {"soft": 1, "hard": 2}}, "shm_size": "64m", "privileged": true,
                "platforms": ["linux/amd64"], "x-bake": {"tags": "extra:1", "cache-from": ["a:1"]},
            }),
            json!({"token": {"environment": "TOKEN"}, "ca": {"file": "/etc/ca"}}),
        )
        .unwrap();
        assert_eq!(request.names, ["p-app", "extra:1"]);
        assert_eq!(
            request
                .arguments
                .iter()
                .map(|(n, v)| format!("{n}={v}"))
                .collect::<Vec<_>>(),
            ["GID=5", "UID=4711"]
        );
        assert_eq!(
            request.named_contexts["base"],
            Context::Image("p-base".to_owned())
        );
        assert_eq!(request.secrets["t"], SecretSource::Value(b"t0ken".to_vec()));
        assert_eq!(request.secrets["ca"], SecretSource::File("/etc/ca".into()));
        assert_eq!(request.ssh_agents["default"], PathBuf::from("/agent"));
        assert_eq!(request.ssh_agents["k"], PathBuf::from("/s"));
        assert_eq!(request.ulimits, ["nproc=5:5", "nofile=1:2"]);
        assert_eq!(request.shm_size, Some(64 << 20));
        assert_eq!(request.entitlements, ["security.insecure"]);
        assert_eq!(request.cache_from, ["a:1"]);
        assert_eq!(request.platform.as_deref(), Some("linux/amd64"));
    }

    #[test]
    fn says_what_is_missing() {
        let message = |build, secrets| request(build, secrets).unwrap_err().to_string();
        let used = json!({"context": "/p", "secrets": [{"source": "s"}]});
        assert!(message(used.clone(), json!({})).contains("do not define"));
        assert!(message(used.clone(), json!({"s": {"external": true}})).contains("external"));
        assert!(
            message(used, json!({"s": {"environment": "NOPE"}}))
                .contains("`NOPE`, which is not set")
        );
        let platforms = json!({"context": "/p", "platforms": ["linux/amd64", "linux/arm64"]});
        assert!(message(platforms, json!({})).contains("linux/amd64, linux/arm64"));
    }
}
