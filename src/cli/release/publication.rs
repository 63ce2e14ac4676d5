use std::future::Future;
use std::pin::Pin;

use indexmap::IndexMap;

use super::Release;
use super::make::Making;
use crate::apply::CancelLevel;
use crate::cli::Failure;
use crate::cli::context::Context;
use crate::engine::docker::credentials_for_reference;
use crate::engine::{Credentials, EngineError};
use crate::layer::holds_secrets;
use crate::release::{Component, Push, PushEvent, Record, Target, megabytes};
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
        let find = credentials(self.context);
        let immutable = format!("release-{}", record.id);
        let push = Push {
            engine: self.engine(),
            credentials: &find,
            immutable: &immutable,
        };
        let mut view = push_view(self.context);
        let pushed = tokio::select! {
            pushed = push.run(&targets, &mut view) => pushed,
            () = self.cancel.reached(CancelLevel::Finish) => return Err(Failure::Interrupted),
        };
        let digests = pushed.map_err(|error| Failure::Apply(error.to_string()))?;
        for component in record.components.values_mut() {
            for (repository, pushed) in &mut component.repositories {
                pushed.digest = digests.get(repository).cloned();
            }
        }
        Ok(())
    }
}

type Found<'c> =
    Pin<Box<dyn Future<Output = Result<Option<Credentials>, EngineError>> + Send + 'c>>;

/// The credentials of `docker login` for a reference.
pub fn credentials<'c>(context: &'c Context) -> impl Fn(&str) -> Found<'c> + Sync + 'c {
    let environment = &context.environment;
    move |reference: &str| {
        let reference = reference.to_owned();
        Box::pin(async move { credentials_for_reference(environment, &reference).await })
    }
}

/// Shows pushes layer by layer in a terminal, and what is done everywhere.
pub fn push_view(context: &Context) -> impl FnMut(PushEvent) + Send {
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
