use std::future::Future;
use std::io;

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};

use super::Console;
use super::terminal::{self, RawMode};
use crate::engine::{Attached, ConsoleSize, EngineError, LogStream};

/// Connects the caller's streams with an attached process until its output ends.
///
/// With `tty` the caller's terminal, if it is one, is in raw mode meanwhile and its size changes go to `resize`. With
/// `stdin` the caller's input is handed over, and its end closes the process's input.
pub async fn converse<R, F>(
    console: &Console,
    attached: Attached,
    tty: bool,
    stdin: bool,
    resize: R,
) -> Result<(), EngineError>
where
    R: Fn(ConsoleSize) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let raw = if tty && stdin { RawMode::enter() } else { None };
    let Attached {
        mut output,
        mut input,
    } = attached;
    let feeding = stdin.then(|| {
        tokio::spawn(async move {
            let mut from = tokio::io::stdin();
            let mut buffer = vec![0; 32 * 1024];
            loop {
                match from.read(&mut buffer).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => {
                        let piece = buffer.get(..count).unwrap_or_default();
                        if input.write_all(piece).await.is_err() || input.flush().await.is_err() {
                            break;
                        }
                    }
                }
            }
            let _: io::Result<()> = input.shutdown().await;
        })
    });
    let resizing = tty.then(|| {
        tokio::spawn(async move {
            let Ok(mut changes) = signal(SignalKind::window_change()) else {
                return;
            };
            while changes.recv().await.is_some() {
                if let Some(size) = terminal::size() {
                    resize(size).await;
                }
            }
        })
    });
    let mut ended = Ok(());
    while let Some(chunk) = output.next().await {
        match chunk {
            Ok(chunk) if chunk.stream == LogStream::Stderr => console.raw_talk(&chunk.bytes),
            Ok(chunk) => console.raw_data(&chunk.bytes),
            Err(error) => {
                ended = Err(error);
                break;
            }
        }
    }
    for task in [feeding, resizing].into_iter().flatten() {
        task.abort();
    }
    drop(raw);
    ended
}
