use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::Duration;

/// The top-level `x-wharf` extension.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WharfExtension {
    /// What `wharf test` runs. `None`: this env declares no tests.
    pub test: Option<TestDeclaration>,
}

/// `x-wharf.test`: one test run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestDeclaration {
    /// The service whose image and settings the tests run with.
    pub service: String,
    /// The tests' command; arguments after `--` are appended. Empty: the service's own.
    #[serde(default)]
    pub command: Vec<String>,
    /// Name to path in the container; `junit` is understood, the others are copied as they are.
    #[serde(default)]
    pub artifacts: IndexMap<String, String>,
    /// How long the tests may take, without the start-up. `None`: no limit.
    #[serde(default)]
    pub timeout: Option<Duration>,
    #[serde(default)]
    pub environment: IndexMap<String, Option<String>>,
}

/// A service's `x-wharf` extension.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceExtension {
    /// The service only describes an image that others build on; no container of it ever runs.
    /// `None`: it is when its container would only run `/bin/true`.
    pub image_only: Option<bool>,
}
