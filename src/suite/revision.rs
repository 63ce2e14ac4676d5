use std::path::Path;

use crate::git::Git;
use crate::load::Environment;

/// What is checked out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    pub commit: String,
    /// Files differ from the commit.
    pub dirty: bool,
}

/// The commit of the repository that a directory is in. `None`: it is in none, or there is no `git` to ask.
pub async fn revision(directory: &Path, environment: &Environment) -> Option<Revision> {
    let git = Git::looking(environment);
    let (commit, status) = tokio::join!(
        git.ask(directory, &["rev-parse", "HEAD"]),
        git.ask(directory, &["status", "--porcelain", "--", "."])
    );
    Some(Revision {
        commit: commit.ok()?.trim().to_owned(),
        dirty: !status.ok()?.trim().is_empty(),
    })
}
