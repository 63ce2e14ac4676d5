use std::ffi::OsString;
use std::path::Path;

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
            return Calling::Wharf(line);
        }
        // The Docker CLI hands over the word by which it found the plugin.
        if line.get(1).is_some_and(|word| word == "compose") {
            line.remove(1);
        }
        Calling::Compose(with_values(line))
    }
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

/// What Compose says of an argument that it does not know. `None`: it is refused for another reason.
pub fn refusal_of_compose(error: &clap::Error) -> Option<String> {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let word = word(ContextKind::InvalidArg)?;
            let flag = word.split(['=', ' ']).next().unwrap_or(&word);
            Some(match flag.strip_prefix('-') {
                Some(letter) if !letter.starts_with('-') => {
                    format!("unknown shorthand flag: '{letter}' in {flag}")
                }
                _ => format!("unknown flag: {flag}"),
            })
        }
        ErrorKind::InvalidSubcommand => Some(format!(
            "unknown docker command: \"compose {}\"",
            word(ContextKind::InvalidSubcommand)?
        )),
        _ => None,
    }
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
    fn the_introduction_is_what_docker_reads() {
        let told: serde_json::Value = serde_json::from_str(&introduction()).unwrap();
        assert_eq!(told["SchemaVersion"], "0.1.0");
        assert_eq!(told["Vendor"], "wharf");
    }
}
