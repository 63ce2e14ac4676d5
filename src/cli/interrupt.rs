use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::apply::{Cancel, Canceller};

/// How soon a signal is the one that made the caller ask.
const TOGETHER: Duration = Duration::from_secs(1);

/// Whether somebody who called wharf wants it to end, other than by a signal.
static ASKED: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Turns Ctrl-C, SIGTERM, SIGHUP (the terminal is closed) and [`raise`] into requests to end: the first to finish the calls in flight, the
/// second to stop now.
///
/// From here on no signal ends the process by itself.
pub fn listen() -> Cancel {
    let (canceller, cancel) = Canceller::new();
    let mut asked = ASKED.subscribe();
    tokio::spawn(async move {
        let (Ok(mut interrupts), Ok(mut terminations), Ok(mut hangups)) = (
            signal(SignalKind::interrupt()),
            signal(SignalKind::terminate()),
            signal(SignalKind::hangup()),
        ) else {
            return;
        };
        let mut is_raised = false;
        let mut was_asked: Option<Instant> = None;
        loop {
            // Of what was asked before this began, somebody else has heard.
            let is_asked = async { asked.changed().await.is_ok() };
            let by_signal = tokio::select! {
                _ = interrupts.recv() => true,
                _ = terminations.recv() => true,
                _ = hangups.recv() => true,
                true = is_asked, if !is_raised => false,
            };
            // A signal for both reaches the caller and wharf.
            let is_same = was_asked
                .take()
                .is_some_and(|when| when.elapsed() < TOGETHER);
            if !is_same {
                canceller.raise();
                is_raised = true;
                was_asked = (!by_signal).then(Instant::now);
            }
        }
    });
    cancel
}

/// Asks all who listen to end, as a first signal does. `false`: nobody listens.
pub fn raise() -> bool {
    ASKED.send(true).is_ok()
}
