use std::io;
use std::path::Path;
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::load::Environment;

/// What would let git work in another repository than the one that it is told: set where a hook of git calls wharf.
const ELSEWHERE: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
];

/// Without these, programs of the user's would start in a repository that is a stranger's.
const OF_STRANGERS: [&str; 3] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "submodule.recurse=false",
];

/// In a repository of somebody else (root releases a user's tree) git refuses to look unless told, and its settings must
/// start no program.
const OF_OWN: [&str; 2] = ["safe.directory=*", "core.fsmonitor=false"];

/// What is said is taken apart, and looking changes nothing.
const LOOKING: [(&str, &str); 2] = [("LC_ALL", "C"), ("GIT_OPTIONAL_LOCKS", "0")];

/// The `git` program, called so that it asks nobody at the terminal for a name or a password.
#[derive(Clone, Copy, Debug)]
pub struct Git<'g> {
    environment: &'g Environment,
    settings: &'g [&'g str],
    transports: Option<&'g [&'g str]>,
    variables: &'g [(&'g str, &'g str)],
}

/// git did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum GitFailure {
    #[error("`git` cannot be started: {0}")]
    Start(io::Error),
    #[error("{said}")]
    Failed {
        /// `None`: it was killed.
        code: Option<i32>,
        said: String,
    },
}

impl<'g> Git<'g> {
    /// For repositories that are fetched, and may be a stranger's. `transports`: how it may reach them; users may allow less by
    /// `GIT_ALLOW_PROTOCOL`, and never more. `None`: as they have set it up. `variables`: those that only this caller sets.
    pub fn fetching(
        environment: &'g Environment,
        transports: Option<&'g [&'g str]>,
        variables: &'g [(&'g str, &'g str)],
    ) -> Git<'g> {
        Git {
            environment,
            settings: &OF_STRANGERS,
            transports,
            variables,
        }
    }

    /// For a look at the tree that is worked on.
    pub fn looking(environment: &'g Environment) -> Git<'g> {
        Git {
            environment,
            settings: &OF_OWN,
            transports: None,
            variables: &LOOKING,
        }
    }

    /// The command's output.
    ///
    /// # Errors
    /// When git cannot be started, or fails.
    pub async fn ask(&self, directory: &Path, arguments: &[&str]) -> Result<String, GitFailure> {
        let mut command = self.command(directory, arguments);
        command.stdin(Stdio::null());
        let output = command.output().await.map_err(GitFailure::Start)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(failed(&output))
    }

    pub(super) fn command(&self, directory: &Path, arguments: &[&str]) -> Command {
        let settings = self.settings.iter().flat_map(|setting| ["-c", setting]);
        let mut command = Command::new("git");
        command
            .args(settings)
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            .envs(&self.environment.variables)
            .env("GIT_TERMINAL_PROMPT", "0")
            .envs(self.variables.iter().copied())
            .kill_on_drop(true);
        for variable in ELSEWHERE {
            command.env_remove(variable);
        }
        if let Some(transports) = self.transports {
            command.env("GIT_ALLOW_PROTOCOL", self.allowed(transports));
        }
        command
    }

    fn allowed(&self, transports: &[&str]) -> String {
        let allowed = self.environment.get("GIT_ALLOW_PROTOCOL");
        let is_allowed = |transport: &&str| {
            allowed.is_none_or(|allowed| allowed.split(':').any(|one| one == *transport))
        };
        let kept: Vec<&str> = transports.iter().copied().filter(is_allowed).collect();
        kept.join(":")
    }
}

pub(super) fn failed(output: &Output) -> GitFailure {
    GitFailure::Failed {
        code: output.status.code(),
        said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn environment(more: &[(&str, &str)]) -> Environment {
        let usual = [("PATH", "/usr/local/bin:/usr/bin:/bin")];
        let all = usual.iter().chain(more);
        Environment {
            variables: all
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Environment::default()
        }
    }

    #[test]
    fn transports_can_be_taken_away_only() {
        let allowed = |variables: &[(&str, &str)]| {
            let own = environment(variables);
            let git = Git::fetching(&own, None, &[]);
            git.allowed(&["https", "ssh"])
        };
        assert_eq!(allowed(&[]), "https:ssh");
        assert_eq!(allowed(&[("GIT_ALLOW_PROTOCOL", "ssh:file:ext")]), "ssh");
    }

    #[tokio::test]
    async fn neither_another_repository_nor_hooks_of_the_user_come_in() {
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        let hooks = here.join("hooks");
        std::fs::create_dir(&hooks).unwrap();
        let settings = here.join("settings");
        let text = format!("[core]\nhooksPath = {}\n", hooks.display());
        std::fs::write(&settings, text).unwrap();
        let own = environment(&[
            ("GIT_DIR", "/nowhere"),
            ("GIT_CONFIG_GLOBAL", &settings.display().to_string()),
        ]);
        let git = Git::fetching(&own, None, &[]);
        git.ask(here, &["init", "--quiet"]).await.unwrap();
        assert!(here.join(".git").is_dir());
        let found = git.ask(here, &["rev-parse", "--git-path", "hooks"]).await;
        assert_eq!(found.unwrap().trim(), "/dev/null");
    }
}
