use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use futures_util::{TryStreamExt, stream};

use super::lack::lacking;
use super::{Server, no_shell};
use crate::engine::{Engine, ImageSummary};
use crate::image::{bare, digest_of};
use crate::ship::archive::{Loaded, tail};
use crate::ship::release::image_tag;
use crate::ship::staging::{bytes_from, digest_of_start, load, look, take, understand};
use crate::ship::{Piece, ShipError, ShipImage, Shipment, Shipping, Spool};

/// Bytes below which layers are not worth a file on the server.
const SMALL: u64 = 256 * 1024;

impl Server {
    /// Sends the images that the server lacks, and looks whether they arrived.
    pub(super) async fn send(
        &self,
        shipment: &Shipment,
        spool: &Spool,
        number: u32,
        there: &[ImageSummary],
        sent: &mut u64,
    ) -> Result<(), ShipError> {
        if lacking(shipment, there).is_empty() {
            return Ok(());
        }
        let lack = self.look(shipment).await?;
        let mut pieces = Vec::new();
        for layer in &lack.layers {
            let piece = spool.layers.get(layer).ok_or_else(|| {
                ShipError::Local(io::Error::other(format!(
                    "the server lost layer {layer} while it was shipped to; ship again"
                )))
            })?;
            pieces.push((format!("{}.gz", bare(layer)), piece));
        }
        let mut named: Vec<(&ShipImage, &[u8], String)> = Vec::new();
        for (service, image) in &shipment.images {
            if lack.images.iter().any(|one| one.id == image.id)
                && let Some(config) = spool.configs.get(&image.id)
            {
                named.push((
                    image,
                    config,
                    image_tag(&shipment.project.name, number, service),
                ));
            }
        }
        let loaded: Vec<Loaded<'_>> = named
            .iter()
            .map(|(image, config, name)| Loaded {
                config,
                layers: &image.layers,
                name,
            })
            .collect();
        let end = tail(&loaded).map_err(ShipError::Local)?;
        let total: u64 = pieces.iter().map(|(_, piece)| piece.size).sum();
        let names: Vec<String> = pieces.iter().map(|(name, _)| name.clone()).collect();
        if total <= SMALL {
            let mut all = Vec::new();
            for (_, piece) in &pieces {
                all.extend(std::fs::read(&piece.path).map_err(ShipError::Local)?);
            }
            all.extend(&end);
            *sent += all.len() as u64;
            self.load(all).await?;
        } else {
            self.stage(&pieces, total, sent).await?;
            let Some(shell) = self.docker.shell() else {
                return Err(no_shell());
            };
            *sent += end.len() as u64;
            let input = stream::iter([Ok(Bytes::from(end))]);
            let script = load(shell.docker(), &names, self.unpacks());
            self.script("load the images", &script, input).await?;
        }
        for (image, config, name) in &named {
            let arrived = self.docker.inspect_image(name).await?;
            let is_same = arrived.as_ref().is_some_and(|one| {
                one.id == digest_of(config) || lack.whole.is_some() && one.layers == image.layers
            });
            if !is_same {
                return Err(ShipError::Differs {
                    service: image.name.clone(),
                    sent: digest_of(config),
                    there: arrived.map_or("no such image".to_owned(), |one| one.id),
                });
            }
        }
        self.voice.say(Shipping::Loaded { sent: *sent });
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
                .map_err(ShipError::Local)?;
            archive = unpacked;
        }
        let stream = stream::iter([Ok(Bytes::from(archive))]);
        self.docker.load_images(Box::pin(stream)).await?;
        Ok(())
    }

    /// Brings the layers into files on the server, from where an earlier try has ended.
    async fn stage(
        &self,
        pieces: &[(String, &Piece)],
        total: u64,
        sent: &mut u64,
    ) -> Result<(), ShipError> {
        let names: Vec<String> = pieces.iter().map(|(name, _)| name.clone()).collect();
        let said = self
            .script("look for earlier tries", &look(&names), stream::empty())
            .await?;
        let there = understand(&said);
        let (mut done, mut resumed) = (0, 0);
        for (name, piece) in pieces {
            let mut offset = 0;
            if let Some(there) = there.get(name) {
                let start = digest_of_start(&piece.path, there.size).map_err(ShipError::Local)?;
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
                .map_err(ShipError::Local)?;
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
                .script("take a layer", &take(name, offset), counted)
                .await;
            *sent += here;
            done += here;
            let whole = digest_of_start(&piece.path, piece.size).map_err(ShipError::Local)?;
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
            return Err(no_shell());
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
