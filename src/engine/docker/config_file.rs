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
    /// By the engine's address, or `default`.
    pub proxies: IndexMap<String, Proxies>,
}

/// The proxies that containers and builds of an engine are told.
/// <https://docs.docker.com/engine/cli/proxy/>
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Proxies {
    http_proxy: String,
    https_proxy: String,
    ftp_proxy: String,
    no_proxy: String,
    all_proxy: String,
}

impl Proxies {
    /// The variables that tell them, in both cases, because programs look for one or the other.
    fn variables(&self) -> IndexMap<String, String> {
        [
            ("HTTP_PROXY", &self.http_proxy),
            ("HTTPS_PROXY", &self.https_proxy),
            ("FTP_PROXY", &self.ftp_proxy),
            ("NO_PROXY", &self.no_proxy),
            ("ALL_PROXY", &self.all_proxy),
        ]
        .into_iter()
        .filter(|(_, proxy)| !proxy.is_empty())
        .flat_map(|(name, proxy)| {
            [name.to_owned(), name.to_ascii_lowercase()].map(|name| (name, proxy.clone()))
        })
        .collect()
    }
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
    /// What containers and builds of the engine at this address are told, as variables.
    pub(super) fn proxies_of(&self, address: &str) -> IndexMap<String, String> {
        let proxies = self
            .proxies
            .get(address)
            .or_else(|| self.proxies.get("default"));
        proxies.map(Proxies::variables).unwrap_or_default()
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_those_of_the_engine_or_of_all() {
        let config: ConfigFile = serde_json::from_str(
            r#"{"proxies": {
                "default": {"httpProxy": "http://p:3128", "noProxy": "x"},
                "tcp://h:2375": {"allProxy": "socks5://q"}
            }}"#,
        )
        .unwrap();
        let told = |host| {
            let mut told: Vec<String> = config
                .proxies_of(host)
                .iter()
                .map(|(name, proxy)| format!("{name}={proxy}"))
                .collect();
            told.sort();
            told
        };
        let of_all = [
            "HTTP_PROXY=http://p:3128",
            "NO_PROXY=x",
            "http_proxy=http://p:3128",
            "no_proxy=x",
        ];
        assert_eq!(told("unix:///var/run/docker.sock"), of_all);
        assert_eq!(
            told("tcp://h:2375"),
            ["ALL_PROXY=socks5://q", "all_proxy=socks5://q"]
        );
        assert!(ConfigFile::default().proxies_of("tcp://h:2375").is_empty());
    }
}
