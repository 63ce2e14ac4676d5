use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{FileObject, Network, Service, Volume, WharfExtension};

/// One env of an application, ready to be planned.
/// <https://github.com/compose-spec/compose-spec/blob/main/02-model.md>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// The Compose project name, which keeps this env apart from all others on the engine.
    /// <https://github.com/compose-spec/compose-spec/blob/main/04-version-and-name.md#name-top-level-element>
    pub name: String,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md>
    #[serde(default)]
    pub services: IndexMap<String, Service>,
    /// Keyed by the name used in the files; the engine's name is [`Network::name`].
    /// <https://github.com/compose-spec/compose-spec/blob/main/06-networks.md>
    #[serde(default)]
    pub networks: IndexMap<String, Network>,
    /// Keyed by the name used in the files; the engine's name is [`Volume::name`].
    /// <https://github.com/compose-spec/compose-spec/blob/main/07-volumes.md>
    #[serde(default)]
    pub volumes: IndexMap<String, Volume>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/09-secrets.md>
    #[serde(default)]
    pub secrets: IndexMap<String, FileObject>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/08-configs.md>
    #[serde(default)]
    pub configs: IndexMap<String, FileObject>,
    #[serde(default, rename = "x-wharf")]
    pub wharf: WharfExtension,
    /// What relative paths refer to, absolute.

    #[serde(skip)]
    pub directory: PathBuf,
    /// The Compose files, lowest layer first, absolute.
    #[serde(skip)]
    pub files: Vec<PathBuf>,
    /// The env's name (`dev`); `None` when the files were named with `-f` or `COMPOSE_FILE`.
    #[serde(skip)]
    pub env: Option<String>,
    /// Services left out because none of their profiles is active.
    /// <https://github.com/compose-spec/compose-spec/blob/main/15-profiles.md>
    #[serde(skip)]
    pub inactive: IndexMap<String, Service>,
    /// Names of containers are put together with `_`, as the first docker-compose did.
    #[serde(skip)]
    pub compatibility: bool,
}

impl Project {
    /// What stands between the parts of a container's name.
    pub fn separator(&self) -> char {
        if self.compatibility { '_' } else { '-' }
    }
}
