use std::fmt;

use serde::{Deserialize, Serialize};

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#depends_on>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dependency {
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#depends_on>
    pub condition: Condition,
    /// Whether the dependent is restarted when wharf restarts or recreates the dependency.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#depends_on>
    #[serde(default)]
    pub restart: bool,
    /// `false`: only a warning when the dependency is not there.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#depends_on>
    #[serde(default = "yes")]
    pub required: bool,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    #[serde(rename = "service_started")]
    Started,
    #[serde(rename = "service_healthy")]
    Healthy,
    #[serde(rename = "service_completed_successfully")]
    CompletedSuccessfully,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Condition::Started => "service_started",
            Condition::Healthy => "service_healthy",
            Condition::CompletedSuccessfully => "service_completed_successfully",
        })
    }
}
