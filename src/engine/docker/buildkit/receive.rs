use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bollard_buildkit_proto::moby::filesync::v1::{BytesMessage, file_send_server};
use bytes::Bytes;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use super::content::Layout;
use crate::engine::{Engine, EngineError, EngineStream, ErrorKind, chain, read_blocking};

/// What of the service is answered.
pub(super) const METHOD: &str = "/moby.filesync.v1.FileSend/DiffCopy";

/// Takes the archive in which the builder sends its result, while it is sent.
/// <https://github.com/moby/buildkit/blob/master/session/filesync/filesync.proto>
#[derive(Clone, Debug)]
pub struct Receive {
    into: Into,
    /// What the receiver says of what it got: lines of an engine, the digest of a layout.
    said: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
enum Into {
    Engine(Arc<dyn Engine>),
    Layout(Layout),
}

impl fmt::Debug for Into {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Into::Engine(engine) => write!(f, "Engine({})", engine.info().address),
            Into::Layout(layout) => write!(f, "{layout:?}"),
        }
    }
}

impl Receive {
    /// The engine loads it.
    pub fn by_engine(engine: Arc<dyn Engine>) -> Receive {
        Receive::new(Into::Engine(engine))
    }

    /// It becomes a layout.
    pub fn into_layout(layout: Layout) -> Receive {
        Receive::new(Into::Layout(layout))
    }

    fn new(into: Into) -> Receive {
        Receive {
            into,
            said: Arc::default(),
        }
    }

    /// What the receiver has said: `Loaded image: NAME` or `Loaded image ID: ID` of an engine, the digest of a layout's
    /// image.
    pub fn said(&self) -> Vec<String> {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.clone()
    }

    async fn take(&self, archive: EngineStream<Bytes>) -> Result<Vec<String>, String> {
        match &self.into {
            Into::Engine(engine) => {
                let loaded = engine.load_images(archive).await;
                loaded.map_err(|error| chain(&error))
            }
            Into::Layout(layout) => {
                let layout = layout.clone();
                let filled = read_blocking(archive, move |archive| layout.fill(archive)).await;
                let digest = filled.map_err(|error| error.to_string())?;
                Ok(vec![digest])
            }
        }
    }
}

#[tonic::async_trait]
impl file_send_server::FileSend for Receive {
    type DiffCopyStream = Pin<Box<dyn Stream<Item = Result<BytesMessage, Status>> + Send>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<BytesMessage>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let pieces = request.into_inner().map(|piece| match piece {
            Ok(message) => Ok(Bytes::from(message.data)),
            Err(status) => {
                let message = format!("the builder stops sending: {}", status.message());
                Err(EngineError::new(ErrorKind::Other, message))
            }
        });
        let taken = self.take(Box::pin(pieces)).await;
        let said = taken.map_err(Status::failed_precondition)?;
        let mut all = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(said);
        Ok(Response::new(Box::pin(tokio_stream::empty())))
    }
}
