use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

/// How often a lock that another run holds is tried again.
const TICK: Duration = Duration::from_millis(50);

/// Lets one run of a project build at a time, so that the next one finds the images made: the lock is held as long as the
/// file lives. `wait` is told once when somebody else has it. `None`: no file can be made there, and nobody is waited for.
pub async fn build_lock(project: &Path, wait: impl FnOnce()) -> Option<File> {
    let directory = project.join(".wharf");
    fs::create_dir_all(&directory).ok()?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join("build.lock"))
        .ok()?;
    let mut wait = Some(wait);
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(file),
            Err(rustix::io::Errno::WOULDBLOCK) => {
                if let Some(wait) = wait.take() {
                    wait();
                }
                tokio::time::sleep(TICK).await;
            }
            // A file system without locks.
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_run_waits_for_the_first() {
        let project = tempfile::tempdir().unwrap();
        let first = build_lock(project.path(), || panic!("nobody has it"))
            .await
            .expect("a lock");
        let mut waited = false;
        let letting_go = async {
            tokio::time::sleep(TICK * 2).await;
            drop(first);
        };
        let second = build_lock(project.path(), || waited = true);
        let (second, ()) = tokio::join!(second, letting_go);
        assert!(second.is_some());
        assert!(waited);
    }
}
