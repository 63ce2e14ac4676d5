use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bollard_buildkit_proto::health::health_server::HealthServer;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::SecretsServer;
use bollard_buildkit_proto::moby::filesync::packet::file_sync_server::FileSyncServer;
use bollard_buildkit_proto::moby::filesync::v1::auth_server::AuthServer;
use bollard_buildkit_proto::moby::filesync::v1::file_send_server::FileSendServer;
use bollard_buildkit_proto::moby::sshforward::v1::ssh_server::SshServer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio_stream::StreamExt;
use tonic::transport::Server;
use tonic::transport::server::Connected;

use super::auth::{Auth, CredentialLookup};
use super::content::{Content, METHODS};
use super::dialer::Connection;
use super::filesync::FileSync;
use super::health::Health;
use super::receive::{self, Receive};
use super::secrets::Secrets;
use super::ssh::Ssh;

/// The patterns of an ignore file come as headers; there may be many.
const LARGEST_HEADERS: u32 = 4 << 20;

/// What the engine may ask for during one build.
pub(super) struct Offers {
    pub files: FileSync,
    pub secrets: Secrets,
    /// Local caches, and images as files.
    pub content: Content,
    pub ssh: Ssh,
    pub credentials: Arc<dyn CredentialLookup>,
    /// Builds with the same key send only what changed since the last one.
    pub shared_key: String,
    /// Who takes the result. `None`: it is not sent.
    pub receive: Option<Receive>,
}

/// The way back from the builder to this side, open until dropped.
pub(super) struct Session {
    /// The server ends its connection when this goes.
    _open: oneshot::Sender<()>,
}

impl Offers {
    /// How the builder is told of the session and of what it may ask for. `id`: by this the builder finds it; nobody else's.
    pub(super) fn headers(&self, id: &str) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("X-Docker-Expose-Session-Uuid", id.to_owned()),
            ("X-Docker-Expose-Session-Name", "wharf".to_owned()),
            ("X-Docker-Expose-Session-Sharedkey", self.shared_key.clone()),
        ];
        let mut methods = vec![
            "/grpc.health.v1.Health/Check",
            "/moby.filesync.v1.FileSync/DiffCopy",
            "/moby.filesync.v1.Auth/Credentials",
            "/moby.buildkit.secrets.v1.Secrets/GetSecret",
        ];
        if !self.ssh.is_empty() {
            methods.extend([
                "/moby.sshforward.v1.SSH/CheckAgent",
                "/moby.sshforward.v1.SSH/ForwardAgent",
            ]);
        }
        if !self.content.is_empty() {
            methods.extend(METHODS);
        }
        methods.extend(self.receive.is_some().then_some(receive::METHOD));
        for method in methods {
            headers.push(("X-Docker-Expose-Session-Grpc-Method", method.to_owned()));
        }
        headers
    }
}

impl Session {
    /// Answers what the builder asks for on a connection.
    pub(super) fn serve(connection: Box<dyn Connection>, offers: Offers) -> Session {
        let server = Server::builder()
            .http2_max_header_list_size(LARGEST_HEADERS)
            .add_service(HealthServer::new(Health))
            .add_service(FileSyncServer::new(offers.files))
            .add_service(AuthServer::new(Auth(offers.credentials)))
            .add_service(SecretsServer::new(offers.secrets))
            .add_service(offers.content)
            .add_service(SshServer::new(offers.ssh))
            .add_optional_service(offers.receive.map(FileSendServer::new));
        // The server ends its connections when no more can come.
        let incoming = tokio_stream::once(Ok::<_, io::Error>(Incoming(connection)))
            .chain(tokio_stream::pending());
        let (open, closed) = oneshot::channel::<()>();
        tokio::spawn(async move {
            // An error says that the session was dropped, which is how it ends.
            let closed = async { closed.await.unwrap_or_default() };
            let served = server.serve_with_incoming_shutdown(incoming, closed).await;
            if let Err(error) = served {
                tracing::debug!(%error, "the build session ends");
            }
        });
        Session { _open: open }
    }
}

/// The one connection that the server serves.
struct Incoming(Box<dyn Connection>);

impl Connected for Incoming {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Incoming {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Incoming {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
