use std::path::PathBuf;
use std::sync::Arc;

use super::Failure;
use super::context::Context;
use crate::apply::{Cancel, Holder, LockError, LockPlace, LockWait, ProjectLock};
use crate::engine::Engine;
use crate::model;

impl Context {
    /// Takes the right to change a project, as `--wait-lock` says; `None` under Compose's name, which knows no lock.
    pub async fn lock(
        &self,
        engine: &Arc<dyn Engine>,
        project: &str,
        cancel: &Cancel,
    ) -> Result<Option<ProjectLock>, Failure> {
        let wait = self.lock_wait()?;
        let waiting = |who: &str| format!("{who}; waiting for its end");
        self.lock_or_wait(engine, project, wait, waiting, cancel)
            .await
    }

    /// As [`Context::lock`], for those of whom there may be many at once: they wait for each other.
    pub async fn lock_in_turn(
        &self,
        engine: &Arc<dyn Engine>,
        project: &str,
        cancel: &Cancel,
    ) -> Result<Option<ProjectLock>, Failure> {
        let waiting = |who: &str| format!("{who}; waiting for its end");
        self.lock_or_wait(engine, project, self.wait_in_turn()?, waiting, cancel)
            .await
    }

    /// Lets one run of a project at a time make images, whatever checkout it is in: what they are called is the same.
    pub async fn lock_images(
        &self,
        engine: &Arc<dyn Engine>,
        project: &str,
        cancel: &Cancel,
    ) -> Result<Option<ProjectLock>, Failure> {
        let waiting = |_: &str| "waiting for the images that another run builds".to_owned();
        let images = format!("{project}-images");
        self.lock_or_wait(engine, &images, self.wait_in_turn()?, waiting, cancel)
            .await
    }

    fn wait_in_turn(&self) -> Result<LockWait, Failure> {
        Ok(match self.lock_wait()? {
            LockWait::No => LockWait::Forever,
            given => given,
        })
    }

    async fn lock_or_wait(
        &self,
        engine: &Arc<dyn Engine>,
        project: &str,
        wait: LockWait,
        waiting: impl Fn(&str) -> String,
        cancel: &Cancel,
    ) -> Result<Option<ProjectLock>, Failure> {
        if self.globals.as_compose {
            return Ok(None);
        }
        let own = Holder {
            pid: std::process::id(),
            // Its other words may hold secrets (`run -e`), and others read this.
            command: format!("wharf {}", self.verb),
            since: chrono::DateTime::<chrono::Utc>::from(std::time::SystemTime::now())
                .format("%H:%M:%S UTC")
                .to_string(),
        };
        let address = match engine.info().address.strip_prefix("unix://") {
            // One socket may have many paths.
            Some(path) => std::fs::canonicalize(path)
                .map_or_else(|_| path.to_string(), |path| path.display().to_string()),
            None => engine.info().address.clone(),
        };
        let directory = self.lock_directory();
        let waiting = |who: &str| self.console.note(&waiting(who));
        let place = LockPlace {
            directory: &directory,
            uid: self.environment.uid,
            engine: &address,
        };
        let taken = ProjectLock::take(place, project, &own, wait, cancel, waiting).await;
        match taken {
            Ok(lock) => Ok(Some(lock)),
            Err(LockError::Interrupted) => Err(Failure::Interrupted),
            Err(error @ LockError::Held { .. }) => Err(Failure::Apply(format!(
                "{error}\nhelp: wait for its end (`--wait-lock` does), or stop it"
            ))),
            Err(error @ LockError::File { .. }) => Err(Failure::Apply(format!(
                "{error}\nhelp: set XDG_RUNTIME_DIR to a directory that is yours"
            ))),
        }
    }

    /// A directory that goes with the machine's uptime, one for each user.
    fn lock_directory(&self) -> PathBuf {
        match self.environment.get("XDG_RUNTIME_DIR") {
            Some(directory) if !directory.is_empty() => PathBuf::from(directory).join("wharf"),
            _ => std::env::temp_dir().join(format!("wharf-{}", self.environment.uid)),
        }
    }

    fn lock_wait(&self) -> Result<LockWait, Failure> {
        match self.globals.wait_lock.as_deref() {
            None => Ok(LockWait::No),
            Some("") => Ok(LockWait::Forever),
            Some(text) => match text.parse::<model::Duration>() {
                Ok(limit) => Ok(LockWait::For(limit.std())),
                Err(error) => Err(Failure::Usage(format!(
                    "`--wait-lock={text}` is no time: {error}"
                ))),
            },
        }
    }
}
