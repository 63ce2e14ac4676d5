use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

/// What is checked out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    pub commit: String,
    /// Files differ from the commit.
    pub dirty: bool,
}

/// The commit of the repository that a directory is in. `None`: it is in none, or there is no `git` to ask.
pub async fn revision(directory: &Path) -> Option<Revision> {
    let ask = |arguments: &'static [&'static str]| async move {
        let answer = Command::new("git")
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .ok()?;
        answer
            .status
            .success()
            .then(|| String::from_utf8_lossy(&answer.stdout).trim().to_owned())
    };
    let (commit, status) = tokio::join!(
        ask(&["rev-parse", "HEAD"]),
        ask(&["status", "--porcelain", "--", "."])
    );
    Some(Revision {
        commit: commit?,
        dirty: !status?.is_empty(),
    })
}
