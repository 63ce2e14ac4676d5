#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use indexmap::IndexMap;
use tokio::sync::mpsc;

use super::own_builds::OwnBuilds;
use super::turn::Turn;
use super::{
    BuildEvent, BuildFailure, BuildReason, BuildRequest, BuildRunEvent, Builder, BuilderError,
    BuiltImage, Context, FailureCause, Image, ImageGraph, ImageName, ImageOutcome, InputChange,
    Inputs, LABEL, Overrides,
};
use crate::load::Environment;
use crate::model::Project;

/// Events of one image that may wait for the listener.
const WAITING_EVENTS: usize = 64;

/// A run over the image graph: what to build, with what, and how.
pub struct BuildRun<'r> {
    pub graph: &'r ImageGraph,
    pub project: &'r Project,
    pub environment: &'r Environment,
    pub builder: &'r dyn Builder,
    pub options: BuildOptions,
}

#[derive(Clone, Debug)]
pub struct BuildOptions {
    pub overrides: Overrides,
    /// Builds at a time.
    pub parallel: NonZeroUsize,
    /// Leave images alone whose inputs are what they were built from.
    pub skip_unchanged: bool,
    /// Build nothing; only find out what would be built.
    pub dry: bool,
    /// Where hashes of files are remembered. `None`: nowhere.
    pub cache: Option<PathBuf>,
}

impl Default for BuildOptions {
    fn default() -> Self {
        BuildOptions {
            overrides: Overrides::default(),
            parallel: const { NonZeroUsize::new(4).unwrap() },
            skip_unchanged: true,
            dry: false,
            cache: None,
        }
    }
}

type Outcomes = IndexMap<String, ImageOutcome>;

impl BuildRun<'_> {
    /// Builds the images with these keys, parents first, and whatever they need. After a failure nothing new is started,
    /// but what runs goes on, so that all failures are seen. The answer has an entry for every image.
    ///
    /// Dropping the future stops all builds.
    pub async fn run(&self, wanted: &[String], events: &mpsc::Sender<BuildRunEvent>) -> Outcomes {
        let wanted = self.graph.dag.closure(wanted);
        let mut outcomes = Outcomes::new();
        let mut waiting: Vec<&Image> = wanted
            .iter()
            .filter_map(|key| self.graph.images.get(key))
            .collect();
        let mut running = FuturesUnordered::new();
        let mut telling = FuturesUnordered::new();
        loop {
            let failed = outcomes.values().any(ImageOutcome::is_failure);
            while !failed && running.len() < self.options.parallel.get() {
                let ready = waiting.iter().position(|image| {
                    self.graph
                        .dag
                        .needs(&image.key)
                        .all(|parent| outcomes.contains_key(parent))
                });
                let Some(ready) = ready else {
                    break;
                };
                let image = waiting.remove(ready);
                let parents = self.parent_ids(image, &outcomes);
                running.push(async move {
                    let started = Instant::now();
                    let outcome = self.image(image, &parents, events).await;
                    (image.key.clone(), outcome, started.elapsed())
                });
            }
            let (key, outcome, took) = tokio::select! {
                Some(done) = running.next() => done,
                Some(()) = telling.next() => continue,
                else => break,
            };
            match &outcome {
                ImageOutcome::Failed(failure) => {
                    tell(events, BuildRunEvent::Failed(failure.clone())).await;
                }
                // Those that stand on it do not wait until its size is known.
                ImageOutcome::Built { id, .. } => {
                    telling.push(self.tell_built(key.clone(), id.clone(), took, events));
                }
                _ => {}
            }
            outcomes.insert(key, outcome);
        }
        for image in waiting {
            let image = image.key.clone();
            tell(
                events,
                BuildRunEvent::Abandoned {
                    image: image.clone(),
                },
            )
            .await;
            outcomes.insert(image, ImageOutcome::Abandoned);
        }
        outcomes
    }

    fn parent_ids(&self, image: &Image, outcomes: &Outcomes) -> BTreeMap<String, String> {
        self.graph
            .dag
            .needs(&image.key)
            .filter_map(|key| Some((key.clone(), outcomes.get(key)?.id()?.to_owned())))
            .collect()
    }

    /// The ids of parents by all the names that they have.
    fn parent_names(&self, parents: &BTreeMap<String, String>) -> BTreeMap<ImageName, String> {
        parents
            .iter()
            .filter_map(|(key, id)| Some((self.graph.images.get(key)?, id)))
            .flat_map(|(image, id)| image.names.iter().map(move |name| (name, id)))
            .map(|(name, id)| (ImageName::normal(name), id.clone()))
            .collect()
    }

    async fn image(
        &self,
        image: &Image,
        parents: &BTreeMap<String, String>,
        events: &mpsc::Sender<BuildRunEvent>,
    ) -> ImageOutcome {
        match self.try_image(image, parents, events).await {
            Ok(outcome) => outcome,
            Err(failure) => ImageOutcome::Failed(failure),
        }
    }

    async fn try_image(
        &self,
        image: &Image,
        parents: &BTreeMap<String, String>,
        events: &mpsc::Sender<BuildRunEvent>,
    ) -> Result<ImageOutcome, BuildFailure> {
        let refuse = |message: String| BuildFailure::new(&image.key, FailureCause::Step, message);
        let lost = |error: BuilderError| {
            BuildFailure::new(&image.key, FailureCause::Engine, error.to_string())
        };
        if let Some(problem) = image.problems.first() {
            return Err(refuse(problem.to_string()));
        }
        let mut request = self
            .graph
            .request(
                image,
                self.project,
                self.environment,
                &self.options.overrides,
            )
            .map_err(|error| refuse(error.to_string()))?;
        let due: Vec<InputChange> = self
            .graph
            .dag
            .needs(&image.key)
            .filter(|parent| self.options.dry && !parents.contains_key(*parent))
            .map(|parent| InputChange::Base(parent.clone()))
            .collect();
        let mut reason = BuildReason::Remote;
        // Until the image is there.
        let mut turn = None;
        if !due.is_empty() {
            reason = BuildReason::Changed(due);
        } else if !is_remote(&request) {
            let gathered = self.gather(image, &request, parents).await?;
            let mut unchanged = self.unchanged(image, &request, &gathered).await;
            if let Ok(Err(why)) = &unchanged
                && *why != BuildReason::Requested
            {
                turn = self.turn(&request, events).await;
                if turn.as_ref().is_some_and(|turn| turn.came_later) {
                    unchanged = self.unchanged(image, &request, &gathered).await;
                }
            }
            match unchanged.map_err(lost)? {
                Ok(id) => {
                    let outcome = ImageOutcome::Unchanged { id: id.clone() };
                    let image = image.key.clone();
                    tell(events, BuildRunEvent::Unchanged { image, id }).await;
                    return Ok(outcome);
                }
                Err(why) => reason = why,
            }
            request.is_repetition =
                reason == BuildReason::Requested && self.is_repetition(&request, &gathered.inputs);
            request
                .labels
                .insert(LABEL.to_owned(), gathered.inputs.to_label());
        }
        request.parents = self.parent_names(parents);
        let key = &image.key;
        if self.options.dry {
            let event = BuildRunEvent::Due {
                image: key.clone(),
                reason: reason.clone(),
            };
            tell(events, event).await;
            return Ok(ImageOutcome::Due(reason));
        }
        tell(
            events,
            BuildRunEvent::Started {
                image: key.clone(),
                reason: reason.clone(),
            },
        )
        .await;
        let (steps, mut incoming) = mpsc::channel(WAITING_EVENTS);
        let forward = async {
            while let Some(event) = incoming.recv().await {
                let image = key.clone();
                tell(events, BuildRunEvent::Step { image, event }).await;
            }
        };
        let build = async {
            let built = self.builder.build(&request, &steps).await;
            drop(steps);
            built
        };
        let (built, ()) = futures_util::future::join(build, forward).await;
        let BuiltImage { id, pushed } = built?;
        drop(turn);
        Ok(ImageOutcome::Built { id, reason, pushed })
    }

    /// What is built in earnest is built by one process at a time. `None`: it is not, or there is no place to agree on that.
    async fn turn(
        &self,
        request: &BuildRequest,
        events: &mpsc::Sender<BuildRunEvent>,
    ) -> Option<Turn> {
        let name = request.names.first().filter(|_| !self.options.dry)?;
        let directory = self.options.cache.as_deref()?;
        let waiting = async || {
            let event = BuildEvent::Warning {
                message: "another wharf builds this image; waiting for it".to_owned(),
                lines: None,
                url: None,
            };
            let image = request.image.clone();
            tell(events, BuildRunEvent::Step { image, event }).await;
        };
        Some(Turn::take(directory, name, waiting).await)
    }

    async fn tell_built(
        &self,
        image: String,
        id: String,
        duration: Duration,
        events: &mpsc::Sender<BuildRunEvent>,
    ) {
        let stored = self.builder.find(&id).await.ok().flatten();
        if let Some(stored) = &stored
            && let Some(label) = stored.labels.get(LABEL)
            && let Some(inputs) = Inputs::from_label(label)
            && let Some(name) = self
                .graph
                .images
                .get(&image)
                .and_then(|own| own.names.first())
        {
            OwnBuilds::of(self.options.cache.as_deref(), name).add(&inputs, &stored.id);
        }
        let built = BuildRunEvent::Built {
            image,
            id,
            duration,
            size: stored.map(|stored| stored.size),
        };
        tell(events, built).await;
    }
}

/// Whether only the engine can tell what the image is made from.
fn is_remote(request: &BuildRequest) -> bool {
    std::iter::once(&request.context)
        .chain(request.named_contexts.values())
        .any(|context| matches!(context, Context::Remote(_)))
}

/// Nobody may be listening; the run goes on.
async fn tell(events: &mpsc::Sender<BuildRunEvent>, event: BuildRunEvent) {
    let _ = events.send(event).await;
}
