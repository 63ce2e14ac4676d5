use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use indexmap::IndexMap;
use tokio::sync::mpsc;

use super::archive::{Loaded, bare, tail};
use super::chain::{chain, missing};
use super::error::{Restored, explained, of_apply};
use super::event::Voice;
use super::guard::{self, Guard};
use super::release::{Recorded, current_tag, image_tag, recorded};
use super::staging::{bytes_from, digest_of_start, load, look, take, understand};
use super::{Release, ReleasedImage, ShipError, ShipEvent, ShipImage, Shipment, Shipping, Spool};
use crate::apply::{self, Cancel, Events};
use crate::engine::docker::{DockerEngine, connect};
use crate::engine::{Engine, ErrorKind, ImageSummary};
use crate::load::Environment;
use crate::model::Project;
use crate::observe::collect;
use crate::plan::{Policy, Pull, pulls, reconcile};

/// Inspections at once: each takes a session of the one connection.
const AT_ONCE: usize = 4;
/// How often a connection that breaks is tried again.
const ATTEMPTS: u32 = 6;
/// Bytes below which layers are not worth a file on the server.
const SMALL: u64 = 256 * 1024;

/// How an env is brought up on a server.
#[derive(Clone)]
pub struct ShipOptions {
    pub apply: apply::Options,
    /// Releases that a server keeps beside the current one.
    pub keep: usize,
    /// Take over a project of this name that was not shipped.
    pub take_over: bool,
}

/// One server.
pub struct Server {
    /// `ssh://user@host`
    pub address: String,
    environment: Environment,
    docker: DockerEngine,
    voice: Voice,
    /// What the lock on the server knows this client by.
    client: String,
}

/// What a server has to be sent.
#[derive(Clone, Debug, Default)]
pub struct Lack {
    /// Images that it does not have at all.
    pub images: Vec<ShipImage>,
    /// Digests of layers.
    pub layers: Vec<String>,
}

/// What became of a shipment.
#[derive(Clone, Debug)]
pub struct Delivered {
    pub number: u32,
    /// Something was sent, started or replaced.
    pub changed: bool,
    /// Compressed bytes of layers, configurations and the record.
    pub sent: u64,
}

impl Server {
    /// Connects, with one ssh connection.
    ///
    /// # Errors
    /// When ssh refuses, or no engine answers there.
    pub async fn connect(
        address: &str,
        environment: &Environment,
        events: mpsc::UnboundedSender<ShipEvent>,
    ) -> Result<Server, ShipError> {
        let mut environment = environment.clone();
        let host = ("DOCKER_HOST".to_owned(), address.to_owned());
        environment.variables.extend([host]);
        let voice = Voice::new(address, events);
        let docker = voice.tell(dial(address, &environment).await)?;
        Ok(Server {
            address: address.to_owned(),
            environment,
            docker,
            voice,
            client: client(),
        })
    }

    fn engine(&self) -> Arc<dyn Engine> {
        Arc::new(self.docker.clone())
    }

    async fn reconnect(&mut self) -> Result<(), ShipError> {
        self.docker = dial(&self.address, &self.environment).await?;
        Ok(())
    }

    /// What has to be sent for a shipment. Images for another platform are refused.
    ///
    /// # Errors
    /// Those of the engine; an image that the server cannot run.
    pub async fn lacks(&mut self, shipment: &Shipment) -> Result<Lack, ShipError> {
        let mut attempt = 1;
        let found = loop {
            match self.look(shipment).await {
                Err(error) if error.is_cut() && attempt < ATTEMPTS => {
                    if let Err(error) = self.again(&error, &mut attempt).await {
                        break Err(error);
                    }
                }
                found => break found,
            }
        };
        self.voice.tell(found)
    }

    async fn look(&self, shipment: &Shipment) -> Result<Lack, ShipError> {
        let images = self.docker.list_images(&[]).await?;
        let wanted = lacking(shipment, &images);
        if wanted.is_empty() {
            return Ok(Lack::default());
        }
        let own = &self.docker.info().architecture;
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
            let inspected: Vec<_> = stream::iter(images.iter().map(|image| image.id.clone()))
                .map(|id| async move { self.docker.inspect_image(&id).await })
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await?;
            for image in inspected.into_iter().flatten() {
                known.extend(chain(&image.layers));
            }
        } else if let Some(why) = whole {
            self.voice.say(Shipping::Whole { why });
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
        })
    }

    /// Why the engine takes no archive without the layers that it has. `None`: it does.
    async fn why_whole(&self) -> Result<Option<String>, ShipError> {
        if self.docker.info().podman {
            return Ok(Some("Podman takes whole images only".to_owned()));
        }
        let detailed = self.docker.clone().with_details().await?;
        Ok(detailed
            .info()
            .containerd_store
            .then(|| "images in containerd's store are taken whole only".to_owned()))
    }

    /// The releases that the server remembers, oldest first, and which one is the current.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn releases(&self, project: &str) -> Result<Vec<(Release, bool)>, ShipError> {
        let images = self.docker.list_images(&[]).await?;
        let found = recorded(&images, project);
        Ok(found
            .into_iter()
            .map(|one| (one.release, one.is_current))
            .collect())
    }

    /// Sends what is lacking, and brings the env up. When it does not come up, the former release comes back.
    ///
    /// # Errors
    /// As [`ShipError`] says; a connection that breaks is tried again a few times first.
    pub async fn deliver(
        &mut self,
        shipment: &Shipment,
        spool: &Spool,
        options: &ShipOptions,
        cancel: &Cancel,
    ) -> Result<Delivered, ShipError> {
        let mut attempt = 1;
        let mut sent = 0;
        let delivered = loop {
            let delivered = match self.lock(&shipment.project.name).await {
                Ok(guard) => {
                    let delivered = self.once(shipment, spool, options, cancel, &mut sent).await;
                    guard.release().await;
                    delivered
                }
                Err(error) => Err(error),
            };
            match delivered {
                Err(error) if error.is_cut() && attempt < ATTEMPTS => {
                    if let Err(error) = self.again(&error, &mut attempt).await {
                        break Err(error);
                    }
                }
                delivered => break delivered,
            }
        };
        let delivered = self.voice.tell(delivered)?;
        self.voice.say(Shipping::Done {
            number: delivered.number,
            changed: delivered.changed,
        });
        Ok(delivered)
    }

    /// Keeps others from shipping the same project to this server.
    async fn lock(&self, project: &str) -> Result<Guard, ShipError> {
        let Some(shell) = self.docker.shell() else {
            return Err(no_shell());
        };
        let (said, held) = shell
            .hold(&guard::script(project, &self.client))
            .await
            .map_err(ShipError::of_shell)?;
        match Guard::of(&said, held) {
            Guard::Held(whose) => Err(ShipError::Refused(format!(
                "project `{project}` is being shipped to {} by somebody else, {whose}; nothing was sent\nhelp: wait for its end, and ship again",
                self.address
            ))),
            Guard::None => {
                let text = "it has no `flock`: nothing keeps two shipments apart".to_owned();
                self.voice.say(Shipping::Note { text });
                Ok(Guard::None)
            }
            mine @ Guard::Mine(_) => Ok(mine),
        }
    }

    /// Waits a little and connects anew, as long as there are attempts.
    async fn again(&mut self, error: &ShipError, attempt: &mut u32) -> Result<(), ShipError> {
        let mut why = error.to_string();
        loop {
            self.voice.say(Shipping::Cut {
                why,
                attempt: *attempt,
            });
            tokio::time::sleep(Duration::from_millis(500 * u64::from(*attempt))).await;
            *attempt += 1;
            match self.reconnect().await {
                Err(error) if error.is_cut() && *attempt < ATTEMPTS => why = error.to_string(),
                other => return other,
            }
        }
    }

    async fn once(
        &self,
        shipment: &Shipment,
        spool: &Spool,
        options: &ShipOptions,
        cancel: &Cancel,
        sent: &mut u64,
    ) -> Result<Delivered, ShipError> {
        let project = &shipment.project.name;
        let images = self.docker.list_images(&[]).await?;
        let known = recorded(&images, project);
        let current = known.iter().find(|one| one.is_current);
        if known.is_empty() && !options.take_over {
            self.refuse_strangers(project).await?;
        }
        if lacking(shipment, &images).is_empty()
            && let Some(current) = current
            && current.release.is(&self.release_of(
                shipment,
                &known,
                &images,
                current.release.number,
            )?)
        {
            let changed = self
                .bring_up(&current.release.project, options, cancel)
                .await?;
            return Ok(Delivered {
                number: current.release.number,
                changed,
                sent: *sent,
            });
        }
        let newest = known.last().map_or(0, |one| one.release.number);
        let unfinished = current.is_none_or(|current| current.release.number < newest);
        let mut number = newest + 1;
        if unfinished && newest > 0 {
            let former = self.release_of(shipment, &known, &images, newest);
            if former.is_ok_and(|release| known.last().is_some_and(|one| one.release.is(&release)))
            {
                number = newest;
            }
        }
        self.send(shipment, spool, number, &images, sent).await?;
        let images = self.docker.list_images(&[]).await?;
        let release = self.release_of(shipment, &known, &images, number)?;
        for (service, image) in &release.images {
            let tag = image_tag(project, number, service);
            self.docker.tag_image(&image.id, &tag).await?;
        }
        *sent += self.remember(&release).await?;
        if cancel.level() != apply::CancelLevel::None {
            return Err(ShipError::Interrupted);
        }
        match self.bring_up(&release.project, options, cancel).await {
            Ok(_) => {}
            Err(error) if error.is_cut() => return Err(error),
            Err(ShipError::Interrupted) => return Err(ShipError::Interrupted),
            Err(error) => {
                let why = error.to_string();
                let restored = self.restore(current, &release, &why, options).await;
                return Err(ShipError::DidNotComeUp { why, restored });
            }
        }
        self.make_current(&release).await?;
        self.forget_old(project, options.keep).await?;
        Ok(Delivered {
            number,
            changed: true,
            sent: *sent,
        })
    }

    /// A project of this name that runs there and was never shipped is somebody else's.
    async fn refuse_strangers(&self, project: &str) -> Result<(), ShipError> {
        let label = crate::observe::labels::PROJECT;
        let running = self.docker.list_containers(&[(label, project)]).await?;
        if running.is_empty() {
            return Ok(());
        }
        Err(ShipError::Refused(format!(
            "project `{project}` has containers on {} that were not shipped; nothing was sent\nhelp: ship under another name (`-p`), or say `--take-over`",
            self.address
        )))
    }

    /// The release that a shipment is on this server.
    fn release_of(
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
            let tagged = || there.iter().find(|one| one.tags.contains(&tag));
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
                definition.pull_policy = Some("never".to_owned());
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

    /// Sends the images that the server lacks, and looks whether they arrived.
    async fn send(
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
            let stream = stream::iter([Ok(Bytes::from(all))]);
            self.docker.load_images(Box::pin(stream)).await?;
        } else {
            self.stage(&pieces, total, sent).await?;
            let Some(shell) = self.docker.shell() else {
                return Err(no_shell());
            };
            *sent += end.len() as u64;
            let input = stream::iter([Ok(Bytes::from(end))]);
            self.script("load the images", &load(shell.docker(), &names), input)
                .await?;
        }
        for (image, _, name) in &named {
            let arrived = self.docker.inspect_image(name).await?;
            if arrived
                .as_ref()
                .is_none_or(|one| one.layers != image.layers)
            {
                return Err(ShipError::Differs {
                    service: image.name.clone(),
                    sent: image.id.clone(),
                    there: arrived.map_or("no such image".to_owned(), |one| one.id),
                });
            }
        }
        self.voice.say(Shipping::Loaded { sent: *sent });
        Ok(())
    }

    /// Brings the layers into files on the server, from where an earlier try has ended.
    async fn stage(
        &self,
        pieces: &[(String, &super::Piece)],
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

    /// Writes the record of a release, and returns how many bytes that took.
    async fn remember(&self, release: &Release) -> Result<u64, ShipError> {
        let record = release.record(&self.docker.info().architecture);
        let (config, layer) = record.map_err(|error| ShipError::Local(error.into()))?;
        let id = super::release::digest(&layer);
        let mut archive =
            super::archive::write_layer(Vec::new(), &id, layer.len() as u64, &mut layer.as_slice())
                .map_err(ShipError::Local)?;
        let name = release.tag();
        let image = Loaded {
            config: &config,
            layers: &[id],
            name: &name,
        };
        archive.extend(tail(&[image]).map_err(ShipError::Local)?);
        let size = archive.len() as u64;
        let stream = stream::iter([Ok(Bytes::from(archive))]);
        self.docker.load_images(Box::pin(stream)).await?;
        Ok(size)
    }

    /// Converges the project there, and says whether anything changed.
    async fn bring_up(
        &self,
        project: &Project,
        options: &ShipOptions,
        cancel: &Cancel,
    ) -> Result<bool, ShipError> {
        let engine = self.engine();
        let policy = Policy {
            take_over: true,
            remove_orphans: true,
            keep_changed_volumes: true,
            pull: Pull::ByService,
            environment: options.apply.environment.clone(),
            ..Policy::default()
        };
        let mut snapshot = collect(engine.as_ref(), project).await?;
        let pulling = pulls(project, &snapshot, &policy)?;
        if !pulling.is_empty() {
            self.apply(&engine, &pulling, options, cancel).await?;
            snapshot = collect(engine.as_ref(), project).await?;
        }
        let plan = reconcile(project, &snapshot, &policy)?;
        for note in &plan.notes {
            self.voice.say(Shipping::Note { text: note.clone() });
        }
        self.apply(&engine, &plan, options, cancel).await?;
        Ok(plan.has_changes())
    }

    async fn apply(
        &self,
        engine: &Arc<dyn Engine>,
        plan: &crate::plan::Plan,
        options: &ShipOptions,
        cancel: &Cancel,
    ) -> Result<(), ShipError> {
        let (events, mut heard) = Events::channel();
        let working = async {
            let applied = apply::apply(plan, engine.clone(), &options.apply, &events, cancel).await;
            drop(events);
            applied
        };
        let telling = async {
            while let Some(event) = heard.recv().await {
                let step = Box::new(event);
                self.voice.say(Shipping::Applying { step });
            }
        };
        let (applied, ()) = tokio::join!(working, telling);
        if applied.interrupted {
            return Err(ShipError::Interrupted);
        }
        match applied.into_result() {
            Ok(_) => Ok(()),
            Err(error) => match of_apply(&error) {
                (why, true) => Err(ShipError::Cut(why)),
                (why, false) => Err(ShipError::Server {
                    action: "bring the project up",
                    said: why,
                }),
            },
        }
    }

    /// Brings the former release back, and forgets the one that failed.
    async fn restore(
        &self,
        former: Option<&Recorded>,
        failed: &Release,
        why: &str,
        options: &ShipOptions,
    ) -> Restored {
        let Some(former) = former else {
            return Restored::Nothing;
        };
        let number = former.release.number;
        self.voice.say(Shipping::Restoring {
            number,
            why: why.to_owned(),
        });
        let never = Cancel::never();
        match self
            .bring_up(&former.release.project, options, &never)
            .await
        {
            Ok(_) => {
                self.forget(failed).await;
                Restored::Former(number)
            }
            Err(error) => Restored::Failed {
                number,
                why: error.to_string(),
            },
        }
    }

    /// Runs an earlier release again: the one before the current, or the one with this number.
    ///
    /// # Errors
    /// When there is no such release, or it does not come up: then the current one comes back.
    pub async fn roll_back(
        &mut self,
        project: &str,
        to: Option<u32>,
        options: &ShipOptions,
        cancel: &Cancel,
    ) -> Result<Delivered, ShipError> {
        let mut attempt = 1;
        let back = loop {
            let back = match self.lock(project).await {
                Ok(guard) => {
                    let back = self.back_once(project, to, options, cancel).await;
                    guard.release().await;
                    back
                }
                Err(error) => Err(error),
            };
            match back {
                Err(error) if error.is_cut() && attempt < ATTEMPTS => {
                    if let Err(error) = self.again(&error, &mut attempt).await {
                        break Err(error);
                    }
                }
                back => break back,
            }
        };
        let back = self.voice.tell(back)?;
        self.voice.say(Shipping::Done {
            number: back.number,
            changed: back.changed,
        });
        Ok(back)
    }

    async fn back_once(
        &self,
        project: &str,
        to: Option<u32>,
        options: &ShipOptions,
        cancel: &Cancel,
    ) -> Result<Delivered, ShipError> {
        let images = self.docker.list_images(&[]).await?;
        let known = recorded(&images, project);
        let current = known.iter().find(|one| one.is_current);
        let wanted = match (to, current) {
            (Some(number), _) => known.iter().find(|one| one.release.number == number),
            (None, Some(current)) => known
                .iter()
                .rev()
                .find(|one| one.release.number < current.release.number),
            (None, None) => None,
        };
        let Some(wanted) = wanted else {
            let numbers: Vec<String> = known
                .iter()
                .map(|one| one.release.number.to_string())
                .collect();
            return Err(ShipError::Refused(format!(
                "{} has no release of project `{project}` to go back to; {}",
                self.address,
                if numbers.is_empty() {
                    "it remembers none".to_owned()
                } else {
                    format!("it remembers {}", numbers.join(", "))
                }
            )));
        };
        let tried = self
            .bring_up(&wanted.release.project, options, cancel)
            .await;
        match tried {
            Ok(changed) => {
                self.make_current(&wanted.release).await?;
                Ok(Delivered {
                    number: wanted.release.number,
                    changed,
                    sent: 0,
                })
            }
            Err(ShipError::Interrupted) => Err(ShipError::Interrupted),
            Err(error) if error.is_cut() => Err(error),
            Err(error) => {
                let why = error.to_string();
                let restored = match current {
                    Some(current) => match self
                        .bring_up(&current.release.project, options, &Cancel::never())
                        .await
                    {
                        Ok(_) => Restored::Former(current.release.number),
                        Err(error) => Restored::Failed {
                            number: current.release.number,
                            why: error.to_string(),
                        },
                    },
                    None => Restored::Nothing,
                };
                Err(ShipError::DidNotComeUp { why, restored })
            }
        }
    }

    /// From now on it is the current one, and its images have the names that the project gives them.
    async fn make_current(&self, release: &Release) -> Result<(), ShipError> {
        for image in release.images.values() {
            // A name with a digest is no name that could be given.
            if !image.name.contains('@') {
                self.docker.tag_image(&image.id, &image.name).await?;
            }
        }
        let current = current_tag(&release.project.name);
        self.docker.tag_image(&release.tag(), &current).await?;
        Ok(())
    }

    /// Forgets all but the current release and the `keep` newest before it.
    async fn forget_old(&self, project: &str, keep: usize) -> Result<(), ShipError> {
        let images = self.docker.list_images(&[]).await?;
        let known = recorded(&images, project);
        let old: Vec<&Recorded> = known.iter().filter(|one| !one.is_current).collect();
        for one in old.iter().take(old.len().saturating_sub(keep)) {
            self.forget(&one.release).await;
        }
        Ok(())
    }

    /// Takes the names of a release away, and with the last name of an image the image. What is in use stays.
    async fn forget(&self, release: &Release) {
        let project = &release.project.name;
        let tags = release
            .images
            .keys()
            .map(|service| image_tag(project, release.number, service))
            .chain([release.tag()]);
        for tag in tags {
            if let Err(error) = self.docker.remove_image(&tag, false).await
                && error.kind != ErrorKind::NotFound
            {
                tracing::debug!(%error, tag, "stays");
            }
        }
    }
}

fn no_shell() -> ShipError {
    ShipError::Refused("only `ssh://` servers can be shipped to".into())
}

/// Another one for each call of wharf and each server.
fn client() -> String {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    format!("{}-{nanos}", std::process::id())
}

async fn dial(address: &str, environment: &Environment) -> Result<DockerEngine, ShipError> {
    connect(environment, None)
        .await
        .map_err(|error| match explained(address, &error) {
            Some(text) => {
                let mut told = crate::engine::EngineError::new(error.kind, text);
                told = told.because(error);
                ShipError::Engine(told)
            }
            None => ShipError::Engine(error),
        })
}

/// Images of a shipment that are not among these, each once. Records tell which image an engine that names images by
/// something else has made of one.
fn lacking(shipment: &Shipment, there: &[ImageSummary]) -> Vec<ShipImage> {
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
