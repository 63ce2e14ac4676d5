//! Images of a release to their registries, and tags to the images.

mod put_back;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;

use crate::apply::{Cancel, CancelLevel};
use crate::build::ImageName;
use crate::engine::{CredentialsOf, Engine, EngineError, ErrorKind, TransferProgress};

use put_back::Moved;
pub use put_back::Retag;

/// How often a push is tried.
const ATTEMPTS: u32 = 4;
/// The pause after the first failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// One repository that an image is pushed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub component: String,
    pub image_id: String,
    /// Without a tag.
    pub repository: String,
    /// The tags that move to it once everything is there.
    pub tags: Vec<String>,
}

/// What happens while images are pushed.
#[derive(Clone, Debug, PartialEq)]
pub enum PushEvent {
    /// A layer moves.
    Layer {
        reference: String,
        progress: TransferProgress,
    },
    /// A push failed and is tried again after a pause.
    Again {
        reference: String,
        why: String,
        pause: Duration,
    },
    /// It is on the registry, with this digest.
    Pushed { reference: String, digest: String },
}

/// Why a push did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error("`{reference}` cannot be pushed: {source}\n{}", none_moved(.immutable))]
    Push {
        reference: String,
        immutable: String,
        source: EngineError,
    },
    #[error("the registry has `{reference}` as {there}, but {here} was pushed; no tag was moved")]
    Digest {
        reference: String,
        here: String,
        there: String,
    },
    #[error("the tag `{reference}` cannot be moved: {source}\n{state}")]
    Tag {
        reference: String,
        state: String,
        source: EngineError,
    },
    /// Somebody asked for the end. `state`: what became of the tags.
    #[error("interrupted\n{state}")]
    Interrupted { state: String },
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// All images of a release on their way to their registries.
pub struct Push<'p> {
    pub engine: &'p dyn Engine,
    pub credentials: &'p CredentialsOf,
    pub retag: &'p Retag<'p>,
    /// The tag that only this release has.
    pub immutable: &'p str,
    /// [`CancelLevel::Finish`] ends the call in flight and puts the tags back, [`CancelLevel::Now`] leaves everything as it is.
    pub cancel: &'p Cancel,
}

impl Push<'_> {
    /// Pushes every image under the tag that only this release has, compares the digests with those of the registries, and
    /// only then moves the tags. Gives the digest of each repository's manifest.
    ///
    /// # Errors
    /// When a push fails for good, or a registry has something else than what was pushed: no tag has been moved then. When
    /// a tag cannot be moved, or somebody asks for the end, those that were are put back, and the error says what became of
    /// them.
    pub async fn run(
        &self,
        targets: &[Target],
        tell: &mut (dyn FnMut(PushEvent) + Send),
    ) -> Result<BTreeMap<String, String>, PushError> {
        let digests = tokio::select! {
            digests = self.push_all(targets, tell) => digests?,
            () = self.cancel.reached(CancelLevel::Finish) => {
                return Err(PushError::Interrupted { state: none_moved(self.immutable) });
            }
        };
        let mut moved: Vec<Moved> = Vec::new();
        for target in targets {
            for tag in &target.tags {
                let reference = format!("{}:{tag}", target.repository);
                let moving = tokio::select! {
                    moving = self.move_tag(target, &reference, &mut moved, tell) => moving,
                    () = self.cancel.reached(CancelLevel::Now) => Err(None),
                };
                let Err(source) = moving else {
                    tell(PushEvent::Pushed {
                        digest: digests.get(&target.repository).cloned().unwrap_or_default(),
                        reference,
                    });
                    continue;
                };
                let state = self.put_back(&moved).await;
                return Err(match source {
                    Some(source) => PushError::Tag {
                        reference,
                        state,
                        source,
                    },
                    None => PushError::Interrupted { state },
                });
            }
        }
        Ok(digests)
    }

    async fn push_all(
        &self,
        targets: &[Target],
        tell: &mut (dyn FnMut(PushEvent) + Send),
    ) -> Result<BTreeMap<String, String>, PushError> {
        let mut digests = BTreeMap::new();
        for target in targets {
            let reference = format!("{}:{}", target.repository, self.immutable);
            let digest = self.push_verified(target, &reference, tell).await?;
            tell(PushEvent::Pushed {
                reference,
                digest: digest.clone(),
            });
            digests.insert(target.repository.clone(), digest);
        }
        Ok(digests)
    }

    /// What the tag names so far is noted before it may name something else: a push that fails may have arrived.
    ///
    /// # Errors
    /// Why it does not name the image now; `None`: somebody asks for the end.
    async fn move_tag(
        &self,
        target: &Target,
        reference: &str,
        moved: &mut Vec<Moved>,
        tell: &mut (dyn FnMut(PushEvent) + Send),
    ) -> Result<(), Option<EngineError>> {
        if self.cancel.level() >= CancelLevel::Finish {
            return Err(None);
        }
        let former = self.digest_there(reference).await?;
        moved.push(Moved {
            reference: reference.to_owned(),
            former,
        });
        match self.push_one(&target.image_id, reference, tell).await {
            Err(_) if self.cancel.level() >= CancelLevel::Finish => Err(None),
            pushed => Ok(pushed?),
        }
    }

    async fn push_verified(
        &self,
        target: &Target,
        reference: &str,
        tell: &mut (dyn FnMut(PushEvent) + Send),
    ) -> Result<String, PushError> {
        self.push_one(&target.image_id, reference, tell)
            .await
            .map_err(|source| PushError::Push {
                reference: reference.to_owned(),
                immutable: self.immutable.to_owned(),
                source,
            })?;
        let image = self.engine.inspect_image(reference).await?;
        // The engine leaves out what is understood, such as `docker.io/`.
        let repository = ImageName::normal(&target.repository);
        let here = image
            .iter()
            .flat_map(|image| &image.digests)
            .find_map(|one| {
                let (name, digest) = one.split_once('@')?;
                (ImageName::normal(name) == repository).then(|| digest.to_owned())
            })
            .unwrap_or_default();
        let there = self.digest_there(reference).await?.unwrap_or_default();
        if here != there || here.is_empty() {
            let said = |digest: String| match digest.as_str() {
                "" => "nothing".to_owned(),
                digest => format!("`{digest}`"),
            };
            return Err(PushError::Digest {
                reference: reference.to_owned(),
                here: said(here),
                there: said(there),
            });
        }
        Ok(here)
    }

    /// The digest that a registry has under a name. `None`: it does not know the name.
    async fn digest_there(&self, reference: &str) -> Result<Option<String>, EngineError> {
        let credentials = (self.credentials)(reference).await?;
        self.engine
            .registry_digest(reference, credentials.as_ref())
            .await
    }

    /// Names an image and pushes it under that name; what may pass is tried again.
    async fn push_one(
        &self,
        image: &str,
        reference: &str,
        tell: &mut (dyn FnMut(PushEvent) + Send),
    ) -> Result<(), EngineError> {
        self.engine.tag_image(image, reference).await?;
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let error = match self.transfer(reference, tell).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let is_last = attempt == ATTEMPTS || self.cancel.level() >= CancelLevel::Finish;
            if is_last || !may_pass(&error) {
                return Err(error);
            }
            tell(PushEvent::Again {
                reference: reference.to_owned(),
                why: error.to_string(),
                pause,
            });
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.cancel.reached(CancelLevel::Finish) => return Err(error),
            }
            pause *= 2;
            attempt += 1;
        }
    }

    async fn transfer(
        &self,
        reference: &str,
        tell: &mut (dyn FnMut(PushEvent) + Send),
    ) -> Result<(), EngineError> {
        let credentials = (self.credentials)(reference).await?;
        let mut messages = self
            .engine
            .push_image(reference, credentials.as_ref())
            .await?;
        while let Some(progress) = messages.next().await {
            let progress = progress?;
            if !progress.layer.is_empty() {
                tell(PushEvent::Layer {
                    reference: reference.to_owned(),
                    progress,
                });
            }
        }
        Ok(())
    }
}

fn none_moved(immutable: &str) -> String {
    format!("no tag was moved: only `{immutable}` may be on some of the registries")
}

/// Whether trying again may help: not without credentials, a name or space.
fn may_pass(error: &EngineError) -> bool {
    let message = error.message.to_ascii_lowercase();
    let is_refused = [
        "denied",
        "unauthorized",
        "no basic auth",
        "authentication required",
        "insufficient_scope",
        "invalid reference",
        "does not exist",
        "server gave http response to https client",
        "no such host",
        "certificate",
    ]
    .iter()
    .any(|words| message.contains(words));
    !is_refused
        && matches!(
            error.kind,
            ErrorKind::Other | ErrorKind::Unreachable | ErrorKind::Conflict
        )
}
