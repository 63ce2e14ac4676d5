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
        Calling::Compose(line)
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
    }

    #[test]
    fn the_introduction_is_what_docker_reads() {
        let told: serde_json::Value = serde_json::from_str(&introduction()).unwrap();
        assert_eq!(told["SchemaVersion"], "0.1.0");
        assert_eq!(told["Vendor"], "wharf");
    }
}
