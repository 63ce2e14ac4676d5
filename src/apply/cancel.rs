use tokio::sync::watch;

/// How urgently the work is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CancelLevel {
    #[default]
    None,
    /// Finish the calls in flight, start no more, wait for nothing.
    Finish,
    /// Leave the calls in flight too.
    Now,
}

/// Asks for the end of work; the first Ctrl-C is [`CancelLevel::Finish`], the second [`CancelLevel::Now`].
#[derive(Clone, Debug)]
pub struct Canceller(watch::Sender<CancelLevel>);

/// Is told that work is to end.
#[derive(Clone, Debug)]
pub struct Cancel {
    level: watch::Receiver<CancelLevel>,
}

impl Canceller {
    pub fn new() -> (Canceller, Cancel) {
        let (sender, level) = watch::channel(CancelLevel::None);
        (Canceller(sender), Cancel { level })
    }

    /// Raises the level by one and returns the new one.
    pub fn raise(&self) -> CancelLevel {
        self.0.send_modify(|level| {
            *level = match *level {
                CancelLevel::None => CancelLevel::Finish,
                CancelLevel::Finish | CancelLevel::Now => CancelLevel::Now,
            }
        });
        *self.0.borrow()
    }
}

impl Cancel {
    /// A token that is never raised.
    pub fn never() -> Cancel {
        Canceller::new().1
    }

    pub fn level(&self) -> CancelLevel {
        *self.level.borrow()
    }

    /// Returns once the level is reached; never when nobody can raise it any more.
    pub async fn reached(&self, wanted: CancelLevel) {
        let mut level = self.level.clone();
        if level.wait_for(|level| *level >= wanted).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_time_means_now() {
        let (canceller, cancel) = Canceller::new();
        assert_eq!(cancel.level(), CancelLevel::None);
        assert_eq!(canceller.raise(), CancelLevel::Finish);
        cancel.reached(CancelLevel::Finish).await;
        assert_eq!(canceller.raise(), CancelLevel::Now);
        cancel.reached(CancelLevel::Now).await;
    }
}
