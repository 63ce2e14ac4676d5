use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::config_file::ConfigFile;
use crate::engine::{Credentials, EngineError, EngineResult, ErrorKind};
use crate::load::Environment;

/// The key under which Docker keeps the credentials of its own registry.
const HUB: &str = "https://index.docker.io/v1/";
/// How long a helper may take; some ask a person.
const HELPER_PATIENCE: Duration = Duration::from_secs(120);

/// The credentials for the registry that an image reference names; `None` where the user has none.
///
/// # Errors
/// As [`credentials_for_registry`].
pub async fn credentials_for_reference(
    environment: &Environment,
    reference: &str,
) -> EngineResult<Option<Credentials>> {
    credentials_for_registry(environment, registry_of(reference)).await
}

/// The credentials for a registry, by host, with its port if it has one: those of `docker login`, from `config.json`
/// or from the credential helper that it names. `None` where the user has none.
/// <https://docs.docker.com/reference/cli/docker/login/#credential-stores>
///
/// # Errors
/// When `config.json` cannot be read, or the helper is missing or fails.
pub async fn credentials_for_registry(
    environment: &Environment,
    registry: &str,
) -> EngineResult<Option<Credentials>> {
    let config = ConfigFile::read(environment)?;
    let server = if is_hub(registry) { HUB } else { registry };
    let helper = config
        .cred_helpers
        .get(server)
        .or_else(|| config.cred_helpers.get(registry))
        .or(config.creds_store.as_ref())
        .filter(|helper| !helper.is_empty());
    match helper {
        Some(helper) => ask(environment, helper, server).await,
        None => stored(&config, server),
    }
}

fn is_hub(registry: &str) -> bool {
    matches!(
        registry,
        "docker.io" | "index.docker.io" | "registry-1.docker.io" | HUB
    )
}

/// The host of a reference; a first part without dot, colon or capital letter belongs to the name.
fn registry_of(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((host, _))
            if host == "localhost"
                || host.contains(['.', ':'])
                || host.chars().any(char::is_uppercase) =>
        {
            host
        }
        _ => "docker.io",
    }
}

fn stored(config: &ConfigFile, server: &str) -> EngineResult<Option<Credentials>> {
    let entry = config.auths.get(server).or_else(|| {
        config
            .auths
            .iter()
            .find(|(key, _)| host(key) == host(server))
            .map(|(_, entry)| entry)
    });
    let Some(entry) = entry else { return Ok(None) };
    let mut found = Credentials {
        server: server.to_owned(),
        username: entry.username.clone(),
        password: entry.password.clone(),
        identity_token: entry.identitytoken.clone(),
    };
    if !entry.auth.is_empty() {
        let pair = STANDARD
            .decode(entry.auth.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let Some((name, password)) = pair.as_deref().and_then(|pair| pair.split_once(':')) else {
            return Err(EngineError::new(
                ErrorKind::Unauthorized,
                format!(
                    "the credentials for `{server}` in config.json are not base64 of `name:password`; \
                     `docker login` writes them anew"
                ),
            ));
        };
        found.username = name.to_owned();
        found.password = password.trim_end_matches('\0').to_owned();
    }
    let is_empty = found.username.is_empty() && found.identity_token.is_empty();
    Ok((!is_empty).then_some(found))
}

/// Keys may be addresses: `https://registry.example/v2/`.
fn host(key: &str) -> &str {
    let key = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    key.split('/').next().unwrap_or(key)
}

/// What a helper answers to `get`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

async fn ask(
    environment: &Environment,
    helper: &str,
    server: &str,
) -> EngineResult<Option<Credentials>> {
    let program = format!("docker-credential-{helper}");
    let failed = |why: String| {
        EngineError::new(
            ErrorKind::Unauthorized,
            format!("cannot get the credentials for `{server}`: {why}"),
        )
    };
    let mut command = Command::new(&program);
    command
        .arg("get")
        .env_clear()
        .envs(&environment.variables)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => failed(format!(
            "config.json names the helper `{helper}`, but there is no `{program}` on the PATH"
        )),
        _ => failed(format!("`{program}` does not start: {error}")),
    })?;
    if let Some(mut input) = child.stdin.take() {
        // A helper that reads nothing has an answer of its own; it is looked at below.
        let _ = input.write_all(server.as_bytes()).await;
    }
    let output = tokio::time::timeout(HELPER_PATIENCE, child.wait_with_output())
        .await
        .map_err(|_| {
            failed(format!(
                "`{program}` took longer than {} s",
                HELPER_PATIENCE.as_secs()
            ))
        })?
        .map_err(|error| failed(format!("`{program}`: {error}")))?;
    if !output.status.success() {
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let words = Some(said(&output.stdout))
            .filter(|words| !words.is_empty())
            .unwrap_or_else(|| said(&output.stderr));
        return if words.contains("credentials not found") {
            Ok(None)
        } else {
            Err(failed(format!("`{program}` says: {words}")))
        };
    }
    let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|_| {
        failed(format!(
            "`{program}` does not answer with credentials in JSON"
        ))
    })?;
    let mut found = Credentials {
        server: server.to_owned(),
        ..Credentials::default()
    };
    if answer.username == "<token>" {
        found.identity_token = answer.secret;
    } else {
        found.username = answer.username;
        found.password = answer.secret;
    }
    let is_empty = found.username.is_empty() && found.identity_token.is_empty();
    Ok((!is_empty).then_some(found))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A home with a `config.json` and a helper called `fake`.
    fn home(config: &str, helper: &str) -> (tempfile::TempDir, Environment) {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".docker")).unwrap();
        std::fs::write(home.path().join(".docker/config.json"), config).unwrap();
        let program = home.path().join("docker-credential-fake");
        std::fs::write(&program, format!("#!/bin/sh\n{helper}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", home.path().display());
        let environment = Environment {
            variables: [("PATH".to_owned(), path)].into_iter().collect(),
            working_directory: home.path().to_owned(),
            home: Some(home.path().to_owned()),
            uid: 1000,
            gid: 1000,
        };
        (home, environment)
    }

    #[test]
    fn the_registry_is_the_first_part_that_looks_like_a_host() {
        for (reference, registry) in [
            ("debian", "docker.io"),
            ("library/debian:12", "docker.io"),
            ("localhost/app", "localhost"),
            ("registry.example/team/app@sha256:0", "registry.example"),
            ("127.0.0.1:5000/app:1", "127.0.0.1:5000"),
        ] {
            assert_eq!(registry_of(reference), registry);
        }
    }

    #[tokio::test]
    async fn stored_credentials_are_found_by_host() {
        let (_home, environment) = home(
            r#"{"auths":{"https://registry.example/v2/":{"auth":"bWU6c2U6Y3JldA=="},
                "https://index.docker.io/v1/":{"identitytoken":"tok"},
                "empty.example":{}, "broken.example":{"auth":"%%"}}}"#,
            "exit 9",
        );
        let found = credentials_for_reference(&environment, "registry.example/app:1")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (found.username.as_str(), found.password.as_str()),
            ("me", "se:cret")
        );
        assert!(!format!("{found:?}").contains("se:cret"));
        let hub = credentials_for_reference(&environment, "debian")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (hub.server.as_str(), hub.identity_token.as_str()),
            (HUB, "tok")
        );
        for nothing in ["empty.example", "other.example"] {
            assert_eq!(
                credentials_for_registry(&environment, nothing)
                    .await
                    .unwrap(),
                None
            );
        }
        let error = credentials_for_registry(&environment, "broken.example")
            .await
            .unwrap_err();
        assert!(error.message.contains("`broken.example`"), "{error}");
    }

    #[tokio::test]
    async fn a_helper_is_asked_for_its_registry() {
        let (_home, environment) = home(
            r#"{"credHelpers":{"registry.example":"fake"},"auths":{"other.example":{"auth":"YTpi"}}}"#,
            r#"read server; echo "{\"ServerURL\":\"$server\",\"Username\":\"for-$server\",\"Secret\":\"s\"}""#,
        );
        let found = credentials_for_registry(&environment, "registry.example")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found.username, "for-registry.example");
        let other = credentials_for_registry(&environment, "other.example")
            .await
            .unwrap();
        assert_eq!(other.unwrap().username, "a");
    }

    #[tokio::test]
    async fn a_helpers_token_and_its_ignorance_are_understood() {
        let (_home, environment) = home(
            r#"{"credsStore":"fake"}"#,
            r#"read server
               case $server in
                 *token*) echo '{"Username":"<token>","Secret":"t"}';;
                 *none*) echo 'credentials not found in native keychain'; exit 1;;
                 *) echo 'the keyring is locked' >&2; exit 1;;
               esac"#,
        );
        let found = credentials_for_registry(&environment, "token.example")
            .await
            .unwrap();
        assert_eq!(found.unwrap().identity_token, "t");
        assert_eq!(
            credentials_for_registry(&environment, "none.example")
                .await
                .unwrap(),
            None
        );
        let error = credentials_for_registry(&environment, "x.example")
            .await
            .unwrap_err();
        assert!(error.message.contains("the keyring is locked"), "{error}");
    }

    #[tokio::test]
    async fn a_missing_helper_is_named() {
        let (_home, environment) = home(r#"{"credsStore":"nope"}"#, "");
        let error = credentials_for_registry(&environment, "x.example")
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthorized);
        assert!(error.message.contains("docker-credential-nope"), "{error}");
    }
}
