use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A command that runs in a service's container around its life.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#post_start>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hook {
    pub command: Vec<String>,
    /// `None`: the container's user.
    pub user: Option<String>,
    pub privileged: bool,
    /// `None`: the container's.
    pub working_dir: Option<String>,
    pub environment: IndexMap<String, Option<String>>,
}
