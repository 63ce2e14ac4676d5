use std::sync::Arc;

use tokio::runtime::Handle;

use super::buildkit::{Access, BuildKit, Credential, CredentialLookup, Frontend};
use super::buildx::{Apart, Choice, NoBuilder, choose};
use super::{DockerEngine, credentials_for_registry};
use crate::build::Builder;
use crate::load::Environment;

impl DockerEngine {
    /// The builder that is named, or that the environment and buildx choose for this engine. Nothing of it is reached before it
    /// builds. `context`: the Docker context by which the engine was found.
    ///
    /// # Errors
    /// When there is none of that name, or wharf cannot use it.
    pub fn chosen_builder(
        &self,
        environment: &Environment,
        context: Option<&str>,
        name: Option<&str>,
    ) -> Result<Box<dyn Builder>, NoBuilder> {
        match choose(environment, context, name)? {
            Choice::Engine => Ok(Box::new(self.builder(environment))),
            Choice::Instance(instance) => {
                let own = self.builder(environment);
                let apart = Apart::new(&instance, own.engine, own.credentials, own.environment);
                Ok(Box::new(apart.map_err(NoBuilder::Unusable)?))
            }
        }
    }

    /// The engine's own builder. Credentials are those of the environment's Docker configuration.
    pub fn builder(&self, environment: &Environment) -> BuildKit {
        BuildKit {
            engine: Arc::new(self.clone()),
            access: Access::Engine(Arc::new(self.dialer.clone())),
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
