use std::fmt;
use std::io;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// A byte stream to the engine.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Opens byte streams to one engine. A build needs two at a time: one for requests, one that the engine asks back on.
#[tonic::async_trait]
pub trait Dialer: fmt::Debug + Send + Sync {
    async fn dial(&self) -> io::Result<Box<dyn Connection>>;
}

/// `unix:///var/run/docker.sock`
#[derive(Clone, Debug)]
pub struct UnixDialer(pub PathBuf);

#[tonic::async_trait]
impl Dialer for UnixDialer {
    async fn dial(&self) -> io::Result<Box<dyn Connection>> {
        Ok(Box::new(UnixStream::connect(&self.0).await?))
    }
}

/// `tcp://host:2375`, without TLS.
#[derive(Clone, Debug)]
pub struct TcpDialer(pub String);

#[tonic::async_trait]
impl Dialer for TcpDialer {
    async fn dial(&self) -> io::Result<Box<dyn Connection>> {
        let stream = TcpStream::connect(&self.0).await?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}
