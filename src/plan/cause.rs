use std::fmt;

use serde::{Deserialize, Serialize};

use super::Place;
use crate::secret::is_secret;

/// Why a step is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Cause {
    /// The object is wanted and does not exist.
    Missing,
    /// The object was made from another description.
    SpecChanged {
        fields: Vec<FieldChange>,
    },
    /// The container was made by another tool from another description; the fields are not known.
    HashChanged,
    /// The image's reference now means another image.
    ImageChanged {
        old: String,
        new: String,
    },
    /// Something that the container is tied to is replaced.
    DependencyRecreated {
        service: String,
    },
    /// Something that the container is tied to starts anew.
    DependencyRestarted {
        service: String,
    },
    NetworkRecreated {
        network: String,
    },
    /// Somebody has taken the container out of a network.
    NetworkLost {
        network: String,
    },
    VolumeRecreated {
        volume: String,
    },
    /// The container exists and does not run.
    NotRunning,
    /// A finished one-shot runs again, because this service starts again.
    RunsBefore {
        service: String,
    },
    /// Something waits for it.
    AwaitedBy {
        services: Vec<String>,
    },
    /// The end of the verb waits for it.
    Wanted,
    /// More containers than the service is to have.
    Surplus,
    /// What an interrupted run left behind.
    Leftover,
    /// No service of the project has this container.
    Orphan,
    /// The container's name is not the one it is to have.
    Renamed {
        old: String,
    },
    /// The image is not on the engine.
    ImageMissing,
    /// The command asks for it.
    Requested,
}

/// One difference between what is and what is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Path below the service (or network, or volume) as Compose names it: `environment.LOG_LEVEL`.
    pub path: String,
    /// `None`: it was not there.
    pub old: Option<String>,
    /// `None`: it goes away.
    pub new: Option<String>,
    /// Where the new value is written; `None`: nowhere, or not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// What a step can do to those who use the stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Nothing that runs is touched.
    #[default]
    Safe,
    /// Something that runs is stopped or restarted.
    Interrupts,
    /// Data goes away for good.
    LosesData,
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Risk::Safe => "safe",
            Risk::Interrupts => "interrupts",
            Risk::LosesData => "loses data",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Missing => f.write_str("missing"),
            Cause::SpecChanged { fields } => {
                for (index, field) in fields.iter().enumerate() {
                    if index > 0 {
                        f.write_str("; ")?;
                    }
                    field.fmt(f)?;
                }
                Ok(())
            }
            Cause::HashChanged => f.write_str("made by another tool from another description"),
            Cause::ImageChanged { old, new } => {
                write!(f, "image changed: {} -> {}", short(old), short(new))
            }
            Cause::DependencyRecreated { service } => write!(f, "`{service}` is replaced"),
            Cause::DependencyRestarted { service } => write!(f, "`{service}` starts anew"),
            Cause::NetworkLost { network } => write!(f, "it is not in network `{network}`"),
            Cause::NetworkRecreated { network } => write!(f, "network `{network}` is replaced"),
            Cause::VolumeRecreated { volume } => write!(f, "volume `{volume}` is replaced"),
            Cause::NotRunning => f.write_str("not running"),
            Cause::RunsBefore { service } => write!(f, "runs before `{service}` starts"),
            Cause::AwaitedBy { services } => write!(f, "for {}", services.join(", ")),
            Cause::Wanted => f.write_str("wanted"),
            Cause::Surplus => f.write_str("more than wanted"),
            Cause::Leftover => f.write_str("left by an interrupted run"),
            Cause::Orphan => f.write_str("orphan"),
            Cause::Renamed { old } => write!(f, "is named `{old}`"),
            Cause::ImageMissing => f.write_str("not on the engine"),
            Cause::Requested => f.write_str("requested"),
        }
    }
}

/// Shows at most the first words of a value; values whose name says "secret" are not shown at all.
impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| match value {
            None => "(none)".to_string(),
            Some(_) if hides_secret(&self.path) => "***".to_string(),
            Some(text) if text.chars().count() > 60 => {
                let head: String = text.chars().take(57).collect();
                format!("{head}...")
            }
            Some(text) => text.clone(),
        };
        write!(
            f,
            "{}: {} -> {}",
            self.path,
            shown(&self.old),
            shown(&self.new)
        )?;
        match &self.place {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}

/// Whether a field is a variable whose name says that its value is not for everybody's eyes.
fn hides_secret(path: &str) -> bool {
    path.strip_prefix("environment.").is_some_and(is_secret)
}

/// The first twelve digits of an image id.
pub(super) fn short(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..12).unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let change = FieldChange {
            path: "environment.DB_PASSWORD".into(),
            old: Some("hunter2".into()),
            new: None,
            place: None,
        };
        assert_eq!(change.to_string(), "environment.DB_PASSWORD: *** -> (none)");
    }

    #[test]
    fn a_change_says_where_it_is_written() {
        let change = FieldChange {
            path: "cpus".into(),
            old: None,
            new: Some("0.5".into()),
            place: Some(Place {
                file: "compose.yml".into(),
                line: 7,
                column: 11,
            }),
        };
        assert_eq!(change.to_string(), "cpus: (none) -> 0.5 (compose.yml:7)");
    }
}
