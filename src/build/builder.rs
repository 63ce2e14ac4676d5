use indexmap::IndexMap;
use tokio::sync::mpsc;

use super::{BuildEvent, BuildFailure, BuildRequest, BuiltImage};

/// Whatever builds and keeps images: an engine, or a record of one in tests.
#[tonic::async_trait]
pub trait Builder: Send + Sync {
    /// The image that has a name. `None`: there is none.
    async fn find(&self, name: &str) -> Result<Option<StoredImage>, BuilderError>;

    /// Gives an image one more name, taking it from another one if need be.
    async fn tag(&self, id: &str, name: &str) -> Result<(), BuilderError>;

    /// Builds one image and gives it its names. Dropping the future stops the build.
    async fn build(
        &self,
        request: &BuildRequest,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<BuiltImage, BuildFailure>;
}

/// An image that the engine has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredImage {
    /// `sha256:..`
    pub id: String,
    pub labels: IndexMap<String, String>,
    /// Instructions (`ONBUILD`) that it brings into every build from it, as the image holds them.
    pub triggers: Vec<String>,
    /// Bytes.
    pub size: u64,
}

/// The engine does not do what it is asked, with its reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BuilderError(pub String);
