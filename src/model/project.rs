use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{FileObject, Network, Service, Volume, WharfExtension};

/// One env of an application, ready to be planned.
/// <https://github.com/compose-spec/compose-spec/blob/main/02-model.md>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// The Compose project name, which keeps this env apart from all others on the engine.
    pub name: String,
    #[serde(default)]
    pub services: IndexMap<String, Service>,
    /// Keyed by the name used in the files; the engine's name is [`Network::name`].
    #[serde(default)]
    pub networks: IndexMap<String, Network>,
    /// Keyed by the name used in the files; the engine's name is [`Volume::name`].
    #[serde(default)]
    pub volumes: IndexMap<String, Volume>,
    #[serde(default)]
    pub secrets: IndexMap<String, FileObject>,
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
