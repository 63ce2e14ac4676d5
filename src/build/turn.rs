use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use super::ImageName;
use super::hash_cache::{file_about, sweep};

/// Between two looks whether the other one is done.
const PAUSE: Duration = Duration::from_millis(20);
const EXTENSION: &str = "turn";

/// The right to build what has a name, which one process of this machine has at a time: builders do not promise that builds of
/// the same at the same time give the same image. It is given back when this is dropped, and when the process ends.
pub(super) struct Turn {
    /// `None`: where no file can be locked, nobody waits for anybody.
    _file: Option<File>,
    /// Somebody else had it before, and may have built what was wanted.
    pub(super) came_later: bool,
}

impl Turn {
    /// Waits for it. `directory`: where the files of all turns lie; `wait` is called once if somebody else has it.
    pub(super) async fn take(directory: &Path, name: &str, wait: impl AsyncFnOnce()) -> Turn {
        let path = file_about(directory, ImageName::normal(name).to_string(), EXTENSION);
        if !path.exists() {
            sweep(directory, EXTENSION);
        }
        let opened = std::fs::create_dir_all(directory).and_then(|()| {
            let mut options = OpenOptions::new();
            options.create(true).append(true).open(&path)
        });
        let file = match opened {
            Ok(file) => file,
            Err(error) => {
                tracing::debug!(%error, file = %path.display(), "builds do not wait for each other");
                return Turn::of_nobody();
            }
        };
        let mut wait = Some(wait);
        loop {
            match file.try_lock() {
                Ok(()) => {
                    return Turn {
                        _file: Some(file),
                        came_later: wait.is_none(),
                    };
                }
                Err(TryLockError::WouldBlock) => {
                    if let Some(wait) = wait.take() {
                        wait().await;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                Err(TryLockError::Error(error)) => {
                    tracing::debug!(%error, file = %path.display(), "builds do not wait for each other");
                    return Turn::of_nobody();
                }
            }
        }
    }

    fn of_nobody() -> Turn {
        Turn {
            _file: None,
            came_later: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_comes_later_waits_and_knows_it() {
        let directory = tempfile::tempdir().unwrap();
        let take = async |name: &str| Turn::take(directory.path(), name, async || {}).await;
        let first = take("app").await;
        assert!(!first.came_later && !take("other").await.came_later);
        let second = take("app:latest");
        tokio::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        assert!(second.await.came_later);
        assert!(!take("app").await.came_later);
    }
}
