use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use indexmap::IndexMap;

use super::{Cache, ImageName};

/// One image build, complete: nothing is read from the process environment and nothing is defaulted any more, except that
/// the files of the context are read while the build runs.
/// <https://github.com/compose-spec/compose-spec/blob/main/build.md>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildRequest {
    /// What reports call this image.
    pub image: String,
    /// All names (`name:tag`) that the result gets. Empty: the image stays without a name.
    pub names: Vec<String>,
    pub dockerfile: DockerfileText,
    /// The Dockerfile's path in a remote context; `dockerfile` is empty then. `None`: `dockerfile` is meant.
    pub remote_dockerfile: Option<String>,
    pub context: Context,
    /// Further contexts by the name that the Dockerfile uses for them.
    pub named_contexts: IndexMap<String, Context>,
    pub arguments: IndexMap<String, String>,
    /// The stage to build. `None`: the last one.
    pub target: Option<String>,
    pub labels: IndexMap<String, String>,
    /// Labels that say what the image is, such as its commit: unlike `labels` they are no inputs, so that the same sources
    /// are not another image for whoever builds without them.
    pub marks: IndexMap<String, String>,
    /// Empty: the engine's own.
    pub platforms: Vec<String>,
    /// Run every step again.
    pub no_cache: bool,
    /// Run the steps of these stages again.
    pub no_cache_stages: Vec<String>,
    /// Look for newer base images on their registries instead of taking the engine's.
    pub pull: bool,
    /// `default`, `none` or `host`. `None`: the engine's default.
    pub network: Option<String>,
    /// `host=address` or `host:address` entries.
    pub extra_hosts: Vec<String>,
    /// Bytes of `/dev/shm` in each step. `None`: the engine's default.
    pub shm_size: Option<i64>,
    /// `name=soft[:hard]` entries.
    pub ulimits: Vec<String>,
    pub secrets: BTreeMap<String, SecretSource>,
    /// By id: one socket of an agent, or files with private keys.
    pub ssh: BTreeMap<String, Vec<PathBuf>>,
    pub cache_from: Vec<Cache>,
    pub cache_to: Vec<Cache>,
    /// What is to be stated about the image, with parameters: `provenance` with `mode=max`, `sbom` with `generator=..`.
    pub attestations: BTreeMap<String, String>,
    /// `network.host`, `security.insecure`.
    pub entitlements: Vec<String>,
    /// Seconds since the epoch: the date of everything in the image. `None`: now.
    pub source_date_epoch: Option<i64>,
    /// What the description asks for and no builder of a Linux engine does; for people.
    pub remarks: Vec<String>,
    /// The images of the project that this one may be made from, by all their names, with the engine's ids: a builder that
    /// does not see the engine's images has to be given them.
    pub parents: BTreeMap<ImageName, String>,
    /// Those of `names` that the project's files write. What has only names that were made up belongs to no registry.
    pub declared: Vec<String>,
    pub surplus: Surplus,
    /// The same was built before: the builder is only asked whether its cache agrees, which is nothing for the history of
    /// builds that it keeps.
    pub is_repetition: bool,
}

/// What becomes of that of an image which the engine's image store cannot hold, its other platforms and its attestations,
/// where the builder is not the engine's own: the engine gets the image of one platform.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Surplus {
    /// It stays in the builder's cache.
    #[default]
    Cached,
    /// The builder pushes the whole image itself.
    Pushed,
    /// There must be none: the build fails.
    Refused,
}

/// A Dockerfile and its ignore rules, as the builder is to see them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DockerfileText {
    /// What messages call the file, relative to the project where possible.
    pub shown_as: String,
    pub text: String,
    /// The rules that apply to the context. `None`: nothing is ignored.
    pub ignore: Option<IgnoreText>,
}

/// An ignore file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IgnoreText {
    /// What messages call the file.
    pub shown_as: String,
    pub text: String,
}

/// Where a build's files come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Context {
    /// No files at all.
    #[default]
    Empty,
    /// Files by path, with their content.
    Files(Vec<(String, Vec<u8>)>),
    /// An absolute directory of this machine.
    Directory(PathBuf),
    /// An image of the engine's own store or a registry (only as a named context).
    Image(String),
    /// An image of this machine's files: a directory with content by digest, and the digest of the image's manifest or index
    /// (only as a named context).
    /// <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>
    Layout { directory: PathBuf, digest: String },
    /// A git or http(s) URL that the engine fetches itself.
    Remote(String),
}

/// Where a secret's value is read from when, and only when, a step asks for it.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    File(PathBuf),
    Value(Vec<u8>),
}

impl fmt::Debug for SecretSource {
    /// Never prints a value: requests end up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretSource::File(path) => write!(f, "File({})", path.display()),
            SecretSource::Value(_) => f.write_str("Value(..)"),
        }
    }
}

/// What a successful build leaves on the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltImage {
    /// `sha256:..`
    pub id: String,
    /// The builder has pushed it: the engine holds less than all of it.
    pub pushed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_request_does_not_show_its_secrets() {
        let request = BuildRequest {
            secrets: BTreeMap::from([(
                "token".to_owned(),
                SecretSource::Value(b"hunter2".to_vec()),
            )]),
            ..BuildRequest::default()
        };
        let shown = format!("{request:?}");
        assert!(shown.contains("token"), "{shown}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("104, 117"),
            "{shown}"
        );
    }
}
