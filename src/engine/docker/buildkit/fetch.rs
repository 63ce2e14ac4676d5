use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

/// A git repository as a build context: `URL[#REFERENCE[:DIRECTORY]]`. The engine fetches it itself where its frontend can;
/// engine 20.10 knows no directories in there.
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
            || (repository.starts_with("http") && repository.ends_with(".git"));
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

    /// Fetches the files into an empty directory. The error is for people.
    pub(super) async fn fetch(&self, into: &Path) -> Result<(), String> {
        let reference = self.reference.as_deref().unwrap_or("HEAD");
        git(into, &["init", "--quiet"]).await?;
        let shallow = [
            "fetch",
            "--quiet",
            "--depth",
            "1",
            &self.repository,
            reference,
        ];
        if git(into, &shallow).await.is_ok() {
            git(into, &["checkout", "--quiet", "FETCH_HEAD"]).await?;
        } else {
            // Not every server gives out a commit by its id alone.
            let all = [
                "fetch",
                "--quiet",
                &self.repository,
                "+refs/*:refs/context/*",
            ];
            git(into, &all).await?;
            git(into, &["checkout", "--quiet", reference]).await?;
        }
        std::fs::remove_dir_all(into.join(".git")).map_err(|error| error.to_string())
    }
}

async fn git(directory: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(arguments)
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("`git` cannot be started: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
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
    }
}
