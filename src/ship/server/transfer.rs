use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use futures_util::{TryStreamExt, stream};

use super::records::Record;
use super::{Lack, Server};
use crate::digest::{bare, digest_of};
use crate::engine::{Engine, ImageSummary};
use crate::ship::archive::{Loaded, tail};
use crate::ship::release::{Recorded, has_name, image_tag};
use crate::ship::staging::{bytes_from, digest_of_start, load, look, take, understand};
use crate::ship::{Piece, Release, ShipError, ShipImage, Shipment, Shipping, Spool};

/// Bytes below which layers are not worth a file on the server.
const SMALL: u64 = 256 * 1024;

/// What was found on the server.
#[derive(Clone, Copy)]
pub(super) struct There<'t> {
    pub(super) images: &'t [ImageSummary],
    /// The releases among them.
    pub(super) known: &'t [Recorded],
}

impl Server {
    /// Sends what the server lacks of a release, looks whether it arrived, and gives the images their names there.
    ///
    /// A server that calls images by the ids that they have here gets the record of the release with them, in one archive; elsewhere
    /// the ids have to be known first.
    pub(super) async fn send(
        &self,
        shipment: &Shipment,
        spool: &Spool,
        number: u32,
        there: There<'_>,
        sent: &mut u64,
    ) -> Result<Release, ShipError> {
        let lack = self.look_among(shipment, there.images).await?;
        let foreseen = match &lack.whole {
            None => Some(self.foresee(shipment, &lack, there, number)?),
            Some(_) => None,
        };
        let record = match &foreseen {
            Some(release) => Some(self.record(release).await?),
            None => None,
        };
        let is_remembered = self
            .send_images(shipment, spool, number, &lack, record.as_ref(), sent)
            .await;
        if let (Err(ShipError::Differs { .. }), Some(foreseen)) = (&is_remembered, &foreseen) {
            self.forget(foreseen).await;
        }
        let is_remembered = is_remembered?;
        let images = self.docker.list_images(&[]).await?;
        let release = self.release_of(shipment, there.known, &images, number);
        if let Some(foreseen) = &foreseen
            && !release
                .as_ref()
                .is_ok_and(|release| release.images == foreseen.images)
        {
            self.forget(foreseen).await;
        }
        let release = release?;
        for (service, image) in &release.images {
            let tag = image_tag(&shipment.project.name, number, service);
            let has_it = |one: &ImageSummary| one.id == image.id && has_name(one, &tag);
            if !images.iter().any(has_it) {
                self.docker.tag_image(&image.id, &tag).await?;
            }
        }
        if !is_remembered {
            let record = self.record(&release).await?;
            let mut archive = record.piece.clone();
            archive.extend(tail(&[record.loaded()]).map_err(ShipError::Pack)?);
            *sent += archive.len() as u64;
            self.load(archive).await?;
        }
        Ok(release)
    }

    /// The release as it will be where images keep their ids.
    fn foresee(
        &self,
        shipment: &Shipment,
        lack: &Lack,
        there: There<'_>,
        number: u32,
    ) -> Result<Release, ShipError> {
        let coming = lack.images.iter().map(|image| ImageSummary {
            id: image.id.clone(),
            ..ImageSummary::default()
        });
        let images: Vec<ImageSummary> = there.images.iter().cloned().chain(coming).collect();
        self.release_of(shipment, there.known, &images, number)
    }

    /// Sends the images that are lacking, with the record if all of it is small. Whether the record was sent.
    async fn send_images(
        &self,
        shipment: &Shipment,
        spool: &Spool,
        number: u32,
        lack: &Lack,
        record: Option<&Record>,
        sent: &mut u64,
    ) -> Result<bool, ShipError> {
        let project = &shipment.project.name;
        let mut pieces = Vec::new();
        for layer in &lack.layers {
            let piece = spool.layers.get(layer);
            let piece = piece.ok_or_else(|| ShipError::LayerLost(layer.clone()))?;
            pieces.push((format!("{}.gz", bare(layer)), piece));
        }
        let mut named: Vec<(&ShipImage, &[u8], String)> = Vec::new();
        for (service, image) in &shipment.images {
            if lack.images.iter().any(|one| one.id == image.id)
                && let Some(config) = spool.configs.get(&image.id)
            {
                named.push((image, config, image_tag(project, number, service)));
            }
        }
        let mut loaded: Vec<Loaded<'_>> = named
            .iter()
            .map(|(image, config, name)| Loaded {
                config,
                layers: &image.layers,
                name,
            })
            .collect();
        let total: u64 = pieces.iter().map(|(_, piece)| piece.size).sum();
        let is_small = total <= SMALL;
        let record = record.filter(|_| is_small);
        loaded.extend(record.map(Record::loaded));
        if loaded.is_empty() {
            return Ok(false);
        }
        let end = tail(&loaded).map_err(ShipError::Pack)?;
        if is_small {
            let mut all = Vec::new();
            for (_, piece) in &pieces {
                let read = std::fs::read(&piece.path);
                all.extend(read.map_err(ShipError::spool(&piece.path))?);
            }
            all.extend(record.into_iter().flat_map(|record| &record.piece));
            all.extend(&end);
            *sent += all.len() as u64;
            self.load(all).await?;
        } else {
            let names: Vec<String> = pieces.iter().map(|(name, _)| name.clone()).collect();
            self.stage(project, &pieces, total, sent).await?;
            let Some(shell) = self.docker.shell() else {
                return Err(ShipError::no_shell());
            };
            *sent += end.len() as u64;
            let input = stream::iter([Ok(Bytes::from(end))]);
            let script = load(shell.docker(), project, &names, self.unpacks());
            self.script("load the images", &script, input).await?;
        }
        self.check_arrival(&named, lack.whole.is_some()).await?;
        if !named.is_empty() {
            self.voice.say(Shipping::Loaded { sent: *sent });
        }
        Ok(record.is_some())
    }

    /// Whether the images are there as they were sent. An engine that takes whole images only may call them by something else than
    /// their configurations.
    async fn check_arrival(
        &self,
        named: &[(&ShipImage, &[u8], String)],
        whole: bool,
    ) -> Result<(), ShipError> {
        for (image, config, name) in named {
            let arrived = self.docker.inspect_image(name).await?;
            let is_same = arrived.as_ref().is_some_and(|one| {
                one.id == digest_of(config) || whole && one.layers == image.layers
            });
            if !is_same {
                return Err(ShipError::Differs {
                    service: image.name.clone(),
                    sent: digest_of(config),
                    there: arrived.map_or("no such image".to_owned(), |one| one.id),
                });
            }
        }
        Ok(())
    }

    /// Podman reads no stream of several gzip members.
    fn unpacks(&self) -> bool {
        self.docker.info().podman
    }

    /// Gives the engine a compressed archive that is small enough to be held.
    pub(super) async fn load(&self, archive: Vec<u8>) -> Result<(), ShipError> {
        let mut archive = archive;
        if self.unpacks() {
            let mut unpacked = Vec::new();
            MultiGzDecoder::new(archive.as_slice())
                .read_to_end(&mut unpacked)
                .map_err(ShipError::Pack)?;
            archive = unpacked;
        }
        let stream = stream::iter([Ok(Bytes::from(archive))]);
        self.docker.load_images(Box::pin(stream)).await?;
        Ok(())
    }

    /// Brings the layers into files on the server, from where an earlier try has ended.
    async fn stage(
        &self,
        project: &str,
        pieces: &[(String, &Piece)],
        total: u64,
        sent: &mut u64,
    ) -> Result<(), ShipError> {
        let names: Vec<String> = pieces.iter().map(|(name, _)| name.clone()).collect();
        let said = self
            .script(
                "look for earlier tries",
                &look(project, &names),
                stream::empty(),
            )
            .await?;
        let there = understand(&said);
        let (mut done, mut resumed) = (0, 0);
        for (name, piece) in pieces {
            let mut offset = 0;
            if let Some(there) = there.get(name) {
                let start = digest_of_start(&piece.path, there.size)
                    .map_err(ShipError::spool(&piece.path))?;
                if start.as_ref() == Some(&there.digest) {
                    offset = there.size;
                }
            }
            resumed += offset;
            done += offset;
            if offset == piece.size {
                continue;
            }
            let file = bytes_from(&piece.path, offset)
                .await
                .map_err(ShipError::spool(&piece.path))?;
            let voice = self.voice.clone();
            let mut here = 0;
            let counted = file.inspect_ok(|bytes| {
                here += bytes.len() as u64;
                voice.say(Shipping::Sending {
                    sent: done + here,
                    total,
                    resumed,
                });
            });
            let said = self
                .script("take a layer", &take(project, name, offset), counted)
                .await;
            *sent += here;
            done += here;
            let whole =
                digest_of_start(&piece.path, piece.size).map_err(ShipError::spool(&piece.path))?;
            let arrived = understand(&said?).remove(name);
            if arrived.map(|one| one.digest) != whole {
                return Err(ShipError::Cut(format!(
                    "{name} did not arrive as it was sent"
                )));
            }
        }
        Ok(())
    }

    async fn script(
        &self,
        action: &'static str,
        script: &str,
        input: impl futures_util::Stream<Item = io::Result<Bytes>> + Send,
    ) -> Result<String, ShipError> {
        let Some(shell) = self.docker.shell() else {
            return Err(ShipError::no_shell());
        };
        let ended = shell
            .run(script, input)
            .await
            .map_err(ShipError::of_shell)?;
        if ended.code == Some(0) {
            return Ok(ended.stdout);
        }
        let said = [ended.stderr.trim(), ended.stdout.trim()].join(" ");
        Err(ShipError::Server {
            action,
            said: said.trim().to_owned(),
        })
    }
}
