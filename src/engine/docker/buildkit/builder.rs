use std::sync::Arc;

use tokio::sync::mpsc;

use super::auth::CredentialLookup;
use super::dialer::Dialer;
use super::failure::failure;
use super::progress::Progress;
use super::secrets::Secrets;
use super::session::{Offers, Session};
use super::solve::{control, shared_key, solve, trees};
use super::ssh::Ssh;
use crate::build::{BuildEvent, BuildFailure, BuildRequest, BuiltImage, FailureCause};

/// The engine's builder.
#[derive(Clone, Debug)]
pub struct BuildKit {
    pub dialer: Arc<dyn Dialer>,
    pub credentials: Arc<dyn CredentialLookup>,
    pub frontend: Frontend,
}

/// What the engine's built-in Dockerfile frontend can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frontend {
    /// Knows `--build-context`. Engine 20.10 does not.
    pub has_named_contexts: bool,
}

impl Frontend {
    /// By the engine's API version, such as `1.41`.
    pub fn of_api_version(version: &str) -> Frontend {
        let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
        let version = (major.parse().unwrap_or(0), minor.parse().unwrap_or(0));
        Frontend {
            has_named_contexts: version >= (1, 42),
        }
    }
}

impl BuildKit {
    /// Builds one image. Dropping the future stops the build on the engine.
    pub async fn build(
        &self,
        request: &BuildRequest,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<BuiltImage, BuildFailure> {
        let unreachable = |error: &dyn std::error::Error| {
            BuildFailure::new(&request.image, FailureCause::Engine, chain(error))
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
        let answer = solved.map_err(|status| failure(request, &status, &progress))?;
        let id = answer
            .get("containerimage.digest")
            .or_else(|| answer.get("containerimage.config.digest"))
            .cloned()
            .unwrap_or_default();
        Ok(BuiltImage { id })
    }
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
