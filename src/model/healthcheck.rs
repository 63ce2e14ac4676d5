use serde::{Deserialize, Serialize};

use super::Duration;

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#healthcheck>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Healthcheck {
    /// `["CMD", ..]`, `["CMD-SHELL", text]` or `["NONE"]`. Empty: the image's.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#healthcheck>
    pub test: Vec<String>,
    /// `None`: the engine's 30 s.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#healthcheck>
    pub interval: Option<Duration>,
    /// `None`: the engine's 30 s.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#healthcheck>
    pub timeout: Option<Duration>,
    /// `None`: the engine's 3.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#healthcheck>
    pub retries: Option<u64>,
    /// Failures do not count while this long. `None`: 0 s.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#healthcheck>
    pub start_period: Option<Duration>,
    /// Between probes in the start period; engines from API 1.44. `None`: the engine's 5 s.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#healthcheck>
    pub start_interval: Option<Duration>,
    /// As a `test` of `["NONE"]`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#healthcheck>
    pub disable: bool,
}

impl Healthcheck {
    /// Whether the service has no health check at all, whatever the image says.
    pub fn is_disabled(&self) -> bool {
        self.disable || self.test.first().is_some_and(|kind| kind == "NONE")
    }
}
