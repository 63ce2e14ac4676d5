use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::access::Access;
use super::auth::CredentialLookup;
use super::caches::Caches;
use super::content::{Content, Layout};
use super::export::Export;
use super::failure::failure;
use super::frontend::Frontend;
use super::identity::unique;
use super::progress::Progress;
use super::secrets::Secrets;
use super::session::{Offers, Session};
use super::solve::{Solve, layout_store, shared_key, trees};
use super::ssh::Ssh;
use crate::build::{BuildEvent, BuildFailure, BuildRequest, Context, FailureCause};
use crate::engine::chain;

/// One build in one BuildKit.
pub struct Job<'j> {
    pub access: &'j Access,
    pub credentials: &'j Arc<dyn CredentialLookup>,
    pub frontend: Frontend,
    pub request: &'j BuildRequest,
    /// The same build as the user knows it: failures are told in its terms.
    pub original: &'j BuildRequest,
    pub export: &'j Export,
}

impl Job<'_> {
    /// Builds, and returns what the exporter says of the result, such as `containerimage.digest`. Dropping the future stops
    /// the build.
    pub async fn run(
        self,
        events: &mpsc::Sender<BuildEvent>,
    ) -> Result<HashMap<String, String>, BuildFailure> {
        let Job {
            request, original, ..
        } = self;
        let refuse = |cause, message| BuildFailure::new(&original.image, cause, message);
        let (caches, passed_over) = Caches::of(request);
        for message in passed_over {
            warn(events, message).await;
        }
        let offers = Offers {
            files: trees(request),
            secrets: Secrets(request.secrets.clone()),
            content: content(&caches, request),
            ssh: Ssh::open(&request.ssh).map_err(|message| refuse(FailureCause::Step, message))?,
            credentials: Arc::clone(self.credentials),
            shared_key: shared_key(request),
            receive: self.export.receive().cloned(),
        };
        let id = unique();
        let accessed = self.access.open(&id, &offers.headers(&id)).await;
        let accessed = accessed.map_err(|error| refuse(FailureCause::Engine, chain(&error)))?;
        let _session = Session::serve(accessed.session, offers);
        let mut progress = Progress::default();
        let solve = Solve {
            session: &id,
            request,
            frontend: self.frontend,
            caches: &caches,
            export: self.export,
        };
        let solved = solve.run(accessed.control, &mut progress, events).await;
        let answer = solved.map_err(|status| failure(original, &status, &progress))?;
        if let Some(manifest) = answer.get("cache.manifest")
            && let Err(error) = caches.tag(manifest)
        {
            warn(events, format!("the local cache has no name: {error}")).await;
        }
        Ok(answer)
    }
}

/// What the builder may read and write of this side's directories of content.
fn content(caches: &Caches, request: &BuildRequest) -> Content {
    let mut layouts: BTreeMap<String, Layout> = caches.layouts();
    for (at, context) in request.named_contexts.values().enumerate() {
        if let Context::Layout { directory, .. } = context {
            let store = format!("oci:{}", layout_store(at));
            layouts.insert(store, Layout::new(directory));
        }
    }
    Content::new(layouts)
}

pub(in super::super) async fn warn(events: &mpsc::Sender<BuildEvent>, message: String) {
    let warning = BuildEvent::Warning {
        message,
        lines: None,
        url: None,
    };
    // Nobody may be listening; the build goes on.
    let _ = events.send(warning).await;
}
