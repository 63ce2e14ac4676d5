use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::address::Address;
use super::config_file::{self, ConfigFile, read_if_there};
use crate::engine::{EngineError, EngineResult, ErrorKind};
use crate::load::Environment;

/// An engine that may answer, and why it is asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    pub address: Address,
    pub tls: Option<TlsFiles>,
    /// `DOCKER_HOST`, "context `x`", "the default".
    pub origin: String,
}

/// Where the certificates for an engine are; a missing file is left out.
/// <https://docs.docker.com/engine/security/protect-access/>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsFiles {
    /// Who may have signed the engine's certificate; `None`: the system's authorities.
    pub ca: Option<PathBuf>,
    /// The client's own certificate and key.
    pub certificate: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// Take whatever certificate the engine shows.
    pub skip_verification: bool,
    /// Whose certificate it is to be; `None`: the host's.
    pub server_name: Option<String>,
    /// Agree on HTTP/2 while connecting, which servers that speak nothing else insist on.
    pub http2: bool,
}

impl TlsFiles {
    fn in_folder(folder: &Path, skip_verification: bool) -> TlsFiles {
        let there = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        TlsFiles {
            ca: there("ca.pem"),
            certificate: there("cert.pem"),
            key: there("key.pem"),
            skip_verification,
            ..TlsFiles::default()
        }
    }
}

/// The `meta.json` of a Docker context.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// Which engine is meant, before it is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// A context that is stored, and what names it.
    Context { name: String, origin: String },
    /// What `DOCKER_HOST` says.
    Host(String),
    /// Whatever listens where engines usually do.
    Usual,
}

/// The named context, `DOCKER_HOST`, `DOCKER_CONTEXT`, the current context of `config.json`, else the sockets where engines
/// usually listen.
/// <https://docs.docker.com/engine/manage-resources/contexts/>
pub(super) fn meant(environment: &Environment, context: Option<&str>) -> EngineResult<Meant> {
    let given = |name: &str| environment.get(name).filter(|value| !value.is_empty());
    if let Some(name) = context.filter(|name| !name.is_empty() && *name != "default") {
        return Ok(Meant::Context {
            name: name.to_owned(),
            origin: format!("context `{name}`"),
        });
    }
    if let Some(host) = given("DOCKER_HOST") {
        return Ok(Meant::Host(host.to_owned()));
    }
    if context.is_none() {
        let name = match given("DOCKER_CONTEXT") {
            Some(name) => Some((name.to_owned(), "DOCKER_CONTEXT")),
            None => ConfigFile::read(environment)?
                .current_context
                .filter(|name| !name.is_empty())
                .map(|name| (name, "config.json")),
        };
        if let Some((name, origin)) = name.filter(|(name, _)| name != "default") {
            let origin = format!("context `{name}` from {origin}");
            return Ok(Meant::Context { name, origin });
        }
    }
    Ok(Meant::Usual)
}

/// Whether the engine that is meant listens on this machine, and mounts its files. What cannot be found out is left to those who connect.
pub fn is_here(environment: &Environment, context: Option<&str>) -> bool {
    candidates(environment, context).is_ok_and(|all| {
        let mut addresses = all.iter().map(|one| &one.address);
        addresses.all(|one| matches!(one, Address::Unix(_)))
    })
}

/// Which engines to try, in order. Whatever is named is the only one.
pub(super) fn candidates(
    environment: &Environment,
    context: Option<&str>,
) -> EngineResult<Vec<Candidate>> {
    match meant(environment, context)? {
        Meant::Context { name, origin } => stored(environment, &name, origin).map(|one| vec![one]),
        Meant::Host(host) => named_host(environment, &host).map(|one| vec![one]),
        Meant::Usual => Ok(usual_sockets(environment)
            .into_iter()
            .map(|(path, origin)| Candidate {
                address: Address::Unix(path),
                tls: None,
                origin: origin.to_owned(),
            })
            .collect()),
    }
}

/// What a builder's record calls an engine: a context or an address.
pub(super) fn at_endpoint(
    environment: &Environment,
    endpoint: &str,
) -> EngineResult<Vec<Candidate>> {
    if endpoint == "default" || is_stored(environment, endpoint) {
        return candidates(environment, Some(endpoint));
    }
    let address = endpoint
        .parse()
        .map_err(|message: String| EngineError::new(ErrorKind::Unreachable, message))?;
    Ok(vec![Candidate {
        address,
        tls: None,
        origin: "the builder's record".to_owned(),
    }])
}

/// Whether there is a context of that name.
pub(super) fn is_stored(environment: &Environment, name: &str) -> bool {
    let folder = config_file::folder(environment);
    folder.is_some_and(|folder| metadata_file(&folder.join("contexts"), name).is_file())
}

fn metadata_file(contexts: &Path, name: &str) -> PathBuf {
    let id = hex::encode(Sha256::digest(name.as_bytes()));
    contexts.join("meta").join(id).join("meta.json")
}

fn named_host(environment: &Environment, host: &str) -> EngineResult<Candidate> {
    let mut address: Address = host.parse().map_err(|message: String| {
        EngineError::new(ErrorKind::Unreachable, format!("DOCKER_HOST: {message}"))
    })?;
    let set = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
    let verify = set("DOCKER_TLS_VERIFY");
    let mut tls_files = None;
    if let Address::Tcp { tls, .. } = &mut address {
        *tls |= verify || set("DOCKER_TLS");
        if *tls {
            let folder = match environment.get("DOCKER_CERT_PATH") {
                Some(path) if !path.is_empty() => Some(environment.working_directory.join(path)),
                _ => config_file::folder(environment),
            };
            let skip = !verify && set("DOCKER_TLS");
            tls_files = Some(match folder {
                Some(folder) => TlsFiles::in_folder(&folder, skip),
                None => TlsFiles {
                    skip_verification: skip,
                    ..TlsFiles::default()
                },
            });
        }
    }
    Ok(Candidate {
        address,
        tls: tls_files,
        origin: "DOCKER_HOST".to_owned(),
    })
}

/// A context that `docker context create` has stored.
fn stored(environment: &Environment, name: &str, origin: String) -> EngineResult<Candidate> {
    let unknown = |why: String| EngineError::new(ErrorKind::Unreachable, why);
    let folder = config_file::folder(environment)
        .ok_or_else(|| unknown(format!("{origin}: no home directory to look for it in")))?
        .join("contexts");
    let id = hex::encode(Sha256::digest(name.as_bytes()));
    let path = metadata_file(&folder, name);
    let text = read_if_there(&path)?.ok_or_else(|| {
        unknown(format!(
            "{origin} does not exist: there is no `{}`; `docker context ls` shows those that do",
            path.display()
        ))
    })?;
    let metadata: Metadata = serde_json::from_slice(&text)
        .map_err(|error| unknown(format!("cannot read `{}`: {error}", path.display())))?;
    let endpoint = metadata
        .endpoints
        .docker
        .filter(|endpoint| !endpoint.host.is_empty())
        .ok_or_else(|| unknown(format!("{origin} has no Docker endpoint")))?;
    let mut address: Address = endpoint
        .host
        .parse()
        .map_err(|message| unknown(format!("{origin}: {message}")))?;
    let mut tls_files = None;
    if let Address::Tcp { tls, .. } = &mut address {
        let files = TlsFiles::in_folder(
            &folder.join("tls").join(&id).join("docker"),
            endpoint.skip_tls_verify,
        );
        *tls |= files.ca.is_some() || files.certificate.is_some() || files.skip_verification;
        if *tls {
            tls_files = Some(files);
        }
    }
    Ok(Candidate {
        address,
        tls: tls_files,
        origin,
    })
}

fn usual_sockets(environment: &Environment) -> Vec<(PathBuf, &'static str)> {
    let mut sockets = vec![(PathBuf::from("/var/run/docker.sock"), "the default")];
    let runtime = environment
        .get("XDG_RUNTIME_DIR")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from);
    if let Some(runtime) = &runtime {
        sockets.push((runtime.join("docker.sock"), "rootless Docker"));
    }
    if let Some(home) = &environment.home {
        sockets.push((home.join(".docker/run/docker.sock"), "Docker Desktop"));
        sockets.push((home.join(".docker/desktop/docker.sock"), "Docker Desktop"));
    }
    if let Some(runtime) = &runtime {
        sockets.push((runtime.join("podman/podman.sock"), "rootless Podman"));
    }
    sockets.push((PathBuf::from("/run/podman/podman.sock"), "Podman"));
    sockets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(home: &std::path::Path, variables: &[(&str, &str)]) -> Environment {
        Environment {
            variables: variables
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            working_directory: home.to_owned(),
            home: Some(home.to_owned()),
            uid: 1000,
            gid: 1000,
        }
    }

    fn store_context(home: &std::path::Path, name: &str, meta: &str) -> PathBuf {
        let id = hex::encode(Sha256::digest(name.as_bytes()));
        let folder = home.join(".docker/contexts/meta").join(&id);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("meta.json"), meta).unwrap();
        home.join(".docker/contexts/tls").join(id).join("docker")
    }

    #[test]
    fn docker_host_wins_over_contexts_and_a_named_context_over_both() {
        let home = tempfile::tempdir().unwrap();
        store_context(
            home.path(),
            "far",
            r#"{"Name":"far","Metadata":{},"Endpoints":{"docker":{"Host":"ssh://me@far","SkipTLSVerify":false}}}"#,
        );
        let environment = environment(
            home.path(),
            &[("DOCKER_HOST", "unix:///x.sock"), ("DOCKER_CONTEXT", "far")],
        );
        let one = candidates(&environment, None).unwrap();
        assert_eq!(one.len(), 1);
        assert_eq!(one[0].address.to_string(), "unix:///x.sock");
        assert_eq!(one[0].origin, "DOCKER_HOST");
        assert!(is_here(&environment, None));
        assert!(!is_here(&environment, Some("far")));
        let named = candidates(&environment, Some("far")).unwrap();
        assert_eq!(named[0].address.to_string(), "ssh://me@far");
        let default = candidates(&environment, Some("default")).unwrap();
        assert_eq!(default[0].address.to_string(), "unix:///x.sock");
    }

    #[test]
    fn the_current_context_of_config_json_is_used() {
        let home = tempfile::tempdir().unwrap();
        let tls = store_context(
            home.path(),
            "box",
            r#"{"Name":"box","Endpoints":{"docker":{"Host":"tcp://box:2376"}}}"#,
        );
        std::fs::create_dir_all(&tls).unwrap();
        std::fs::write(tls.join("ca.pem"), "x").unwrap();
        std::fs::write(
            home.path().join(".docker/config.json"),
            r#"{"currentContext":"box"}"#,
        )
        .unwrap();
        let found = candidates(&environment(home.path(), &[]), None).unwrap();
        assert_eq!(
            found[0].address,
            Address::Tcp {
                host: "box".into(),
                port: 2376,
                tls: true
            }
        );
        let files = found[0].tls.clone().unwrap();
        assert_eq!(files.ca, Some(tls.join("ca.pem")));
        assert_eq!(files.key, None);
        assert_eq!(found[0].origin, "context `box` from config.json");

        let sockets = candidates(
            &environment(home.path(), &[("DOCKER_CONTEXT", "default")]),
            None,
        )
        .unwrap();
        assert_eq!(
            sockets[0].address.to_string(),
            "unix:///var/run/docker.sock"
        );
    }

    #[test]
    fn a_missing_context_and_a_broken_file_are_named() {
        let home = tempfile::tempdir().unwrap();
        let error = candidates(&environment(home.path(), &[]), Some("nope")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unreachable);
        assert!(error.message.contains("`nope` does not exist"), "{error}");
        std::fs::create_dir_all(home.path().join(".docker")).unwrap();
        std::fs::write(home.path().join(".docker/config.json"), "{").unwrap();
        let error = candidates(&environment(home.path(), &[]), None).unwrap_err();
        assert!(error.message.contains("config.json"), "{error}");
    }

    #[test]
    fn tls_is_asked_for_by_variables() {
        let home = tempfile::tempdir().unwrap();
        let certificates = home.path().join("certificates");
        std::fs::create_dir_all(&certificates).unwrap();
        for name in ["ca.pem", "cert.pem", "key.pem"] {
            std::fs::write(certificates.join(name), "x").unwrap();
        }
        let found = candidates(
            &environment(
                home.path(),
                &[
                    ("DOCKER_HOST", "tcp://box:2376"),
                    ("DOCKER_TLS_VERIFY", "1"),
                    ("DOCKER_CERT_PATH", "certificates"),
                ],
            ),
            None,
        )
        .unwrap();
        let files = found[0].tls.clone().unwrap();
        assert_eq!(files.key, Some(certificates.join("key.pem")));
        assert!(!files.skip_verification);
        let plain = candidates(
            &environment(home.path(), &[("DOCKER_HOST", "tcp://box:2375")]),
            None,
        )
        .unwrap();
        assert_eq!(plain[0].tls, None);
    }
}
