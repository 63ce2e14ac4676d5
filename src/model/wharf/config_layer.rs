use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// One entry of `x-wharf.config`: a file that is added to an image as part of its last layer. Exactly one of `template`
/// and `file` is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConfigFile {
    /// A template's path, absolute.
    pub template: Option<String>,
    /// The path, absolute, of a file that is taken as it is.
    pub file: Option<String>,
    /// An absolute path in the image.
    pub target: String,
    /// Permission bits as octal text. `None`: `0444`.
    pub mode: Option<String>,
    /// `None`: 0.
    pub uid: Option<String>,
    /// `None`: 0.
    pub gid: Option<String>,
    /// What the template may use as `{{ values.NAME }}`.
    pub values: IndexMap<String, String>,
    /// Whether the template may use `{{ secrets.NAME }}`; the image can then not be pushed to a registry.
    pub allow_secrets: bool,
    /// At the top level: the services whose images get it. Empty: all that are built here and run. In a service: unused.
    pub services: Vec<String>,
}
