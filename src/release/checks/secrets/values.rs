use std::path::Path;

use crate::load::{Disk, Environment};
use crate::model::Project;
use crate::secret::is_secret;

/// Shorter values are words that stand everywhere.
const SHORTEST: usize = 8;
/// Of a secret of several lines, those of this length are looked for.
const LONG_LINE: usize = 24;
const LARGEST_SECRET: u64 = 1 << 20;
/// Passwords that hide nothing, and stand in the documentation of every program.
const WORDS: [&str; 4] = ["password", "changeme", "postgres", "rabbitmq"];

/// Every secret value that the project knows: of its `secrets`, of variables and build arguments whose names say so, and
/// passwords in URLs.
pub fn values_of(
    project: &Project,
    environment: &Environment,
    disk: &dyn Disk,
) -> Vec<(String, Vec<u8>)> {
    let mut values: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: String, text: &str| {
        for needle in needles(text) {
            if !values.iter().any(|(_, known)| known == needle.as_bytes()) {
                values.push((name.clone(), needle.into_bytes()));
            }
        }
    };
    for (name, secret) in &project.secrets {
        let what = format!("the secret `{name}`");
        if let Some(path) = &secret.file {
            let read = disk.read(Path::new(path), LARGEST_SECRET);
            let text = read.ok().and_then(|bytes| String::from_utf8(bytes).ok());
            add(what, &text.unwrap_or_default());
        } else if let Some(value) = &secret.value {
            add(what, value.as_str());
        } else if let Some(content) = &secret.content {
            add(what, content);
        }
    }
    for (service, definition) in &project.services {
        let own = definition.environment.iter();
        let arguments = definition.build.iter().flat_map(|build| build.args.iter());
        for (name, value) in own.chain(arguments) {
            let Some(value) = value.as_deref().or_else(|| environment.get(name)) else {
                continue;
            };
            // A variable that only containers need and that has no value stands there as it is written.
            if value.starts_with("${") {
                continue;
            }
            let what = format!("the value of `{name}` of service `{service}`");
            if is_secret(name) {
                add(what, value);
            } else if let Some(password) = password_of(value) {
                add(
                    format!("the password in `{name}` of service `{service}`"),
                    password,
                );
            }
        }
    }
    values
}

/// The texts to look for; a secret of several lines is looked for by its long lines, and certificates are none.
fn needles(text: &str) -> Vec<String> {
    let text = text.trim();
    if !text.contains('\n') {
        return match text.len() < SHORTEST || WORDS.contains(&text) {
            true => Vec::new(),
            false => vec![text.to_owned()],
        };
    }
    let mut needles = Vec::new();
    let mut is_public = false;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("-----BEGIN") {
            is_public = line.contains("CERTIFICATE") || line.contains("PUBLIC");
        } else if line.starts_with("-----END") {
            is_public = false;
        } else if !is_public && line.len() >= LONG_LINE && !line.starts_with('#') {
            needles.push(line.to_owned());
        }
    }
    needles
}

fn password_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let (credentials, _) = authority.rsplit_once('@')?;
    credentials.split_once(':').map(|(_, password)| password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MemoryDisk;

    #[test]
    fn the_projects_secrets_are_known_and_certificates_are_none() {
        let mut project: Project = serde_json::from_str(
            r#"{"name": "p", "secrets": {"key": {"file": "/s/key"}, "ca": {"file": "/s/ca"}, "env": {"environment": "E"}},
              "services": {"app": {"environment": {"DB": "postgres://u:longpassword@db/x", "API_TOKEN": "tokentoken", "A_TOKEN": "x"}}}}"#,
        )
        .unwrap();
        let certificate = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\nx\n",
            "B".repeat(64)
        );
        let disk = MemoryDisk::default()
            .with("/s/key", "filesecret\n")
            .with("/s/ca", certificate.as_str());
        project.secrets["env"].value = Some("fromtheshell".into());
        let values = values_of(&project, &Environment::default(), &disk);
        let values: Vec<&str> = values
            .iter()
            .map(|(_, value)| std::str::from_utf8(value).unwrap())
            .collect();
        assert_eq!(
            values,
            ["filesecret", "fromtheshell", "longpassword", "tokentoken"]
        );
    }

    #[test]
    fn what_hides_nothing_is_not_looked_for() {
        let project: Project = serde_json::from_str(
            r#"{"name": "p", "services": {"app": {"environment": {
                "DB": "postgres://u:password@db/x",
                "MQ": "${MQ:?set it to amqp://user:something-long@host}"}}}}"#,
        )
        .unwrap();
        let (environment, disk) = (Environment::default(), MemoryDisk::default());
        assert!(values_of(&project, &environment, &disk).is_empty());
    }
}
