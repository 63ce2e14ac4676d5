use indexmap::IndexMap;

use super::Server;
use crate::digest::digest_of;
use crate::engine::{Engine, ErrorKind, ImageSummary};
use crate::model::PullPolicy;
use crate::ship::archive::{Loaded, write_layer};
use crate::ship::release::{
    Recorded, came_up_tag, current_tag, has_name, image_tag, recorded, superfluous,
};
use crate::ship::{Release, ReleasedImage, ShipError, Shipment, Shipping};

/// See [`Server::record`].
pub(super) struct Record {
    config: Vec<u8>,
    layers: [String; 1],
    /// The layer, as a member of the archive.
    pub(super) piece: Vec<u8>,
    name: String,
}

impl Record {
    pub(super) fn loaded(&self) -> Loaded<'_> {
        Loaded {
            config: &self.config,
            layers: &self.layers,
            name: &self.name,
        }
    }
}

impl Server {
    /// The releases that the server remembers, oldest first.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn releases(&self, project: &str) -> Result<Vec<Recorded>, ShipError> {
        let images = self.docker.list_images(&[]).await?;
        Ok(recorded(&images, project))
    }

    /// The release that a shipment is on this server.
    pub(super) fn release_of(
        &self,
        shipment: &Shipment,
        known: &[Recorded],
        there: &[ImageSummary],
        number: u32,
    ) -> Result<Release, ShipError> {
        let mut release = Release {
            number,
            created: chrono::Utc::now().timestamp(),
            images: IndexMap::new(),
            project: shipment.project.clone(),
        };
        for (service, image) in &shipment.images {
            let tag = image_tag(&shipment.project.name, number, service);
            let same = there.iter().find(|one| one.id == image.id);
            let tagged = || there.iter().find(|one| has_name(one, &tag));
            let mapped = || {
                let released = known.iter().flat_map(|one| one.release.images.values());
                let mut ids = released
                    .filter(|one| one.source == image.id)
                    .map(|one| &one.id);
                ids.find_map(|id| there.iter().find(|one| one.id == *id))
            };
            let Some(found) = same.or_else(mapped).or_else(tagged) else {
                return Err(ShipError::Differs {
                    service: service.clone(),
                    sent: image.id.clone(),
                    there: "no such image".to_owned(),
                });
            };
            if let Some(definition) = release.project.services.get_mut(service) {
                definition.image = Some(found.id.clone());
                definition.pull_policy = Some(PullPolicy::Never);
            }
            let pinned = ReleasedImage {
                name: image.name.clone(),
                source: image.id.clone(),
                id: found.id.clone(),
            };
            release.images.insert(service.clone(), pinned);
        }
        Ok(release)
    }

    /// The record of a release, as an image that is loaded.
    pub(super) async fn record(&self, release: &Release) -> Result<Record, ShipError> {
        let record = release.record(&self.details().await?.architecture);
        let (config, layer) = record.map_err(|error| ShipError::Pack(error.into()))?;
        let id = digest_of(&layer);
        let piece = write_layer(Vec::new(), &id, layer.len() as u64, &mut layer.as_slice())
            .map_err(ShipError::Pack)?;
        Ok(Record {
            config,
            layers: [id],
            piece,
            name: release.tag(),
        })
    }

    /// From now on it is the current one, and its images have the names that the project gives them.
    ///
    /// # Errors
    /// When it cannot be made the current one. A name that cannot be given is told, and the release is the current one all the
    /// same: it runs.
    pub(super) async fn make_current(&self, release: &Release) -> Result<(), ShipError> {
        let project = &release.project.name;
        for tag in [came_up_tag(project, release.number), current_tag(project)] {
            self.docker.tag_image(&release.tag(), &tag).await?;
        }
        for image in release.images.values().filter(|image| image.has_name()) {
            match self.docker.tag_image(&image.id, &image.name).await {
                Err(error) if error.kind == ErrorKind::Unreachable => return Err(error.into()),
                Err(error) => self.voice.say(Shipping::Note {
                    text: format!(
                        "the image of `{}` has no such name there: {error}",
                        image.name
                    ),
                }),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Forgets all but the current release and the `keep` newest that ran before it.
    pub(super) async fn forget_old(&self, project: &str, keep: usize) -> Result<(), ShipError> {
        let images = self.docker.list_images(&[]).await?;
        for one in superfluous(&recorded(&images, project), keep) {
            self.forget(&one.release).await;
        }
        Ok(())
    }

    /// Takes the names of a release away, and with the last name of an image the image. What is in use stays.
    pub(super) async fn forget(&self, release: &Release) {
        let project = &release.project.name;
        let tags = release
            .images
            .keys()
            .map(|service| image_tag(project, release.number, service))
            .chain([came_up_tag(project, release.number), release.tag()]);
        for tag in tags {
            if let Err(error) = self.docker.remove_image(&tag, false).await
                && error.kind != ErrorKind::NotFound
            {
                tracing::debug!(%error, tag, "stays");
            }
        }
    }
}
