use std::path::{Path, PathBuf};
use std::process::Stdio;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::Line;
use crate::model::Service;

/// A call of the program that provides a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub service: String,
    /// `provider.type`: the name of the program, or of a plugin of the Docker CLI.
    pub kind: String,
    /// One `--name=value` for each value, in order.
    options: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Up,
    Down,
}

#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error(
        "service `{service}` is provided by `{kind}`, but there is neither a program of this name nor a Docker CLI plugin `docker-{kind}`; install one of them"
    )]
    NotFound { service: String, kind: String },
    #[error("cannot run `{program}`: {source}")]
    Start {
        program: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{kind}` cannot provide service `{service}`: {message}")]
    Failed {
        service: String,
        kind: String,
        message: String,
    },
}

impl Call {
    /// `None`: the service is not provided by another program.
    pub fn of(name: &str, service: &Service) -> Option<Call> {
        #[derive(Deserialize)]
        struct Provider {
            #[serde(rename = "type")]
            kind: String,
            #[serde(default)]
            options: Option<IndexMap<String, Value>>,
        }
        let provider: Provider = serde_json::from_value(service.provider.clone()?).ok()?;
        let mut options = Vec::new();
        for (option, value) in provider.options.unwrap_or_default() {
            let values = match value {
                Value::Array(values) => values,
                value => vec![value],
            };
            for value in values {
                let text = match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                options.push((option.clone(), text));
            }
        }
        Some(Call {
            service: name.to_owned(),
            kind: provider.kind,
            options,
        })
    }

    /// The words after the program's name.
    pub fn arguments(&self, project: &str, verb: Verb) -> Vec<String> {
        let mut words = vec!["compose".to_owned(), format!("--project-name={project}")];
        words.push(match verb {
            Verb::Up => "up".to_owned(),
            Verb::Down => "down".to_owned(),
        });
        let options = self.options.iter();
        words.extend(options.map(|(name, value)| format!("--{name}={value}")));
        words.push(self.service.clone());
        words
    }

    /// Runs the program to its end, telling what it says, and returns the variables that it sets.
    ///
    /// # Errors
    /// When there is no such program, or it fails.
    pub async fn run(
        &self,
        program: &Path,
        project: &str,
        verb: Verb,
        environment: &IndexMap<String, String>,
        mut tell: impl FnMut(&Line),
    ) -> Result<IndexMap<String, String>, ProviderError> {
        let start = |source| ProviderError::Start {
            program: program.to_path_buf(),
            source,
        };
        let mut child = Command::new(program)
            .args(self.arguments(project, verb))
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(start)?;
        let mut variables = IndexMap::new();
        let mut refused = None;
        if let Some(output) = child.stdout.take() {
            let mut lines = BufReader::new(output).lines();
            while let Some(text) = lines.next_line().await.map_err(start)? {
                if text.trim().is_empty() {
                    continue;
                }
                let line = Line::read(&text);
                tell(&line);
                match line {
                    Line::Variable(name, value) => {
                        variables.insert(name, value);
                    }
                    Line::Error(message) => refused = Some(message),
                    Line::Info(_) | Line::Debug(_) => {}
                }
            }
        }
        let status = child.wait().await.map_err(start)?;
        match (refused, status.success()) {
            (None, true) => Ok(variables),
            (refused, _) => Err(ProviderError::Failed {
                service: self.service.clone(),
                kind: self.kind.clone(),
                message: refused.unwrap_or_else(|| format!("it ended with {status}")),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_flags() {
        let service = Service {
            provider: Some(serde_json::json!({
                "type": "cloud", "options": {"name": "db", "size": 3, "tag": ["a", "b"]}
            })),
            ..Service::default()
        };
        let call = Call::of("database", &service).unwrap();
        assert_eq!(
            call.arguments("p", Verb::Up).join(" "),
            "compose --project-name=p up --name=db --size=3 --tag=a --tag=b database"
        );
        assert!(Call::of("web", &Service::default()).is_none());
    }
}
