use serde::{Deserialize, Serialize};

use super::Duration;

/// When the image of a service is fetched from its registry.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#pull_policy>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum PullPolicy {
    Always,
    Never,
    /// Only where the engine does not have it.
    #[default]
    Missing,
    /// It is built here instead, each time.
    Build,
    /// Where the engine does not have it, or has had it under that name for longer than this.
    Refresh(Duration),
}

const DAY: u64 = 24 * 60 * 60;

impl From<String> for PullPolicy {
    /// The specification's pattern lets more texts pass than it gives a meaning to; those mean what no policy means.
    fn from(text: String) -> Self {
        match text.as_str() {
            "always" => PullPolicy::Always,
            "never" => PullPolicy::Never,
            "build" => PullPolicy::Build,
            "daily" => PullPolicy::Refresh(Duration::from_secs(DAY)),
            "weekly" => PullPolicy::Refresh(Duration::from_secs(7 * DAY)),
            other => other
                .strip_prefix("every_")
                .and_then(|length| length.parse().ok())
                .map_or(PullPolicy::Missing, PullPolicy::Refresh),
        }
    }
}

impl From<PullPolicy> for String {
    fn from(policy: PullPolicy) -> Self {
        match policy {
            PullPolicy::Always => "always".to_owned(),
            PullPolicy::Never => "never".to_owned(),
            PullPolicy::Missing => "missing".to_owned(),
            PullPolicy::Build => "build".to_owned(),
            PullPolicy::Refresh(length) => format!("every_{length}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> PullPolicy {
        PullPolicy::from(text.to_owned())
    }

    #[test]
    fn lengths_are_those_that_the_specification_gives() {
        let refresh = |seconds| PullPolicy::Refresh(Duration::from_secs(seconds));
        assert_eq!(policy("daily"), refresh(86_400));
        assert_eq!(policy("weekly"), refresh(604_800));
        assert_eq!(policy("every_12h"), refresh(43_200));
        assert_eq!(policy("every_1d12h"), refresh(129_600));
        assert_eq!(policy("if_not_present"), PullPolicy::Missing);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["always", "never", "missing", "build", "daily", "every_90s"] {
            assert_eq!(policy(&String::from(policy(text))), policy(text), "{text}");
        }
    }
}
