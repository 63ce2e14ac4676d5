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
    pub value: Option<Hidden>,
    /// The text itself (configs only).
    /// <https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md>
    pub content: Option<String>,
    /// A content that is no text, in Base64: of what was a file until the project was sent to a server. `None`: it is text, or lies
    /// elsewhere.
    /// <https://github.com/compose-spec/compose-spec/blob/main/08-configs.md>
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoded: Option<String>,
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

/// A text that may be a secret: it is never shown where a project or a plan is printed for those who look for mistakes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Hidden(String);

impl Hidden {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Hidden {
    fn from(text: &str) -> Self {
        Hidden(text.to_owned())
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hidden").finish_non_exhaustive()
    }
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
