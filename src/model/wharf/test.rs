use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::model::Duration;

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
