use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::ByteSize;

/// One entry of `volumes`, in its long form.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mount {
    #[serde(rename = "type")]
    pub kind: MountKind,
    /// Bind: an absolute host path. Volume: the key in the project's `volumes`; `None`: an anonymous volume.
    #[serde(default)]
    pub source: Option<String>,
    pub target: String,
    #[serde(default)]
    pub read_only: bool,
    #[serde(default)]
    pub consistency: Option<String>,
    #[serde(default)]
    pub bind: Option<BindOptions>,
    #[serde(default)]
    pub volume: Option<VolumeOptions>,
    #[serde(default)]
    pub tmpfs: Option<TmpfsOptions>,
    #[serde(default)]
    pub image: Option<ImageOptions>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    Bind,
    Volume,
    Tmpfs,
    /// A Windows named pipe.
    Npipe,
    Cluster,
    Image,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BindOptions {
    pub propagation: Option<String>,
    /// Make a missing host path a directory.
    pub create_host_path: bool,
    /// SELinux relabelling: `z` (shared) or `Z` (private).
    pub selinux: Option<String>,
    pub recursive: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeOptions {
    pub labels: IndexMap<String, String>,
    /// Do not copy what the image has at the target into a new volume.
    pub nocopy: bool,
    /// Engines from API 1.45; older ones drop it without a word.
    pub subpath: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TmpfsOptions {
    pub size: Option<ByteSize>,
    /// Permission bits.
    pub mode: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageOptions {
    pub subpath: Option<String>,
}
