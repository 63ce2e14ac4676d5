use std::collections::BTreeMap;
use std::path::PathBuf;

use indexmap::IndexMap;

use super::image::{bake_flag, bake_list, given_arguments};
use super::source::is_remote;
use super::{
    BuildRequest, Context, ContextSource, DockerfileText, Image, ImageGraph, SecretSource, Surplus,
    cache,
};
use crate::load::Environment;
use crate::model::{Project, Ulimit};

/// The argument and the variable that give everything in an image its date, in seconds since the epoch.
const EPOCH: &str = "SOURCE_DATE_EPOCH";

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
        "image `{image}` uses the ssh agent of the caller, but `SSH_AUTH_SOCK` is not set (invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set); start one with `eval $(ssh-agent)` and `ssh-add`"
    )]
    NoAgent { image: String },
    #[error(
        "service \"{image}\" build.platforms does not support value set by DOCKER_DEFAULT_PLATFORM: {platform}; `platforms` lists {declared}"
    )]
    DefaultPlatform {
        image: String,
        platform: String,
        declared: String,
    },
    #[error(
        "image `{image}` has an entry `{entry}` in `secret` of `x-bake`; write it as `id=NAME,src=FILE` or `id=NAME,env=VARIABLE`"
    )]
    BakeSecret { image: String, entry: String },
}

/// Values that come from the command line and hold for every image of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    pub no_cache: bool,
    pub pull: bool,
    /// `--ssh`: `default`, `id`, `id=socket` or `id=keyfile,..`; each takes the place of what the files say for its id.
    pub ssh: Vec<String>,
    /// `--provenance`: `true`, `false` or parameters such as `mode=max`. `None`: as the files say.
    pub provenance: Option<String>,
    /// `--sbom`, in the same way.
    pub sbom: Option<String>,
    /// Arguments that hold where neither the files nor the command line give them: the proxies of Docker's `config.json`.
    pub proxies: IndexMap<String, String>,
    /// Seconds since the epoch. `None`: what `SOURCE_DATE_EPOCH` says, else now.
    pub source_date_epoch: Option<i64>,
    /// Labels that say what an image is, by the image's key.
    pub marks: BTreeMap<String, IndexMap<String, String>>,
    pub surplus: Surplus,
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
        let mut arguments = given_arguments(build);
        for (name, value) in &build.args {
            if value.is_none()
                && let Some(value) = environment.get(name)
            {
                arguments.insert(name.clone(), value.to_owned());
            }
        }
        if overrides.source_date_epoch.is_none()
            && let Some(epoch) = environment.get(EPOCH).filter(|epoch| !epoch.is_empty())
        {
            arguments
                .entry(EPOCH.to_owned())
                .or_insert_with(|| epoch.to_owned());
        }
        for (name, proxy) in &overrides.proxies {
            arguments
                .entry(name.clone())
                .or_insert_with(|| proxy.clone());
        }
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
        let mut remarks = remarks(image);
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
            remote_dockerfile: (matches!(context, Context::Remote(_))
                && build.dockerfile_inline.is_none())
            .then(|| {
                let path = build.dockerfile.clone();
                path.unwrap_or_else(|| "Dockerfile".to_owned())
            }),
            context,
            named_contexts,
            arguments,
            target: build.target.clone(),
            labels: build.labels.clone(),
            marks: overrides.marks.get(&image.key).cloned().unwrap_or_default(),
            platforms: platforms(image, environment)?,
            no_cache: overrides.no_cache
                || bake_flag(build, "no-cache")
                    .or(build.no_cache)
                    .unwrap_or(false),
            no_cache_stages: both(&build.no_cache_filter, "no-cache-filter"),
            pull: overrides.pull || bake_flag(build, "pull").or(build.pull).unwrap_or(false),
            network: build.network.clone(),
            extra_hosts: build.extra_hosts.clone(),
            shm_size: build.shm_size.map(|size| size.0),
            ulimits: build
                .ulimits
                .iter()
                .map(|(name, limit)| ulimit(name, limit))
                .collect(),
            secrets: secrets(image, project, environment, &mut remarks)?,
            ssh: agents(
                image,
                &both(&build.ssh, "ssh"),
                project,
                environment,
                overrides,
            )?,
            cache_from: cache::consulted(build, &project.directory, environment),
            cache_to: cache::written(build, &project.directory, environment),
            entitlements: entitlements(image),
            attestations: attestations(image, overrides),
            remarks,
            source_date_epoch: overrides.source_date_epoch,
            parents: BTreeMap::new(),
            declared: image.declared_names(project),
            surplus: overrides.surplus,
            is_repetition: false,
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
    remarks: &mut Vec<String>,
) -> Result<BTreeMap<String, SecretSource>, RecipeError> {
    let mut secrets = BTreeMap::new();
    for used in &image.build.secrets {
        let (image, secret) = (image.key.clone(), used.source.clone());
        let Some(defined) = project.secrets.get(&used.source) else {
            return Err(RecipeError::UnknownSecret { image, secret });
        };
        let source = match (&defined.file, &defined.environment, &defined.content) {
            (Some(file), ..) => SecretSource::File(project.directory.join(file)),
            (_, Some(variable), _) => match &defined.value {
                Some(value) => SecretSource::Value(value.as_str().as_bytes().to_vec()),
                None => {
                    remarks.push(unset(&secret, variable));
                    continue;
                }
            },
            (_, _, Some(content)) => SecretSource::Value(content.as_bytes().to_vec()),
            _ => return Err(RecipeError::ExternalSecret { image, secret }),
        };
        let id = used.target.clone().unwrap_or_else(|| used.source.clone());
        secrets.insert(id, source);
    }
    for entry in bake_list(&image.build, "secret") {
        match baked_secret(image, project, environment, &entry)? {
            (id, Ok(source)) => {
                secrets.insert(id, source);
            }
            (id, Err(variable)) => remarks.push(unset(&id, &variable)),
        }
    }
    Ok(secrets)
}

/// The secret stays away from the build: a step that only may have it does without, one that needs it fails.
fn unset(secret: &str, variable: &str) -> String {
    format!(
        "the build secret `{secret}` is read from the variable `{variable}`, which is not set; a step that needs it fails"
    )
}

/// `id=NAME,src=FILE` or `id=NAME,env=VARIABLE`, as in bake's files: the id, and the value or the variable that is not set.
fn baked_secret(
    image: &Image,
    project: &Project,
    environment: &Environment,
    entry: &str,
) -> Result<(String, Result<SecretSource, String>), RecipeError> {
    let unreadable = || RecipeError::BakeSecret {
        image: image.key.clone(),
        entry: entry.to_owned(),
    };
    let option = |names: [&str; 2]| {
        entry
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| names.contains(key))
            .map(|(_, value)| value.to_owned())
    };
    let id = option(["id", "id"]).ok_or_else(unreadable)?;
    if let Some(variable) = option(["env", "env"]) {
        let value = environment.get(&variable).map(str::as_bytes);
        let source = value.map(|value| SecretSource::Value(value.to_vec()));
        return Ok((id, source.ok_or(variable)));
    }
    let file = option(["src", "source"]).ok_or_else(unreadable)?;
    Ok((id, Ok(SecretSource::File(project.directory.join(file)))))
}

fn agents(
    image: &Image,
    declared: &[String],
    project: &Project,
    environment: &Environment,
    overrides: &Overrides,
) -> Result<BTreeMap<String, Vec<PathBuf>>, RecipeError> {
    let mut agents = BTreeMap::new();
    let declared = declared.iter().map(|entry| (entry, &project.directory));
    let given = overrides
        .ssh
        .iter()
        .map(|entry| (entry, &environment.working_directory));
    for (entry, directory) in declared.chain(given) {
        let (id, paths) = entry.split_once('=').unwrap_or((entry, ""));
        let paths: Vec<PathBuf> = match paths {
            "" => match environment.get("SSH_AUTH_SOCK") {
                Some(socket) if !socket.is_empty() => vec![PathBuf::from(socket)],
                _ => {
                    return Err(RecipeError::NoAgent {
                        image: image.key.clone(),
                    });
                }
            },
            paths => paths.split(',').map(|path| directory.join(path)).collect(),
        };
        let id = if id.is_empty() { "default" } else { id };
        agents.insert(id.to_owned(), paths);
    }
    let remote = image.contexts.values().filter_map(|source| match source {
        ContextSource::Remote(url) => Some(url.as_str()),
        _ => None,
    });
    let is_over_ssh = |url: &str| url.starts_with("ssh://") || url.starts_with("git@");
    if image
        .build
        .context
        .as_deref()
        .into_iter()
        .chain(remote)
        .any(is_over_ssh)
        && let Some(socket) = environment
            .get("SSH_AUTH_SOCK")
            .filter(|socket| !socket.is_empty())
    {
        // The builder fetches such a context itself.
        agents
            .entry("default".to_owned())
            .or_insert_with(|| vec![PathBuf::from(socket)]);
    }
    Ok(agents)
}

/// What the image is built for; `DOCKER_DEFAULT_PLATFORM` chooses one of those that are declared.
fn platforms(image: &Image, environment: &Environment) -> Result<Vec<String>, RecipeError> {
    match environment.get("DOCKER_DEFAULT_PLATFORM") {
        None | Some("") => Ok(image.platforms.clone()),
        Some(platform)
            if image.platforms.is_empty() || image.platforms.iter().any(|p| p == platform) =>
        {
            Ok(vec![platform.to_owned()])
        }
        Some(platform) if !image.build.platforms.is_empty() => Err(RecipeError::DefaultPlatform {
            image: image.key.clone(),
            platform: platform.to_owned(),
            declared: image.platforms.join(", "),
        }),
        // The service's own `platform` wins.
        Some(_) => Ok(image.platforms.clone()),
    }
}

/// What is asked for; `false` asks for nothing.
fn attestations(image: &Image, overrides: &Overrides) -> BTreeMap<String, String> {
    let given = [
        ("provenance", &overrides.provenance, &image.build.provenance),
        ("sbom", &overrides.sbom, &image.build.sbom),
    ];
    given
        .into_iter()
        .filter_map(|(kind, first, second)| {
            let asked = first.as_deref().or(second.as_deref())?;
            Some((kind.to_owned(), attestation(asked)?))
        })
        .collect()
}

/// The parameters of an attestation that is written as `true`, `false` or parameters. `None`: it is not wanted.
pub(super) fn attestation(asked: &str) -> Option<String> {
    match asked.to_ascii_lowercase().as_str() {
        "" | "false" | "0" | "f" => None,
        "true" | "1" | "t" => Some(String::new()),
        _ if asked
            .split(',')
            .any(|parameter| parameter == "disabled=true") =>
        {
            None
        }
        _ => Some(asked.to_owned()),
    }
}

fn remarks(image: &Image) -> Vec<String> {
    let mut remarks = Vec::new();
    if let Some(isolation) = image.build.isolation.as_deref()
        && !matches!(isolation, "" | "default")
    {
        remarks.push(format!(
            "`isolation: {isolation}` is for engines on Windows; it changes nothing here"
        ));
    }
    remarks
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
        request_with(build, secrets, &Overrides::default())
    }

    fn request_with(
        build: serde_json::Value,
        secrets: serde_json::Value,
        overrides: &Overrides,
    ) -> Result<BuildRequest, RecipeError> {
        let mut project: Project = serde_json::from_value(json!({
            "name": "p",
            "services": {"app": {"build": build}, "base": {"build": {"dockerfile_inline": "FROM scratch"}}},
            "secrets": secrets
        }))
        .unwrap();
        project.directory = "/p".into();
        if let Some(token) = project.secrets.get_mut("token") {
            token.value = Some("t0ken".into());
        }
        let disk = MemoryDisk::default().with("/p/Dockerfile", "FROM base");
        let graph = ImageGraph::of(&project, &disk).unwrap();
        let mut environment = Environment::default();
        for (name, value) in [
            ("SSH_AUTH_SOCK", "/agent"),
            ("UID", "4711"),
            (EPOCH, "86400"),
        ] {
            environment
                .variables
                .insert(name.to_owned(), value.to_owned());
        }
        graph.request(&graph.images["app"], &project, &environment, overrides)
    }

    #[test]
    fn everything_of_a_build_is_in_its_request() {
        let request = request(
            json!({
                "context": "/p", "args": {"UID": null, "GID": "5", "NONE": null}, "target": "x",
                "additional_contexts": {"base": "service:base"}, "network": "host", "ssh": ["default", "k=/s"],
                "secrets": [{"source": "token", "target": "t"}, {"source": "ca"}],
                "ulimits": {"nproc": 5, "nofile": {"soft": 1, "hard": 2}}, "shm_size": "64m", "privileged": true,
                "platforms": ["linux/amd64"], "provenance": "mode=max", "sbom": "true", "isolation": "hyperv", "x-bake": {"tags": "extra:1", "cache-from": ["a:1"]},
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
            ["GID=5", "UID=4711", "SOURCE_DATE_EPOCH=86400"]
        );
        assert_eq!(
            request.named_contexts["base"],
            Context::Image("p-base".to_owned())
        );
        assert_eq!(request.secrets["t"], SecretSource::Value(b"t0ken".to_vec()));
        assert_eq!(request.secrets["ca"], SecretSource::File("/etc/ca".into()));
        assert_eq!(request.ssh["default"], [PathBuf::from("/agent")]);
        assert_eq!(request.ssh["k"], [PathBuf::from("/s")]);
        assert_eq!(request.attestations["provenance"], "mode=max");
        assert_eq!(request.attestations["sbom"], "");
        assert!(request.remarks[0].contains("isolation: hyperv"));
        assert_eq!(request.ulimits, ["nproc=5:5", "nofile=1:2"]);
        assert_eq!(request.shm_size, Some(64 << 20));
        assert_eq!(request.entitlements, ["security.insecure"]);
        assert_eq!(request.cache_from[0].parameters["ref"], "a:1");
        assert_eq!(request.platforms, ["linux/amd64"]);
    }

    #[test]
    fn contexts_over_ssh_are_fetched_with_the_agent() {
        for build in [
            json!({"context": "git@h.example:x.git"}),
            json!({"context": "/p", "additional_contexts": {"x": "ssh://git@h.example/x.git"}}),
        ] {
            let request = request(build.clone(), json!({})).unwrap();
            assert_eq!(request.ssh["default"], [PathBuf::from("/agent")], "{build}");
        }
        let own = json!({"context": "git@h.example:x.git", "ssh": ["default=/own"]});
        let own = request(own, json!({})).unwrap();
        assert_eq!(own.ssh["default"], [PathBuf::from("/own")]);
        let web = request(json!({"context": "https://h.example/x.git"}), json!({}));
        assert!(web.unwrap().ssh.is_empty());
    }

    #[test]
    fn what_is_given_wins_over_proxies_and_dates_from_outside() {
        let overrides = Overrides {
            proxies: IndexMap::from([
                ("HTTP_PROXY".to_owned(), "http://p".to_owned()),
                ("NO_PROXY".to_owned(), "x".to_owned()),
            ]),
            source_date_epoch: Some(7),
            ..Overrides::default()
        };
        let build = json!({"context": "/p", "args": {"NO_PROXY": "own"}});
        let request = request_with(build, json!({}), &overrides).unwrap();
        assert_eq!(request.arguments["HTTP_PROXY"], "http://p");
        assert_eq!(request.arguments["NO_PROXY"], "own");
        assert!(!request.arguments.contains_key(EPOCH));
    }

    #[test]
    fn says_what_is_missing() {
        let message = |build, secrets| request(build, secrets).unwrap_err().to_string();
        let used = json!({"context": "/p", "secrets": [{"source": "s"}]});
        assert!(message(used.clone(), json!({})).contains("do not define"));
        assert!(message(used.clone(), json!({"s": {"external": true}})).contains("external"));
        let unset = request(used, json!({"s": {"environment": "NOPE"}})).unwrap();
        assert!(unset.secrets.is_empty());
        assert!(unset.remarks[0].contains("`NOPE`, which is not set"));
        assert!(
            message(
                json!({"context": "/p", "x-bake": {"secret": "what"}}),
                json!({})
            )
            .contains("`id=NAME,src=FILE`")
        );
    }
}
