use std::fmt;

use super::InputChange;

/// Why an image is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildReason {
    /// The engine has no image of that name.
    Missing,
    /// The engine has one that was not built by wharf.
    Foreign,
    Changed(Vec<InputChange>),
    /// `--no-cache`, `--pull` or `--no-skip`, or the same in the Compose file.
    Requested,
    /// The context is remote, so that only the engine can tell.
    Remote,
    /// Nothing has changed here, but the `ADD` in this line of the Dockerfile fetches what may have, which only the engine
    /// can tell.
    Fetches(u32),
    /// The same for an `ONBUILD ADD` of what it starts from.
    BaseFetches,
}

impl fmt::Display for BuildReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildReason::Missing => f.write_str("there is no image yet"),
            BuildReason::Foreign => f.write_str("the image was not built by wharf"),
            BuildReason::Requested => f.write_str("a build is asked for"),
            BuildReason::Remote => f.write_str("the context is remote"),
            BuildReason::Fetches(line) => write!(
                f,
                "`ADD` in line {line} of its Dockerfile fetches what may have changed (`--checksum` would tell)"
            ),
            BuildReason::BaseFetches => {
                f.write_str("an `ONBUILD ADD` of what it starts from fetches what may have changed")
            }
            BuildReason::Changed(changes) => {
                for (at, change) in changes.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{change}")?;
                }
                Ok(())
            }
        }
    }
}
