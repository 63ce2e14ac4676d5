use tokio::sync::mpsc;

use super::LayerError;
use super::place;
use super::rendered::ConfigLayer;
use crate::build::{BuildRequest, Builder, Context, DockerfileText};
use crate::engine::{Engine, EngineError, ErrorKind, Image};
use crate::image::{BaseImage, ThinImage};

/// Label with the digest of the files of an image's configuration layer.
pub const CONFIG_LABEL: &str = "wharf.config";
/// Label with the id of the image below it.
const BASE_LABEL: &str = "wharf.config.base";
/// Label of an image whose configuration may hold a secret: it is not pushed to a registry.
pub const SECRET_LABEL: &str = "wharf.config.secrets";
/// What is put behind the name of the image that a new one takes the place of: its containers may still run.
const FORMER: &str = "-former";

/// An image with its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// `sha256:..`
    pub id: String,
    /// It was there already.
    pub unchanged: bool,
}

/// Whether an image may hold secrets and must not leave for a registry.
pub fn holds_secrets(image: &Image) -> bool {
    image.labels.contains_key(SECRET_LABEL)
}

fn labels(base: &str, layer: &ConfigLayer) -> Vec<(&'static str, String)> {
    let mut labels = vec![
        (CONFIG_LABEL, layer.digest()),
        (BASE_LABEL, base.to_owned()),
    ];
    if layer.has_secrets {
        labels.push((SECRET_LABEL, "true".to_owned()));
    }
    labels
}

/// The id of the image called `name` if it is `base` with just this configuration. `None`: it is not, or there is none.
///
/// # Errors
/// Those of the engine.
pub async fn current(
    engine: &dyn Engine,
    base: &str,
    layer: &ConfigLayer,
    name: &str,
) -> Result<Option<String>, LayerError> {
    let Some(image) = engine.inspect_image(name).await? else {
        return Ok(None);
    };
    let Some(base) = engine.inspect_image(base).await? else {
        return Ok(None);
    };
    let is_it = labels(&base.id, layer)
        .iter()
        .all(|(label, value)| image.labels.get(*label) == Some(value));
    Ok(is_it.then_some(image.id))
}

/// The image that `base` is with this configuration, of which the engine need not have anything yet: for an engine that
/// has the layers of `base`. The same base and configuration give the same id.
///
/// # Errors
/// Those of the engine, which has to have `base`; a target that the image has no place for.
pub async fn assemble(
    engine: &dyn Engine,
    base: &str,
    layer: &ConfigLayer,
) -> Result<ThinImage, LayerError> {
    let image = BaseImage::read(engine, base).await?;
    let entries = place::entries(engine, &image.id, layer).await?;
    let targets: Vec<&str> = layer.files.iter().map(|file| file.path.as_str()).collect();
    let made_by = format!("wharf: configuration {}", targets.join(" "));
    ThinImage::of(&image, &entries, &labels(&image.id, layer), &made_by)
        .map_err(|error| LayerError::Build(error.to_string()))
}

/// Makes the image `name` of `base` and a configuration, unless it is there.
///
/// # Errors
/// As [`assemble`]; [`LayerError::Refused`] where the engine takes no layer alone.
pub async fn add(
    engine: &dyn Engine,
    base: &str,
    layer: &ConfigLayer,
    name: &str,
) -> Result<Added, LayerError> {
    if let Some(id) = current(engine, base, layer, name).await? {
        let unchanged = true;
        return Ok(Added { id, unchanged });
    }
    // There, an image's id is that of its manifest, and a manifest needs all layers.
    if engine.info().containerd_store || engine.info().podman {
        return Err(LayerError::Refused);
    }
    let image = assemble(engine, base, layer).await?;
    let former = set_aside(engine, name).await?;
    let archive = image
        .stream(&[name.to_owned()])
        .map_err(|error| LayerError::Build(error.to_string()))?;
    if let Err(error) = engine.load_images(archive).await {
        tracing::debug!(%error, "the engine does not take a layer alone");
        return Err(LayerError::Refused);
    }
    // What the engine does here is documented nowhere, so that the result is looked at.
    let loaded = engine.inspect_image(name).await?;
    if loaded.as_ref().map(|image| &image.id) != Some(&image.id) {
        return Err(LayerError::Refused);
    }
    forget(engine, former).await;
    Ok(Added {
        id: image.id,
        unchanged: false,
    })
}

/// As [`add`], by a build that copies the files: slower, but any engine with a builder can.
///
/// # Errors
/// Those of the engine and of the build.
pub async fn add_by_build(
    engine: &dyn Engine,
    builder: &dyn Builder,
    base: &str,
    layer: &ConfigLayer,
    name: &str,
) -> Result<Added, LayerError> {
    let Some(image) = engine.inspect_image(base).await? else {
        let message = format!("no such image: `{base}`");
        return Err(EngineError::new(ErrorKind::NotFound, message).into());
    };
    let former = set_aside(engine, name).await?;
    // A Dockerfile cannot start from an id.
    let from = match image.tags.iter().any(|tag| tag == base) {
        true => base.to_owned(),
        false => match image.tags.first() {
            Some(tag) => tag.clone(),
            None => {
                let tag = format!("wharf-config-base:{}", crate::digest::bare(&image.id));
                engine.tag_image(&image.id, &tag).await?;
                tag
            }
        },
    };
    let mut text = format!("FROM {from}\n");
    let mut files = Vec::new();
    for (number, file) in layer.files.iter().enumerate() {
        let target = serde_json::json!([format!("file{number}"), file.path]);
        text.push_str(&format!(
            "COPY --chown={}:{} --chmod={:04o} {target}\n",
            file.uid, file.gid, file.mode
        ));
        files.push((format!("file{number}"), file.content.clone()));
    }
    let labels = labels(&image.id, layer).into_iter();
    let request = BuildRequest {
        image: name.to_owned(),
        names: vec![name.to_owned()],
        dockerfile: DockerfileText {
            shown_as: "the configuration layer".to_owned(),
            text,
            ignore: None,
        },
        context: Context::Files(files),
        labels: labels.map(|(key, value)| (key.to_owned(), value)).collect(),
        source_date_epoch: chrono::DateTime::parse_from_rfc3339(&image.created)
            .ok()
            .map(|time| time.timestamp().max(0)),
        ..BuildRequest::default()
    };
    let (events, mut heard) = mpsc::channel(64);
    let listen = async { while heard.recv().await.is_some() {} };
    let build = async {
        let built = builder.build(&request, &events).await;
        drop(events);
        built
    };
    let (built, ()) = futures_util::future::join(build, listen).await;
    let built = built.map_err(|failure| LayerError::Build(failure.message))?;
    forget(engine, former.filter(|former| *former != built.id)).await;
    Ok(Added {
        id: built.id,
        unchanged: false,
    })
}

/// Gives the image called `name` a second name that it keeps when it loses the first, and returns the id of the image that
/// had the second name until now.
async fn set_aside(engine: &dyn Engine, name: &str) -> Result<Option<String>, LayerError> {
    let Some(current) = engine.inspect_image(name).await? else {
        return Ok(None);
    };
    let second = format!("{name}{FORMER}");
    let former = engine.inspect_image(&second).await?.map(|image| image.id);
    engine.tag_image(&current.id, &second).await?;
    Ok(former.filter(|former| *former != current.id))
}

/// Removes an image that no name and no container needs any more.
async fn forget(engine: &dyn Engine, former: Option<String>) {
    let Some(former) = former else { return };
    let is_needed = match engine.inspect_image(&former).await {
        Ok(Some(image)) => !image.tags.is_empty(),
        Ok(None) | Err(_) => true,
    };
    if is_needed {
        return;
    }
    if let Err(error) = engine.remove_image(&former, false).await {
        tracing::debug!(%error, former, "a former configuration stays");
    }
}
