use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::frontend::Frontend;
use crate::build::ignore::candidates;
use crate::build::{BuildRequest, Context, IgnoreText};
use crate::git::{Git, Otherwise};
use crate::load::Environment;

/// A git repository as a build context: `URL[#REFERENCE[:DIRECTORY]]`. The engine fetches it itself where its frontend can.
/// <https://docs.docker.com/build/concepts/context/#git-repositories>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GitUrl {
    repository: String,
    /// A branch, a tag or a commit. `None`: what the repository's `HEAD` is.
    reference: Option<String>,
    pub directory: Option<String>,
}

impl GitUrl {
    /// `None`: the engine takes it for a file.
    pub(super) fn parse(url: &str) -> Option<GitUrl> {
        let (repository, fragment) = url.split_once('#').unwrap_or((url, ""));
        let is_git = ["git://", "ssh://", "git@"]
            .iter()
            .any(|scheme| repository.starts_with(scheme))
            || (["http://", "https://", "file://"]
                .iter()
                .any(|scheme| repository.starts_with(scheme))
                && repository.ends_with(".git"));
        let repository = match repository.strip_prefix("github.com/") {
            Some(_) => format!("https://{repository}"),
            None if is_git => repository.to_owned(),
            None => return None,
        };
        let (reference, directory) = fragment.split_once(':').unwrap_or((fragment, ""));
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Some(GitUrl {
            repository,
            reference: given(reference),
            directory: given(directory.trim_matches('/')),
        })
    }

    /// Whether it lies on this machine, where no engine can fetch it.
    pub(super) fn is_here(&self) -> bool {
        self.repository.starts_with("file://")
    }

    /// Whether engine 20.10 does not fetch it as it is meant: it knows neither directories nor `ssh://`, and takes `master`
    /// where nothing is named.
    pub(super) fn is_beyond_old_engines(&self) -> bool {
        self.directory.is_some()
            || self.reference.is_none()
            || self.repository.starts_with("ssh://")
    }

    /// Fetches the files into an empty directory. The error is for people.
    pub(super) async fn fetch(&self, into: &Path, environment: &Environment) -> Result<(), String> {
        let reference = self.reference.as_deref().unwrap_or("HEAD");
        // Only the schemes of above come here, and a user's own helper may stand behind them. ssh may ask, and is the user's: a
        // private repository may need either.
        Git::fetching(environment, None, &[])
            .check_out(into, &self.repository, reference, Otherwise::FetchAll)
            .await
            .map_err(|failure| failure.to_string())?;
        std::fs::remove_dir_all(into.join(".git")).map_err(|error| error.to_string())
    }
}

/// The same build with git contexts on this side that the engine's frontend does not fetch as they are meant. They stay as
/// long as `fetched` does.
pub(in super::super) async fn fetch_repositories(
    request: &BuildRequest,
    frontend: Frontend,
    environment: &Environment,
    fetched: &mut Vec<TempDir>,
) -> Result<BuildRequest, String> {
    let mut local = request.clone();
    let mut fetch = async |context: &mut Context| {
        let Context::Remote(url) = context else {
            return Ok::<_, String>(false);
        };
        let is_ours = |git: &GitUrl| {
            git.is_here() || (!frontend.has_named_contexts && git.is_beyond_old_engines())
        };
        let Some(git) = GitUrl::parse(url).filter(is_ours) else {
            return Ok(false);
        };
        let below = git.directory.as_deref().unwrap_or_default();
        let directory = tempfile::Builder::new()
            .prefix("wharf-git-")
            .tempdir()
            .map_err(|error| error.to_string())?;
        git.fetch(directory.path(), environment)
            .await
            .map_err(|error| format!("`{url}` cannot be fetched: {error}"))?;
        let inside = within(directory.path(), below.as_ref())
            .filter(|path| path.is_dir())
            .ok_or_else(|| format!("`{url}` has no directory `{below}`"))?;
        fetched.push(directory);
        *context = Context::Directory(inside);
        Ok(true)
    };
    for context in local.named_contexts.values_mut() {
        fetch(context).await?;
    }
    if fetch(&mut local.context).await?
        && let (Context::Directory(directory), Some(path)) =
            (&local.context, local.remote_dockerfile.take())
    {
        let file = within(directory, path.as_ref())
            .ok_or_else(|| format!("the repository has no `{path}`"))?;
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("`{path}` of the repository cannot be read: {error}"))?;
        local.dockerfile.text = text;
        local.dockerfile.shown_as = path;
        let rules = candidates(&directory.join(&local.dockerfile.shown_as), directory);
        local.dockerfile.ignore = rules.iter().find_map(|file| {
            let shown = file.strip_prefix(directory).unwrap_or(file);
            Some(IgnoreText {
                shown_as: shown.display().to_string(),
                text: std::fs::read_to_string(file).ok()?,
            })
        });
    }
    Ok(local)
}

/// A path below a directory that may be a stranger's, with its links followed. `None`: there is nothing, or it leads out.
fn within(directory: &Path, path: &Path) -> Option<PathBuf> {
    let directory = directory.canonicalize().ok()?;
    let found = directory.join(path).canonicalize().ok()?;
    found.starts_with(&directory).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_addresses_apart() {
        let parts = |url: &str| {
            let url = GitUrl::parse(url)?;
            Some((url.repository, url.reference, url.directory))
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            parts("https://h/r.git#v1:a/b"),
            Some(("https://h/r.git".to_owned(), text("v1"), text("a/b")))
        );
        assert_eq!(
            parts("git://h/r#:dir"),
            Some(("git://h/r".to_owned(), None, text("dir")))
        );
        assert_eq!(
            parts("github.com/o/r"),
            Some(("https://github.com/o/r".to_owned(), None, None))
        );
        assert_eq!(parts("https://h/context.tar.gz"), None);
        assert_eq!(parts("file:///srv/files"), None);
        let is_here = |url: &str| GitUrl::parse(url).map(|url| url.is_here());
        assert_eq!(is_here("file:///srv/r.git#main"), Some(true));
        assert_eq!(is_here("ssh://h/r.git"), Some(false));
        let is_beyond = |url: &str| GitUrl::parse(url).map(|url| url.is_beyond_old_engines());
        assert_eq!(is_beyond("git://h/r#main"), Some(false));
        for url in ["git://h/r", "git://h/r#main:dir", "ssh://u@h/r#main"] {
            assert_eq!(is_beyond(url), Some(true), "{url}");
        }
    }

    #[tokio::test]
    async fn fetches_a_tag_without_the_history() {
        let origin = tempfile::tempdir().unwrap();
        std::fs::create_dir(origin.path().join("docker")).unwrap();
        std::fs::write(origin.path().join("docker/file"), "text").unwrap();
        let mut environment = Environment::default();
        for (name, value) in [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("HOME", "/nonexistent"),
        ] {
            environment.variables.insert(name.into(), value.into());
        }
        let git = Git::fetching(&environment, None, &[]);
        let identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"];
        for arguments in [
            &["init", "--quiet"][..],
            &["add", "."],
            &[&identity[..], &["commit", "--quiet", "-m", "one"]].concat(),
            &["tag", "v1"],
        ] {
            git.ask(origin.path(), arguments).await.unwrap();
        }
        let fetch = async |reference: &str| {
            let into = tempfile::tempdir().unwrap();
            let url = GitUrl {
                repository: origin.path().display().to_string(),
                reference: Some(reference.to_owned()),
                directory: None,
            };
            url.fetch(into.path(), &environment).await.map(|()| into)
        };
        let into = fetch("v1").await.unwrap();
        let text = std::fs::read_to_string(into.path().join("docker/file")).unwrap();
        assert_eq!(text, "text");
        assert!(!into.path().join(".git").exists());
        assert!(fetch("nothing").await.is_err());
    }
}
