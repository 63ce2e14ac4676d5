use tokio::signal::unix::{SignalKind, signal};

use crate::apply::{Cancel, Canceller};

/// Turns Ctrl-C, SIGTERM and SIGHUP (the terminal is closed) into requests to end: the first to finish the calls in flight, the second to stop now.
///
/// From here on none of them ends the process by itself.
pub fn listen() -> Cancel {
    let (canceller, cancel) = Canceller::new();
    tokio::spawn(async move {
        let (Ok(mut interrupts), Ok(mut terminations), Ok(mut hangups)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
            signal(SignalKind::hangup()),
        ) else {
            return;
        };
        loop {
            tokio::select! {
                _ = interrupts.recv() => {}
                _ = terminations.recv() => {}
                _ = hangups.recv() => {}
            }
            canceller.raise();
        }
    });
    cancel
}
