use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// A command that runs in a service's container around its life.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#post_start>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hook {
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#post_start>
    pub command: Vec<String>,
    /// `None`: the container's user.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#post_start>
    pub user: Option<String>,
    /// Whether it runs with all capabilities.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#post_start>
    pub privileged: bool,
    /// `None`: the container's.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#post_start>
    pub working_dir: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#post_start>
    pub environment: IndexMap<String, Option<String>>,
}
