use indexmap::IndexMap;

use crate::engine::Image;
use crate::image::ThinImage;
use crate::model::Project;

/// What is sent to servers.
#[derive(Clone, Debug, Default)]
pub struct Shipment {
    /// As [`super::pinned()`] makes it.
    pub project: Project,
    /// By service; a service whose image is not among them runs what the server has or pulls.
    pub images: IndexMap<String, ShipImage>,
}

/// An image of the local engine that a service runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShipImage {
    /// As the project calls it.
    pub name: String,
    /// The local engine's id of it.
    pub id: String,
    /// Digests of the uncompressed layers, lowest first.
    pub layers: Vec<String>,
    pub operating_system: String,
    pub architecture: String,
    /// What is known of it without asking the engine. `None`: it is read from the engine's archive.
    pub made: Option<MadeImage>,
}

/// An image that wharf has made from another one and one more layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeImage {
    /// The local engine's id of the image that has all layers but the last.
    pub base: String,
    /// The configuration, as JSON.
    pub config: Vec<u8>,
    /// The last layer, as a tar archive.
    pub layer: Vec<u8>,
}

impl ShipImage {
    pub fn of(name: &str, image: Image) -> ShipImage {
        ShipImage {
            name: name.to_owned(),
            id: image.id,
            layers: image.layers,
            operating_system: image.operating_system,
            architecture: image.architecture,
            made: None,
        }
    }

    /// An image that is made here: `base` and one more layer.
    pub fn made(name: &str, base: &ShipImage, image: ThinImage) -> ShipImage {
        ShipImage {
            name: name.to_owned(),
            id: image.id,
            layers: image.layers,
            operating_system: base.operating_system.clone(),
            architecture: base.architecture.clone(),
            made: Some(MadeImage {
                base: base.id.clone(),
                config: image.config,
                layer: image.layer,
            }),
        }
    }

    pub(super) fn platform(&self) -> String {
        format!("{}/{}", self.operating_system, self.architecture)
    }
}
