use std::collections::HashSet;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::Server;
use crate::engine::{Engine, ImageSummary};
use crate::ship::chain::{chain, missing};
use crate::ship::release::recorded;
use crate::ship::{ShipError, ShipImage, Shipment, Shipping};

/// Inspections at once: each takes a session of the one connection.
const AT_ONCE: usize = 4;

/// What a server has to be sent.
#[derive(Clone, Debug, Default)]
pub struct Lack {
    /// Images that it does not have at all.
    pub images: Vec<ShipImage>,
    /// Digests of layers.
    pub layers: Vec<String>,
    /// Why the engine takes whole images only, which it may then call by something else than their configurations. `None`: it
    /// takes layers by themselves.
    pub whole: Option<String>,
}

impl Server {
    /// What has to be sent for a shipment. Images for another platform are refused.
    ///
    /// # Errors
    /// Those of the engine; an image that the server cannot run.
    pub async fn lacks(&mut self, shipment: &Shipment) -> Result<Lack, ShipError> {
        let found = self
            .persist(async |server| server.look(shipment).await)
            .await;
        if let Ok(Lack {
            whole: Some(why), ..
        }) = &found
        {
            let why = why.clone();
            self.voice.say(Shipping::Whole { why });
        }
        self.voice.tell(found)
    }

    async fn look(&self, shipment: &Shipment) -> Result<Lack, ShipError> {
        let images = self.docker.list_images(&[]).await?;
        self.look_among(shipment, &images).await
    }

    /// What has to be sent to a server that has these images.
    pub(super) async fn look_among(
        &self,
        shipment: &Shipment,
        images: &[ImageSummary],
    ) -> Result<Lack, ShipError> {
        let wanted = lacking(shipment, images);
        if wanted.is_empty() {
            return Ok(Lack::default());
        }
        let own = &self.details().await?.architecture;
        if let Some(image) = wanted.iter().find(|image| {
            !own.is_empty() && !image.architecture.is_empty() && image.architecture != *own
        }) {
            return Err(ShipError::Refused(format!(
                "image `{}` is made for {}, and {} is {own}; nothing was sent\nhelp: build it for that platform (`platform: linux/{own}`)",
                image.name,
                image.platform(),
                self.address
            )));
        }
        let whole = self.why_whole().await?;
        let mut known = HashSet::new();
        if whole.is_none() {
            // Usually the release before has all that is not new, and asking for every image takes sessions.
            let former = recorded(images, &shipment.project.name).pop();
            for image in former.iter().flat_map(|one| one.release.images.values()) {
                self.learn(&image.id, &mut known).await?;
            }
            let is_enough = wanted.iter().all(|image| {
                missing(&image.layers, &known).len() <= usize::from(image.made.is_some())
            });
            if !is_enough {
                let inspected: Vec<_> = stream::iter(images.iter().map(|image| image.id.clone()))
                    .map(|id| async move { self.docker.inspect_image(&id).await })
                    .buffer_unordered(AT_ONCE)
                    .try_collect()
                    .await?;
                for image in inspected.into_iter().flatten() {
                    known.extend(chain(&image.layers));
                }
            }
        }
        let mut layers: Vec<String> = Vec::new();
        for image in &wanted {
            for layer in missing(&image.layers, &known) {
                if !layers.contains(layer) {
                    layers.push(layer.clone());
                }
            }
        }
        self.voice.say(Shipping::Lacks {
            images: wanted.len(),
            layers: layers.len(),
        });
        Ok(Lack {
            images: wanted,
            layers,
            whole,
        })
    }

    /// Adds the layers of an image, if it is there, to those that are known.
    async fn learn(&self, id: &str, known: &mut HashSet<String>) -> Result<(), ShipError> {
        if let Some(image) = self.docker.inspect_image(id).await? {
            known.extend(chain(&image.layers));
        }
        Ok(())
    }

    /// Why the engine takes no archive without the layers that it has. `None`: it does.
    async fn why_whole(&self) -> Result<Option<String>, ShipError> {
        if self.docker.info().podman {
            return Ok(Some("Podman takes whole images only".to_owned()));
        }
        let details = self.details().await?;
        Ok(details
            .containerd_store
            .then(|| "images in containerd's store are taken whole only".to_owned()))
    }
}

/// Images of a shipment that are not among these, each once. Records tell which image an engine that names images by
/// something else has made of one.
pub(super) fn lacking(shipment: &Shipment, there: &[ImageSummary]) -> Vec<ShipImage> {
    let known = recorded(there, &shipment.project.name);
    let is_there = |id: &str| {
        there.iter().any(|one| one.id == id)
            || known
                .iter()
                .flat_map(|one| one.release.images.values())
                .any(|one| one.source == id && there.iter().any(|image| image.id == one.id))
    };
    let mut lacking: Vec<ShipImage> = Vec::new();
    for image in shipment.images.values() {
        if !is_there(&image.id) && !lacking.iter().any(|one| one.id == image.id) {
            lacking.push(image.clone());
        }
    }
    lacking
}
