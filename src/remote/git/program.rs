use std::path::Path;

use crate::git::Git;
use crate::load::Environment;

/// How git may reach a repository. Others would run a program that an address names, or read any directory.
const TRANSPORTS: [&str; 4] = ["https", "http", "ssh", "git"];

/// What it says is taken apart.
const ENGLISH: (&str, &str) = ("LC_ALL", "C");

/// Else ssh asks at the terminal, past git.
const MUTE_SSH: (&str, &str) = (
    "GIT_SSH_COMMAND",
    "ssh -o BatchMode=yes -o ControlMaster=no",
);

/// git, called so that neither it nor ssh ever asks anybody anything. A user's own ssh program is called as it is.
pub async fn git(environment: &Environment) -> Git<'_> {
    let is_set = |name| environment.get(name).is_some_and(|value| !value.is_empty());
    let has_own =
        is_set("GIT_SSH") || is_set("GIT_SSH_COMMAND") || is_configured(environment).await;
    let variables: &[_] = match has_own {
        true => &[ENGLISH],
        false => &[ENGLISH, MUTE_SSH],
    };
    Git::fetching(environment, Some(&TRANSPORTS), variables)
}

/// Whether the user has named a program for ssh in git's own configuration, which the variable would outdo.
async fn is_configured(environment: &Environment) -> bool {
    let asked = ["config", "--get", "core.sshCommand"];
    let answer = Git::fetching(environment, None, &[])
        .ask(Path::new("/"), &asked)
        .await;
    answer.is_ok_and(|program| !program.trim().is_empty())
}

/// What is wrong, in one line. After an empty line git gives advice, as it does in hints.
pub fn essence(said: &str) -> String {
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

    #[tokio::test]
    async fn a_program_for_ssh_of_the_user_is_left_in_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let settings = directory.path().join("settings");
        let git_with = async |text: &str| {
            std::fs::write(&settings, text).unwrap();
            let variables = [
                ("PATH", "/usr/local/bin:/usr/bin:/bin"),
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("GIT_CONFIG_GLOBAL", settings.to_str().unwrap()),
            ];
            let environment = Environment {
                variables: variables
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .into(),
                ..Environment::default()
            };
            // What a program that git starts is given.
            let asked = ["-c", "alias.v=!echo \"$GIT_SSH_COMMAND\"", "v"];
            let said = git(&environment).await.ask(directory.path(), &asked).await;
            said.unwrap().trim().to_owned()
        };
        assert_eq!(git_with("").await, MUTE_SSH.1);
        assert_eq!(git_with("[core]\nsshCommand = own-ssh -4\n").await, "");
    }

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
}
