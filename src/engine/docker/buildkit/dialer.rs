use std::fmt;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream to the engine.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Opens byte streams to one engine. A build needs two at a time: one for requests, one that the engine asks back on.
#[tonic::async_trait]
pub trait Dialer: fmt::Debug + Send + Sync {
    async fn dial(&self) -> io::Result<Box<dyn Connection>>;
}
