use super::{Delivered, Server, ShipOptions};
use crate::apply::Cancel;
use crate::engine::Engine;
use crate::ship::release::{before_current, recorded};
use crate::ship::{ShipError, Shipping};

impl Server {
    /// Runs an earlier release again: the one that was up before the current, or the one with this number.
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
        let mut to = to;
        let mut reserved = self.reserved.take();
        let back = self
            .persist(async |server| {
                let once = server.back_once(project, &mut to, options, cancel);
                server.locked(project, reserved.take(), once).await
            })
            .await;
        let back = self.voice.tell(back)?;
        self.voice.say(Shipping::Done {
            number: back.number,
            changed: back.changed,
            prepared: back.prepared,
        });
        Ok(back)
    }

    /// `to`: holds from then on the release that was chosen, so that another try does not go back further.
    async fn back_once(
        &self,
        project: &str,
        to: &mut Option<u32>,
        options: &ShipOptions,
        cancel: &Cancel,
    ) -> Result<Delivered, ShipError> {
        let images = self.docker.list_images(&[]).await?;
        let known = recorded(&images, project);
        let current = known.iter().find(|one| one.is_current);
        let wanted = match *to {
            Some(number) => known.iter().find(|one| one.release.number == number),
            None => before_current(&known),
        };
        let Some(wanted) = wanted else {
            let numbers: Vec<String> = known
                .iter()
                .map(|one| match one.came_up {
                    true => one.release.number.to_string(),
                    false => format!("{} (never came up)", one.release.number),
                })
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
        *to = Some(wanted.release.number);
        let tried = self
            .bring_up(&wanted.release.project, options, cancel)
            .await;
        match tried {
            Ok(changed) => {
                self.make_current(&wanted.release).await?;
                Ok(Delivered {
                    number: wanted.release.number,
                    changed,
                    prepared: false,
                    sent: 0,
                })
            }
            Err(ShipError::Interrupted) => Err(ShipError::Interrupted),
            Err(error) if error.is_cut() => Err(error),
            Err(error) => {
                let why = error.to_string();
                let current = current.map(|current| &current.release);
                let restored = self.restore(current, &why, options).await?;
                Err(ShipError::DidNotComeUp { why, restored })
            }
        }
    }
}
