use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};

use super::DockerEngine;
use super::stdio::Demultiplexer;
use super::wire::{Call, segment};
use crate::engine::{EngineResult, EngineStream, LogLine, LogOptions, LogStream, StreamChunk};

/// A line longer than this comes in parts, so that a container cannot fill wharf's memory.
const LONGEST_LINE: usize = 1 << 20;

impl DockerEngine {
    pub(super) async fn logs(
        &self,
        id: &str,
        options: &LogOptions,
    ) -> EngineResult<EngineStream<LogLine>> {
        let call = Call::get(format!("/containers/{}/logs", segment(id)))
            .with("stdout", true)
            .with("stderr", true)
            .with("follow", options.follow)
            .with("timestamps", options.timestamps)
            .with_some("since", options.since.as_deref().map(unix_time))
            .with_some("until", options.until.as_deref().map(unix_time))
            .with(
                "tail",
                options
                    .tail
                    .map_or("all".to_owned(), |tail| tail.to_string()),
            );
        let action = format!("read the log of container `{id}`");
        let bytes = self.wire.bytes(&action, call).await?;
        let chunks = if options.tty {
            bytes
                .map_ok(|bytes| StreamChunk {
                    stream: LogStream::Stdout,
                    bytes,
                })
                .boxed()
        } else {
            Demultiplexer::messages(bytes, LONGEST_LINE).boxed()
        };
        Ok(Box::pin(lines(chunks, options.timestamps)))
    }
}

/// The beginning of a line whose end has not come yet, and its time.
#[derive(Default)]
struct Unfinished {
    timestamp: Option<String>,
    bytes: BytesMut,
}

/// Puts lines together. The engine cuts long ones into messages of 16 KiB, each with a time of its own.
fn lines(
    chunks: impl Stream<Item = EngineResult<StreamChunk>> + Unpin,
    timestamps: bool,
) -> impl Stream<Item = EngineResult<LogLine>> {
    let state = (chunks, [Unfinished::default(), Unfinished::default()]);
    stream::unfold(Some(state), move |state| async move {
        let (mut chunks, mut unfinished) = state?;
        match chunks.next().await {
            Some(Ok(chunk)) => {
                let part = &mut unfinished[usize::from(chunk.stream == LogStream::Stderr)];
                let found: Vec<EngineResult<LogLine>> =
                    part.extend(chunk, timestamps).into_iter().map(Ok).collect();
                Some((found, Some((chunks, unfinished))))
            }
            Some(Err(error)) => Some((vec![Err(error)], None)),
            None => {
                let rest = [LogStream::Stdout, LogStream::Stderr]
                    .into_iter()
                    .zip(unfinished)
                    .filter(|(_, part)| part.timestamp.is_some() || !part.bytes.is_empty())
                    .map(|(stream, part)| Ok(part.finish(stream)))
                    .collect();
                Some((rest, None))
            }
        }
    })
    .flat_map(stream::iter)
}

impl Unfinished {
    fn extend(&mut self, chunk: StreamChunk, timestamps: bool) -> Vec<LogLine> {
        let mut found = Vec::new();
        let mut rest = chunk.bytes;
        let mut at_start = true;
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| *byte == b'\n');
            let mut piece = rest.split_to(end.map_or(rest.len(), |end| end + 1));
            // A time stands at the start of each message, and of each line of a terminal.
            if timestamps && (at_start || self.is_empty()) {
                let time = split_time(&mut piece);
                if self.timestamp.is_none() {
                    self.timestamp = time;
                }
            }
            at_start = false;
            let ended = piece.last() == Some(&b'\n');
            self.bytes.extend_from_slice(&piece);
            if ended || self.bytes.len() >= LONGEST_LINE {
                let mut line = std::mem::take(self).finish(chunk.stream);
                if ended {
                    let mut length = line.bytes.len() - 1;
                    if length > 0 && line.bytes[length - 1] == b'\r' {
                        length -= 1;
                    }
                    line.bytes.truncate(length);
                }
                found.push(line);
            }
        }
        found
    }

    fn is_empty(&self) -> bool {
        self.timestamp.is_none() && self.bytes.is_empty()
    }

    fn finish(self, stream: LogStream) -> LogLine {
        LogLine {
            stream,
            timestamp: self.timestamp,
            bytes: self.bytes.freeze(),
        }
    }
}

/// The engine takes Unix seconds only. The times that it writes itself, in RFC 3339 and UTC, are turned into those;
/// everything else is handed on as it is.
fn unix_time(text: &str) -> String {
    let parse = || {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
        let (year, month, day) = (date.next()??, date.next()??, date.next()??);
        let mut clock = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok());
        let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
        if !(1..=12).contains(&month) || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // Years from March on, so that the leap day is the last of its year.
        let year = year - i64::from(month <= 2);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let days = 365 * year + leap_days + day_of_year - 719_468;
        let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
        Some(format!("{seconds}.{fraction:0<9}"))
    };
    parse().unwrap_or_else(|| text.to_owned())
}

/// Takes `2026-01-02T03:04:05.000000006Z ` off the front, if it is there.
fn split_time(piece: &mut Bytes) -> Option<String> {
    let end = piece.iter().take(40).position(|byte| *byte == b' ')?;
    let time = std::str::from_utf8(&piece[..end]).ok()?;
    let is_time = time.len() >= 20
        && time.as_bytes()[4] == b'-'
        && time.as_bytes()[10] == b'T'
        && time.as_bytes()[0].is_ascii_digit();
    if !is_time {
        return None;
    }
    let time = time.to_owned();
    let _ = piece.split_to(end + 1);
    Some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(chunks: &[(LogStream, &str)], timestamps: bool) -> Vec<LogLine> {
        let chunks: Vec<EngineResult<StreamChunk>> = chunks
            .iter()
            .map(|(stream, text)| {
                Ok(StreamChunk {
                    stream: *stream,
                    bytes: Bytes::copy_from_slice(text.as_bytes()),
                })
            })
            .collect();
        lines(stream::iter(chunks), timestamps)
            .try_collect()
            .await
            .unwrap()
    }

    #[test]
    fn the_engines_own_times_become_unix_seconds() {
        for (text, unix) in [
            ("1970-01-01T00:00:00Z", "0.000000000"),
            ("2024-02-29T12:34:56.5Z", "1709210096.500000000"),
            ("2026-01-01T00:00:00.000000005Z", "1767225600.000000005"),
            ("1767225600.25", "1767225600.25"),
            ("2026-13-01T00:00:00Z", "2026-13-01T00:00:00Z"),
            ("yesterday", "yesterday"),
        ] {
            assert_eq!(unix_time(text), unix);
        }
    }

    #[tokio::test]
    async fn lines_are_joined_and_cut() {
        use LogStream::{Stderr, Stdout};
        let found = read(
            &[(Stdout, "a"), (Stderr, "e\n"), (Stdout, "b\r\nc\n\nd")],
            false,
        )
        .await;
        let texts: Vec<_> = found
            .iter()
            .map(|line| (line.stream, std::str::from_utf8(&line.bytes).unwrap()))
            .collect();
        assert_eq!(
            texts,
            [
                (Stderr, "e"),
                (Stdout, "ab"),
                (Stdout, "c"),
                (Stdout, ""),
                (Stdout, "d")
            ]
        );
    }

    #[tokio::test]
    async fn the_time_of_a_line_is_that_of_its_first_part() {
        use LogStream::Stdout;
        let found = read(
            &[
                (Stdout, "2026-01-02T03:04:05.000000001Z one "),
                (Stdout, "2026-01-02T03:04:06.000000001Z line\n"),
                (Stdout, "2026-01-02T03:04:07.000000001Z \n"),
            ],
            true,
        )
        .await;
        assert_eq!(found.len(), 2);
        assert_eq!(
            found[0].timestamp.as_deref(),
            Some("2026-01-02T03:04:05.000000001Z")
        );
        assert_eq!(found[0].bytes, "one line");
        assert_eq!(found[1].bytes, "");
    }

    #[tokio::test]
    async fn a_terminals_lines_have_times_too() {
        let found = read(
            &[(
                LogStream::Stdout,
                "2026-01-02T03:04:05Z a\r\n2026-01-02T03:04:06Z b\r\n",
            )],
            true,
        )
        .await;
        assert_eq!(found[1].timestamp.as_deref(), Some("2026-01-02T03:04:06Z"));
        assert_eq!(found[1].bytes, "b");
    }

    #[tokio::test]
    async fn an_endless_line_comes_in_parts() {
        let long = "x".repeat(LONGEST_LINE);
        let found = read(
            &[(LogStream::Stdout, &long), (LogStream::Stdout, "y\n")],
            false,
        )
        .await;
        assert_eq!(found.len(), 2);
        assert_eq!(found[1].bytes, "y");
    }
}
