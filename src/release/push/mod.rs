use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;

use crate::build::ImageName;
use crate::engine::{Credentials, Engine, EngineError, ErrorKind, TransferProgress};

/// How often a push is tried.
const ATTEMPTS: u32 = 4;
/// The pause after the first failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Credentials for a reference.
pub type CredentialsOf<'c> = dyn Fn(&str) -> Pin<Box<dyn Future<Output = Result<Option<Credentials>, EngineError>> + Send + 'c>>
    + Sync
    + 'c;

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
    #[error(
        "`{reference}` cannot be pushed: {source}\nno tag was moved: only `{immutable}` may be on some of the registries"
    )]
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
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// All images of a release on their way to their registries.
pub struct Push<'p, 'c> {
    pub engine: &'p dyn Engine,
    pub credentials: &'p CredentialsOf<'c>,
    /// The tag that only this release has.
    pub immutable: &'p str,
}

impl Push<'_, '_> {
    /// Pushes every image under the tag that only this release has, compares the digests with those of the registries, and
    /// only then moves the tags. Gives the digest of each repository's manifest.
    ///
    /// # Errors
    /// When a push fails for good, or a registry has something else than what was pushed: no tag has been moved then. When
    /// a tag cannot be moved, those that were are put back, and the error says so.
    pub async fn run(
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
        let mut moved: Vec<(String, Option<String>)> = Vec::new();
        for target in targets {
            for tag in &target.tags {
                let reference = format!("{}:{tag}", target.repository);
                let moving = async {
                    let former = self.digest_there(&reference).await?;
                    self.push_one(&target.image_id, &reference, tell).await?;
                    Ok(former)
                };
                let source = match moving.await {
                    Ok(former) => {
                        tell(PushEvent::Pushed {
                            digest: digests.get(&target.repository).cloned().unwrap_or_default(),
                            reference: reference.clone(),
                        });
                        moved.push((reference, former));
                        continue;
                    }
                    Err(source) => source,
                };
                let state = self.put_back(moved, tell).await;
                return Err(PushError::Tag {
                    reference,
                    state,
                    source,
                });
            }
        }
        Ok(digests)
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
            if attempt == ATTEMPTS || !may_pass(&error) {
                return Err(error);
            }
            tell(PushEvent::Again {
                reference: reference.to_owned(),
                why: error.to_string(),
                pause,
            });
            tokio::time::sleep(pause).await;
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

    /// Gives tags that were moved back to the images that they named before. Says what became of them.
    async fn put_back(
        &self,
        moved: Vec<(String, Option<String>)>,
        tell: &mut (dyn FnMut(PushEvent) + Send),
    ) -> String {
        let mut left = Vec::new();
        for (reference, former) in moved {
            let Some(former) = former else {
                left.push(format!("`{reference}` is new"));
                continue;
            };
            let repository = super::component::repository_of(&reference);
            let exact = format!("{repository}@{former}");
            let back = async {
                let credentials = (self.credentials)(&exact).await?;
                let mut messages = self
                    .engine
                    .pull_image(&exact, None, credentials.as_ref())
                    .await?;
                while let Some(message) = messages.next().await {
                    message?;
                }
                self.push_one(&exact, &reference, tell).await
            };
            let back: Result<(), EngineError> = back.await;
            if let Err(error) = back {
                left.push(format!("`{reference}` names the new image: {error}"));
            }
        }
        match left.is_empty() {
            true => "every tag names what it named before".to_owned(),
            false => format!(
                "the other tags are as before, except that {}",
                left.join(", ")
            ),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::memory::{Behaviour, Fault, MemoryEngine};

    fn nobody(
        _: &str,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Credentials>, EngineError>> + Send>> {
        Box::pin(async { Ok(None) })
    }

    fn target(id: &str, repository: &str) -> Target {
        Target {
            component: "app".into(),
            image_id: id.into(),
            repository: repository.into(),
            tags: vec!["latest".into()],
        }
    }

    #[tokio::test]
    async fn tags_move_when_everything_is_there() {
        let engine = MemoryEngine::default();
        let id = engine.add_image("app:1", Behaviour::default());
        let push = Push {
            engine: &engine,
            credentials: &nobody,
            immutable: "release-1",
        };
        let targets = [target(&id, "r.example/a"), target(&id, "r.example/b")];
        let mut said = Vec::new();
        let pushed = push
            .run(&targets, &mut |event| {
                if let PushEvent::Pushed { reference, .. } = event {
                    said.push(reference);
                }
            })
            .await
            .unwrap();
        assert_eq!(pushed.len(), 2);
        assert_eq!(
            said,
            [
                "r.example/a:release-1",
                "r.example/b:release-1",
                "r.example/a:latest",
                "r.example/b:latest"
            ]
        );
    }

    #[tokio::test]
    async fn a_push_that_fails_moves_no_tag() {
        let engine = MemoryEngine::default();
        let id = engine.add_image("app:1", Behaviour::default());
        let push = Push {
            engine: &engine,
            credentials: &nobody,
            immutable: "release-1",
        };
        let targets = [
            target(&id, "r.example/a"),
            target("sha256:gone", "r.example/b"),
        ];
        let error = push.run(&targets, &mut |_| {}).await.unwrap_err();
        assert!(matches!(error, PushError::Push { .. }), "{error}");
        let there = |name: &'static str| engine.registry_digest(name, None);
        assert!(there("r.example/a:release-1").await.unwrap().is_some());
        assert!(there("r.example/a:latest").await.unwrap().is_none());
    }

    /// Calls of one image up to its push under its own tag, and of one tag that moves: named, then pushed.
    const EACH: usize = 2;

    fn fault(call: usize, kind: ErrorKind) -> Fault {
        Fault {
            call,
            kind,
            after_effect: false,
        }
    }

    #[tokio::test]
    async fn a_tag_that_cannot_be_moved_takes_the_others_back() {
        let engine = MemoryEngine::default();
        let old = engine.add_image("app:1", Behaviour::default());
        let new = engine.add_image("app:2", Behaviour::default());
        let push = |immutable: &'static str| Push {
            engine: &engine,
            credentials: &nobody,
            immutable,
        };
        let targets = |id: &str| [target(id, "r.example/a"), target(id, "r.example/b")];
        push("release-1")
            .run(&targets(&old), &mut |_| {})
            .await
            .unwrap();
        let last = engine.calls() + 4 * EACH;
        engine.fail(fault(last, ErrorKind::Unauthorized));
        let error = push("release-2")
            .run(&targets(&new), &mut |_| {})
            .await
            .unwrap_err();
        let PushError::Tag {
            reference, state, ..
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!(reference, "r.example/b:latest");
        assert_eq!(state, "every tag names what it named before");
        for repository in ["r.example/a", "r.example/b"] {
            let there = |tag: &str| format!("{repository}:{tag}");
            let digest = engine.registry_digest(&there("latest"), None).await;
            assert_eq!(digest.unwrap().as_ref(), Some(&old));
            let digest = engine.registry_digest(&there("release-2"), None).await;
            assert_eq!(digest.unwrap().as_ref(), Some(&new));
        }
    }

    #[tokio::test]
    async fn a_registry_that_stumbles_is_asked_again() {
        let engine = MemoryEngine::default();
        let id = engine.add_image("app:1", Behaviour::default());
        engine.fail(fault(EACH, ErrorKind::Unreachable));
        let push = Push {
            engine: &engine,
            credentials: &nobody,
            immutable: "release-1",
        };
        let mut pauses = Vec::new();
        push.run(&[target(&id, "r.example/a")], &mut |event| {
            if let PushEvent::Again { pause, .. } = event {
                pauses.push(pause);
            }
        })
        .await
        .unwrap();
        assert_eq!(pauses, [FIRST_PAUSE]);
    }

    #[test]
    fn what_is_refused_is_not_tried_again() {
        let error = |message: &str| EngineError::new(ErrorKind::Other, message);
        assert!(!may_pass(&error("push: no basic auth credentials")));
        assert!(may_pass(&error("connection reset by peer")));
        assert!(!may_pass(&EngineError::new(ErrorKind::Unauthorized, "x")));
    }
}
