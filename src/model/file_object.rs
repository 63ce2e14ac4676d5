use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A secret or a config of the project: exactly one of the sources is set.
/// <https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md>
/// <https://github.com/compose-spec/compose-spec/blob/main/08-configs.md>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileObject {
    pub name: Option<String>,
    /// An absolute path on the host.
    pub file: Option<String>,
    /// A variable of the environment wharf runs in.
    pub environment: Option<String>,
    /// The text itself (configs only).
    pub content: Option<String>,
    pub external: bool,
    pub labels: IndexMap<String, String>,
    pub driver: Option<String>,
    pub driver_opts: IndexMap<String, String>,
    pub template_driver: Option<String>,
}

/// A service's (or a build's) use of a secret or config.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#secrets>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileReference {
    /// Key in the project's `secrets` or `configs`.
    pub source: String,
    /// Path in the container. `None`: `/run/secrets/<source>` for secrets, `/<source>` for configs.
    pub target: Option<String>,
    pub uid: Option<String>,
    pub gid: Option<String>,
    /// Permission bits as octal text (`"0440"`), the form `docker compose config` prints.
    pub mode: Option<String>,
}
