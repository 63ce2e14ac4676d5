use std::sync::Arc;

use bollard::Docker;
use indexmap::IndexMap;
use tokio::sync::mpsc;

use super::auth::CredentialLookup;
use super::dialer::Dialer;
use super::failure::failure;
use super::identity::unique;
use super::progress::Progress;
use super::secrets::Secrets;
use super::session::{Offers, Session};
use super::solve::{control, shared_key, solve, trees};
use super::ssh::Ssh;
use super::store;
use crate::build::rewrite::with_images;
use crate::build::{
    BuildEvent, BuildFailure, BuildRequest, Builder, BuilderError, BuiltImage, Context,
    DockerfileText, FailureCause, IgnoreText, StoredImage,
};
use crate::engine::chain;

/// The engine's builder and its images.
#[derive(Clone, Debug)]
pub struct BuildKit {
    pub docker: Docker,
    pub dialer: Arc<dyn Dialer>,
    pub credentials: Arc<dyn CredentialLookup>,
    pub frontend: Frontend,
}

/// What the engine's built-in Dockerfile frontend can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frontend {
    /// Knows `--build-context`. Engine 20.10 does not.
    pub has_named_contexts: bool,
    /// Gives every file of an image that is built for a date that date. Only a containerd store can.
    pub rewrites_times: bool,
}

impl Frontend {
    /// By the engine's API version, such as 1 and 41.
    pub fn of_api(major: usize, minor: usize) -> Frontend {
        Frontend {
            has_named_contexts: (major, minor) >= (1, 42),
            rewrites_times: false,
        }
    }
}

#[tonic::async_trait]
impl Builder for BuildKit {
    async fn find(&self, name: &str) -> Result<Option<StoredImage>, BuilderError> {
        store::find(&self.docker, name).await
    }

    async fn tag(&self, id: &str, name: &str) -> Result<(), BuilderError> {
        store::tag(&self.docker, id, name).await
    }

    async fn build(
        &self,
        request: &BuildRequest,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<BuiltImage, BuildFailure> {
        if self.frontend.has_named_contexts || request.named_contexts.is_empty() {
            return self.solve(request, request, events).await;
        }
        let mut stand_ins = StandIns {
            docker: self.docker.clone(),
            names: Vec::new(),
        };
        let rewritten = self
            .without_named_contexts(request, &mut stand_ins, events)
            .await;
        match rewritten {
            Ok(rewritten) => self.solve(&rewritten, request, events).await,
            Err(failure) => Err(failure),
        }
    }
}

/// Marks images that stand in for a directory, in case one outlives its build.
const STAND_IN_LABEL: &str = "wharf.build.stand-in";

/// Images that stand in for directories while a build runs. Their names go when this is dropped, so that a cancelled
/// build leaves none.
struct StandIns {
    docker: Docker,
    names: Vec<String>,
}

impl Drop for StandIns {
    fn drop(&mut self) {
        let names = std::mem::take(&mut self.names);
        let docker = self.docker.clone();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if names.is_empty() {
            return;
        }
        runtime.spawn(async move {
            for name in names {
                if let Err(error) = store::untag(&docker, &name).await {
                    tracing::debug!(%error, name, "the stand-in of a context stays");
                }
            }
        });
    }
}

impl BuildKit {
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
                Context::Files(_) => {
                    return Err(refuse(format!(
                        "this engine's builder knows no named contexts, so `{name}` cannot be handed to it; an engine from 23.0 on can"
                    )));
                }
                Context::Remote(url) => {
                    return Err(refuse(format!(
                        "this engine's builder knows no named contexts, so `{name}` cannot be fetched from `{url}`; an engine from 23.0 on can"
                    )));
                }
                Context::Directory(directory) => {
                    let image = format!("wharf-context:{}", unique());
                    let ignore = directory.join(".dockerignore");
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
                    self.solve(&copy, &copy, events).await?;
                    image
                }
            };
            images.insert(name.clone(), image);
        }
        let mut rewritten = request.clone();
        rewritten.named_contexts.clear();
        rewritten.dockerfile.text =
            with_images(&request.dockerfile.text, &request.arguments, &images)
                .map_err(|error| refuse(error.to_string()))?;
        Ok(rewritten)
    }

    /// Runs one build; failures are told in terms of `original`.
    async fn solve(
        &self,
        request: &BuildRequest,
        original: &BuildRequest,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<BuiltImage, BuildFailure> {
        let unreachable = |error: &dyn std::error::Error| {
            BuildFailure::new(&original.image, FailureCause::Engine, chain(error))
        };
        let offers = Offers {
            files: trees(request),
            secrets: Secrets(request.secrets.clone()),
            ssh: Ssh(request.ssh_agents.clone()),
            credentials: Arc::clone(&self.credentials),
            shared_key: shared_key(request),
        };
        let session = Session::open(self.dialer.as_ref(), offers)
            .await
            .map_err(|error| unreachable(&error))?;
        let client = control(Arc::clone(&self.dialer), &session.id)
            .await
            .map_err(|error| unreachable(&error))?;
        let mut progress = Progress::default();
        let solved = solve(
            client,
            &session.id,
            request,
            self.frontend,
            &mut progress,
            events,
        )
        .await;
        let answer = solved.map_err(|status| failure(original, &status, &progress))?;
        match answer.get("containerimage.digest") {
            Some(id) => Ok(BuiltImage { id: id.clone() }),
            None => Err(BuildFailure::new(
                &original.image,
                FailureCause::Step,
                "the engine does not say which image it has built",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_tells_what_the_frontend_can() {
        assert!(!Frontend::of_api(1, 41).has_named_contexts);
        assert!(Frontend::of_api(1, 42).has_named_contexts);
        assert!(Frontend::of_api(1, 45).has_named_contexts);
    }
}
