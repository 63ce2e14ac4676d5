use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bollard::errors::Error;
use bollard::models;
use bollard::query_parameters::{ListImagesOptions, RemoveImageOptions, TagImageOptions};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use serde::Deserialize;

use super::failure::engine_error;
use super::inspect::{healthcheck, sorted};
use super::wire::{Call, reference_segment};
use super::{DockerEngine, label_filter};
use crate::build::Reference;
use crate::engine::{
    Credentials, EngineResult, EngineStream, ErrorKind, Image, ImageLayer, ImageSummary,
    LabelFilter, TransferProgress,
};

/// A message of a pull, push or load.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    progress_detail: Option<Progress>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_detail: Option<ErrorDetail>,
}

#[derive(Deserialize)]
struct Progress {
    current: Option<i64>,
    total: Option<i64>,
}

#[derive(Deserialize)]
struct ErrorDetail {
    message: Option<String>,
}

impl Message {
    /// The message, unless it says that the transfer failed.
    fn checked(self, action: &str) -> EngineResult<Message> {
        let detail = self
            .error_detail
            .as_ref()
            .and_then(|one| one.message.clone());
        match detail.or_else(|| self.error.clone()) {
            Some(error) => Err(engine_error(action, Error::DockerStreamError { error })),
            None => Ok(self),
        }
    }

    fn progress(self) -> TransferProgress {
        let detail = self.progress_detail;
        let bytes = |value: Option<i64>| value.filter(|bytes| *bytes > 0);
        TransferProgress {
            layer: self.id.unwrap_or_default(),
            status: self
                .status
                .or(self.stream)
                .unwrap_or_default()
                .trim_end()
                .to_owned(),
            current: bytes(detail.as_ref().and_then(|detail| detail.current)),
            total: bytes(detail.as_ref().and_then(|detail| detail.total)),
        }
    }
}

/// `X-Registry-Auth`; without credentials an empty one, which pushes need.
/// <https://docs.docker.com/reference/api/engine/version/v1.47/#section/Authentication>
fn registry_auth(credentials: Option<&Credentials>) -> String {
    let mut fields = serde_json::Map::new();
    if let Some(credentials) = credentials {
        let pairs = [
            ("username", &credentials.username),
            ("password", &credentials.password),
            ("identitytoken", &credentials.identity_token),
            ("serveraddress", &credentials.server),
        ];
        for (name, value) in pairs {
            if !value.is_empty() {
                fields.insert(name.to_owned(), value.as_str().into());
            }
        }
    }
    URL_SAFE.encode(serde_json::Value::Object(fields).to_string())
}

impl DockerEngine {
    pub(super) async fn image(&self, reference: &str) -> EngineResult<Option<Image>> {
        match self
            .docker
            .inspect_image(&reference_segment(reference))
            .await
        {
            Ok(answer) => Ok(Some(image(answer))),
            Err(Error::DockerResponseServerError {
                status_code: 404, ..
            }) => Ok(None),
            Err(error) => Err(engine_error(&format!("inspect image `{reference}`"), error)),
        }
    }

    pub(super) async fn whole_image(
        &self,
        reference: &str,
    ) -> EngineResult<Option<serde_json::Value>> {
        let call = Call::get(format!("/images/{}/json", reference_segment(reference)));
        let action = format!("inspect image `{reference}`");
        match self.wire.value(&action, call).await {
            Ok(document) => Ok(Some(document)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn images(&self, labels: LabelFilter<'_>) -> EngineResult<Vec<ImageSummary>> {
        let options = ListImagesOptions {
            filters: label_filter(labels),
            ..ListImagesOptions::default()
        };
        let rows = self
            .docker
            .list_images(Some(options))
            .await
            .map_err(|error| engine_error("list images", error))?;
        Ok(rows.into_iter().map(summary).collect())
    }

    pub(super) async fn history(&self, reference: &str) -> EngineResult<Vec<ImageLayer>> {
        let rows = self
            .docker
            .image_history(&reference_segment(reference))
            .await
            .map_err(|error| {
                engine_error(&format!("read the history of image `{reference}`"), error)
            })?;
        Ok(rows
            .into_iter()
            .map(|row| ImageLayer {
                id: row.id,
                created: row.created,
                created_by: row.created_by,
                tags: row.tags,
                size: row.size,
                comment: row.comment,
            })
            .collect())
    }

    pub(super) async fn pull(
        &self,
        reference: &str,
        platform: Option<&str>,
        credentials: Option<&Credentials>,
    ) -> EngineResult<EngineStream<TransferProgress>> {
        let named = Reference::of(reference);
        let mut call = Call::post("/images/create")
            .with("fromImage", named.repository)
            // Without a tag the engine pulls all of them.
            .with("tag", named.exact().unwrap_or("latest"))
            .with_some("platform", platform);
        call.registry_auth = credentials.map(|given| registry_auth(Some(given)));
        self.transfer(format!("pull image `{reference}`"), call)
            .await
    }

    pub(super) async fn push(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
    ) -> EngineResult<EngineStream<TransferProgress>> {
        let named = Reference::of(reference);
        let path = format!("/images/{}/push", reference_segment(named.repository));
        let mut call = Call::post(path).with("tag", named.exact().unwrap_or("latest"));
        call.registry_auth = Some(registry_auth(credentials));
        self.transfer(format!("push image `{reference}`"), call)
            .await
    }

    async fn transfer(
        &self,
        action: String,
        call: Call<'_>,
    ) -> EngineResult<EngineStream<TransferProgress>> {
        let messages = self.wire.values::<Message>(&action, call).await?;
        Ok(Box::pin(messages.map(move |message| {
            Ok(message?.checked(&action)?.progress())
        })))
    }

    /// <https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Distribution>
    pub(super) async fn distribution(
        &self,
        reference: &str,
        credentials: Option<&Credentials>,
    ) -> EngineResult<Option<String>> {
        let mut call = Call::get(format!(
            "/distribution/{}/json",
            reference_segment(reference)
        ));
        call.registry_auth = Some(registry_auth(credentials));
        let action = format!("ask the registry for `{reference}`");
        let answer = self.wire.value::<serde_json::Value>(&action, call).await;
        match answer {
            Ok(answer) => Ok(answer["Descriptor"]["digest"].as_str().map(str::to_owned)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            // Older engines answer with a refusal where the registry does not know the name.
            Err(error) if error.message.contains("manifest unknown") => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn tag(&self, image: &str, reference: &str) -> EngineResult<()> {
        let named = Reference::of(reference);
        let options = TagImageOptions {
            repo: Some(named.repository.to_owned()),
            tag: Some(named.exact().unwrap_or("latest").to_owned()),
        };
        self.docker
            .tag_image(&reference_segment(image), Some(options))
            .await
            .map_err(|error| engine_error(&format!("tag image `{image}` as `{reference}`"), error))
    }

    pub(super) async fn drop_image(&self, reference: &str, force: bool) -> EngineResult<()> {
        let options = RemoveImageOptions {
            force,
            ..RemoveImageOptions::default()
        };
        self.patient
            .remove_image(&reference_segment(reference), Some(options), None)
            .await
            .map(|_| ())
            .map_err(|error| engine_error(&format!("remove image `{reference}`"), error))
    }

    pub(super) async fn save(&self, references: &[String]) -> EngineResult<EngineStream<Bytes>> {
        let mut call = Call::get("/images/get");
        for reference in references {
            call = call.with("names", reference);
        }
        let action = format!("save image `{}`", references.join("`, `"));
        self.wire.bytes(&action, call).await
    }

    pub(super) async fn load(&self, tar: EngineStream<Bytes>) -> EngineResult<Vec<String>> {
        let call = Call::post("/images/load").with("quiet", true).tar(tar);
        let mut messages = self.wire.values::<Message>("load images", call).await?;
        let mut said = Vec::new();
        while let Some(message) = messages.try_next().await? {
            let message = message.checked("load images")?.progress().status;
            if !message.is_empty() {
                said.push(message);
            }
        }
        Ok(said)
    }
}

fn image(answer: models::ImageInspect) -> Image {
    let config = answer.config.unwrap_or_default();
    let mut labels = sorted(config.labels);
    labels.sort_unstable_keys();
    Image {
        id: answer.id.unwrap_or_default(),
        tags: named(answer.repo_tags.unwrap_or_default()),
        digests: named(answer.repo_digests.unwrap_or_default()),
        labels,
        created: answer.created.unwrap_or_default(),
        last_tagged: answer
            .metadata
            .and_then(|metadata| metadata.last_tag_time)
            .unwrap_or_default(),
        size: answer.size.unwrap_or_default(),
        operating_system: answer.os.unwrap_or_default(),
        architecture: answer.architecture.unwrap_or_default(),
        variant: answer.variant.unwrap_or_default(),
        user: config.user.unwrap_or_default(),
        working_dir: config.working_dir.unwrap_or_default(),
        entrypoint: config.entrypoint.unwrap_or_default(),
        command: config.cmd.unwrap_or_default(),
        environment: config.env.unwrap_or_default(),
        exposed_ports: config.exposed_ports.unwrap_or_default(),
        volumes: config.volumes.unwrap_or_default(),
        healthcheck: config.healthcheck.map(healthcheck),
        stop_signal: config.stop_signal,
        triggers: config.on_build.unwrap_or_default(),
        layers: answer
            .root_fs
            .and_then(|root| root.layers)
            .unwrap_or_default(),
    }
}

fn summary(row: models::ImageSummary) -> ImageSummary {
    ImageSummary {
        id: row.id,
        parent: row.parent_id,
        tags: named(row.repo_tags),
        digests: named(row.repo_digests),
        labels: sorted(Some(row.labels)),
        created: row.created,
        size: row.size,
    }
}

/// The engine writes `<none>` for what has no name.
fn named(mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| !name.contains("<none>"));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_in_the_stream_is_an_error() {
        let read = |text: &str| {
            serde_json::from_str::<Message>(text)
                .unwrap()
                .checked("pull image `x`")
                .map(Message::progress)
        };
        let error = read(
            r#"{"errorDetail":{"message":"manifest for x:1 not found: manifest unknown"},"error":"e"}"#,
        )
        .unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert!(
            error.message.starts_with("cannot pull image `x`: manifest"),
            "{error}"
        );
        let progress = read(
            r#"{"status":"Downloading","progressDetail":{"current":10,"total":20},"id":"abc"}"#,
        )
        .unwrap();
        assert_eq!(progress.layer, "abc");
        assert_eq!((progress.current, progress.total), (Some(10), Some(20)));
        let quiet = read(r#"{"status":"Waiting","progressDetail":{},"id":"abc"}"#).unwrap();
        assert_eq!(quiet.current, None);
    }

    #[test]
    fn the_registry_header_holds_what_is_known() {
        let decode = |credentials: Option<&Credentials>| {
            String::from_utf8(URL_SAFE.decode(registry_auth(credentials)).unwrap()).unwrap()
        };
        assert_eq!(decode(None), "{}");
        let token = Credentials {
            server: "registry.example".into(),
            identity_token: "t".into(),
            ..Credentials::default()
        };
        assert_eq!(
            decode(Some(&token)),
            r#"{"identitytoken":"t","serveraddress":"registry.example"}"#
        );
    }

    #[test]
    fn an_image_without_a_name_has_none() {
        let answer = serde_json::from_str(
            r#"{"Id":"sha256:1","RepoTags":["<none>:<none>"],"Size":5,"Os":"linux",
                "Config":{"ExposedPorts":{"80/tcp":{}},"Volumes":{"/data":{}},"Entrypoint":null,"Cmd":["sh"]},
                "RootFS":{"Type":"layers","Layers":["sha256:a"]}}"#,
        )
        .unwrap();
        let image = image(answer);
        assert!(image.tags.is_empty());
        assert_eq!(image.exposed_ports, ["80/tcp"]);
        assert_eq!(image.volumes, ["/data"]);
        assert_eq!(image.layers, ["sha256:a"]);
    }
}
