use std::path::{Path, PathBuf};
use std::{fs, io};

use super::program::{essence, git};
use super::reference::GitReference;
use crate::diagnostic::closest;
use crate::git::{Git, GitFailure, Otherwise};
use crate::load::{COMPOSE_NAMES, RemoteCopy, absolute, without_password};
use crate::remote::{Fetched, RemoteError, Source, Store};

/// The copies of repositories in the store, by commit.
const KIND: &str = "git";

/// What `git ls-remote --exit-code` ends with when the repository has nothing of that name.
const NOTHING_FOUND: i32 = 2;

/// A copy of a repository as it is at one commit, without its history.
pub async fn fetch(reference: &str, source: Source<'_>) -> Result<Fetched, RemoteError> {
    let place = GitReference::parse(reference)?;
    let fetching = Fetching {
        shown: without_password(reference),
        place: &place,
        git: git(source.environment).await,
        // Only what it fetches into is told by a directory.
        anywhere: &source.environment.working_directory,
        store: source.store,
    };
    let commit = fetching.commit().await?;
    let (root, is_new) = match source.store.find(KIND, &commit) {
        Some(root) => (root, false),
        None => (fetching.check_out(&commit).await?, true),
    };
    let file = fetching.compose_file(&root)?;
    Ok(Fetched {
        copy: RemoteCopy {
            root,
            prefix: place.prefix(),
            files: vec![file],
        },
        version: commit.get(..12).unwrap_or(&commit).to_owned(),
        is_new,
    })
}

struct Fetching<'f> {
    /// The whole reference, fit to be shown.
    shown: String,
    place: &'f GitReference,
    git: Git<'f>,
    anywhere: &'f Path,
    store: &'f Store,
}

impl Fetching<'_> {
    /// The commit that is meant, asked of the repository unless it is told.
    async fn commit(&self) -> Result<String, RemoteError> {
        let revision = self.place.revision.as_deref().unwrap_or("HEAD");
        if is_commit(revision) {
            return Ok(revision.to_owned());
        }
        let peeled = format!("{revision}^{{}}");
        let address = &self.place.address;
        let asking = ["ls-remote", "--exit-code", "--", address, revision, &peeled];
        let found = match self.git.ask(self.anywhere, &asking).await {
            Ok(listed) => commit_of(&listed, revision),
            Err(GitFailure::Failed {
                code: Some(NOTHING_FOUND),
                ..
            }) => None,
            Err(failure) => return Err(self.failed(failure)),
        };
        match found {
            Some(commit) => Ok(commit),
            None => Err(self.unknown(revision).await),
        }
    }

    async fn unknown(&self, revision: &str) -> RemoteError {
        let repository = self.place.repository();
        if self.place.revision.is_none() {
            return RemoteError::EmptyRepository { repository };
        }
        let asking = ["ls-remote", "--refs", "--", &self.place.address];
        let listed = self.git.ask(self.anywhere, &asking).await;
        let listed = listed.unwrap_or_default();
        let names = listed.lines().filter_map(|line| {
            let (_, name) = line.split_once('\t')?;
            let branch = name.strip_prefix("refs/heads/");
            branch.or(name.strip_prefix("refs/tags/"))
        });
        RemoteError::Revision {
            repository,
            wanted: revision.to_owned(),
            near: closest(revision, names).map(str::to_owned),
        }
    }

    async fn check_out(&self, commit: &str) -> Result<PathBuf, RemoteError> {
        let kept = |error| self.not_kept(error);
        let draft = self.store.draft(KIND).map_err(kept)?;
        let directory = draft.path();
        let address = &self.place.address;
        self.git
            .check_out(directory, address, commit, Otherwise::Fail)
            .await
            .map_err(|failure| self.failed(failure))?;
        // What it was made from serves nobody: builds would see it, and differ by it.
        fs::remove_dir_all(directory.join(".git")).map_err(kept)?;
        self.store.keep(draft, KIND, commit).map_err(kept)
    }

    /// What the path in the repository means: a file, or the Compose file of a directory.
    fn compose_file(&self, root: &Path) -> Result<PathBuf, RemoteError> {
        let path = &self.place.path;
        let named = root.join(path);
        let metadata = fs::metadata(&named).map_err(|_| RemoteError::NoPath {
            reference: self.shown.clone(),
        })?;
        let file = match metadata.is_dir() {
            false => named,
            true => COMPOSE_NAMES
                .iter()
                .map(|name| named.join(name))
                .find(|file| file.is_file())
                .ok_or_else(|| RemoteError::NoComposeFile {
                    place: format!("{}{path}", self.place.prefix()),
                })?,
        };
        let real = file
            .canonicalize()
            .and_then(|file| Ok((file, root.canonicalize()?)));
        match real {
            Ok((real, own)) if real.starts_with(&own) => Ok(absolute(root, file)),
            _ => Err(RemoteError::Reference {
                reference: self.shown.clone(),
                why: "a symbolic link there leads out of the repository".to_owned(),
            }),
        }
    }

    fn failed(&self, failure: GitFailure) -> RemoteError {
        let reference = self.shown.clone();
        match failure {
            GitFailure::Start(error) if error.kind() == io::ErrorKind::NotFound => {
                RemoteError::NoGit { reference }
            }
            GitFailure::Start(error) => RemoteError::Git {
                reference,
                message: format!("git cannot be started: {error}"),
            },
            GitFailure::Failed { said, .. } => {
                let address = &self.place.address;
                let message = essence(&said).replace(address.as_str(), &self.place.repository());
                RemoteError::Git {
                    reference,
                    message: match message.is_empty() {
                        true => "git says nothing of it".to_owned(),
                        false => message,
                    },
                }
            }
        }
    }

    fn not_kept(&self, source: io::Error) -> RemoteError {
        RemoteError::Store {
            reference: self.shown.clone(),
            source,
        }
    }
}

fn is_commit(text: &str) -> bool {
    text.len() == 40
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The commit that a name stands for in what `git ls-remote` lists, where also names are that only end with it. What a tag
/// with a message stands for is listed under the tag's name and `^{}`.
fn commit_of(listed: &str, revision: &str) -> Option<String> {
    let commit = |name: &str| {
        let mut found = listed.lines().filter_map(|line| line.split_once('\t'));
        found.find(|(_, listed)| *listed == name)
    };
    // As git looks names up.
    ["", "refs/", "refs/tags/", "refs/heads/"]
        .iter()
        .find_map(|prefix| {
            let name = format!("{prefix}{revision}");
            commit(&format!("{name}^{{}}")).or_else(|| commit(&name))
        })
        .map(|(commit, _)| commit.to_owned())
        .filter(|commit| commit.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_what_git_takes_it_for() {
        let listed = "aa\trefs/heads/feature/main\nbb\trefs/heads/main\ncc\trefs/tags/v1\ndd\trefs/tags/v1^{}\n\
                      ee\trefs/heads/v1\n";
        assert_eq!(commit_of(listed, "main").as_deref(), Some("bb"));
        assert_eq!(commit_of(listed, "v1").as_deref(), Some("dd"));
        assert_eq!(commit_of(listed, "refs/heads/v1").as_deref(), Some("ee"));
        assert_eq!(commit_of(listed, "heads/v1").as_deref(), Some("ee"));
        assert_eq!(commit_of("../x\trefs/heads/main\n", "main"), None);
        assert_eq!(commit_of("aa\trefs/heads/feature/main\n", "main"), None);
    }

    #[test]
    fn only_a_whole_hash_is_a_commit() {
        assert!(is_commit(&"a1".repeat(20)));
        assert!(!is_commit("a1b2c3d") && !is_commit(&"A1".repeat(20)));
    }
}
