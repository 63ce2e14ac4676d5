use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use indexmap::IndexMap;

use super::Release;
use super::make::Making;
use crate::apply::Cancel;
use crate::cli::Failure;
use crate::cli::context::Context;
use crate::engine::Engine;
use crate::layer::holds_secrets;
use crate::registry::{Registry, RegistryError};
use crate::release::{Component, Push, PushError, PushEvent, Record, Target, megabytes};
use crate::report::{Board, Tone, short_id};

impl Making<'_> {
    /// Tags the images, here or on their registries.
    pub(super) async fn publish(
        &self,
        release: &Release,
        components: &[Component],
        record: &mut Record,
        tags: &[String],
    ) -> Result<(), Failure> {
        let mut targets = Vec::new();
        for component in components {
            let Some(one) = record.components.get(&component.name) else {
                continue;
            };
            let image = self.engine().inspect_image(&one.image_id).await?;
            if release.push && image.as_ref().is_some_and(holds_secrets) {
                return Err(Failure::Apply(format!(
                    "{} is not pushed: its configuration layer may hold secrets (`allow-secrets`); send it to its server with `wharf ship`",
                    component.name
                )));
            }
            targets.extend(component.repositories.iter().map(|repository| Target {
                component: component.name.clone(),
                image_id: one.image_id.clone(),
                repository: repository.clone(),
                tags: tags.to_vec(),
            }));
        }
        if !release.push {
            for target in &targets {
                for tag in tags {
                    let reference = format!("{}:{tag}", target.repository);
                    self.engine()
                        .tag_image(&target.image_id, &reference)
                        .await?;
                }
            }
            return Ok(());
        }
        let digests = push(
            self.context,
            self.engine(),
            &record.id,
            &targets,
            self.cancel,
        )
        .await?;
        for component in record.components.values_mut() {
            for (repository, pushed) in &mut component.repositories {
                pushed.digest = digests.get(repository).cloned();
            }
        }
        Ok(())
    }
}

/// Pushes the images of the release with this id, and moves their tags. Gives the digest of each repository's manifest.
pub(super) async fn push(
    context: &Context,
    engine: &dyn Engine,
    id: &str,
    targets: &[Target],
    cancel: &Cancel,
) -> Result<BTreeMap<String, String>, Failure> {
    let retag = |reference: &str, digest: &str| -> BoxFuture<'_, Result<(), RegistryError>> {
        let (reference, digest) = (reference.to_owned(), digest.to_owned());
        Box::pin(async move {
            let registry = Registry::of(&reference, false, &context.environment).await?;
            registry.retag(&digest).await
        })
    };
    let push = Push {
        engine,
        credentials: &context.credentials(),
        retag: &retag,
        immutable: &format!("release-{id}"),
        cancel,
    };
    let mut view = push_view(context);
    match push.run(targets, &mut view).await {
        Ok(digests) => Ok(digests),
        Err(PushError::Interrupted { state }) => {
            context.console.warn(&state);
            Err(Failure::Interrupted)
        }
        Err(error) => Err(Failure::Apply(error.to_string())),
    }
}

/// Shows pushes layer by layer in a terminal, and what is done everywhere.
fn push_view(context: &Context) -> impl FnMut(PushEvent) + Send {
    let console = context.console.clone();
    let live = !console.is_quiet() && console.talks_to_terminal();
    let mut board = Board::new(console.clone(), live);
    let mut layers: IndexMap<String, Vec<String>> = IndexMap::new();
    move |event| match event {
        PushEvent::Layer {
            reference,
            progress,
        } => {
            let of = match (progress.current, progress.total) {
                (Some(current), Some(total)) => {
                    format!(" {} of {}", megabytes(current), megabytes(total))
                }
                _ => String::new(),
            };
            let known = layers.entry(reference.clone()).or_default();
            if !known.contains(&progress.layer) {
                known.push(progress.layer.clone());
            }
            let label = format!("image {reference}");
            let doing = format!("{} {}{of}", progress.layer, progress.status);
            board.work(&reference, &label, &doing);
        }
        PushEvent::Again {
            reference,
            why,
            pause,
        } => console.warn(&format!(
            "{reference}: {why}; trying again in {:.1} s",
            pause.as_secs_f64()
        )),
        PushEvent::Pushed { reference, digest } => {
            let count = layers.get(&reference).map_or(0, Vec::len);
            let said = format!("pushed {}, {count} layers", short_id(&digest));
            board.settle(&reference, &format!("image {reference}"), Tone::Good, &said);
        }
    }
}
