use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bollard_buildkit_proto::moby::buildkit::v1::BytesMessage;
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use futures_util::stream;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic::Request;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::transport::{Channel, Endpoint, Uri};

use super::dialer::{Connection, Dialer};
use super::upgrade::upgrade;

/// The largest status message that is accepted, in bytes.
const LARGEST_STATUS: usize = 64 << 20;
/// The largest headers that are accepted, in bytes.
const LARGEST_HEADERS: u32 = 4 << 20;
/// Bytes of a session in one message.
const PIECE: usize = 32 << 10;

/// How a BuildKit is spoken to.
#[derive(Clone, Debug)]
pub enum Access {
    /// It is inside of an engine, whose `/grpc` and `/session` make connections to it, one each.
    Engine(Arc<dyn Dialer>),
    /// It listens itself. One connection does for all: the session is a stream of its control service.
    /// <https://github.com/moby/buildkit/blob/master/api/services/control/control.proto>
    Direct(Arc<dyn Dialer>),
}

/// The control service, and the way on which it asks back.
pub(super) struct Accessed {
    pub control: ControlClient<Channel>,
    pub session: Box<dyn Connection>,
}

impl Access {
    /// Opens a session by its id; `headers` say what it offers.
    pub(super) async fn open(
        &self,
        id: &str,
        headers: &[(&'static str, String)],
    ) -> io::Result<Accessed> {
        match self {
            Access::Engine(dialer) => {
                let (session, control) = tokio::join!(
                    upgrade(dialer.as_ref(), "/session", headers),
                    control(Connector::Upgrade(Arc::clone(dialer), id.to_owned())),
                );
                let session = session?;
                let control = control?;
                Ok(Accessed { control, session })
            }
            Access::Direct(dialer) => {
                let control = control(Connector::Plain(Arc::clone(dialer))).await?;
                let session = session(control.clone(), headers).await?;
                Ok(Accessed { control, session })
            }
        }
    }
}

async fn control(connector: Connector) -> io::Result<ControlClient<Channel>> {
    let channel = Endpoint::from_static("http://docker")
        .http2_max_header_list_size(LARGEST_HEADERS)
        .connect_with_connector(connector)
        .await
        .map_err(io::Error::other)?;
    Ok(ControlClient::new(channel).max_decoding_message_size(LARGEST_STATUS))
}

/// The stream `Session` as a connection. It ends, on either side, when the connection is dropped.
async fn session(
    mut control: ControlClient<Channel>,
    headers: &[(&'static str, String)],
) -> io::Result<Box<dyn Connection>> {
    let (near, far) = tokio::io::duplex(4 * PIECE);
    let (from_near, mut to_near) = tokio::io::split(far);
    let outgoing = stream::unfold(from_near, |mut from_near| async move {
        let mut data = vec![0; PIECE];
        let read = from_near.read(&mut data).await.ok()?;
        data.truncate(read);
        (read > 0).then_some((BytesMessage { data }, from_near))
    });
    let mut request = Request::new(outgoing);
    for (name, value) in headers {
        let name = AsciiMetadataKey::from_bytes(name.to_ascii_lowercase().as_bytes());
        let name = name.map_err(io::Error::other)?;
        let value = AsciiMetadataValue::try_from(value.as_str()).map_err(io::Error::other)?;
        request.metadata_mut().append(name, value);
    }
    let answer = control.session(request).await.map_err(io::Error::other)?;
    let mut incoming = answer.into_inner();
    tokio::spawn(async move {
        while let Ok(Some(message)) = incoming.message().await {
            if to_near.write_all(&message.data).await.is_err() {
                return;
            }
        }
        // The other end of it may be gone as well.
        let _ = to_near.shutdown().await;
    });
    Ok(Box::new(near))
}

/// Hands connections to the channel of the control service.
#[derive(Clone)]
enum Connector {
    /// Through the engine, in the name of a session.
    Upgrade(Arc<dyn Dialer>, String),
    Plain(Arc<dyn Dialer>),
}

impl tower_service::Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Connection>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            let connection = match connector {
                Connector::Upgrade(dialer, session) => {
                    let headers = [("X-Docker-Expose-Session-Uuid", session)];
                    upgrade(dialer.as_ref(), "/grpc", &headers).await?
                }
                Connector::Plain(dialer) => dialer.dial().await?,
            };
            Ok(TokioIo::new(connection))
        })
    }
}
