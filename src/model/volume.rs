use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A named volume of the project.
/// <https://github.com/compose-spec/compose-spec/blob/main/07-volumes.md>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// The engine's name of it.
    pub name: String,
    /// `None`: `local`.
    pub driver: Option<String>,
    pub driver_opts: IndexMap<String, String>,
    /// It exists already and is never created or removed.
    pub external: bool,
    pub labels: IndexMap<String, String>,
}
