use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A secret or a config of the project: exactly one of the sources is set.
/// <https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md>
/// <https://github.com/compose-spec/compose-spec/blob/main/08-configs.md>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileObject {
    /// The name outside of the project, where it is external.
    /// <https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md>
    pub name: Option<String>,
    /// An absolute path on the host.
    /// <https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md>
    pub file: Option<String>,
    /// The variable that holds the content.
    /// <https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md>
    pub environment: Option<String>,
    /// What that variable holds, in the environment or in an env file of the project or of the model that was included with it.
    /// `None`: it is set nowhere, or no variable is named. Never written anywhere.
    #[serde(skip)]
    pub value: Option<String>,
    /// The text itself (configs only).
    /// <https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md>
    pub content: Option<String>,
    /// It exists already, outside of the project.
    /// <https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md>
    pub external: bool,
    /// <https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md>
    pub labels: IndexMap<String, String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md>
    pub driver: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md>
    pub driver_opts: IndexMap<String, String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md>
    pub template_driver: Option<String>,
}

/// A service's (or a build's) use of a secret or config.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#secrets>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileReference {
    /// Key in the project's `secrets` or `configs`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#secrets>
    pub source: String,
    /// Path in the container. `None`: `/run/secrets/<source>` for secrets, `/<source>` for configs.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#secrets>
    pub target: Option<String>,
    /// `None`: the container's.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#secrets>
    pub uid: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#secrets>
    pub gid: Option<String>,
    /// Permission bits as octal text (`"0440"`), the form `docker compose config` prints.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#secrets>
    pub mode: Option<String>,
}
