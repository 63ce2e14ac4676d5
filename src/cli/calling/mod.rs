//! The command line as it comes, before clap takes it apart: under wharf's own name and under that of Compose.
//!
//! | file | what |
//! |---|---|
//! | this one | [`Calling`]: under which name wharf is called, and with which words |
//! | `switches` | switches with values, letters behind one hyphen: as clap takes them |
//! | `refusal` | lines that clap refuses, in words that help, or in those of Compose |

mod refusal;
mod switches;

use std::ffi::OsString;
use std::path::Path;

pub use refusal::{asks_for_help, belongs_in_front, has_help, refusal_of_compose};
pub use switches::with_plain_switches;

/// Under which name, and so with which manners, wharf is called.
#[derive(Debug, PartialEq)]
pub enum Calling {
    /// As itself.
    Wharf(Vec<OsString>),
    /// As `docker-compose`, by itself or as a plugin of the Docker CLI.
    Compose(Vec<OsString>),
    /// The Docker CLI asks what plugin this is.
    Introduction,
}

/// The argument with which the Docker CLI asks its plugins for their metadata.
/// <https://pkg.go.dev/github.com/docker/cli/cli-plugins/metadata>
const INTRODUCTION: &str = "docker-cli-plugin-metadata";

impl Calling {
    /// Of a command line, the program's own name first.
    pub fn of(mut line: Vec<OsString>) -> Calling {
        if line.get(1).is_some_and(|word| word == INTRODUCTION) {
            return Calling::Introduction;
        }
        let is_compose = line
            .first()
            .and_then(|program| Path::new(program).file_name())
            .is_some_and(|name| name == "docker-compose");
        if !is_compose {
            return Calling::Wharf(asking_for_help(line));
        }
        // The Docker CLI hands over the word by which it found the plugin, after its own options.
        if let Some(at) = end_of_docker_options(&line)
            && line.get(at).is_some_and(|word| word == "compose")
        {
            line.remove(at);
        }
        if let Some(word) = line.get_mut(1)
            && (word == "-v" || word == "--version")
        {
            *word = "version".into();
        }
        Calling::Compose(with_values(asking_for_help(line)))
    }
}

/// `help up` as `up --help`, `help` alone as `--help`.
fn asking_for_help(mut line: Vec<OsString>) -> Vec<OsString> {
    if line.get(1).is_some_and(|word| word == "help") {
        line.remove(1);
        line.push("--help".into());
    }
    line
}

/// The first word behind options that the Docker CLI takes itself, in front of `compose`. `None`: there is none.
/// <https://docs.docker.com/reference/cli/docker/#options>
fn end_of_docker_options(line: &[OsString]) -> Option<usize> {
    let mut at = 1;
    while let Some(word) = line.get(at)?.to_str().filter(|word| word.starts_with('-')) {
        at += match word {
            "--config" | "--context" | "-c" | "--host" | "-H" | "--log-level" | "-l" => 2,
            _ => 1,
        };
    }
    Some(at)
}

/// `--attach` has a value of its own under Compose's name, where wharf takes the next word for a service.
fn with_values(line: Vec<OsString>) -> Vec<OsString> {
    let mut words = line.into_iter();
    let mut joined = Vec::new();
    while let Some(mut word) = words.next() {
        if word == "--" {
            joined.push(word);
            joined.extend(words);
            break;
        }
        if word == "--attach"
            && let Some(value) = words.next()
        {
            word.push("=");
            word.push(value);
        }
        joined.push(word);
    }
    joined
}

/// What the Docker CLI is told of this plugin.
pub fn introduction() -> String {
    serde_json::json!({
        "SchemaVersion": "0.1.0",
        "Vendor": "wharf",
        "Version": env!("CARGO_PKG_VERSION"),
        "ShortDescription": "Run Compose projects, by wharf",
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &[&str]) -> Calling {
        Calling::of(line.iter().map(OsString::from).collect())
    }

    #[test]
    fn the_name_decides() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            of(&["/bin/wharf", "compose"]),
            Calling::Wharf(words(&["/bin/wharf", "compose"]))
        );
        assert_eq!(
            of(&["p/docker-compose", "compose", "up"]),
            Calling::Compose(words(&["p/docker-compose", "up"]))
        );
        assert_eq!(
            of(&["docker-compose", "-p", "x", "ps"]),
            Calling::Compose(words(&["docker-compose", "-p", "x", "ps"]))
        );
        assert_eq!(
            of(&["docker-compose", "docker-cli-plugin-metadata"]),
            Calling::Introduction
        );
        assert_eq!(
            of(&["docker-compose", "up", "--attach", "web", "db"]),
            Calling::Compose(words(&["docker-compose", "up", "--attach=web", "db"]))
        );
    }

    #[test]
    fn help_of_a_verb_is_what_its_option_shows() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            of(&["wharf", "help", "up"]),
            Calling::Wharf(words(&["wharf", "up", "--help"]))
        );
        assert_eq!(
            of(&["wharf", "help"]),
            Calling::Wharf(words(&["wharf", "--help"]))
        );
    }

    #[test]
    fn the_docker_cli_puts_its_own_options_first() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert_eq!(
            of(&[
                "docker-compose",
                "-H",
                "unix:///x",
                "--debug",
                "compose",
                "ps"
            ]),
            Calling::Compose(words(&[
                "docker-compose",
                "-H",
                "unix:///x",
                "--debug",
                "ps"
            ]))
        );
        assert_eq!(
            of(&["docker-compose", "-p", "x", "exec", "compose", "ls"]),
            Calling::Compose(words(&[
                "docker-compose",
                "-p",
                "x",
                "exec",
                "compose",
                "ls"
            ]))
        );
    }

    #[test]
    fn the_introduction_is_what_docker_reads() {
        let told: serde_json::Value = serde_json::from_str(&introduction()).unwrap();
        assert_eq!(told["SchemaVersion"], "0.1.0");
        assert_eq!(told["Vendor"], "wharf");
    }
}
