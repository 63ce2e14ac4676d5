use std::path::Path;

use super::{Git, GitFailure};

/// What is done when a revision cannot be fetched alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    Fail,
    /// Everything is fetched: not every server gives out a commit by its id.
    FetchAll,
}

impl Git<'_> {
    /// Fetches the files of a revision, without the history where that can be, into an empty directory. `.git` is left in it.
    ///
    /// # Errors
    /// When the repository cannot be reached, or has no such revision.
    pub async fn check_out(
        &self,
        directory: &Path,
        address: &str,
        revision: &str,
        otherwise: Otherwise,
    ) -> Result<(), GitFailure> {
        // Some of its commands know no `--` in front of a revision.
        if revision.starts_with('-') {
            return Err(GitFailure::Failed {
                code: None,
                said: format!("`{revision}` is no revision: no name of one begins with a dash"),
            });
        }
        self.ask(directory, &["init", "--quiet", "--template="])
            .await?;
        let alone = [
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--",
            address,
            revision,
        ];
        let fetched = match (self.ask(directory, &alone).await, otherwise) {
            (Ok(_), _) => "FETCH_HEAD",
            (Err(failure), Otherwise::Fail) => return Err(failure),
            (Err(_), Otherwise::FetchAll) => {
                let all = ["fetch", "--quiet", "--", address, "+refs/*:refs/context/*"];
                self.ask(directory, &all).await?;
                revision
            }
        };
        self.ask(directory, &["checkout", "--quiet", fetched])
            .await
            .map(|_| ())
    }
}
