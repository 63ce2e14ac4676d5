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
    /// As images name it: `amd64`. Empty until it is asked for.
    pub architecture: String,
    /// The engine's own unique id; empty where it has none, and until it is asked for.
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

    /// Containers may have annotations; older engines drop them.
    pub fn has_annotations(&self) -> bool {
        self.api >= ApiVersion(1, 43)
    }

    /// Each endpoint has a MAC address of its own; before, the container has one.
    pub fn has_endpoint_mac_address(&self) -> bool {
        self.api >= ApiVersion(1, 44)
    }

    /// A bind mount may say whether what is mounted below it is read-only too.
    pub fn has_recursive_read_only(&self) -> bool {
        self.api >= ApiVersion(1, 44)
    }

    /// An image may be mounted.
    pub fn has_image_mounts(&self) -> bool {
        self.api >= ApiVersion(1, 48)
    }

    /// An endpoint may be preferred for the default route.
    pub fn has_gateway_priority(&self) -> bool {
        self.api >= ApiVersion(1, 48)
    }

    /// An endpoint's interface may be given a name.
    pub fn has_interface_names(&self) -> bool {
        self.api >= ApiVersion(1, 49)
    }

    /// The terminal's size may be given when an exec is created.
    pub fn has_exec_console_size(&self) -> bool {
        self.api >= ApiVersion(1, 42)
    }

    /// A bind mount in the long form can make a missing host path.
    pub fn has_create_mountpoint(&self) -> bool {
        self.api >= ApiVersion(1, 42)
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
