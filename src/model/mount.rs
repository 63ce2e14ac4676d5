use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::ByteSize;

/// One entry of `volumes`, in its long form.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mount {
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    #[serde(rename = "type")]
    pub kind: MountKind,
    /// Bind: an absolute host path. Volume: the key in the project's `volumes`; `None`: an anonymous volume.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    #[serde(default)]
    pub source: Option<String>,
    /// Path in the container.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    pub target: String,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    #[serde(default)]
    pub read_only: bool,
    /// Only Docker Desktop of old knew it.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    #[serde(default)]
    pub consistency: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    #[serde(default)]
    pub bind: Option<BindOptions>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    #[serde(default)]
    pub volume: Option<VolumeOptions>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    #[serde(default)]
    pub tmpfs: Option<TmpfsOptions>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
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
    /// `rprivate`, `rshared` and the like. `None`: the engine's choice.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    pub propagation: Option<String>,
    /// Make a missing host path a directory.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    pub create_host_path: bool,
    /// SELinux relabelling: `z` (shared) or `Z` (private).
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    pub selinux: Option<String>,
    /// Whether mounts below are bound too: `enabled`, `disabled`, `writable` or `readonly`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    pub recursive: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeOptions {
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    pub labels: IndexMap<String, String>,
    /// Do not copy what the image has at the target into a new volume.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    pub nocopy: bool,
    /// Engines from API 1.45; older ones drop it without a word.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    pub subpath: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TmpfsOptions {
    /// `None`: half of the memory.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    pub size: Option<ByteSize>,
    /// Permission bits.
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    pub mode: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageOptions {
    /// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
    pub subpath: Option<String>,
}
