use std::io;

use http::StatusCode;

use crate::diagnostic::Diagnostic;
use crate::registry::RegistryError;

/// Why there is no copy of what a reference names. References in it are fit to be shown.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("`{reference}` cannot be fetched: {why}")]
    Reference { reference: String, why: String },
    #[error("`git` is not installed, and `{reference}` is a git repository")]
    NoGit { reference: String },
    #[error("`{reference}` cannot be fetched: {message}")]
    Git {
        reference: String,
        /// What git says.
        message: String,
    },
    #[error("repository `{repository}` has no branch or tag `{wanted}`")]
    Revision {
        repository: String,
        wanted: String,
        /// One of its own that is called alike. `None`: there is none.
        near: Option<String>,
    },
    #[error("repository `{repository}` has no commit yet")]
    EmptyRepository { repository: String },
    #[error("the repository has nothing at the end of `{reference}`")]
    NoPath { reference: String },
    #[error("there is no Compose file in `{place}`")]
    NoComposeFile { place: String },
    #[error("`{reference}` cannot be fetched: {source}")]
    Registry {
        reference: String,
        source: RegistryError,
    },
    #[error("`{reference}` is no Compose project: {why}")]
    Artifact { reference: String, why: String },
    #[error("there is no directory for the copy of `{reference}`")]
    NoStore { reference: String },
    #[error("the copy of `{reference}` cannot be kept: {source}")]
    Store {
        reference: String,
        source: io::Error,
    },
}

impl RemoteError {
    /// As a finding; the place that names the reference is added by who knows it.
    pub fn diagnostic(&self) -> Diagnostic {
        let message = self.to_string();
        match self {
            RemoteError::Reference { .. } => Diagnostic::error("remote-reference", message)
                .help("references are like `https://host.example/app.git#main:dir` and `oci://registry.example/app:1`"),
            RemoteError::NoGit { .. } => Diagnostic::error("remote-unavailable", message)
                .help("install git, or fetch the files otherwise and name the copy"),
            RemoteError::Git { .. } => Diagnostic::error("remote-unavailable", message)
                .help("correct the address; git asks for nothing here, so that a private repository needs an ssh agent or a credential helper"),
            RemoteError::Revision { near, .. } => {
                let finding = Diagnostic::error("remote-unavailable", message);
                finding.help(match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "name a branch, a tag or a whole commit".to_owned(),
                })
            }
            RemoteError::EmptyRepository { .. } => Diagnostic::error("remote-unusable", message)
                .help("push a commit first"),
            RemoteError::NoPath { .. } => Diagnostic::error("remote-unusable", message)
                .help("correct what follows the `:`, a directory or a file of the repository"),
            RemoteError::NoComposeFile { .. } => Diagnostic::error("remote-unusable", message)
                .note(format!(
                    "looked for {}",
                    crate::load::COMPOSE_NAMES.join(", ")
                ))
                .help("name its directory, or the file itself, after `#BRANCH:`"),
            RemoteError::Registry { source, .. } => {
                let finding = Diagnostic::error("remote-unavailable", message);
                match advice(source) {
                    Some(advice) => finding.help(advice),
                    None => finding,
                }
            }
            RemoteError::Artifact { .. } => Diagnostic::error("remote-unusable", message)
                .help("`wharf publish` and `docker compose publish` make artifacts that can be loaded"),
            RemoteError::NoStore { .. } | RemoteError::Store { .. } => Diagnostic::error("remote-unavailable", message)
                .help("copies are kept below `XDG_CACHE_HOME`, else `~/.cache`"),
        }
    }
}

fn advice(error: &RegistryError) -> Option<String> {
    match error {
        RegistryError::Refused { host, status, .. } => Some(match *status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                format!("log in with `docker login {host}`")
            }
            StatusCode::NOT_FOUND => "correct the name, the tag or the digest".to_owned(),
            _ => return None,
        }),
        RegistryError::Unreachable { host, .. } => Some(format!(
            "correct the address; of a registry without TLS, `--insecure-registry {host}` says it"
        )),
        RegistryError::Silent { .. } => Some(
            "see whether it is a registry that listens there, and whether it is well".to_owned(),
        ),
        _ => None,
    }
}
