use std::cell::Cell;
use std::future::Future;
use std::time::Duration;

use super::failure::Failure;
use crate::apply::{Cancel, CancelLevel, Canceller};

/// How long calls in flight may take to end when the time is up, before they are left.
const GRACE: Duration = Duration::from_secs(10);

/// What work comes to. `None`: somebody wanted the end at once; the work is dropped then.
pub async fn unless_now<T>(cancel: &Cancel, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = cancel.reached(CancelLevel::Now) => None,
        done = work => Some(done),
    }
}

/// Does work that answers `None` when it is interrupted; when the time is up it is told to end as if somebody had
/// interrupted it.
///
/// # Errors
/// The work's own, and [`Failure::StartTooLong`].
pub async fn within<T>(
    limit: Duration,
    cancel: &Cancel,
    work: impl AsyncFnOnce(&Cancel) -> Result<Option<T>, Failure>,
) -> Result<Option<T>, Failure> {
    let (canceller, own) = Canceller::new();
    let is_over = Cell::new(false);
    let pass_on = async {
        cancel.reached(CancelLevel::Finish).await;
        canceller.raise();
        cancel.reached(CancelLevel::Now).await;
        canceller.raise();
    };
    let end = async {
        tokio::time::sleep(limit).await;
        is_over.set(true);
        canceller.raise();
        tokio::time::sleep(GRACE).await;
        canceller.raise();
    };
    let meanwhile = async {
        tokio::join!(pass_on, end);
        std::future::pending().await
    };
    let done = tokio::select! {
        done = work(&own) => done,
        never = meanwhile => never,
    };
    match done {
        Ok(None) if is_over.get() && cancel.level() == CancelLevel::None => {
            Err(Failure::StartTooLong(limit))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn wait(cancel: &Cancel) -> Result<Option<()>, Failure> {
        cancel.reached(CancelLevel::Finish).await;
        Ok(None)
    }

    #[tokio::test]
    async fn what_takes_too_long_is_ended_and_says_so() {
        let limit = Duration::from_millis(10);
        let late = within(limit, &Cancel::never(), wait).await;
        assert!(matches!(late, Err(Failure::StartTooLong(_))), "{late:?}");
        let quick = within(limit, &Cancel::never(), async |_: &Cancel| Ok(Some(1))).await;
        assert!(matches!(quick, Ok(Some(1))), "{quick:?}");
    }

    #[tokio::test]
    async fn who_is_interrupted_was_not_too_slow() {
        let (canceller, cancel) = Canceller::new();
        canceller.raise();
        let ended = within(Duration::from_secs(60), &cancel, wait).await;
        assert!(matches!(ended, Ok(None)), "{ended:?}");
    }

    #[tokio::test]
    async fn the_second_time_ends_what_never_ends() {
        let (canceller, cancel) = Canceller::new();
        canceller.raise();
        assert_eq!(unless_now(&cancel, async { 1 }).await, Some(1));
        canceller.raise();
        let never = unless_now(&cancel, std::future::pending::<()>());
        assert_eq!(never.await, None);
    }
}
