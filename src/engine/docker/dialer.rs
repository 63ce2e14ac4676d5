use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use super::address::Address;
use super::buildkit;
use super::context::{Candidate, TlsFiles};
use super::ssh::Ssh;
use super::tls::Tls;
use crate::load::Environment;

/// How long a host may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens connections to one engine: REST calls and BuildKit's upgraded streams go through the same door.
#[derive(Clone)]
pub struct Dialer(Arc<Door>);

enum Door {
    Unix(std::path::PathBuf),
    Tcp {
        host: String,
        port: u16,
        tls: Option<Tls>,
    },
    Ssh(Ssh),
}

impl Dialer {
    pub(super) fn new(candidate: &Candidate, environment: &Environment) -> Result<Dialer, String> {
        Dialer::at(&candidate.address, candidate.tls.as_ref(), environment)
    }

    /// `tls`: how it is spoken to where the address says so; `None`: as the system would.
    ///
    /// # Errors
    /// When certificates cannot be read.
    pub(super) fn at(
        address: &Address,
        tls: Option<&TlsFiles>,
        environment: &Environment,
    ) -> Result<Dialer, String> {
        let door = match address {
            Address::Unix(path) => Door::Unix(path.clone()),
            Address::Tcp {
                host,
                port,
                tls: has_tls,
            } => Door::Tcp {
                host: host.clone(),
                port: *port,
                tls: match (has_tls, tls) {
                    (true, Some(files)) => Some(Tls::new(host, files)?),
                    (true, None) => Some(Tls::new(host, &TlsFiles::default())?),
                    (false, _) => None,
                },
            },
            Address::Ssh(host) => Door::Ssh(Ssh::new(host, environment)),
        };
        Ok(Dialer(Arc::new(door)))
    }

    /// The door to a host of the network, such as a registry; `tls`: how it is spoken to, `None` without.
    ///
    /// # Errors
    /// When the authorities that may sign the host's certificate cannot be read.
    pub fn to_host(host: &str, port: u16, tls: Option<&TlsFiles>) -> Result<Dialer, String> {
        let tls = tls.map(|files| Tls::new(host, files)).transpose()?;
        let host = host.to_owned();
        Ok(Dialer(Arc::new(Door::Tcp { host, port, tls })))
    }

    /// A new raw connection, on which HTTP can be spoken.
    pub async fn dial(&self) -> io::Result<Line> {
        match &*self.0 {
            Door::Unix(path) => Ok(Line::new(UnixStream::connect(path).await?)),
            Door::Tcp { host, port, tls } => {
                let stream = timeout(PATIENCE, TcpStream::connect((host.as_str(), *port)))
                    .await
                    .map_err(|_| {
                        io::Error::new(
                            io::ErrorKind::TimedOut,
                            format!("no answer within {} s", PATIENCE.as_secs()),
                        )
                    })??;
                stream.set_nodelay(true)?;
                match tls {
                    Some(tls) => Ok(Line::new(tls.wrap(stream).await?)),
                    None => Ok(Line::new(stream)),
                }
            }
            Door::Ssh(ssh) => Ok(Line::new(ssh.dial().await?)),
        }
    }

    /// As [`Dialer::dial`], over what leads to the host already.
    pub async fn over(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> io::Result<Line> {
        match &*self.0 {
            Door::Tcp { tls: Some(tls), .. } => Ok(Line::new(tls.wrap(stream).await?)),
            _ => Ok(Line::new(stream)),
        }
    }

    /// `None`: the engine is not reached by ssh.
    pub(super) fn ssh(&self) -> Option<&Ssh> {
        match &*self.0 {
            Door::Ssh(ssh) => Some(ssh),
            _ => None,
        }
    }

    /// Opening a connection costs enough to keep idle ones.
    pub(super) fn is_costly(&self) -> bool {
        !matches!(&*self.0, Door::Unix(_))
    }

    /// The host for the `Host` header.
    pub(super) fn authority(&self) -> String {
        match &*self.0 {
            Door::Tcp { host, port, .. } if host.contains(':') => format!("[{host}]:{port}"),
            Door::Tcp { host, port, .. } => format!("{host}:{port}"),
            Door::Unix(_) | Door::Ssh(_) => "localhost".to_owned(),
        }
    }

    /// What a broken connection said before it broke: ssh explains itself on its standard error.
    pub(super) async fn last_words(&self) -> Option<String> {
        match &*self.0 {
            Door::Ssh(ssh) => ssh.last_words().await,
            _ => None,
        }
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Dialer").field(&self.authority()).finish()
    }
}

/// Builds go through the same door.
#[tonic::async_trait]
impl buildkit::Dialer for Dialer {
    async fn dial(&self) -> io::Result<Box<dyn buildkit::Connection>> {
        Ok(Box::new(Dialer::dial(self).await?))
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// One connection to the engine, whatever carries it.
pub struct Line(Box<dyn Duplex>);

impl Line {
    fn new(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Line {
        Line(Box::new(stream))
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Hands connections of a [`Dialer`] to hyper.
#[derive(Clone)]
pub(super) struct Connector(pub Dialer);

impl tower_service::Service<http::Uri> for Connector {
    type Response = TokioIo<Line>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Line>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: http::Uri) -> Self::Future {
        let dialer = self.0.clone();
        Box::pin(async move { dialer.dial().await.map(TokioIo::new) })
    }
}
