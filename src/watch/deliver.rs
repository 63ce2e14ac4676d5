use std::collections::BTreeMap;
use std::path::PathBuf;

use futures_util::StreamExt;

use super::{Batch, Root, Rule};
use crate::archive;
use crate::engine::{Engine, EngineError, EngineResult, ErrorKind, ExecSpec};
use crate::model::Hook;

/// Arguments of one `rm` at the most, so that no command line becomes too long.
const REMOVALS: usize = 200;

/// Brings a batch's files into a running container: what is there now is written, what is gone is removed. Files keep their
/// permissions and belong to whoever the container's root is.
///
/// # Errors
/// Those of the engine; a file that cannot be read.
pub async fn deliver(engine: &dyn Engine, container: &str, batch: &Batch) -> EngineResult<()> {
    if !batch.write.is_empty() {
        let tar = archive::pack_each(batch.write.clone());
        engine.upload_archive(container, "/", tar, false).await?;
    }
    for paths in batch.remove.chunks(REMOVALS) {
        let command = ["rm", "-rf", "--"].map(str::to_owned);
        let command = command.into_iter().chain(paths.iter().cloned()).collect();
        let hook = Hook {
            command,
            user: Some("0".into()),
            ..Hook::default()
        };
        run(engine, container, &hook).await?;
    }
    Ok(())
}

/// Runs a command in a container and returns what it says; that is part of the error when it fails.
///
/// # Errors
/// Those of the engine; an exit code other than 0.
pub async fn run(engine: &dyn Engine, container: &str, hook: &Hook) -> EngineResult<Vec<u8>> {
    let spec = ExecSpec::of_hook(hook);
    let (exec, mut attached) = engine.exec(container, &spec).await?;
    let mut said = Vec::new();
    while let Some(chunk) = attached.output.next().await {
        said.extend_from_slice(&chunk?.bytes);
    }
    match engine.exec_outcome(&exec).await?.exit_code {
        None | Some(0) => Ok(said),
        Some(code) => {
            let said = String::from_utf8_lossy(&said);
            Err(EngineError::new(
                ErrorKind::Other,
                format!(
                    "`{}` ended with exit code {code}: {}",
                    hook.command.join(" "),
                    said.trim()
                ),
            ))
        }
    }
}

/// Everything that a rule copies, as it is now: for `initial_sync`.
pub fn everything(rule: &Rule, root: &Root) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.path.clone()];
    while let Some(path) = open.pop() {
        if path != root.path && !root.filter.enters(&path) {
            continue;
        }
        if root.filter.wants(&path)
            && path.symlink_metadata().is_ok()
            && let Some(to) = rule.destination(&path)
        {
            found.insert(to, path.clone());
        }
        if path.is_dir()
            && (path == root.path || !path.is_symlink())
            && let Ok(entries) = std::fs::read_dir(&path)
        {
            open.extend(entries.flatten().map(|entry| entry.path()));
        }
    }
    found
}
