use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::load::Environment;

/// How git may reach a repository. Others would run a program that an address names, or read any directory.
const TRANSPORTS: [&str; 4] = ["https", "http", "ssh", "git"];

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

/// Settings that would start programs of the user's in a repository that is a stranger's.
const SETTINGS: [&str; 3] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "submodule.recurse=false",
];

/// The `git` program, called so that it never asks anybody anything.
pub struct Git<'g> {
    pub environment: &'g Environment,
}

/// git did not do what it was asked.
#[derive(Debug)]
pub enum GitFailure {
    NoGit,
    /// It could not be started.
    Start(io::Error),
    Failed {
        /// `None`: it was killed.
        code: Option<i32>,
        /// What it says, in one line.
        message: String,
    },
}

impl Git<'_> {
    /// The command's output.
    pub async fn ask(&self, directory: &Path, arguments: &[&str]) -> Result<String, GitFailure> {
        let settings = SETTINGS.iter().flat_map(|setting| ["-c", setting]);
        let mut command = Command::new("git");
        command
            .args(settings)
            .args(arguments)
            .current_dir(directory)
            .env_clear()
            .envs(&self.environment.variables)
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", self.transports())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        for variable in ELSEWHERE {
            command.env_remove(variable);
        }
        let is_set = |name| {
            self.environment
                .get(name)
                .is_some_and(|value| !value.is_empty())
        };
        if !is_set("GIT_SSH") && !is_set("GIT_SSH_COMMAND") {
            command.env(
                "GIT_SSH_COMMAND",
                "ssh -o BatchMode=yes -o ControlMaster=no",
            );
        }
        let output = command.output().await.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => GitFailure::NoGit,
            _ => GitFailure::Start(error),
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(GitFailure::Failed {
            code: output.status.code(),
            message: essence(&String::from_utf8_lossy(&output.stderr)),
        })
    }

    /// Users may allow less, and never more.
    fn transports(&self) -> String {
        let allowed = self.environment.get("GIT_ALLOW_PROTOCOL");
        let is_allowed = |transport: &&str| {
            allowed.is_none_or(|allowed| allowed.split(':').any(|one| one == *transport))
        };
        let kept: Vec<&str> = TRANSPORTS.into_iter().filter(is_allowed).collect();
        kept.join(":")
    }
}

/// What is wrong, in one line. After an empty line git gives advice, as it does in hints.
fn essence(said: &str) -> String {
    let lines = said.trim().lines().map(str::trim);
    let kept = lines
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("hint: ") && !line.starts_with("warning: "))
        .map(|line| line.strip_prefix("fatal: ").unwrap_or(line));
    let mut told = String::new();
    for line in kept {
        match told.chars().last() {
            None => {}
            Some(':') => told.push(' '),
            Some(_) => told.push_str("; "),
        }
        told.push_str(line.trim_end_matches('.'));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_told_in_one_line() {
        assert_eq!(
            essence("warning: slow\nfatal: unable to connect to host:\nhost: errno=refused\n"),
            "unable to connect to host: host: errno=refused"
        );
        assert_eq!(
            essence("ssh: no route\nfatal: Could not read.\n\nPlease make sure\n"),
            "ssh: no route; Could not read"
        );
    }

    #[test]
    fn transports_can_be_taken_away_only() {
        let transports = |allowed: Option<&str>| {
            let mut environment = Environment::default();
            if let Some(allowed) = allowed {
                let name = "GIT_ALLOW_PROTOCOL".to_owned();
                environment.variables.insert(name, allowed.to_owned());
            }
            let git = Git {
                environment: &environment,
            };
            git.transports()
        };
        assert_eq!(transports(None), "https:http:ssh:git");
        assert_eq!(transports(Some("ssh:file:ext")), "ssh");
    }
}
