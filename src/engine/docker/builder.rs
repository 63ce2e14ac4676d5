use std::sync::Arc;

use tokio::runtime::Handle;

use super::buildkit::{BuildKit, Credential, CredentialLookup, Frontend};
use super::{DockerEngine, credentials_for_registry};
use crate::load::Environment;

impl DockerEngine {
    /// The engine's builder. Credentials are those of the environment's Docker configuration.
    pub fn builder(&self, environment: &Environment) -> BuildKit {
        BuildKit {
            engine: Arc::new(self.clone()),
            dialer: Arc::new(self.dialer.clone()),
            credentials: Arc::new(Configured(environment.clone())),
            environment: Arc::new(environment.clone()),
            frontend: Frontend::of(&self.info),
        }
    }
}

/// The credentials of `docker login`.
#[derive(Debug)]
struct Configured(Environment);

impl CredentialLookup for Configured {
    fn find(&self, registry: &str) -> Option<Credential> {
        let found = Handle::current().block_on(credentials_for_registry(&self.0, registry));
        let credentials = found
            .inspect_err(|error| tracing::warn!(%error, registry, "no credentials"))
            .ok()??;
        Some(if credentials.identity_token.is_empty() {
            Credential {
                user: credentials.username,
                secret: credentials.password,
            }
        } else {
            Credential {
                user: String::new(),
                secret: credentials.identity_token,
            }
        })
    }
}
