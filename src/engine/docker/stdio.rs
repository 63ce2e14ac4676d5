use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt, stream};

use crate::engine::{EngineError, EngineResult, ErrorKind, LogStream, StreamChunk};

/// Takes apart the engine's one stream for standard output and standard error: messages with a header of 8 bytes,
/// of which the first names the stream and the last four the length.
/// <https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Container/operation/ContainerAttach>
pub(super) struct Demultiplexer {
    buffer: BytesMut,
    /// Stream and bytes that are still to come of the current message.
    current: Option<(LogStream, usize)>,
    /// Hand out a message only when all of it is there, unless it is larger than this.
    whole_up_to: usize,
}

const HEADER: usize = 8;
/// The engine's own failure, as text, instead of output.
const SYSTEM_ERROR: u8 = 3;

impl Demultiplexer {
    /// Output as it comes, in pieces of any size.
    pub(super) fn pieces(
        bytes: impl Stream<Item = EngineResult<Bytes>> + Send + Unpin,
    ) -> impl Stream<Item = EngineResult<StreamChunk>> + Send {
        Demultiplexer::messages(bytes, 0)
    }

    /// Output message by message, as long as they are not larger than `whole_up_to`.
    pub(super) fn messages(
        bytes: impl Stream<Item = EngineResult<Bytes>> + Send + Unpin,
        whole_up_to: usize,
    ) -> impl Stream<Item = EngineResult<StreamChunk>> + Send {
        let demultiplexer = Demultiplexer {
            buffer: BytesMut::new(),
            current: None,
            whole_up_to,
        };
        stream::try_unfold(
            (bytes, demultiplexer, false),
            |(mut bytes, mut own, mut ended)| async move {
                loop {
                    if let Some(chunk) = own.next(ended)? {
                        return Ok(Some((chunk, (bytes, own, ended))));
                    }
                    if ended {
                        return Ok(None);
                    }
                    match bytes.try_next().await? {
                        Some(more) => own.buffer.extend_from_slice(&more),
                        None => ended = true,
                    }
                }
            },
        )
    }

    fn next(&mut self, ended: bool) -> EngineResult<Option<StreamChunk>> {
        loop {
            let Some((stream, missing)) = self.current else {
                if self.buffer.len() < HEADER {
                    return Ok(None);
                }
                let length = u32::from_be_bytes([
                    self.buffer[4],
                    self.buffer[5],
                    self.buffer[6],
                    self.buffer[7],
                ]) as usize;
                let stream = match self.buffer[0] {
                    0 | 1 => LogStream::Stdout,
                    2 => LogStream::Stderr,
                    SYSTEM_ERROR => return self.system_error(length, ended),
                    other => {
                        return Err(EngineError::new(
                            ErrorKind::Other,
                            format!(
                                "the engine's output names stream {other}, which does not exist"
                            ),
                        ));
                    }
                };
                self.buffer.advance(HEADER);
                self.current = (length > 0).then_some((stream, length));
                continue;
            };
            let here = missing.min(self.buffer.len());
            let wait = here < missing && missing <= self.whole_up_to && !ended;
            if here == 0 || wait {
                return Ok(None);
            }
            self.current = (here < missing).then_some((stream, missing - here));
            return Ok(Some(StreamChunk {
                stream,
                bytes: self.buffer.split_to(here).freeze(),
            }));
        }
    }

    fn system_error(&self, length: usize, ended: bool) -> EngineResult<Option<StreamChunk>> {
        if !ended && self.buffer.len() < HEADER + length {
            return Ok(None);
        }
        let end = self.buffer.len().min(HEADER + length);
        let words = String::from_utf8_lossy(&self.buffer[HEADER..end]);
        Err(EngineError::new(
            ErrorKind::Other,
            format!("the engine cannot go on with the output: {}", words.trim()),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(stream: u8, text: &str) -> Vec<u8> {
        let mut message = vec![stream, 0, 0, 0];
        message.extend((text.len() as u32).to_be_bytes());
        message.extend(text.as_bytes());
        message
    }

    async fn read(
        bytes: &[u8],
        size: usize,
        whole: usize,
    ) -> EngineResult<Vec<(LogStream, String)>> {
        let pieces: Vec<EngineResult<Bytes>> = bytes
            .chunks(size)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let chunks: Vec<StreamChunk> = Demultiplexer::messages(stream::iter(pieces), whole)
            .try_collect()
            .await?;
        Ok(chunks
            .into_iter()
            .map(|chunk| {
                (
                    chunk.stream,
                    String::from_utf8(chunk.bytes.to_vec()).unwrap(),
                )
            })
            .collect())
    }

    #[tokio::test]
    async fn messages_survive_any_cut() {
        let mut bytes = message(1, "hello");
        bytes.extend(message(2, ""));
        bytes.extend(message(2, "\u{1}oh"));
        for size in 1..bytes.len() {
            assert_eq!(
                read(&bytes, size, 100).await.unwrap(),
                [
                    (LogStream::Stdout, "hello".to_owned()),
                    (LogStream::Stderr, "\u{1}oh".to_owned())
                ],
                "in pieces of {size}"
            );
        }
        let all: String = read(&bytes, 3, 0)
            .await
            .unwrap()
            .into_iter()
            .map(|(_, text)| text)
            .collect();
        assert_eq!(all, "hello\u{1}oh");
    }

    #[tokio::test]
    async fn the_engines_own_failure_and_nonsense_are_errors() {
        let error = read(&message(3, "disk gone"), 4, 0).await.unwrap_err();
        assert!(error.message.contains("disk gone"));
        assert!(read(b"plain text here", 4, 0).await.is_err());
    }

    #[tokio::test]
    async fn a_cut_off_message_is_not_lost() {
        let bytes = message(1, "half of it");
        assert_eq!(
            read(&bytes[..12], 5, 100).await.unwrap(),
            [(LogStream::Stdout, "half".to_owned())]
        );
    }
}
