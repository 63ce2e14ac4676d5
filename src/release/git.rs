use std::io;
use std::path::{Component, Path, PathBuf};

use super::version::Version;
use crate::git::{Git, GitFailure};
use crate::load::Environment;

/// What is released: a commit, and how the tree differs from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// The commit's whole hash.
    pub sha: String,
    /// `None`: a commit is checked out that no branch stands for.
    pub branch: Option<String>,
    /// The highest version that a tag of this commit names.
    pub version: Option<Version>,
    /// All versions that tags of the repository name.
    pub versions: Vec<Version>,
    /// The clone holds a part of the history, and perhaps of the tags.
    pub shallow: bool,
    /// There are files that no commit has.
    pub dirty: bool,
    /// When it was committed, in Unix seconds.
    pub committed: i64,
    /// Where the sources are, without credentials. `None`: the repository has no `origin`.
    pub source: Option<String>,
}

impl Revision {
    /// The hash's first seven characters.
    pub fn short(&self) -> &str {
        self.sha.get(..7).unwrap_or(&self.sha)
    }
}

/// Why nothing can be said about the revision.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("`git` is not installed; a release is named after a commit")]
    NoGit,
    #[error(
        "`{directory}` is in no git repository, or has no commit yet; a release is named after a commit"
    )]
    NoCommit { directory: String },
    #[error("`git {arguments}` fails: {message}")]
    Failed { arguments: String, message: String },
    #[error("`git` cannot be started: {0}")]
    Start(io::Error),
}

/// A repository that is looked at.
struct Repository<'r> {
    git: Git<'r>,
    directory: &'r Path,
}

impl Repository<'_> {
    /// The command's output. `None`: it says no.
    async fn ask(&self, arguments: &[&str]) -> Result<Option<String>, GitError> {
        match self.git.ask(self.directory, arguments).await {
            Ok(said) => Ok(Some(said)),
            Err(GitFailure::Failed { .. }) => Ok(None),
            Err(GitFailure::Start(error)) => Err(not_started(error)),
        }
    }

    async fn need(&self, arguments: &[&str]) -> Result<String, GitError> {
        match self.git.ask(self.directory, arguments).await {
            Ok(said) => Ok(said),
            Err(GitFailure::Failed { said, .. }) => Err(GitError::Failed {
                arguments: arguments.join(" "),
                message: said,
            }),
            Err(GitFailure::Start(error)) => Err(not_started(error)),
        }
    }
}

fn not_started(error: io::Error) -> GitError {
    match error.kind() {
        io::ErrorKind::NotFound => GitError::NoGit,
        _ => GitError::Start(error),
    }
}

/// The revision of the tree that a directory is in. `own`: absolute paths of files that a release writes; they do not make the tree
/// dirty.
///
/// # Errors
/// Without `git`, a repository or a commit.
pub async fn read(
    directory: &Path,
    environment: &Environment,
    own: &[PathBuf],
) -> Result<Revision, GitError> {
    let git = Repository {
        git: Git::looking(environment),
        directory,
    };
    let Some(sha) = git.ask(&["rev-parse", "--verify", "HEAD"]).await? else {
        return Err(GitError::NoCommit {
            directory: directory.display().to_string(),
        });
    };
    let branch = match git
        .ask(&["symbolic-ref", "--quiet", "--short", "HEAD"])
        .await?
    {
        Some(branch) => Some(branch.trim().to_owned()),
        None => branch_of_job(environment),
    };
    let tags = git.need(&["tag", "--points-at", "HEAD"]).await?;
    let all = git.need(&["tag", "--list"]).await?;
    let mut status = vec![
        "status",
        "--porcelain",
        "--untracked-files=normal",
        "--",
        ":/",
    ];
    let top = git.need(&["rev-parse", "--show-toplevel"]).await?;
    let own: Vec<String> = own
        .iter()
        .filter_map(|path| {
            // What lies elsewhere does not make the tree dirty, and git takes no such path.
            let path = real(path);
            let path = path.strip_prefix(top.trim_end_matches('\n')).ok()?;
            Some(format!(":(exclude,top,literal){}", path.display()))
        })
        .collect();
    status.extend(own.iter().map(String::as_str));
    let changes = git.need(&status).await?;
    let committed = git
        .need(&["show", "--no-patch", "--format=%ct", "HEAD"])
        .await?;
    let origin = git.ask(&["config", "--get", "remote.origin.url"]).await?;
    let shallow = git.need(&["rev-parse", "--is-shallow-repository"]).await?;
    Ok(Revision {
        sha: sha.trim().to_owned(),
        branch,
        version: tags.lines().filter_map(Version::of_tag).max(),
        versions: all.lines().filter_map(Version::of_tag).collect(),
        shallow: shallow.trim() == "true",
        dirty: !changes.trim().is_empty(),
        committed: committed.trim().parse().unwrap_or(0),
        source: origin.map(|url| without_credentials(url.trim())),
    })
}

/// A file's path as git knows it: without `..` and links on the way, whether or not it is there.
fn real(path: &Path) -> PathBuf {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return path.to_path_buf();
    };
    let mut real = PathBuf::new();
    for part in parent.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                real.pop();
            }
            part => real.push(part),
        }
        if let Ok(found) = real.canonicalize() {
            real = found;
        }
    }
    real.join(name)
}

/// CI systems check out a commit and say elsewhere which branch it is of.
fn branch_of_job(environment: &Environment) -> Option<String> {
    let given = |name| environment.get(name).filter(|value| !value.is_empty());
    let branch = match given("GITHUB_REF_TYPE") {
        Some("branch") => given("GITHUB_REF_NAME"),
        _ => given("CI_COMMIT_BRANCH"),
    };
    branch.map(str::to_owned)
}

/// `https://user:token@host/x` without what nobody else may see; ssh addresses keep their user.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let host = rest.find('/').unwrap_or(rest.len());
    match rest.get(..host).and_then(|authority| authority.rfind('@')) {
        Some(at) if scheme.starts_with("http") => {
            format!("{scheme}://{}", rest.get(at + 1..).unwrap_or_default())
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_published() {
        assert_eq!(
            without_credentials("https://u:t@example.org/a@b"),
            "https://example.org/a@b"
        );
        assert_eq!(
            without_credentials("git@example.org:a.git"),
            "git@example.org:a.git"
        );
        assert_eq!(
            without_credentials("ssh://git@example.org/a"),
            "ssh://git@example.org/a"
        );
    }

    #[tokio::test]
    async fn a_commit_a_tag_and_a_change_are_seen() {
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        let mut environment = Environment::default();
        for (name, value) in [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("HOME", "/nonexistent"),
            ("GIT_AUTHOR_NAME", "a"),
            ("GIT_AUTHOR_EMAIL", "a@example.org"),
            ("GIT_COMMITTER_NAME", "a"),
            ("GIT_COMMITTER_EMAIL", "a@example.org"),
            ("GIT_COMMITTER_DATE", "1700000000 +0000"),
        ] {
            environment.variables.insert(name.into(), value.into());
        }
        let git = Repository {
            git: Git::looking(&environment),
            directory: here,
        };
        git.need(&["init", "--quiet", "--initial-branch=trunk"])
            .await
            .unwrap();
        let empty = read(here, &environment, &[]).await.unwrap_err();
        assert!(matches!(empty, GitError::NoCommit { .. }), "{empty}");
        std::fs::write(here.join("f"), "1").unwrap();
        git.need(&["add", "f"]).await.unwrap();
        git.need(&["commit", "--quiet", "-m", "one"]).await.unwrap();
        git.need(&["tag", "v1.2.3"]).await.unwrap();
        git.need(&["tag", "other"]).await.unwrap();
        let own = ["own.json", "new/own.json", "../elsewhere.json"].map(|path| here.join(path));
        let read_now = || read(here, &environment, &own);
        let revision = read_now().await.unwrap();
        assert_eq!(revision.branch.as_deref(), Some("trunk"));
        assert_eq!(revision.version, Version::of_tag("v1.2.3"));
        assert_eq!(revision.committed, 1_700_000_000);
        assert!(!revision.dirty && !revision.shallow);
        std::fs::write(here.join("own.json"), "1").unwrap();
        std::fs::create_dir(here.join("new")).unwrap();
        std::fs::write(here.join("new/own.json"), "1").unwrap();
        assert!(!read_now().await.unwrap().dirty);
        std::fs::write(here.join("g"), "1").unwrap();
        assert!(read_now().await.unwrap().dirty);
        git.need(&["commit", "--quiet", "--allow-empty", "-m", "two"])
            .await
            .unwrap();
        let clone = tempfile::tempdir().unwrap();
        let url = format!("file://{}", here.display());
        let cloning = ["clone", "--quiet", "--depth=1", &url, "."];
        let copy = Repository {
            git: Git::looking(&environment),
            directory: clone.path(),
        };
        copy.need(&cloning).await.unwrap();
        let revision = read(clone.path(), &environment, &[]).await.unwrap();
        assert!(revision.shallow);
    }
}
