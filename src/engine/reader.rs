use std::io::{self, Read};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::EngineStream;

/// Pieces that wait for whoever reads them.
const WAITING: usize = 16;

/// Has something that blocks read a stream to where it wants, on a thread where it may.
///
/// # Errors
/// Those of the stream and of `read`.
pub async fn read_blocking<T: Send + 'static>(
    mut pieces: EngineStream<Bytes>,
    read: impl FnOnce(Reader) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let reading = tokio::task::spawn_blocking(move || read(Reader::new(receiver)));
    while let Some(piece) = pieces.next().await {
        if sender.send(piece.map_err(io::Error::other)).await.is_err() {
            break;
        }
    }
    drop(sender);
    reading.await.map_err(io::Error::other)?
}

/// The blocking end of a stream.
pub struct Reader {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Reader {
    pub fn new(receiver: mpsc::Receiver<io::Result<Bytes>>) -> Self {
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
