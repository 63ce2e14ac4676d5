use std::io::{self, Read};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::EngineStream;

/// Pieces that wait for whoever reads them.
const WAITING: usize = 16;

/// Has a stream read on a thread that may block, at most a few pieces ahead. What the reader leaves is not asked for.
///
/// # Errors
/// Those of the reader. Where the stream fails, the [`super::EngineError`] is what is inside, whatever the reader makes of it.
pub async fn read_blocking<T: Send + 'static>(
    mut pieces: EngineStream<Bytes>,
    read: impl FnOnce(Reader) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let reading = tokio::task::spawn_blocking(move || read(Reader::new(receiver)));
    let mut failed = None;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            let message = error.to_string();
            failed = Some(error);
            io::Error::other(message)
        });
        if sender.send(piece).await.is_err() || failed.is_some() {
            break;
        }
    }
    drop(sender);
    let read = reading.await.map_err(io::Error::other)?;
    match failed {
        Some(error) => Err(io::Error::other(error)),
        None => read,
    }
}

/// The blocking end of a stream.
pub struct Reader {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Reader {
    fn new(receiver: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Reader {
            receiver,
            piece: Bytes::new(),
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let count = self.piece.len().min(buffer.len());
        let taken = self.piece.split_to(count);
        buffer
            .get_mut(..count)
            .unwrap_or_default()
            .copy_from_slice(&taken);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{EngineError, ErrorKind};

    #[tokio::test]
    async fn a_stream_that_fails_is_what_failed() {
        let failing = || {
            let failure = EngineError::new(ErrorKind::NotFound, "gone");
            let pieces = [Ok(Bytes::from_static(b"ab")), Err(failure)];
            Box::pin(futures_util::stream::iter(pieces)) as EngineStream<Bytes>
        };
        let read = |mut from: Reader| {
            let mut all = Vec::new();
            let read = from.read_to_end(&mut all);
            assert_eq!(all, b"ab");
            assert!(read.is_err(), "it is not whole");
            Ok(())
        };
        let error = read_blocking(failing(), read).await.unwrap_err();
        let error = error.downcast::<EngineError>().unwrap();
        assert_eq!(error.kind, ErrorKind::NotFound);
        let whole = Box::pin(futures_util::stream::iter([Ok(Bytes::from_static(b"ab"))]));
        let first = |mut from: Reader| {
            let mut one = [0];
            from.read_exact(&mut one).map(|()| one)
        };
        assert_eq!(read_blocking(whole, first).await.unwrap(), [b'a']);
    }
}
