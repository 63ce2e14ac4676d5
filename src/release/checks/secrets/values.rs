use std::path::Path;

use crate::load::{Disk, Environment};
use crate::model::Project;
use crate::secret::is_secret;

/// Shorter values are words that stand everywhere.
const SHORTEST: usize = 8;
/// Of a secret of several lines, those of this length are looked for.
const LONG_LINE: usize = 24;
const LARGEST_SECRET: u64 = 1 << 20;
/// Of a secret that is no text, so many bytes of its beginning are looked for.
const BEGINNING: usize = 256;
/// Passwords that hide nothing, and stand in the documentation of every program.
const WORDS: [&str; 4] = ["password", "changeme", "postgres", "rabbitmq"];

/// The secret values that a project knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretValues {
    /// What each is the secret of, and the bytes that are looked for.
    pub values: Vec<(String, Vec<u8>)>,
    /// What is not looked for, and why.
    pub unsearched: Vec<String>,
}

impl SecretValues {
    /// Those of its `secrets`, of variables and build arguments whose names say so, and passwords in URLs.
    pub fn of(project: &Project, environment: &Environment, disk: &dyn Disk) -> SecretValues {
        let mut found = SecretValues::default();
        for (name, secret) in &project.secrets {
            let what = format!("the secret `{name}`");
            if let Some(path) = &secret.file {
                match disk.read(Path::new(path), LARGEST_SECRET) {
                    Ok(content) => found.add(what, &content),
                    Err(error) => found
                        .unsearched
                        .push(format!("{what}: cannot read `{path}`: {error}")),
                }
            } else if let Some(value) = &secret.value {
                found.add(what, value.as_str().as_bytes());
            } else if let Some(content) = &secret.content {
                found.add(what, content.as_bytes());
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
                if is_secret(name) {
                    let what = format!("the value of `{name}` of service `{service}`");
                    found.add(what, value.as_bytes());
                } else if let Some(password) = password_of(value) {
                    let what = format!("the password in `{name}` of service `{service}`");
                    found.add(what, password.as_bytes());
                }
            }
        }
        found
    }

    fn add(&mut self, what: String, content: &[u8]) {
        match needles(content) {
            Ok(needles) => {
                for needle in needles {
                    if !self.values.iter().any(|(_, known)| known == needle) {
                        self.values.push((what.clone(), needle.to_vec()));
                    }
                }
            }
            Err(why) => {
                let why = format!("{what}: {why}");
                if !self.unsearched.contains(&why) {
                    self.unsearched.push(why);
                }
            }
        }
    }
}

/// The bytes to look for; none of certificates, which are no secrets. A text of several lines is looked for by its long
/// lines, and what is no text by its beginning.
///
/// # Errors
/// Why nothing is looked for that would tell it from what is no secret.
fn needles(content: &[u8]) -> Result<Vec<&[u8]>, &'static str> {
    let content = content.trim_ascii();
    if content.is_empty() {
        return Ok(Vec::new());
    }
    if content.len() < SHORTEST {
        return Err("it is too short to be told from other text");
    }
    let Ok(text) = std::str::from_utf8(content) else {
        let beginning = content.get(..BEGINNING).unwrap_or(content);
        return Ok(vec![beginning]);
    };
    if WORDS.contains(&text) {
        return Err("it is a word that stands everywhere");
    }
    if !text.contains('\n') {
        return Ok(vec![content]);
    }
    let mut needles = Vec::new();
    let mut has_public = false;
    let mut is_public = false;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("-----BEGIN") {
            is_public = line.contains("CERTIFICATE") || line.contains("PUBLIC");
            has_public |= is_public;
        } else if line.starts_with("-----END") {
            is_public = false;
        } else if !is_public && line.len() >= LONG_LINE && !line.starts_with('#') {
            needles.push(line.as_bytes());
        }
    }
    if needles.is_empty() && !has_public {
        return Err("its lines are too short to be told from other text");
    }
    Ok(needles)
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
    use crate::load::{Host, MemoryDisk};

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
        let found = SecretValues::of(&project, &Environment::default(), &disk);
        let values: Vec<&str> = found
            .values
            .iter()
            .map(|(_, value)| std::str::from_utf8(value).unwrap())
            .collect();
        assert_eq!(
            values,
            ["filesecret", "fromtheshell", "longpassword", "tokentoken"]
        );
        assert_eq!(
            found.unsearched,
            ["the value of `A_TOKEN` of service `app`: it is too short to be told from other text"]
        );
    }

    #[test]
    fn a_secret_that_is_no_text_is_looked_for_as_it_is() {
        let here = tempfile::tempdir().unwrap();
        // A line feed in it ends no line.
        let key: Vec<u8> = (0..=255).rev().cycle().take(4000).collect();
        let file = here.path().join("key");
        std::fs::write(&file, &key).unwrap();
        let gone = here.path().join("gone");
        let project: Project = serde_json::from_value(serde_json::json!({
            "name": "p", "secrets": {"key": {"file": file}, "gone": {"file": gone}},
        }))
        .unwrap();
        let found = SecretValues::of(&project, &Environment::default(), &Host);
        let expected = ("the secret `key`".to_owned(), key[..BEGINNING].to_vec());
        assert_eq!(found.values, [expected]);
        let told = format!("the secret `gone`: cannot read `{}`", gone.display());
        assert_eq!(found.unsearched.len(), 1);
        assert!(found.unsearched[0].starts_with(&told), "{found:?}");
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
        let found = SecretValues::of(&project, &environment, &disk);
        assert_eq!(found.values, []);
        assert_eq!(
            found.unsearched,
            ["the password in `DB` of service `app`: it is a word that stands everywhere"]
        );
    }
}
