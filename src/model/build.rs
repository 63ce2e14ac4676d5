use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{ByteSize, FileReference, Ulimit};

/// How an image is made.
/// <https://github.com/compose-spec/compose-spec/blob/main/build.md>
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// An absolute directory or a git or http(s) URL. `None` only where `dockerfile_inline` needs no context.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#context>
    pub context: Option<String>,
    /// Relative to the context, or absolute. `None`: `Dockerfile`, unless `dockerfile_inline` is set.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#dockerfile>
    pub dockerfile: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#dockerfile_inline>
    pub dockerfile_inline: Option<String>,
    /// Name to directory, URL, `docker-image://`, `service:NAME` or `target:NAME`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#additional_contexts>
    pub additional_contexts: IndexMap<String, String>,
    /// A `None` value is taken from the environment wharf runs in.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#args>
    pub args: IndexMap<String, Option<String>>,
    /// Where the builder looks for layers: references of images, or `type=..` entries.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#cache_from>
    pub cache_from: Vec<String>,
    /// Where the builder leaves layers: as for `cache_from`.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#cache_to>
    pub cache_to: Vec<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#entitlements>
    pub entitlements: Vec<String>,
    /// `host=address` entries.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#extra_hosts>
    pub extra_hosts: Vec<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#isolation>
    pub isolation: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#labels>
    pub labels: IndexMap<String, String>,
    /// Of `RUN` steps: `host`, `none` or a network. `None`: the builder's own.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#network>
    pub network: Option<String>,
    /// Whether every step is run again. `None`: it is not.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#no_cache>
    pub no_cache: Option<bool>,
    /// Stages whose steps are run again.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#no_cache_filter>
    pub no_cache_filter: Vec<String>,
    /// Empty: the engine's own.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#platforms>
    pub platforms: Vec<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#privileged>
    pub privileged: Option<bool>,
    /// `true`, `false` or options such as `mode=max`. `None`: the builder's choice.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#provenance>
    pub provenance: Option<String>,
    /// Whether base images are asked for again. `None`: only where they are missing.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#pull>
    pub pull: Option<bool>,
    /// `true`, `false` or options such as `generator=IMAGE`. `None`: none.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#sbom>
    pub sbom: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#secrets>
    pub secrets: Vec<BuildSecret>,
    /// Of `/dev/shm` in `RUN` steps. `None`: the builder's 64 MiB.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#shm_size>
    pub shm_size: Option<ByteSize>,
    /// `id` or `id=path` entries.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#ssh>
    pub ssh: Vec<String>,
    /// Further names of the image.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#tags>
    pub tags: Vec<String>,
    /// The stage that is the image. `None`: the last one.
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#target>
    pub target: Option<String>,
    /// <https://github.com/compose-spec/compose-spec/blob/main/build.md#ulimits>
    pub ulimits: IndexMap<String, BuildUlimit>,
    /// Bake's extension, kept as written: contexts, tags, platforms, caches.
    /// <https://docs.docker.com/build/bake/compose-file/#extension-field-with-x-bake>
    #[serde(rename = "x-bake")]
    pub bake: Option<serde_json::Value>,
}

pub type BuildSecret = FileReference;
pub type BuildUlimit = Ulimit;
