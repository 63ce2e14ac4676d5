use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{Method, StatusCode};
use serde_json::Value;

use super::RegistryError;
use super::client::{Registry, Sent, form, with_digest};
use super::wire::{Body, at_most, header, text};
use crate::digest::digest_of;

/// What an image may be described by.
const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// How often a store of blobs may send on to another.
const MAX_REDIRECTIONS: usize = 5;

/// A manifest or an index as a registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub media_type: String,
    pub content: Bytes,
}

impl Registry {
    /// The manifest under a tag or digest.
    ///
    /// # Errors
    /// When the registry cannot be reached, does not know it, or refuses.
    pub async fn manifest(&self, reference: &str) -> Result<Manifest, RegistryError> {
        let sent = Sent {
            accept: Some(ACCEPTED),
            ..Sent::default()
        };
        let url = self.url(&format!("manifests/{reference}"));
        let answer = self.request(Method::GET, &url, &sent).await?;
        let answer = self
            .expect(answer, StatusCode::OK, &format!("give `{reference}`"))
            .await?;
        let kind = header(&answer, CONTENT_TYPE);
        Ok(Manifest {
            media_type: kind.unwrap_or_default().to_owned(),
            content: text(&self.host, answer.into_body()).await?,
        })
    }

    /// Brings an image, with everything that it is made of, into this repository; by digest, without a tag. Gives what describes it.
    ///
    /// # Errors
    /// When one of the registries cannot be reached or refuses.
    pub async fn copy_image(&self, from: &Registry) -> Result<Manifest, RegistryError> {
        let top = from.manifest(&from.reference).await?;
        // An index names manifests, and these name blobs: what is named has to be there first.
        let described = described(&top.content);
        for digest in &described.manifests {
            let one = from.manifest(digest).await?;
            for blob in self::described(&one.content).blobs {
                self.copy_blob(from, &blob).await?;
            }
            self.push_manifest(digest, &one.media_type, &one.content)
                .await?;
        }
        for blob in &described.blobs {
            self.copy_blob(from, blob).await?;
        }
        let digest = digest_of(&top.content);
        self.push_manifest(&digest, &top.media_type, &top.content)
            .await?;
        Ok(top)
    }

    /// A small blob, whole in memory. Its content is what its digest says.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses, or sends something else, or more than `most` bytes.
    pub async fn read_blob(&self, digest: &str, most: usize) -> Result<Bytes, RegistryError> {
        let body = self.blob(digest).await?;
        let content = at_most(most, &self.host, body).await?;
        self.is_exactly(&content, digest)?;
        Ok(content)
    }

    /// Makes the tag of the reference name a manifest that the repository has, byte for byte: an index keeps all of its
    /// platforms.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses, or sends another manifest.
    pub async fn retag(&self, digest: &str) -> Result<(), RegistryError> {
        let manifest = self.manifest(digest).await?;
        self.is_exactly(&manifest.content, digest)?;
        self.push_manifest(&self.reference, &manifest.media_type, &manifest.content)
            .await
    }

    fn is_exactly(&self, content: &[u8], digest: &str) -> Result<(), RegistryError> {
        match digest_of(content) == digest {
            true => Ok(()),
            false => Err(self.nonsense(&format!("what it sends is not `{digest}`"))),
        }
    }

    /// Lets the registry take the blob from its own other repository if it can; else it goes through here, never whole in memory.
    async fn copy_blob(&self, from: &Registry, digest: &str) -> Result<(), RegistryError> {
        if self.has_blob(digest).await? {
            return Ok(());
        }
        if self.host == from.host {
            let query = form(&[("mount", digest), ("from", &from.repository)]);
            let url = self.url(&format!("blobs/uploads/?{query}"));
            let answer = self.request(Method::POST, &url, &Sent::default()).await?;
            if answer.status() == StatusCode::CREATED {
                return Ok(());
            }
        }
        let location = self.begin_upload("").await?;
        let body = from.blob(digest).await?;
        let sent = Sent {
            content_type: Some("application/octet-stream".into()),
            ..Sent::default()
        };
        let url = with_digest(&location, digest);
        let answer = self.send(&Method::PUT, &url, &sent, body).await?;
        self.expect(answer, StatusCode::CREATED, "keep a blob")
            .await?;
        Ok(())
    }

    async fn blob(&self, digest: &str) -> Result<Body, RegistryError> {
        let mut url = self.url(&format!("blobs/{digest}"));
        for _ in 0..=MAX_REDIRECTIONS {
            let answer = self.request(Method::GET, &url, &Sent::default()).await?;
            if !answer.status().is_redirection() {
                let answer = self.expect(answer, StatusCode::OK, "give a blob").await?;
                return Ok(answer.into_body());
            }
            url = match header(&answer, LOCATION) {
                Some(place) if place.contains("://") => place.to_owned(),
                _ => return Err(self.nonsense("it sends on to nowhere")),
            };
        }
        Err(self.nonsense("it sends on again and again"))
    }
}

/// What a manifest or an index names by digest.
#[derive(Debug, Default, PartialEq, Eq)]
struct Described {
    manifests: Vec<String>,
    blobs: Vec<String>,
}

fn described(content: &[u8]) -> Described {
    let manifest: Value = serde_json::from_slice(content).unwrap_or_default();
    let digest = |part: &Value| Some(part.get("digest")?.as_str()?.to_owned());
    let all = |name: &str| {
        let parts = manifest.get(name).and_then(Value::as_array);
        parts
            .into_iter()
            .flatten()
            .filter_map(digest)
            .collect::<Vec<_>>()
    };
    let mut blobs: Vec<String> = manifest
        .get("config")
        .and_then(digest)
        .into_iter()
        .collect();
    blobs.extend(all("layers"));
    Described {
        manifests: all("manifests"),
        blobs,
    }
}

#[cfg(test)]
mod tests {
    use super::super::double::{Double, answer};
    use super::*;
    use crate::load::Environment;

    #[test]
    fn an_index_names_manifests_and_a_manifest_blobs() {
        let found =
            described(br#"{"manifests": [{"digest": "sha256:a"}, {"digest": "sha256:b"}]}"#);
        assert_eq!(found.manifests, ["sha256:a", "sha256:b"]);
        assert_eq!(found.blobs, Vec::<String>::new());
        let found =
            described(br#"{"config": {"digest": "sha256:c"}, "layers": [{"digest": "sha256:d"}]}"#);
        assert_eq!(found.blobs, ["sha256:c", "sha256:d"]);
    }

    /// A caller who is logged in at this host.
    fn logged_in(host: &str) -> (tempfile::TempDir, Environment) {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".docker")).unwrap();
        let config = format!(r#"{{"auths":{{"{host}":{{"auth":"bWU6c2VjcmV0"}}}}}}"#);
        std::fs::write(home.path().join(".docker/config.json"), config).unwrap();
        let environment = Environment {
            home: Some(home.path().to_owned()),
            ..Environment::default()
        };
        (home, environment)
    }

    #[tokio::test]
    async fn a_store_of_blobs_learns_no_password() {
        let realm = Double::answering(|_| answer("200 OK", &[], r#"{"token": "x"}"#)).await;
        let challenge = format!("www-authenticate: Bearer realm=\"http://{}/t\"", realm.host);
        let store = Double::answering(move |_| answer("401 Unauthorized", &[&challenge], "")).await;
        let place = format!("location: http://{}/blob", store.host);
        let own = Double::answering(move |asked| {
            match asked.to_lowercase().contains("authorization: basic") {
                true => answer("307 Temporary Redirect", &[&place], ""),
                false => answer("401 Unauthorized", &["www-authenticate: Basic realm=x"], ""),
            }
        })
        .await;
        let (_home, environment) = logged_in(&own.host);
        let name = format!("{}/team/app:1", own.host);
        let registry = Registry::of(&name, true, &environment).await.unwrap();
        let digest = digest_of(b"x");
        let error = registry.read_blob(&digest, 8).await.unwrap_err();
        assert!(error.to_string().contains("401"), "{error}");
        assert_eq!(realm.heard(), Vec::<String>::new());
        for asked in store.heard() {
            assert!(!asked.to_lowercase().contains("authorization"), "{asked}");
        }
        assert_eq!(store.heard().len(), 1);
    }

    #[tokio::test]
    async fn a_tag_is_given_to_a_manifest_byte_for_byte() {
        let index = r#"{"manifests": [{"digest": "sha256:a"}, {"digest": "sha256:b"}]}"#;
        let kind = "content-type: application/vnd.oci.image.index.v1+json";
        let own = Double::answering(move |asked| match asked.starts_with("GET ") {
            true => answer("200 OK", &[kind], index),
            false => answer("201 Created", &[], ""),
        })
        .await;
        let name = format!("{}/team/app:latest", own.host);
        let registry = Registry::of(&name, true, &Environment::default()).await;
        let registry = registry.unwrap();
        let digest = digest_of(index.as_bytes());
        registry.retag(&digest).await.unwrap();
        let heard = own.heard();
        let got = format!("GET /v2/team/app/manifests/{digest} ");
        assert!(heard[0].starts_with(&got), "{}", heard[0]);
        let put = &heard[1];
        assert!(
            put.starts_with("PUT /v2/team/app/manifests/latest "),
            "{put}"
        );
        assert!(put.to_lowercase().contains(kind), "{put}");
        assert!(put.ends_with(&format!("\r\n\r\n{index}")), "{put}");
        let other = registry.retag(&digest_of(b"other")).await.unwrap_err();
        assert!(matches!(other, RegistryError::Nonsense { .. }), "{other}");
        assert_eq!(own.heard().len(), 3, "nothing more is put");
    }
}
