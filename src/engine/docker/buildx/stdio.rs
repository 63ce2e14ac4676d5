use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::DockerEngine;
use super::super::buildkit::{Connection, Dialer};
use crate::engine::{Attached, Engine, ExecSpec, LogStream};

/// Opens connections to the BuildKit in a container: through a command there that passes on its input and output.
#[derive(Clone)]
pub(super) struct InContainer {
    pub engine: Arc<DockerEngine>,
    pub container: String,
}

impl fmt::Debug for InContainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InContainer").field(&self.container).finish()
    }
}

#[tonic::async_trait]
impl Dialer for InContainer {
    async fn dial(&self) -> io::Result<Box<dyn Connection>> {
        let spec = ExecSpec {
            command: ["buildctl", "dial-stdio"].map(str::to_owned).into(),
            attach_stdin: true,
            attach_stdout: true,
            attach_stderr: true,
            ..ExecSpec::default()
        };
        let started = self.engine.exec(&self.container, &spec).await;
        let (_, attached) = started.map_err(io::Error::other)?;
        Ok(Box::new(Stdio {
            attached,
            rest: Bytes::new(),
        }))
    }
}

/// A command's input and output as one connection.
struct Stdio {
    attached: Attached,
    /// What has come and is not read yet.
    rest: Bytes,
}

impl AsyncRead for Stdio {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(self.attached.output.as_mut().poll_next(context)) {
                None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                Some(Ok(chunk)) if chunk.stream == LogStream::Stdout => self.rest = chunk.bytes,
                Some(Ok(chunk)) => {
                    let said = String::from_utf8_lossy(&chunk.bytes).into_owned();
                    tracing::debug!(said, "the way to the builder");
                }
            }
        }
        let count = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stdio {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.attached.input.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.attached.input.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.attached.input.as_mut().poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::StreamChunk;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn only_the_output_is_the_connection() {
        let chunk = |stream, text: &'static str| {
            Ok(StreamChunk {
                stream,
                bytes: Bytes::from_static(text.as_bytes()),
            })
        };
        let (near, mut far) = tokio::io::duplex(64);
        let mut connection = Stdio {
            attached: Attached {
                output: Box::pin(futures_util::stream::iter([
                    chunk(LogStream::Stdout, "PRI "),
                    chunk(LogStream::Stderr, "warning"),
                    chunk(LogStream::Stdout, "* HTTP"),
                ])),
                input: Box::pin(near),
            },
            rest: Bytes::new(),
        };
        let mut head = [0; 2];
        connection.read_exact(&mut head).await.unwrap();
        let mut rest = String::new();
        connection.read_to_string(&mut rest).await.unwrap();
        assert_eq!((&head, rest.as_str()), (b"PR", "I * HTTP"));
        connection.write_all(b"SM").await.unwrap();
        drop(connection);
        let mut sent = String::new();
        far.read_to_string(&mut sent).await.unwrap();
        assert_eq!(sent, "SM");
    }
}
