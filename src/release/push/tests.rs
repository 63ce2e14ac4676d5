//! Releases pushed to the registry of the in-memory engine.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::*;
use crate::apply::Canceller;
use crate::engine::memory::{Behaviour, Fault, MemoryEngine};
use crate::registry::RegistryError;

fn target(id: &str, repository: &str) -> Target {
    Target {
        component: "app".into(),
        image_id: id.into(),
        repository: repository.into(),
        tags: vec!["latest".into()],
    }
}

/// Two repositories, `a` and `b`.
fn both(id: &str) -> [Target; 2] {
    [target(id, "r.example/a"), target(id, "r.example/b")]
}

/// Gives a tag of the engine's own registry to an image; there, digests are those of images.
async fn retag(
    engine: &MemoryEngine,
    reference: String,
    digest: String,
) -> Result<(), RegistryError> {
    engine.tag_image(&digest, &reference).await?;
    engine.push_image(&reference, None).await.map(drop)?;
    Ok(())
}

async fn release(
    engine: &MemoryEngine,
    immutable: &str,
    targets: &[Target],
    cancel: &Cancel,
    tell: &mut (dyn FnMut(PushEvent) + Send),
) -> Result<BTreeMap<String, String>, PushError> {
    let nobody: CredentialsOf = Arc::new(|_| Box::pin(async { Ok(None) }));
    let give = |reference: &str, digest: &str| -> BoxFuture<'_, _> {
        Box::pin(retag(engine, reference.to_owned(), digest.to_owned()))
    };
    let push = Push {
        engine,
        credentials: &nobody,
        retag: &give,
        immutable,
        cancel,
    };
    push.run(targets, tell).await
}

async fn named(engine: &MemoryEngine, reference: &str) -> Option<String> {
    engine.registry_digest(reference, None).await.unwrap()
}

/// An engine whose registry has release 1 under both `latest`, and the ids of the images of releases 1 and 2.
async fn with_a_release() -> (MemoryEngine, String, String) {
    let engine = MemoryEngine::default();
    let old = engine.add_image("app:1", Behaviour::default());
    let new = engine.add_image("app:2", Behaviour::default());
    let never = Cancel::never();
    release(&engine, "release-1", &both(&old), &never, &mut |_| {})
        .await
        .unwrap();
    (engine, old, new)
}

#[tokio::test]
async fn tags_move_when_everything_is_there() {
    let engine = MemoryEngine::default();
    let id = engine.add_image("app:1", Behaviour::default());
    let mut said = Vec::new();
    let mut hear = |event| {
        if let PushEvent::Pushed { reference, .. } = event {
            said.push(reference);
        }
    };
    let never = Cancel::never();
    let pushed = release(&engine, "release-1", &both(&id), &never, &mut hear).await;
    assert_eq!(pushed.unwrap().len(), 2);
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
    let targets = [
        target(&id, "r.example/a"),
        target("sha256:gone", "r.example/b"),
    ];
    let never = Cancel::never();
    let error = release(&engine, "release-1", &targets, &never, &mut |_| {})
        .await
        .unwrap_err();
    assert!(matches!(error, PushError::Push { .. }), "{error}");
    assert!(named(&engine, "r.example/a:release-1").await.is_some());
    assert!(named(&engine, "r.example/a:latest").await.is_none());
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
    // The push of the last tag fails: before it has arrived, and after.
    for after_effect in [false, true] {
        let (engine, old, new) = with_a_release().await;
        engine.fail(Fault {
            after_effect,
            ..fault(engine.calls() + 4 * EACH, ErrorKind::Unauthorized)
        });
        let never = Cancel::never();
        let error = release(&engine, "release-2", &both(&new), &never, &mut |_| {}).await;
        let Err(PushError::Tag {
            reference, state, ..
        }) = error
        else {
            panic!("{error:?}");
        };
        assert_eq!(reference, "r.example/b:latest");
        assert_eq!(state, "every tag names what it named before");
        for repository in ["r.example/a", "r.example/b"] {
            let latest = named(&engine, &format!("{repository}:latest")).await;
            assert_eq!(latest.as_ref(), Some(&old));
            let own = named(&engine, &format!("{repository}:release-2")).await;
            assert_eq!(own.as_ref(), Some(&new));
        }
    }
}

#[tokio::test]
async fn a_tag_that_cannot_be_put_back_is_told_with_what_it_named() {
    let (engine, old, new) = with_a_release().await;
    let calls = engine.calls();
    engine.fail(fault(calls + 4 * EACH, ErrorKind::Unauthorized));
    // What puts the first tag back.
    engine.fail(fault(calls + 4 * EACH + 1, ErrorKind::Conflict));
    let never = Cancel::never();
    let error = release(&engine, "release-2", &both(&new), &never, &mut |_| {})
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`r.example/a:latest` names the new image"),
        "{error}"
    );
    assert!(error.contains(&format!("(before: {old})")), "{error}");
    assert!(
        error.contains(&format!(
            "--tag r.example/a:latest r.example/a@{old}` gives a tag back"
        )),
        "{error}"
    );
    assert!(!error.contains("r.example/b:latest` names"), "{error}");
}

#[tokio::test]
async fn who_asks_for_the_end_gets_the_tags_as_they_were() {
    let (engine, old, new) = with_a_release().await;
    let (canceller, cancel) = Canceller::new();
    let mut raise = |event| {
        if matches!(event, PushEvent::Pushed { reference, .. } if reference.ends_with("/a:latest"))
        {
            canceller.raise();
        }
    };
    let error = release(&engine, "release-2", &both(&new), &cancel, &mut raise).await;
    let Err(PushError::Interrupted { state }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(state, "every tag names what it named before");
    assert_eq!(named(&engine, "r.example/a:latest").await, Some(old));
}

#[tokio::test]
async fn who_asks_twice_hears_what_remains() {
    let (engine, old, new) = with_a_release().await;
    let (canceller, cancel) = Canceller::new();
    let mut raise = |event| {
        if matches!(event, PushEvent::Pushed { reference, .. } if reference.ends_with("/a:latest"))
        {
            canceller.raise();
            canceller.raise();
        }
    };
    let error = release(&engine, "release-2", &both(&new), &cancel, &mut raise)
        .await
        .unwrap_err()
        .to_string();
    let told = format!("except that `r.example/a:latest` is left as it is (before: {old})");
    assert!(error.contains(&told), "{error}");
    assert_eq!(named(&engine, "r.example/a:latest").await, Some(new));
}

#[tokio::test]
async fn who_asks_while_images_are_pushed_moves_no_tag() {
    let (engine, old, new) = with_a_release().await;
    let (canceller, cancel) = Canceller::new();
    canceller.raise();
    let error = release(&engine, "release-2", &both(&new), &cancel, &mut |_| {}).await;
    assert!(
        matches!(error, Err(PushError::Interrupted { .. })),
        "{error:?}"
    );
    assert_eq!(named(&engine, "r.example/a:latest").await, Some(old));
}

#[tokio::test]
async fn a_registry_that_stumbles_is_asked_again() {
    let engine = MemoryEngine::default();
    let id = engine.add_image("app:1", Behaviour::default());
    engine.fail(fault(EACH, ErrorKind::Unreachable));
    let mut pauses = Vec::new();
    let mut hear = |event| {
        if let PushEvent::Again { pause, .. } = event {
            pauses.push(pause);
        }
    };
    let targets = [target(&id, "r.example/a")];
    let never = Cancel::never();
    release(&engine, "release-1", &targets, &never, &mut hear)
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
