use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;
use tokio::sync::mpsc;

use super::access::Access;
use super::auth::CredentialLookup;
use super::export::Export;
use super::fetch::fetch_repositories;
use super::frontend::Frontend;
use super::identity::unique;
use super::job::{Job, warn};
use super::store;
use crate::build::rewrite::with_images;
use crate::build::{
    BuildEvent, BuildFailure, BuildRequest, Builder, BuilderError, BuiltImage, Context,
    DockerfileText, FailureCause, IgnoreText, StoredImage,
};
use crate::engine::chain;
use crate::engine::docker::DockerEngine;
use crate::load::Environment;

/// The engine's own builder, and the engine's images.
#[derive(Clone)]
pub struct BuildKit {
    pub engine: Arc<DockerEngine>,
    pub access: Access,
    pub credentials: Arc<dyn CredentialLookup>,
    /// What git is started with.
    pub environment: Arc<Environment>,
    /// Without what only [`DockerEngine::with_details`] knows.
    pub frontend: Frontend,
}

#[tonic::async_trait]
impl Builder for BuildKit {
    async fn find(&self, name: &str) -> Result<Option<StoredImage>, BuilderError> {
        store::find(self.engine.as_ref(), name).await
    }

    async fn tag(&self, id: &str, name: &str) -> Result<(), BuilderError> {
        store::tag(self.engine.as_ref(), id, name).await
    }

    async fn build(
        &self,
        request: &BuildRequest,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<BuiltImage, BuildFailure> {
        let frontend = self.frontend_for(request).await?;
        let (request, left_out) = &frontend
            .fit(request)
            .map_err(|message| BuildFailure::new(&request.image, FailureCause::Step, message))?;
        for message in request.remarks.iter().chain(left_out) {
            warn(events, message.clone()).await;
        }
        let mut fetched = Vec::new();
        let request = &fetch_repositories(request, frontend, &self.environment, &mut fetched)
            .await
            .map_err(|message| BuildFailure::new(&request.image, FailureCause::Step, message))?;
        if frontend.has_named_contexts || request.named_contexts.is_empty() {
            return self.solve(request, request, frontend, events).await;
        }
        let mut stand_ins = StandIns {
            engine: Arc::clone(&self.engine),
            names: Vec::new(),
        };
        let rewritten = self
            .without_named_contexts(request, &mut stand_ins, events)
            .await;
        let built = match rewritten {
            Ok(rewritten) => self.solve(&rewritten, request, frontend, events).await,
            Err(failure) => Err(failure),
        };
        // The process may end as soon as this returns.
        stand_ins.remove().await;
        built
    }
}

/// Marks images that stand in for a directory, in case one outlives its build.
const STAND_IN_LABEL: &str = "wharf.build.stand-in";

/// Images that stand in for directories while a build runs. Their names go when this is dropped, so that a cancelled
/// build leaves none.
struct StandIns {
    engine: Arc<DockerEngine>,
    names: Vec<String>,
}

impl StandIns {
    async fn remove(&mut self) {
        for name in std::mem::take(&mut self.names) {
            untag(self.engine.as_ref(), &name).await;
        }
    }
}

async fn untag(engine: &DockerEngine, name: &str) {
    if let Err(error) = store::untag(engine, name).await {
        tracing::debug!(%error, name, "the stand-in of a context stays");
    }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        let names = std::mem::take(&mut self.names);
        let engine = Arc::clone(&self.engine);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if names.is_empty() {
            return;
        }
        runtime.spawn(async move {
            for name in names {
                untag(engine.as_ref(), &name).await;
            }
        });
    }
}

impl BuildKit {
    /// What the engine can do for a build. Most builds do not ask for anything that its image store decides; asking the
    /// engine about that takes longer than such a build does.
    async fn frontend_for(&self, request: &BuildRequest) -> Result<Frontend, BuildFailure> {
        if !Frontend::store_decides(request) {
            return Ok(self.frontend);
        }
        let engine = self.engine.as_ref().clone().with_details().await;
        let engine = engine.map_err(|error| {
            BuildFailure::new(&request.image, FailureCause::Engine, chain(&error))
        })?;
        Ok(Frontend::of(&engine.info))
    }

    /// The same build with every named context replaced by an image's name.
    async fn without_named_contexts(
        &self,
        request: &BuildRequest,
        stand_ins: &mut StandIns,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<BuildRequest, BuildFailure> {
        let refuse =
            |message: String| BuildFailure::new(&request.image, FailureCause::Step, message);
        let mut images = IndexMap::new();
        for (name, context) in &request.named_contexts {
            let image = match context {
                Context::Image(image) => image.clone(),
                Context::Empty => "scratch".to_owned(),
                Context::Layout { .. } => {
                    return Err(refuse(format!(
                        "its context `{name}` is an image's files, which this engine's builder does not read"
                    )));
                }
                Context::Directory(_) | Context::Files(_) | Context::Remote(_) => {
                    let image = format!("wharf-context:{}", unique());
                    let ignore = match context {
                        Context::Directory(directory) => directory.join(".dockerignore"),
                        _ => PathBuf::new(),
                    };
                    let copy = BuildRequest {
                        image: request.image.clone(),
                        names: vec![image.clone()],
                        dockerfile: DockerfileText {
                            shown_as: format!("context `{name}`"),
                            text: "FROM scratch\nCOPY . /\n".to_owned(),
                            ignore: tokio::fs::read_to_string(&ignore).await.ok().map(|text| {
                                IgnoreText {
                                    shown_as: ignore.display().to_string(),
                                    text,
                                }
                            }),
                        },
                        context: context.clone(),
                        labels: IndexMap::from([(STAND_IN_LABEL.to_owned(), name.clone())]),
                        ..BuildRequest::default()
                    };
                    stand_ins.names.push(image.clone());
                    self.solve(&copy, &copy, self.frontend, events).await?;
                    image
                }
            };
            images.insert(name.clone(), image);
        }
        let mut rewritten = request.clone();
        rewritten.named_contexts.clear();
        rewritten.dockerfile.text = with_images(
            &request.dockerfile.text,
            &request.platforms,
            &request.arguments,
            &images,
        )
        .map_err(|error| refuse(error.to_string()))?;
        Ok(rewritten)
    }

    /// Runs one build; failures are told in terms of `original`.
    async fn solve(
        &self,
        request: &BuildRequest,
        original: &BuildRequest,
        frontend: Frontend,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<BuiltImage, BuildFailure> {
        let job = Job {
            access: &self.access,
            credentials: &self.credentials,
            frontend,
            request,
            original,
            export: &Export::Store,
        };
        let answer = job.run(events).await?;
        match answer.get("containerimage.digest") {
            Some(id) => Ok(BuiltImage {
                id: id.clone(),
                pushed: false,
            }),
            None => Err(BuildFailure::new(
                &original.image,
                FailureCause::Step,
                "the engine does not say which image it has built",
            )),
        }
    }
}
