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
pub fn git(environment: &Environment) -> Git<'_> {
    let is_set = |name| environment.get(name).is_some_and(|value| !value.is_empty());
    Git {
        environment,
        transports: Some(&TRANSPORTS),
        variables: match is_set("GIT_SSH") || is_set("GIT_SSH_COMMAND") {
            true => &[ENGLISH],
            false => &[ENGLISH, MUTE_SSH],
        },
    }
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
