//! A container in the foreground: the caller's streams and signals are its own.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Failure;
use crate::cli::context::Context;
use crate::engine::{AttachOptions, ConsoleSize, Engine, LogOptions, LogStream};
use crate::report::{Console, Ended, converse, terminal};

/// How long the end of a container may come after that of its terminal.
const AFTER_ITS_TERMINAL: Duration = Duration::from_secs(1);

/// Starts a container, connected with the caller's streams, and waits for its end. Ctrl-C and SIGTERM go to it; the second
/// one kills it. `None`: whoever sat at the terminal has left it with the keys for that, and the container runs on.
pub(super) async fn attend(
    context: &Context,
    engine: &Arc<dyn Engine>,
    name: &str,
    id: &str,
    tty: bool,
    stdin: bool,
) -> Result<Option<i64>, Failure> {
    let attach = AttachOptions {
        stdin,
        stdout: true,
        stderr: true,
        ..AttachOptions::default()
    };
    let attached = engine.attach_container(id, &attach).await?;
    // By its name, which is what a failure should say.
    engine.start_container(name).await?;
    if tty && let Some(size) = terminal::size() {
        // The container may be faster than this; then it has the size a moment later.
        let _ = engine.resize_container(id, size).await;
    }
    let (resizer, container) = (engine.clone(), id.to_owned());
    let resize = move |size: ConsoleSize| {
        let (engine, container) = (resizer.clone(), container.clone());
        async move {
            let _ = engine.resize_container(&container, size).await;
        }
    };
    let passing_on = pass_signals_on(engine.clone(), id.to_owned());
    let talking = converse(&context.console, attached, tty, stdin, false, resize);
    let ended = tokio::select! {
        talked = talking => talked?,
        () = passing_on => Ended::Left,
    };
    let end = engine.wait_container(id);
    if !tty {
        let code = end.await?;
        if ended == Ended::Silence {
            show_log(&context.console, engine, id).await;
        }
        return Ok(Some(code));
    }
    match tokio::time::timeout(AFTER_ITS_TERMINAL, end).await {
        Ok(code) => Ok(Some(code?)),
        Err(_) => Ok(None),
    }
}

/// Starts a container that nobody talks to, shows what it says, and waits for its end.
pub async fn listen_to(
    context: &Context,
    engine: &Arc<dyn Engine>,
    id: &str,
) -> Result<i64, Failure> {
    let attach = AttachOptions {
        stdout: true,
        stderr: true,
        ..AttachOptions::default()
    };
    let attached = engine.attach_container(id, &attach).await?;
    engine.start_container(id).await?;
    let console = &context.console;
    let ended = converse(console, attached, false, false, false, async |_| {}).await?;
    let code = engine.wait_container(id).await?;
    if ended == Ended::Silence {
        show_log(console, engine, id).await;
    }
    Ok(code)
}

/// Shows what the engine has in the log of a container that said nothing. When a container ends at once, a busy engine may
/// cut the connection before it has passed on what was written there.
async fn show_log(console: &Console, engine: &Arc<dyn Engine>, id: &str) {
    let lines = engine.container_logs(id, &LogOptions::default()).await;
    // A driver that cannot be read has nothing to show.
    let Ok(mut lines) = lines else { return };
    tracing::debug!(container = id, "it said nothing; its log is read");
    while let Some(Ok(line)) = lines.next().await {
        let text = [&line.bytes[..], b"\n"].concat();
        match line.stream {
            LogStream::Stdout => console.raw_data(&text),
            LogStream::Stderr => console.raw_talk(&text),
        }
    }
}

/// Hands Ctrl-C and SIGTERM on to a container, the second one as SIGKILL; never ends.
pub async fn pass_signals_on(engine: Arc<dyn Engine>, id: String) {
    let (Ok(mut interrupts), Ok(mut terminations)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    let mut first = true;
    loop {
        let name = tokio::select! {
            _ = interrupts.recv() => "SIGINT",
            _ = terminations.recv() => "SIGTERM",
        };
        let name = if std::mem::take(&mut first) {
            name
        } else {
            "SIGKILL"
        };
        let _ = engine.kill_container(&id, name).await;
    }
}
