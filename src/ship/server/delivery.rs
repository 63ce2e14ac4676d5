use super::lack::lacking;
use super::transfer::There;
use super::{Server, ShipOptions};
use crate::apply::{Cancel, CancelLevel};
use crate::engine::Engine;
use crate::ship::error::Restored;
use crate::ship::release::recorded;
use crate::ship::{Release, ShipError, Shipment, Shipping, Spool};

/// What became of a shipment.
#[derive(Clone, Debug)]
pub struct Delivered {
    pub number: u32,
    /// Something was sent, started or replaced.
    pub changed: bool,
    /// It waits there for the shipment that starts it.
    pub prepared: bool,
    /// Compressed bytes of layers, configurations and the record.
    pub sent: u64,
}

impl Server {
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
        let mut sent = 0;
        let mut reserved = self.reserved.take();
        let delivered = self
            .persist(async |server| {
                let once = server.once(shipment, spool, options, cancel, &mut sent);
                let project = &shipment.project.name;
                server.locked(project, reserved.take(), once).await
            })
            .await;
        let delivered = self.voice.tell(delivered)?;
        self.voice.say(Shipping::Done {
            number: delivered.number,
            changed: delivered.changed,
            prepared: delivered.prepared,
        });
        Ok(delivered)
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
            let changed = !options.prepare
                && self
                    .bring_up(&current.release.project, options, cancel)
                    .await?;
            return Ok(Delivered {
                number: current.release.number,
                // An earlier connection may have broken at the very end.
                changed: changed || *sent > 0,
                prepared: false,
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
        let there = There {
            images: &images,
            known: &known,
        };
        let release = self.send(shipment, spool, number, there, sent).await?;
        if cancel.level() != CancelLevel::None {
            return Err(ShipError::Interrupted);
        }
        if options.prepare {
            let mut services = release.project.services.keys();
            if services.any(|name| !release.images.contains_key(name)) {
                self.pull(&release.project, options, cancel).await?;
            }
            return Ok(Delivered {
                number,
                changed: *sent > 0,
                prepared: true,
                sent: *sent,
            });
        }
        match self.bring_up(&release.project, options, cancel).await {
            Ok(_) => {}
            Err(error) if error.is_cut() => return Err(error),
            Err(ShipError::Interrupted) => return Err(ShipError::Interrupted),
            Err(error) => {
                let why = error.to_string();
                let current = current.map(|current| &current.release);
                let restored = self.restore(current, &why, options).await?;
                if matches!(restored, Restored::Former(_)) {
                    self.forget(&release).await;
                }
                return Err(ShipError::DidNotComeUp { why, restored });
            }
        }
        self.make_current(&release).await?;
        self.forget_old(project, options.keep).await?;
        Ok(Delivered {
            number,
            changed: true,
            prepared: false,
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

    /// Brings a release back after another one has failed.
    ///
    /// # Errors
    /// When the connection breaks: over a new one, all of it is tried again.
    pub(super) async fn restore(
        &self,
        former: Option<&Release>,
        why: &str,
        options: &ShipOptions,
    ) -> Result<Restored, ShipError> {
        let Some(former) = former else {
            return Ok(Restored::Nothing);
        };
        let number = former.number;
        self.voice.say(Shipping::Restoring {
            number,
            why: why.to_owned(),
        });
        match self
            .bring_up(&former.project, options, &Cancel::never())
            .await
        {
            Ok(_) => Ok(Restored::Former(number)),
            Err(error) if error.is_cut() => Err(error),
            Err(error) => Ok(Restored::Failed {
                number,
                why: error.to_string(),
            }),
        }
    }
}
