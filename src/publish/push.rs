use super::artifact::{Artifact, Descriptor, INDEX, Layer, OciVersion, index};
use crate::digest::digest_of;
use crate::registry::{Registry, RegistryError};

/// Puts a project where `registry` points. `version`: `None` takes the newest that the registry knows. `created`: the time as RFC 3339
/// has it.
///
/// # Errors
/// When the registry cannot be reached or refuses.
pub async fn push(
    registry: &Registry,
    layers: &[Layer],
    version: Option<OciVersion>,
    created: &str,
) -> Result<Artifact, RegistryError> {
    let artifact = Artifact::new(layers, version.unwrap_or(OciVersion::V1_1), created);
    match push_as(registry, &artifact).await {
        Ok(()) => Ok(artifact),
        Err(error) if version.is_none() && error.is_about_content() => {
            let older = Artifact::new(layers, OciVersion::V1_0, created);
            push_as(registry, &older).await?;
            Ok(older)
        }
        Err(error) => Err(error),
    }
}

async fn push_as(registry: &Registry, artifact: &Artifact) -> Result<(), RegistryError> {
    for blob in &artifact.blobs {
        registry.push_blob(&blob.digest, &blob.content).await?;
    }
    let media_type = artifact.descriptor().media_type;
    registry
        .push_manifest(&registry.reference, &media_type, &artifact.manifest)
        .await
}

/// Copies images beside a published project, with an index that belongs to it.
///
/// # Errors
/// When a registry cannot be reached or refuses.
pub async fn push_images(
    registry: &Registry,
    project: &Artifact,
    images: &[Registry],
) -> Result<(), RegistryError> {
    let mut copied = Vec::new();
    for image in images {
        let manifest = registry.copy_image(image).await?;
        copied.push(Descriptor::of(&manifest.media_type, &manifest.content));
    }
    let index = index(&copied, &project.descriptor());
    registry
        .push_manifest(&digest_of(&index), INDEX, &index)
        .await
}
