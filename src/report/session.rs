use std::future::Future;
use std::io;

use futures_util::{FutureExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::Console;
use super::detach::Typed;
use super::terminal::{self, RawMode};
use crate::engine::{Attached, ConsoleSize, EngineError, LogStream};

/// How a conversation came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The process's output has ended.
    Output,
    /// It has ended, and there was none.
    Silence,
    /// Whoever sat at the terminal has left it with the keys for that.
    Left,
}

/// Connects the caller's streams with an attached process until its output ends.
///
/// With `tty` the caller's terminal, if it is one, is in raw mode meanwhile and its size changes go to `resize`. With
/// `stdin` the caller's input is handed over, and its end closes the process's input. `watch_keys`: the keys that leave a terminal
/// are looked for here, where the engine would take them for an error.
pub async fn converse<R, F>(
    console: &Console,
    attached: Attached,
    tty: bool,
    stdin: bool,
    watch_keys: bool,
    resize: R,
) -> Result<Ended, EngineError>
where
    R: Fn(ConsoleSize) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let raw = if tty && stdin { RawMode::enter() } else { None };
    let Attached {
        mut output,
        mut input,
    } = attached;
    let (leave, left) = oneshot::channel();
    // It is asked again after the input has ended.
    let mut left = left.fuse();
    let feeding = stdin.then(|| {
        tokio::spawn(async move {
            let mut typed = (tty && watch_keys).then(Typed::default);
            let mut from = tokio::io::stdin();
            let mut buffer = vec![0; 32 * 1024];
            loop {
                match from.read(&mut buffer).await {
                    Ok(0) | Err(_) => break,
                    Ok(count) => {
                        let piece = buffer.get(..count).unwrap_or_default();
                        let (piece, has_left) = match &mut typed {
                            Some(typed) => typed.read(piece),
                            None => (piece.to_vec(), false),
                        };
                        if has_left {
                            let _ = leave.send(());
                            // Closing the input would be told to the process.
                            return std::future::pending().await;
                        }
                        if input.write_all(&piece).await.is_err() || input.flush().await.is_err() {
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
    let mut silent = true;
    let ended = loop {
        let chunk = tokio::select! {
            chunk = output.next() => chunk,
            Ok(()) = &mut left => break Ok(Ended::Left),
        };
        silent &= !matches!(chunk, Some(Ok(_)));
        match chunk {
            Some(Ok(chunk)) if chunk.stream == LogStream::Stderr => console.raw_talk(&chunk.bytes),
            Some(Ok(chunk)) => console.raw_data(&chunk.bytes),
            Some(Err(error)) => break Err(error),
            None if silent => break Ok(Ended::Silence),
            None => break Ok(Ended::Output),
        }
    };
    for task in [feeding, resizing].into_iter().flatten() {
        task.abort();
    }
    drop(raw);
    ended
}
