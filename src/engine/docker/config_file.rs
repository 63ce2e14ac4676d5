use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::Deserialize;

use crate::engine::{EngineError, EngineResult, ErrorKind};
use crate::load::Environment;

/// What wharf reads of the Docker client's `config.json`.
/// <https://docs.docker.com/reference/cli/docker/#docker-cli-configuration-file-configjson-properties>
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ConfigFile {
    pub auths: IndexMap<String, AuthEntry>,
    /// The helper for every registry that has none of its own.
    pub creds_store: Option<String>,
    /// Registry host to helper.
    pub cred_helpers: IndexMap<String, String>,
    pub current_context: Option<String>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct AuthEntry {
    /// Base64 of `name:password`.
    pub auth: String,
    pub username: String,
    pub password: String,
    pub identitytoken: String,
}

impl std::fmt::Debug for AuthEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthEntry").finish_non_exhaustive()
    }
}

/// The folder of the Docker client: `DOCKER_CONFIG`, else `~/.docker`; `None` without a home.
pub(super) fn folder(environment: &Environment) -> Option<PathBuf> {
    match environment.get("DOCKER_CONFIG") {
        Some(folder) if !folder.is_empty() => Some(environment.working_directory.join(folder)),
        _ => environment.home.as_ref().map(|home| home.join(".docker")),
    }
}

impl ConfigFile {
    /// Reads the user's file; a missing one is an empty one.
    pub(super) fn read(environment: &Environment) -> EngineResult<ConfigFile> {
        let Some(folder) = folder(environment) else {
            return Ok(ConfigFile::default());
        };
        let path = folder.join("config.json");
        match read_if_there(&path)? {
            Some(text) => serde_json::from_slice(&text).map_err(|error| {
                EngineError::new(
                    ErrorKind::Other,
                    format!("cannot read `{}`: {error}", path.display()),
                )
            }),
            None => Ok(ConfigFile::default()),
        }
    }
}

/// A file's content; `None` when there is no such file.
pub(super) fn read_if_there(path: &Path) -> EngineResult<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(EngineError::new(
            ErrorKind::Other,
            format!("cannot read `{}`: {error}", path.display()),
        )
        .because(error)),
    }
}
