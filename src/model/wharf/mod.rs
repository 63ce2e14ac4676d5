//! `x-wharf`: what wharf adds to the specification. One file a key.

mod config_layer;
mod release;
mod test;

use serde::{Deserialize, Serialize};

pub use config_layer::ConfigFile;
pub use release::{CoveredBy, ReleaseComponent, ReleaseDeclaration, ReleaseLimits, Severity};
pub use test::{
    Needs, RUN_FILES, ResetDeclaration, SuiteDeclaration, TestDeclaration, artifact_file,
    artifact_pattern,
};

/// The top-level `x-wharf` extension.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WharfExtension {
    /// What `wharf test` runs. `None`: this env declares no tests.
    pub test: Option<TestDeclaration>,
    /// What `wharf release` makes. `None`: every default.
    pub release: Option<ReleaseDeclaration>,
    /// Files that are added to images as their last layer.
    pub config: Vec<ConfigFile>,
}

/// A service's `x-wharf` extension.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceExtension {
    /// The service only describes an image that others build on; no container of it ever runs.
    /// `None`: it is when its container would only run `/bin/true`.
    pub image_only: Option<bool>,
    /// Files that are added to this service's image as its last layer, after those of the top level.
    pub config: Vec<ConfigFile>,
    /// Its image holds the configuration already, and no file is added: written where a release is pinned. `None`: it does not.
    pub configured: Option<bool>,
}
