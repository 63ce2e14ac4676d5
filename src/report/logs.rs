use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::SelectAll;
use futures_util::{Stream, StreamExt};

use super::{Console, Tone};
use crate::engine::{EngineError, EngineStream, LogLine, LogStream};

/// How lines of several containers are told apart and printed.
#[derive(Clone, Debug)]
pub struct LogView {
    /// Names in front of the lines, one for each container.
    pub names: Vec<String>,
    /// Print no names.
    pub bare: bool,
    /// Print the engine's time in front of each line.
    pub timestamps: bool,
    /// What was written to standard error goes there, even with names in front.
    pub separate: bool,
    /// It goes to standard output in any case.
    pub together: bool,
}

impl LogView {
    /// Prints a line of the n-th container. Without names in front, its standard error
    /// stays standard error.
    pub fn print(&self, console: &Console, container: usize, line: &LogLine) {
        let mut text = Vec::new();
        if !self.bare {
            let name = self.names.get(container).map_or("", String::as_str);
            let prefix = console.name_in_front(name, &self.names);
            text.extend(console.paint_data(Tone::Series(container), &prefix).bytes());
        }
        if self.timestamps
            && let Some(time) = &line.timestamp
        {
            text.extend(time.bytes());
            text.push(b' ');
        }
        text.extend(&line.bytes);
        text.push(b'\n');
        match line.stream {
            LogStream::Stderr if !self.together && (self.bare || self.separate) => {
                console.raw_talk(&text);
            }
            _ => console.raw_data(&text),
        }
    }
}

/// A line of the n-th container; `None`: there will be no more.
type Tagged = (usize, Option<Result<LogLine, EngineError>>);

fn tagged(at: usize, stream: EngineStream<LogLine>) -> Pin<Box<dyn Stream<Item = Tagged> + Send>> {
    // The end of a stream is an item too, so that it is no longer waited for.
    let ended = futures_util::stream::once(async move { (at, None) });
    Box::pin(stream.map(move |line| (at, Some(line))).chain(ended))
}

/// How long a line may be held back to be put in order with those of other containers.
const PATIENCE: Duration = Duration::from_millis(60);

/// Merges logs by the engine's timestamps and hands each line on, with the number of its stream. All streams must carry timestamps.
/// `later` may bring more of them, which are numbered on; it ends when all that have come have ended.
///
/// Streams that follow may be silent for long; a line is then held back for at most [`PATIENCE`].
pub async fn merge_logs(
    streams: Vec<EngineStream<LogLine>>,
    later: impl Stream<Item = EngineStream<LogLine>>,
    mut each: impl FnMut(usize, LogLine),
) -> Result<(), EngineError> {
    let mut later = std::pin::pin!(later.fuse());
    let mut open: SelectAll<Pin<Box<dyn Stream<Item = Tagged> + Send>>> = SelectAll::new();
    let mut number = 0;
    let mut live: Vec<usize> = Vec::new();
    for stream in streams {
        open.push(tagged(number, stream));
        live.push(number);
        number += 1;
    }
    // Ordered by time, then container, then arrival.
    let mut held: BTreeMap<(String, usize, u64), LogLine> = BTreeMap::new();
    let mut waiting: BTreeMap<usize, usize> = BTreeMap::new();
    let mut arrival = 0u64;
    loop {
        let complete = live
            .iter()
            .all(|at| waiting.get(at).is_some_and(|n| *n > 0));
        if complete && let Some(((_, at, _), line)) = held.pop_first() {
            *waiting.entry(at).or_default() -= 1;
            each(at, line);
            continue;
        }
        let patience = async {
            match held.is_empty() {
                true => std::future::pending().await,
                false => tokio::time::sleep(PATIENCE).await,
            }
        };
        let next = tokio::select! {
            biased;
            Some(stream) = later.next() => {
                open.push(tagged(number, stream));
                live.push(number);
                number += 1;
                continue;
            }
            next = open.next() => next,
            () = patience => {
                while let Some(((_, at, _), line)) = held.pop_first() {
                    each(at, line);
                }
                waiting.clear();
                continue;
            }
        };
        match next {
            Some((at, Some(line))) => {
                let line = line?;
                arrival += 1;
                let time = line.timestamp.clone().unwrap_or_default();
                held.insert((time, at, arrival), line);
                *waiting.entry(at).or_default() += 1;
            }
            Some((at, None)) => live.retain(|one| *one != at),
            None => break,
        }
    }
    for ((_, at, _), line) in held {
        each(at, line);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use futures_util::stream;

    fn log(lines: &[(&str, &'static str)]) -> EngineStream<LogLine> {
        let lines: Vec<_> = lines
            .iter()
            .map(|(time, text)| {
                Ok(LogLine {
                    stream: LogStream::Stdout,
                    timestamp: Some((*time).to_owned()),
                    bytes: Bytes::from_static(text.as_bytes()),
                })
            })
            .collect();
        Box::pin(futures_util::stream::iter(lines))
    }

    #[tokio::test]
    async fn lines_come_in_the_order_of_their_times() {
        let streams = vec![
            log(&[
                ("2026-01-01T00:00:01Z", "a1"),
                ("2026-01-01T00:00:04Z", "a2"),
            ]),
            log(&[
                ("2026-01-01T00:00:02Z", "b1"),
                ("2026-01-01T00:00:03Z", "b2"),
            ]),
        ];
        let mut seen = Vec::new();
        merge_logs(streams, stream::empty(), |at, line| {
            seen.push((at, line.bytes))
        })
        .await
        .unwrap();
        let texts: Vec<&[u8]> = seen.iter().map(|(_, text)| text.as_ref()).collect();
        assert_eq!(texts, [&b"a1"[..], b"b1", b"b2", b"a2"]);
    }

    #[tokio::test]
    async fn a_silent_stream_does_not_hold_back_the_others() {
        let silent: EngineStream<LogLine> = Box::pin(futures_util::stream::pending());
        let talking = log(&[("2026-01-01T00:00:01Z", "a")]);
        let (seen, mut lines) = tokio::sync::mpsc::unbounded_channel();
        let merging = tokio::spawn(merge_logs(
            vec![talking, silent],
            stream::empty(),
            move |_, line| {
                let _ = seen.send(line.bytes);
            },
        ));
        assert_eq!(lines.recv().await.as_deref(), Some(&b"a"[..]));
        merging.abort();
    }

    #[tokio::test]
    async fn streams_that_come_later_are_numbered_on() {
        let first = log(&[("2026-01-01T00:00:01Z", "a")]);
        let later = [
            log(&[("2026-01-01T00:00:03Z", "c")]),
            log(&[("2026-01-01T00:00:02Z", "b")]),
        ];
        let mut seen = Vec::new();
        merge_logs(vec![first], stream::iter(later), |at, line| {
            seen.push((at, line.bytes));
        })
        .await
        .unwrap();
        seen.sort();
        let expected = [(0, "a"), (1, "c"), (2, "b")];
        assert_eq!(seen, expected.map(|(at, text)| (at, Bytes::from(text))));
    }
}
