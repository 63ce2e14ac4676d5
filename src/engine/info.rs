use std::fmt;
use std::str::FromStr;

/// What an engine is and can do.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineInfo {
    /// The address it was reached at: `unix:///var/run/docker.sock`.
    pub address: String,
    /// The product's version: `28.5.2`.
    pub version: String,
    /// The negotiated version, at most what both sides know.
    pub api: ApiVersion,
    pub operating_system: String,
    pub architecture: String,
    /// The engine's own unique id; empty where it has none.
    pub id: String,
    /// It is Podman behind the Docker API.
    pub podman: bool,
    /// Images are in containerd's store.
    pub containerd_store: bool,
}

impl EngineInfo {
    /// `healthcheck.start_interval` is honoured.
    pub fn has_start_interval(&self) -> bool {
        self.api >= ApiVersion(1, 44)
    }

    /// `volume.subpath` is honoured; older engines mount the whole volume.
    pub fn has_volume_subpath(&self) -> bool {
        self.api >= ApiVersion(1, 45)
    }

    /// Several networks may be given when a container is created.
    pub fn has_many_endpoints_at_create(&self) -> bool {
        self.api >= ApiVersion(1, 44)
    }
}

/// A version of the Engine API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion(pub u16, pub u16);

impl ApiVersion {
    /// The oldest version wharf works with: Engine 20.10.
    pub const OLDEST: ApiVersion = ApiVersion(1, 41);
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl FromStr for ApiVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (major, minor) = text.split_once('.')?;
            Some(ApiVersion(major.parse().ok()?, minor.parse().ok()?))
        };
        parse().ok_or_else(|| format!("`{text}` is not an API version; write it as `1.47`"))
    }
}
