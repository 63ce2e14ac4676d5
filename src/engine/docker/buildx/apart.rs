use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{OnceCell, mpsc};

use super::super::DockerEngine;
use super::super::buildkit::{
    Access, CredentialLookup, Export, Format, Frontend, Job, Receive, fetch_repositories, find,
    tag, warn,
};
use super::node::Node;
use super::parents::{Files, handed_over, needed};
use super::rounds::{Holds, Round, Rounds, Target};
use super::store::Instance;
use crate::build::{
    BuildEvent, BuildFailure, BuildRequest, Builder, BuilderError, BuiltImage, FailureCause,
    ImageName, StoredImage, missing_base, wanted_reader,
};
use crate::engine::{Engine, EngineInfo, EngineResult, chain, read_blocking};
use crate::load::Environment;

/// A builder of buildx. The engine gets what it builds, and it is given the project's images that it needs: it has a store
/// of its own.
pub struct Apart {
    name: String,
    nodes: Vec<Node>,
    engine: Arc<DockerEngine>,
    credentials: Arc<dyn CredentialLookup>,
    /// What git and connections are started with.
    environment: Arc<Environment>,
    /// The engine's image store, as soon as somebody has asked.
    holds: OnceCell<Holds>,
    /// Parents that have been taken out of the engine, or of the builder, by id.
    parents: Mutex<HashMap<String, Arc<OnceCell<Files>>>>,
    /// How images are built of which the engine has only a part, by the part's id.
    whole: Mutex<HashMap<String, BuildRequest>>,
}

impl Apart {
    /// Reads a builder's record; nothing is reached yet. The error is for people.
    pub fn new(
        instance: &Instance,
        engine: Arc<DockerEngine>,
        credentials: Arc<dyn CredentialLookup>,
        environment: Arc<Environment>,
    ) -> Result<Apart, String> {
        let refuse = |why: String| format!("builder \"{}\" cannot be used: {why}", instance.name);
        let nodes: Result<Vec<Node>, String> = instance
            .nodes
            .iter()
            .map(|node| Node::of(&instance.driver, node))
            .collect();
        let nodes = nodes.map_err(refuse)?;
        if nodes.is_empty() {
            return Err(refuse("it has no nodes".to_owned()));
        }
        Ok(Apart {
            name: instance.name.clone(),
            nodes,
            engine,
            credentials,
            environment,
            holds: OnceCell::new(),
            parents: Mutex::default(),
            whole: Mutex::default(),
        })
    }

    /// The node that is said to build for all platforms of a build, else the first one.
    fn node(&self, request: &BuildRequest) -> Option<&Node> {
        let mut nodes = self.nodes.iter();
        let named =
            nodes.find(|node| !request.platforms.is_empty() && node.is_for(&request.platforms));
        named.or(self.nodes.first())
    }

    /// How to speak to the node that does a build. What it takes to have it run is shown as a step.
    async fn access(
        &self,
        request: &BuildRequest,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<&Access, BuildFailure> {
        let refuse = |message| BuildFailure::new(&request.image, FailureCause::Engine, message);
        let node = self
            .node(request)
            .ok_or_else(|| refuse("the builder has no nodes".to_owned()))?;
        if node.is_known_to_run() {
            let access = node.access(&self.engine, &self.environment).await;
            return access.map_err(|error| refuse(chain(&error)));
        }
        let name = format!("[internal] reaching builder {} ({})", self.name, node.name);
        let started = Instant::now();
        let step = Arc::from("reach");
        let begins = BuildEvent::StepStarted {
            step: Arc::clone(&step),
            name: name.clone(),
        };
        // Nobody may be listening; the build goes on.
        let _ = events.send(begins).await;
        let access = node.access(&self.engine, &self.environment).await;
        let access = access.map_err(|error| refuse(chain(&error)))?;
        let ends = BuildEvent::StepCompleted {
            step,
            name,
            cached: false,
            duration: started.elapsed(),
        };
        let _ = events.send(ends).await;
        Ok(access)
    }

    async fn holds(&self) -> EngineResult<&Holds> {
        let ask = || async {
            let engine = self.engine.as_ref().clone().with_details().await?;
            let EngineInfo {
                operating_system,
                architecture,
                containerd_store,
                ..
            } = engine.info();
            Ok(Holds {
                indexes: *containerd_store,
                platform: format!("{operating_system}/{architecture}"),
            })
        };
        self.holds.get_or_try_init(ask).await
    }

    /// The same build with its parents as files, which stay as long as this builder does.
    async fn with_parents(
        &self,
        request: &BuildRequest,
        access: &Access,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<BuildRequest, BuildFailure> {
        let mut parents: BTreeMap<ImageName, (PathBuf, String)> = BTreeMap::new();
        for (name, id) in needed(request) {
            let cell = {
                let mut all = self.parents.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(all.entry(id.clone()).or_default())
            };
            let files = cell
                .get_or_try_init(|| self.files_of(&name, &id, request, access, events))
                .await?;
            parents.insert(name, (files.directory().to_owned(), files.digest.clone()));
        }
        Ok(match parents.is_empty() {
            true => request.clone(),
            false => handed_over(request, &parents),
        })
    }

    /// An image of the project as files: all of it, where the engine has only a part.
    async fn files_of(
        &self,
        name: &ImageName,
        id: &str,
        child: &BuildRequest,
        access: &Access,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<Files, BuildFailure> {
        let whole = {
            let all = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
            all.get(id).cloned()
        };
        let told = |why: String| {
            let message = format!(
                "`{}` cannot be handed to the builder: {why}",
                name.familiar()
            );
            BuildFailure::new(&child.image, FailureCause::Engine, message)
        };
        let Some(parent) = whole else {
            let files = Files::filled(async |layout| {
                let saved = self.engine.save_images(&[id.to_owned()]).await;
                let saved = saved.map_err(|error| chain(&error))?;
                let filled = read_blocking(saved, move |archive| layout.fill(archive)).await;
                filled.map_err(|error| error.to_string())
            });
            return files.await.map_err(told);
        };
        let files = Files::filled(async |layout| {
            let receive = Receive::into_layout(layout);
            let export = Export::Archive(Format::Oci, receive.clone());
            let job = self.job(access, &parent, &parent, &export);
            job.run(events).await.map_err(|failure| failure.message)?;
            let digest = receive.said().into_iter().next();
            digest.ok_or_else(|| "the builder has not sent it".to_owned())
        });
        files.await.map_err(told)
    }

    fn job<'j>(
        &'j self,
        access: &'j Access,
        request: &'j BuildRequest,
        original: &'j BuildRequest,
        export: &'j Export,
    ) -> Job<'j> {
        Job {
            access,
            credentials: &self.credentials,
            frontend: Frontend::APART,
            request,
            original,
            export,
        }
    }

    /// Does one round, and returns the id of what the engine has got. `None`: it gets nothing in this one.
    async fn run(
        &self,
        round: &Round,
        original: &BuildRequest,
        access: &Access,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<Option<String>, BuildFailure> {
        let receive = Receive::by_engine(Arc::clone(&self.engine) as Arc<dyn Engine>);
        let export = match round.target {
            Target::Engine(format) => Export::Archive(format, receive.clone()),
            Target::Cache => Export::Cache,
            Target::Registry => Export::Push,
        };
        let job = || self.job(access, &round.request, original, &export);
        let mut done = job().run(events).await;
        if let Err(failure) = &done
            && let Some(reader) = wanted_reader(original, &failure.message)
        {
            let message = format!(
                "`{reader}` reads the Dockerfile, as its `# syntax=` line says: the builder's own reader does not know all of it"
            );
            warn(events, message).await;
            let frontend = Frontend {
                follows_syntax: true,
                ..Frontend::APART
            };
            done = Job { frontend, ..job() }.run(events).await;
        }
        if let Err(failure) = done {
            return Err(self.explained(failure).await);
        }
        if !matches!(round.target, Target::Engine(_)) {
            return Ok(None);
        }
        let reference = match round.request.names.first() {
            Some(name) => Some(ImageName::normal(name).to_string()),
            None => receive.said().iter().find_map(|line| loaded_id(line)),
        };
        let found = match &reference {
            Some(reference) => self.engine.inspect_image(reference).await,
            None => Ok(None),
        };
        let refuse =
            |message: String| BuildFailure::new(&original.image, FailureCause::Engine, message);
        match found.map_err(|error| refuse(chain(&error)))? {
            Some(image) => Ok(Some(image.id)),
            None => Err(refuse(format!(
                "the engine has not kept what builder \"{}\" has built; it says: {}",
                self.name,
                receive.said().join(" ").trim()
            ))),
        }
    }

    /// A base image that only the engine has is the usual reason why it is not found; what is wrong on the way there is
    /// wrong with this builder.
    async fn explained(&self, mut failure: BuildFailure) -> BuildFailure {
        if failure.cause == FailureCause::Engine {
            failure.message = format!("builder \"{}\": {}", self.name, failure.message);
            return failure;
        }
        let Some(name) = missing_base(&failure.message, failure.step.as_deref()) else {
            return failure;
        };
        if let Ok(Some(_)) = self.engine.inspect_image(&name).await {
            failure.hints = vec![format!(
                "the engine has `{name}`, but builder `{}` does not see the engine's images: push it to a registry, build it as a service of the project, or build with the engine's own builder (`--builder default`)",
                self.name
            )];
        }
        failure
    }
}

/// `Loaded image ID: sha256:..`
fn loaded_id(line: &str) -> Option<String> {
    let (_, id) = line.split_once("Loaded image ID: ")?;
    Some(id.trim().to_owned())
}

#[tonic::async_trait]
impl Builder for Apart {
    async fn find(&self, name: &str) -> Result<Option<StoredImage>, BuilderError> {
        find(self.engine.as_ref(), name).await
    }

    async fn tag(&self, id: &str, name: &str) -> Result<(), BuilderError> {
        tag(self.engine.as_ref(), id, name).await
    }

    async fn build(
        &self,
        request: &BuildRequest,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<BuiltImage, BuildFailure> {
        let refuse = |cause, message: String| BuildFailure::new(&request.image, cause, message);
        let lost = |error| refuse(FailureCause::Engine, chain(&error));
        let rounds = Rounds::of(request, self.holds().await.map_err(lost)?)
            .map_err(|message| refuse(FailureCause::Step, message))?;
        for message in request.remarks.iter().chain(&rounds.remark) {
            warn(events, message.clone()).await;
        }
        let access = self.access(request, events).await?;
        let mut fetched = Vec::new();
        let mut whole = None;
        let mut got = None;
        for round in &rounds.rounds {
            let own = fetch_repositories(
                &round.request,
                Frontend::APART,
                &self.environment,
                &mut fetched,
            );
            let own = own
                .await
                .map_err(|message| refuse(FailureCause::Step, message))?;
            let round = Round {
                request: self.with_parents(&own, access, events).await?,
                target: round.target,
            };
            got = self.run(&round, request, access, events).await?;
            whole.get_or_insert(round.request);
        }
        let id = got.ok_or_else(|| {
            let message = "the engine was given nothing".to_owned();
            refuse(FailureCause::Engine, message)
        })?;
        if let Some(whole) = whole.filter(|_| rounds.are_partial()) {
            let mut all = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
            all.insert(id.clone(), whole);
        }
        Ok(BuiltImage {
            id,
            pushed: rounds
                .rounds
                .iter()
                .any(|round| round.target == Target::Registry),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_says_the_id_of_what_has_no_name() {
        let id = loaded_id("Loaded image ID: sha256:12\n");
        assert_eq!(id.as_deref(), Some("sha256:12"));
        assert_eq!(loaded_id("Loaded image: app:latest"), None);
    }
}
