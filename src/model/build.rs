use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{ByteSize, FileReference, Ulimit};

/// How an image is made.
/// <https://github.com/compose-spec/compose-spec/blob/main/build.md>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// An absolute directory or a git or http(s) URL. `None` only where `dockerfile_inline` needs no context.
    pub context: Option<String>,
    /// Relative to the context, or absolute. `None`: `Dockerfile`, unless `dockerfile_inline` is set.
    pub dockerfile: Option<String>,
    pub dockerfile_inline: Option<String>,
    /// Name to directory, URL, `docker-image://`, `service:NAME` or `target:NAME`.
    pub additional_contexts: IndexMap<String, String>,
    /// A `None` value is taken from the environment wharf runs in.
    pub args: IndexMap<String, Option<String>>,
    pub cache_from: Vec<String>,
    pub cache_to: Vec<String>,
    pub entitlements: Vec<String>,
    pub extra_hosts: Vec<String>,
    pub isolation: Option<String>,
    pub labels: IndexMap<String, String>,
    pub network: Option<String>,
    pub no_cache: Option<bool>,
    pub no_cache_filter: Vec<String>,
    pub platforms: Vec<String>,
    pub privileged: Option<bool>,
    pub provenance: Option<String>,
    pub pull: Option<bool>,
    pub sbom: Option<String>,
    pub secrets: Vec<BuildSecret>,
    pub shm_size: Option<ByteSize>,
    /// `id` or `id=path` entries.
    pub ssh: Vec<String>,
    pub tags: Vec<String>,
    pub target: Option<String>,
    pub ulimits: IndexMap<String, BuildUlimit>,
    /// Bake's extension, kept as written: contexts, tags, platforms, caches.
    /// <https://docs.docker.com/build/bake/compose-file/#extension-field-with-x-bake>
    #[serde(rename = "x-bake")]
    pub bake: Option<serde_json::Value>,
}

pub type BuildSecret = FileReference;
pub type BuildUlimit = Ulimit;
