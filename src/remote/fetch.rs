use super::{RemoteError, Store, git, oci};
use crate::load::{Environment, RemoteCopy, RemoteKind};

/// What fetching takes from outside.
#[derive(Clone, Copy)]
pub struct Source<'s> {
    pub environment: &'s Environment,
    pub store: &'s Store,
    /// Registries that are spoken to without TLS, `registry.example:5000`.
    pub insecure: &'s [String],
}

/// A copy, and what to say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    pub copy: RemoteCopy,
    /// Which version it is, for people: the beginning of a commit or a digest.
    pub version: String,
    /// Whether it came over the network now, and was not here already.
    pub is_new: bool,
}

/// Finds out what a reference means now, and brings a copy of that here unless there is one.
///
/// # Errors
/// When what it names cannot be reached, is not there, or holds no Compose file.
pub async fn fetch(reference: &str, source: Source<'_>) -> Result<Fetched, RemoteError> {
    match RemoteKind::of(reference) {
        Some(RemoteKind::Oci) => oci::fetch(reference, source).await,
        Some(RemoteKind::Git) => git::fetch(reference, source).await,
        Some(RemoteKind::Web) | None => Err(RemoteError::Reference {
            reference: reference.to_owned(),
            why: "it is neither an OCI artifact nor a git repository".to_owned(),
        }),
    }
}
