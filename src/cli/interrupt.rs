use tokio::signal::unix::{SignalKind, signal};

use crate::apply::{Cancel, Canceller};

/// Turns Ctrl-C and SIGTERM into requests to end: the first to finish the calls in flight, the second to stop now.
///
/// From here on neither of them ends the process by itself.
pub fn listen() -> Cancel {
    let (canceller, cancel) = Canceller::new();
    tokio::spawn(async move {
        let (Ok(mut interrupts), Ok(mut terminations)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
        ) else {
            return;
        };
        loop {
            tokio::select! {
                _ = interrupts.recv() => {}
                _ = terminations.recv() => {}
            }
            canceller.raise();
        }
    });
    cancel
}
