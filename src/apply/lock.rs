use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use super::{Cancel, CancelLevel};
use crate::plan::digest;

/// The right to change one project on one engine, among the wharfs of one user on this machine. The kernel takes it back
/// when its holder ends, however it ends.
#[derive(Debug)]
pub struct ProjectLock {
    file: File,
}

/// Who has a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub pid: u32,
    /// The verb that changes the project: `wharf up`.
    pub command: String,
    /// The time of day at which it took the lock, for people.
    pub since: String,
}

/// Where locks are kept.
#[derive(Clone, Copy, Debug)]
pub struct LockPlace<'l> {
    /// Made where it does not exist; of this user alone.
    pub directory: &'l Path,
    pub uid: u32,
    /// The address of the engine that the project runs on.
    pub engine: &'l str,
}

/// What to do while another one has the lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LockWait {
    #[default]
    No,
    Forever,
    /// At most so long.
    For(Duration),
}

#[derive(Debug, Error)]
pub enum LockError {
    #[error("{}", held(.project, .holder))]
    Held {
        project: String,
        /// `None`: it has not said who it is.
        holder: Option<Holder>,
    },
    #[error("cannot make the lock of project `{project}` at `{}`: {source}", .path.display())]
    File {
        project: String,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The user asked for the end while it was waited for.
    #[error("interrupted")]
    Interrupted,
}

fn held(project: &str, holder: &Option<Holder>) -> String {
    let who = match holder {
        Some(holder) => format!(
            "`{}` (process {}, since {})",
            holder.command, holder.pid, holder.since
        ),
        None => "another wharf".to_string(),
    };
    format!("project `{project}` is being changed by {who}")
}

/// How often a lock that is waited for is tried again; nothing tells when it comes free.
const TRY_AGAIN: Duration = Duration::from_millis(100);

impl ProjectLock {
    /// Takes the lock. `waiting` is told once who has to be waited for.
    ///
    /// # Errors
    /// When another one has it and is not waited for, or it cannot be kept in that place.
    pub async fn take(
        place: LockPlace<'_>,
        project: &str,
        own: &Holder,
        wait: LockWait,
        cancel: &Cancel,
        mut waiting: impl FnMut(&str),
    ) -> Result<ProjectLock, LockError> {
        // The name of a project is of lower-case letters, digits, dashes and underscores only.
        let mark: String = digest::of(&place.engine).chars().take(12).collect();
        let path = place.directory.join(format!("{project}-{mark}.lock"));
        let failed = |source| LockError::File {
            project: project.to_string(),
            path: path.clone(),
            source,
        };
        if let Some(parent) = place.directory.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        // Locks lie where every user may write; a link that one has put there must not be followed.
        crate::file::own_directory(place.directory, place.uid).map_err(failed)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let deadline = match wait {
            LockWait::No => Some(Instant::now()),
            LockWait::Forever => None,
            LockWait::For(limit) => Some(Instant::now() + limit),
        };
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            let holder = read(&mut file);
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(LockError::Held {
                    project: project.to_string(),
                    holder,
                });
            }
            if !std::mem::replace(&mut told, true) {
                waiting(&held(project, &holder));
            }
            tokio::select! {
                () = sleep(TRY_AGAIN) => {}
                () = cancel.reached(CancelLevel::Finish) => return Err(LockError::Interrupted),
            }
        }
        write(&mut file, own).map_err(failed)?;
        Ok(ProjectLock { file })
    }
}

/// What the holder has written; it may be about to.
fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write(file: &mut File, holder: &Holder) -> std::io::Result<()> {
    let text = serde_json::to_string(holder)?;
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())
}

impl Drop for ProjectLock {
    fn drop(&mut self) {
        // Closing gives it back; what stands in it must not name a holder that is none. A failure changes nothing.
        let _ = self.file.set_len(0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::apply::Canceller;

    fn holder(pid: u32) -> Holder {
        Holder {
            pid,
            command: "wharf up dev".into(),
            since: "12:00:00".into(),
        }
    }

    async fn take(
        directory: &Path,
        project: &str,
        wait: LockWait,
    ) -> Result<ProjectLock, LockError> {
        let cancel = Cancel::never();
        let place = place(directory);
        ProjectLock::take(place, project, &holder(7), wait, &cancel, |_| ()).await
    }

    fn place(directory: &Path) -> LockPlace<'_> {
        LockPlace {
            directory,
            uid: std::fs::metadata(directory).unwrap().uid(),
            engine: "unix:///e",
        }
    }

    #[tokio::test]
    async fn one_project_has_one_holder_and_others_are_told_who() {
        let directory = tempfile::tempdir().unwrap();
        let first = take(directory.path(), "shop", LockWait::No).await.unwrap();
        let refused = take(directory.path(), "shop", LockWait::No)
            .await
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "project `shop` is being changed by `wharf up dev` (process 7, since 12:00:00)"
        );
        take(directory.path(), "other", LockWait::No).await.unwrap();
        drop(first);
        take(directory.path(), "shop", LockWait::No).await.unwrap();
    }

    #[tokio::test]
    async fn who_waits_gets_it_when_it_is_free_or_is_interrupted() {
        let directory = tempfile::tempdir().unwrap();
        let first = take(directory.path(), "shop", LockWait::No).await.unwrap();
        let short = LockWait::For(Duration::from_millis(1));
        assert!(matches!(
            take(directory.path(), "shop", short).await,
            Err(LockError::Held { .. })
        ));
        let (canceller, cancel) = Canceller::new();
        canceller.raise();
        let own = holder(8);
        let interrupted = ProjectLock::take(
            place(directory.path()),
            "shop",
            &own,
            LockWait::Forever,
            &cancel,
            |_| (),
        );
        assert!(matches!(interrupted.await, Err(LockError::Interrupted)));
        let free = async {
            sleep(Duration::from_millis(20)).await;
            drop(first);
        };
        let (second, ()) = tokio::join!(take(directory.path(), "shop", LockWait::Forever), free);
        assert!(second.is_ok());
    }
}
