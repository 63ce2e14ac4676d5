use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE,
};
use http::{Method, Request, Response, StatusCode};
use serde_json::Value;

use super::RegistryError;
use super::challenge::Challenge;
use super::proxy::Proxies;
use super::wire::{Body, Wire, full, header, is_here, text};
use crate::build::ImageName;
use crate::build::Reference;
use crate::digest::is_digest;
use crate::engine::docker::credentials_for_registry;
use crate::engine::{Credentials, percent_encoded};
use crate::load::Environment;

/// A repository of a registry: what is under one name, with all tags.
/// <https://github.com/opencontainers/distribution-spec/blob/main/spec.md>
pub struct Registry {
    /// As people write it, `registry.example:5000`.
    pub(super) host: String,
    /// `https://registry.example:5000`.
    base: String,
    /// `team/app`
    pub(super) repository: String,
    /// What the reference ended with: a tag, or a digest.
    pub reference: String,
    credentials: Option<Credentials>,
    wire: Wire,
    /// What `Authorization` says, once a registry has asked for it.
    pass: Mutex<Option<String>>,
}

/// What goes with a request beside its method and path.
#[derive(Clone, Default)]
pub(super) struct Sent {
    pub(super) accept: Option<&'static str>,
    pub(super) content_type: Option<String>,
    pub(super) content: Bytes,
}

impl Registry {
    /// The repository that a reference names, `registry.example/team/app:1`, spoken to with the credentials of `docker login`.
    /// `plain`: without TLS, as registries on this machine may be.
    ///
    /// # Errors
    /// When it is no name of a repository, the credentials cannot be read, or a registry on this machine does not answer.
    pub async fn of(
        reference: &str,
        plain: bool,
        environment: &Environment,
    ) -> Result<Registry, RegistryError> {
        let Named {
            host,
            repository,
            reference,
        } = Named::of(reference)?;
        let credentials = credentials_for_registry(environment, &host).await?;
        let api = match host.as_str() {
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let authorities = environment
            .get("SSL_CERT_FILE")
            .filter(|path| !path.is_empty());
        let wire = Wire {
            authorities: authorities.map(Into::into),
            proxies: Proxies::of(environment),
            ..Wire::default()
        };
        let is_plain = plain || (is_here(&host) && wire.answers_plainly(&host).await?);
        let scheme = if is_plain { "http" } else { "https" };
        Ok(Registry {
            base: format!("{scheme}://{api}"),
            host,
            repository,
            reference,
            credentials,
            wire,
            pass: Mutex::new(None),
        })
    }

    /// Whether a reference names a repository, without a word to anybody.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(reference: &str) -> Result<(), RegistryError> {
        Named::of(reference).map(|_| ())
    }

    /// Uploads what the registry does not have yet.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses.
    pub async fn push_blob(&self, digest: &str, content: &[u8]) -> Result<(), RegistryError> {
        if self.has_blob(digest).await? {
            return Ok(());
        }
        let location = self.begin_upload("").await?;
        let sent = Sent {
            content_type: Some("application/octet-stream".into()),
            content: Bytes::copy_from_slice(content),
            ..Sent::default()
        };
        let url = with_digest(&location, digest);
        let answer = self.request(Method::PUT, &url, &sent).await?;
        self.expect(answer, StatusCode::CREATED, "keep a blob")
            .await?;
        Ok(())
    }

    pub(super) async fn has_blob(&self, digest: &str) -> Result<bool, RegistryError> {
        let url = self.url(&format!("blobs/{digest}"));
        let answer = self.request(Method::HEAD, &url, &Sent::default()).await?;
        Ok(answer.status() == StatusCode::OK)
    }

    /// Where the content of a blob goes. `query`: `?..`, or empty.
    pub(super) async fn begin_upload(&self, query: &str) -> Result<String, RegistryError> {
        let url = self.url(&format!("blobs/uploads/{query}"));
        let answer = self.request(Method::POST, &url, &Sent::default()).await?;
        let answer = self
            .expect(answer, StatusCode::ACCEPTED, "take a blob")
            .await?;
        match header(&answer, LOCATION) {
            Some(path) if path.starts_with('/') => Ok(format!("{}{path}", self.base)),
            Some(url) => Ok(url.to_owned()),
            None => Err(self.nonsense("it does not say where a blob goes")),
        }
    }

    /// Puts a manifest under a tag or its digest.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses, such as for a blob that it lacks.
    pub async fn push_manifest(
        &self,
        reference: &str,
        media_type: &str,
        manifest: &[u8],
    ) -> Result<(), RegistryError> {
        let sent = Sent {
            content_type: Some(media_type.to_owned()),
            content: Bytes::copy_from_slice(manifest),
            ..Sent::default()
        };
        let url = self.url(&format!("manifests/{reference}"));
        let answer = self.request(Method::PUT, &url, &sent).await?;
        self.expect(answer, StatusCode::CREATED, "keep a manifest")
            .await?;
        Ok(())
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/v2/{}/{path}", self.base, self.repository)
    }

    pub(super) fn nonsense(&self, why: &str) -> RegistryError {
        RegistryError::Nonsense {
            host: self.host.clone(),
            why: why.to_owned(),
        }
    }

    /// Whether it is the registry itself that an address leads to. Stores of blobs elsewhere have signed their own addresses:
    /// they must not learn the pass, and whoever they say gives tokens must not learn the password.
    fn is_own(&self, url: &str) -> bool {
        url.strip_prefix(&self.base)
            .is_some_and(|rest| rest.starts_with('/'))
    }

    /// Asks, and once more with credentials if the registry wants to know who asks.
    pub(super) async fn request(
        &self,
        method: Method,
        url: &str,
        sent: &Sent,
    ) -> Result<Response<Body>, RegistryError> {
        let answer = self.ask(&method, url, sent).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || !self.is_own(url) {
            return Ok(answer);
        }
        let challenges = answer.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenge = challenges
            .filter_map(|header| Challenge::of(header.to_str().ok()?))
            .next();
        let Some(pass) = self.pass_for(challenge).await? else {
            return Ok(answer);
        };
        *self
            .pass
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(pass);
        self.ask(&method, url, sent).await
    }

    async fn ask(
        &self,
        method: &Method,
        url: &str,
        sent: &Sent,
    ) -> Result<Response<Body>, RegistryError> {
        let body = full(sent.content.clone());
        self.send(method, url, sent, body).await
    }

    /// Sends a request with what the registry was told last.
    pub(super) async fn send(
        &self,
        method: &Method,
        url: &str,
        sent: &Sent,
        body: Body,
    ) -> Result<Response<Body>, RegistryError> {
        let mut request = Request::builder().method(method).uri(url);
        if *method != Method::GET && *method != Method::HEAD && !sent.content.is_empty() {
            request = request.header(CONTENT_LENGTH, sent.content.len());
        }
        if let Some(accept) = sent.accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(kind) = &sent.content_type {
            request = request.header(CONTENT_TYPE, kind);
        }
        let pass = self
            .pass
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone();
        if let Some(pass) = pass.filter(|_| self.is_own(url)) {
            request = request.header(AUTHORIZATION, pass);
        }
        let request = request
            .body(body)
            .map_err(|error| self.nonsense(&error.to_string()))?;
        self.wire.send(request).await
    }

    /// What `Authorization` has to say. `None`: wharf has nothing to say.
    async fn pass_for(
        &self,
        challenge: Option<Challenge>,
    ) -> Result<Option<String>, RegistryError> {
        let basic = self
            .credentials
            .as_ref()
            .filter(|one| !one.username.is_empty());
        let basic = basic.map(|one| {
            let pair = STANDARD.encode(format!("{}:{}", one.username, one.password));
            format!("Basic {pair}")
        });
        let (realm, service, scope) = match challenge {
            None => return Ok(None),
            Some(Challenge::Basic) => return Ok(basic),
            Some(Challenge::Bearer {
                realm,
                service,
                scope,
            }) => (realm, service, scope),
        };
        let scope = scope.unwrap_or_else(|| format!("repository:{}:pull,push", self.repository));
        let identity = self
            .credentials
            .as_ref()
            .map(|one| one.identity_token.as_str());
        let request = match identity.filter(|token| !token.is_empty()) {
            // <https://distribution.github.io/distribution/spec/auth/oauth/>
            Some(token) => Request::post(&realm)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(full(form(&[
                    ("grant_type", "refresh_token"),
                    ("refresh_token", token),
                    ("client_id", "wharf"),
                    ("service", &service),
                    ("scope", &scope),
                ]))),
            None => {
                let sign = if realm.contains('?') { '&' } else { '?' };
                let query = form(&[("service", &service), ("scope", &scope)]);
                let mut request = Request::get(format!("{realm}{sign}{query}"));
                if let Some(basic) = basic {
                    request = request.header(AUTHORIZATION, basic);
                }
                request.body(full(Bytes::new()))
            }
        };
        let request = request.map_err(|error| self.nonsense(&error.to_string()))?;
        let answer = self.wire.send(request).await?;
        let answer = self.expect(answer, StatusCode::OK, "give a token").await?;
        let told = text(&self.host, answer.into_body()).await?;
        let told: Value = serde_json::from_slice(&told).unwrap_or_default();
        let token = told.get("token").or_else(|| told.get("access_token"));
        match token.and_then(Value::as_str) {
            Some(token) => Ok(Some(format!("Bearer {token}"))),
            None => Err(self.nonsense("it gives no token")),
        }
    }

    /// The answer, if it is of this status; what else it says is the error.
    pub(super) async fn expect(
        &self,
        answer: Response<Body>,
        wanted: StatusCode,
        action: &str,
    ) -> Result<Response<Body>, RegistryError> {
        let status = answer.status();
        if status == wanted {
            return Ok(answer);
        }
        let told = text(&self.host, answer.into_body())
            .await
            .unwrap_or_default();
        Err(RegistryError::Refused {
            host: self.host.clone(),
            action: action.to_owned(),
            status,
            message: reason(&told),
        })
    }
}

/// What a registry says in its errors.
/// <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes>
fn reason(told: &[u8]) -> String {
    let told: Value = serde_json::from_slice(told).unwrap_or_default();
    let errors = told.get("errors").and_then(Value::as_array);
    let said: Vec<&str> = errors
        .into_iter()
        .flatten()
        .filter_map(|error| error.get("message").or_else(|| error.get("code"))?.as_str())
        .collect();
    said.join("; ")
}

/// What a reference is made of, each part as a registry has it.
struct Named {
    host: String,
    repository: String,
    /// A tag, or a digest.
    reference: String,
}

impl Named {
    fn of(reference: &str) -> Result<Named, RegistryError> {
        let name = ImageName::normal(reference).to_string();
        let (host, path) = name.split_once('/').unwrap_or(("docker.io", &name));
        let parts = Reference::of(path);
        let (repository, tag) = (parts.repository, parts.exact().unwrap_or("latest"));
        if !is_repository(repository) || !is_reference(tag) {
            return Err(RegistryError::Name(reference.to_owned()));
        }
        Ok(Named {
            host: host.to_owned(),
            repository: repository.to_owned(),
            reference: tag.to_owned(),
        })
    }
}

/// <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests>
fn is_repository(path: &str) -> bool {
    let is_end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    path.split('/').all(|part| {
        part.starts_with(is_end)
            && part.ends_with(is_end)
            && part
                .chars()
                .all(|c| is_end(c) || matches!(c, '.' | '_' | '-'))
    })
}

fn is_reference(tag: &str) -> bool {
    match tag.split_once(':') {
        Some(("sha256", _)) => is_digest(tag),
        Some((_, digits)) => {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        }
        None => {
            !tag.is_empty()
                && tag.len() <= 128
                && !tag.starts_with(['.', '-'])
                && tag
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        }
    }
}

pub(super) fn with_digest(location: &str, digest: &str) -> String {
    let sign = if location.contains('?') { '&' } else { '?' };
    format!("{location}{sign}{}", form(&[("digest", digest)]))
}

pub(super) fn form(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(&format!("{name}={}", percent_encoded(value, "")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_refused_that_no_registry_has() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        assert!(is_repository("team/app-1.x") && is_reference("v1_2.3") && is_reference(&digest));
        assert!(is_reference("sha512:ab"));
        for repository in ["Team/app", "team//app", "team/-app", "te am", "team/.."] {
            assert!(!is_repository(repository), "{repository}");
        }
        for tag in [
            "",
            ".1",
            "a b",
            "sha256:",
            "sha256:ab",
            "sha512:",
            "sha512:xyz",
        ] {
            assert!(!is_reference(tag), "{tag}");
        }
    }

    #[test]
    fn only_registries_of_this_machine_are_spoken_to_without_tls() {
        for host in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "127.3.2.1",
            "[::1]:5000",
        ] {
            assert!(is_here(host), "{host}");
        }
        for host in ["registry.example", "10.0.0.1:5000", "localhost.example:80"] {
            assert!(!is_here(host), "{host}");
        }
    }

    #[test]
    fn locations_take_the_digest_beside_what_they_have() {
        let place = with_digest("http://r/v2/a/blobs/uploads/1?_state=x", "sha256:ab");
        assert_eq!(
            place,
            "http://r/v2/a/blobs/uploads/1?_state=x&digest=sha256%3Aab"
        );
        assert_eq!(
            with_digest("http://r/u", "sha256:ab"),
            "http://r/u?digest=sha256%3Aab"
        );
    }

    #[test]
    fn a_refusal_is_told_in_the_registry_s_words() {
        let told = br#"{"errors":[{"code":"DENIED","message":"access denied"},{"code":"X"}]}"#;
        assert_eq!(reason(told), "access denied; X");
        assert_eq!(reason(b"<html>"), "");
    }
}
