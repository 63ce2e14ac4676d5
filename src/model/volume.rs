use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A named volume of the project.
/// <https://github.com/compose-spec/compose-spec/blob/main/07-volumes.md>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// The engine's name of it.
    /// <https://github.com/compose-spec/compose-spec/blob/main/07-volumes.md#name>
    pub name: String,
    /// `None`: `local`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/07-volumes.md#driver>
    pub driver: Option<String>,
    /// As the driver knows them.
    /// <https://github.com/compose-spec/compose-spec/blob/main/07-volumes.md#driver_opts>
    pub driver_opts: IndexMap<String, String>,
    /// It exists already and is never created or removed.
    /// <https://github.com/compose-spec/compose-spec/blob/main/07-volumes.md#external>
    pub external: bool,
    /// <https://github.com/compose-spec/compose-spec/blob/main/07-volumes.md#labels>
    pub labels: IndexMap<String, String>,
}
