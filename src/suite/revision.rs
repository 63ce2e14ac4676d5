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
/// `results`: where the run writes, which is no change of the sources.
pub async fn revision(
    directory: &Path,
    results: &Path,
    environment: &Environment,
) -> Option<Revision> {
    let git = Git::looking(environment);
    let mut look = vec!["status", "--porcelain", "--", "."];
    // <https://git-scm.com/docs/gitglossary#Documentation/gitglossary.txt-exclude>
    let but = results
        .strip_prefix(directory)
        .ok()
        .filter(|below| !below.as_os_str().is_empty())
        .map(|below| format!(":(exclude,literal){}", below.display()));
    look.extend(but.as_deref());
    let (commit, status) = tokio::join!(
        git.ask(directory, &["rev-parse", "HEAD"]),
        git.ask(directory, &look)
    );
    Some(Revision {
        commit: commit.ok()?.trim().to_owned(),
        dirty: !status.ok()?.trim().is_empty(),
    })
}
