use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncWriteExt;

use super::program::failed;
use super::{Git, GitFailure};

/// What `git check-ignore` ends with when it has found none.
const NONE: i32 = 1;

impl Git<'_> {
    /// Those of these paths that the repository they lie in ignores, by whatever file says so; what is tracked never is. A path
    /// in no repository is not ignored, and neither is one of a repository that git cannot look at.
    ///
    /// git is asked and not a library: it alone knows what is tracked, and it is only asked when something has changed.
    pub async fn ignored<'p>(
        &self,
        paths: impl IntoIterator<Item = &'p Path>,
    ) -> BTreeSet<PathBuf> {
        let mut repositories: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
        for path in paths {
            // Not asked of git, which takes no path of a repository within the one where it is asked.
            let above = path.ancestors().skip(1);
            if let Some(repository) = above.into_iter().find(|above| above.join(".git").exists()) {
                repositories.entry(repository).or_default().push(path);
            }
        }
        let mut ignored = BTreeSet::new();
        for (repository, paths) in repositories {
            let found = self.ignored_in(repository, &paths).await;
            ignored.extend(found.unwrap_or_default());
        }
        ignored
    }

    async fn ignored_in(
        &self,
        repository: &Path,
        paths: &[&Path],
    ) -> Result<Vec<PathBuf>, GitFailure> {
        let mut asked = Vec::new();
        for path in paths {
            let below = path.strip_prefix(repository).unwrap_or(path);
            // No name is taken for one of git's own patterns behind this.
            asked.extend_from_slice(b"./");
            asked.extend_from_slice(below.as_os_str().as_bytes());
            if path.symlink_metadata().is_err() {
                // It may have been a directory, which rules may be for alone.
                asked.push(b'/');
            }
            asked.push(0);
        }
        let mut command = self.command(repository, &["check-ignore", "--stdin", "-z"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut git = command.spawn().map_err(GitFailure::Start)?;
        let mut stdin = git.stdin.take();
        let asking = async move {
            if let Some(stdin) = &mut stdin {
                // Where git has ended before, its exit code says why.
                let _ = stdin.write_all(&asked).await;
            }
        };
        let ((), output) = tokio::join!(asking, git.wait_with_output());
        let output = output.map_err(GitFailure::Start)?;
        match output.status.code() {
            Some(0 | NONE) => {}
            _ => return Err(failed(&output)),
        }
        let answers = output.stdout.split(|byte| *byte == 0);
        let answers = answers.filter(|answer| !answer.is_empty());
        Ok(answers
            .map(|answer| {
                repository
                    .join(OsStr::from_bytes(answer))
                    .components()
                    .collect()
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::program::tests::environment;
    use super::*;

    #[tokio::test]
    async fn what_git_ignores_is_told_from_what_it_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        let own = environment(&[("GIT_CONFIG_GLOBAL", "/dev/null")]);
        let git = Git::looking(&own);
        let outside = here.join("outside");
        let top = here.join("top");
        for path in ["top/a/build", "top/a/out", "top/sub/build", "outside/build"] {
            fs::create_dir_all(here.join(path)).unwrap();
        }
        for repository in [&top, &top.join("sub")] {
            git.ask(repository, &["init", "--quiet"]).await.unwrap();
        }
        fs::write(top.join(".gitignore"), "build/\n*.log\n").unwrap();
        fs::write(top.join("a/.gitignore"), "/out\n!keep.log\n").unwrap();
        fs::create_dir_all(top.join(".git/info")).unwrap();
        fs::write(top.join(".git/info/exclude"), "private\n").unwrap();
        let ignored = [
            "a/build/x",
            "a/build",
            "a/gone/build",
            "a/x.log",
            "a/out/x",
            "private",
        ];
        let counts = [
            "a/x.py",
            "a/keep.log",
            "out",
            ":(top)x",
            "tracked.log",
            // Of a repository of its own, which ignores nothing.
            "sub/build/x",
        ];
        fs::write(top.join("tracked.log"), "").unwrap();
        git.ask(&top, &["add", "--force", "tracked.log"])
            .await
            .unwrap();
        let paths = ignored.iter().chain(&counts).map(|path| top.join(path));
        let paths: Vec<PathBuf> = paths.chain([outside.join("build/x.log")]).collect();
        let found = git.ignored(paths.iter().map(PathBuf::as_path)).await;
        let wanted: BTreeSet<PathBuf> = ignored.iter().map(|path| top.join(path)).collect();
        assert_eq!(found, wanted);
    }
}
