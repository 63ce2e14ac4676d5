use crate::build::{BuilderError, ImageName, StoredImage};
use crate::engine::{Engine, EngineError, ErrorKind};

pub(in super::super) async fn find(
    engine: &dyn Engine,
    name: &str,
) -> Result<Option<StoredImage>, BuilderError> {
    let image = engine.inspect_image(name).await.map_err(refused)?;
    Ok(image.map(|image| StoredImage {
        id: image.id,
        labels: image.labels,
        triggers: image.triggers,
        size: u64::try_from(image.size).unwrap_or(0),
    }))
}

pub(in super::super) async fn tag(
    engine: &dyn Engine,
    id: &str,
    name: &str,
) -> Result<(), BuilderError> {
    let name = ImageName::normal(name).to_string();
    engine.tag_image(id, &name).await.map_err(refused)
}

/// Takes a name away; what other names hold stays.
pub(super) async fn untag(engine: &dyn Engine, name: &str) -> Result<(), BuilderError> {
    match engine.remove_image(name, false).await {
        Err(error) if error.kind != ErrorKind::NotFound => Err(refused(error)),
        _ => Ok(()),
    }
}

fn refused(error: EngineError) -> BuilderError {
    BuilderError(error.to_string())
}
