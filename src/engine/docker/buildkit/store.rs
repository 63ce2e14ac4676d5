use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::{RemoveImageOptions, TagImageOptions};

use crate::build::{BuilderError, ImageName, StoredImage};

/// <https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageInspect>
pub(super) async fn find(docker: &Docker, name: &str) -> Result<Option<StoredImage>, BuilderError> {
    match docker.inspect_image(name).await {
        Ok(image) => Ok(Some(StoredImage {
            id: image.id.unwrap_or_default(),
            labels: image
                .config
                .and_then(|config| config.labels)
                .map(|labels| labels.into_iter().collect())
                .unwrap_or_default(),
        })),
        Err(Error::DockerResponseServerError {
            status_code: 404, ..
        }) => Ok(None),
        Err(error) => Err(refused(&error)),
    }
}

/// <https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Image/operation/ImageTag>
pub(super) async fn tag(docker: &Docker, id: &str, name: &str) -> Result<(), BuilderError> {
    let name = ImageName::normal(name).to_string();
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name.as_str(), "latest"),
    };
    let options = TagImageOptions {
        repo: Some(repository.to_owned()),
        tag: Some(tag.to_owned()),
    };
    docker
        .tag_image(id, Some(options))
        .await
        .map_err(|error| refused(&error))
}

/// Takes a name away; what other names hold stays.
pub(super) async fn untag(docker: &Docker, name: &str) -> Result<(), BuilderError> {
    let removed = docker
        .remove_image(name, None::<RemoveImageOptions>, None)
        .await;
    match removed {
        Ok(_)
        | Err(Error::DockerResponseServerError {
            status_code: 404, ..
        }) => Ok(()),
        Err(error) => Err(refused(&error)),
    }
}

fn refused(error: &Error) -> BuilderError {
    BuilderError(match error {
        Error::DockerResponseServerError { message, .. } => message.clone(),
        other => other.to_string(),
    })
}
