use std::sync::Arc;

use futures_util::future::BoxFuture;
use indexmap::IndexMap;

use super::{EngineResult, HealthcheckSpec};

/// One image, inspected.
/// <https://github.com/opencontainers/image-spec/blob/main/config.md>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    pub id: String,
    pub tags: Vec<String>,
    /// `repository@sha256:..`, known after a pull or push.
    pub digests: Vec<String>,
    pub labels: IndexMap<String, String>,
    /// RFC 3339.
    pub created: String,
    /// When it was given a name here last, RFC 3339; empty: not known.
    pub last_tagged: String,
    /// Bytes.
    pub size: i64,
    pub operating_system: String,
    pub architecture: String,
    pub variant: String,
    pub user: String,
    pub working_dir: String,
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    pub environment: Vec<String>,
    pub exposed_ports: Vec<String>,
    pub volumes: Vec<String>,
    pub healthcheck: Option<HealthcheckSpec>,
    pub stop_signal: Option<String>,
    /// Instructions (`ONBUILD`) that run in every build from it.
    pub triggers: Vec<String>,
    /// Digests of the uncompressed layers, lowest first.
    pub layers: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageSummary {
    pub id: String,
    pub parent: String,
    pub tags: Vec<String>,
    pub digests: Vec<String>,
    pub labels: IndexMap<String, String>,
    /// Unix seconds.
    pub created: i64,
    /// Bytes.
    pub size: i64,
}

/// One step of an image's history, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageLayer {
    pub id: String,
    /// Unix seconds.
    pub created: i64,
    pub created_by: String,
    pub tags: Vec<String>,
    /// Bytes.
    pub size: i64,
    pub comment: String,
}

/// How to authenticate at a registry.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    pub server: String,
    pub username: String,
    pub password: String,
    /// Instead of name and password.
    pub identity_token: String,
}

/// Never shows the secret parts.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("server", &self.server)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Looks up how to authenticate for an image reference. It may take long: a helper may ask a person. `None`: nobody is
/// logged in there.
pub type CredentialsOf =
    Arc<dyn Fn(&str) -> BoxFuture<'static, EngineResult<Option<Credentials>>> + Send + Sync>;

/// A message of a pull, push or load.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransferProgress {
    /// The layer; empty for messages about the whole.
    pub layer: String,
    pub status: String,
    /// Bytes; `None` when the engine does not say.
    pub current: Option<i64>,
    pub total: Option<i64>,
}
