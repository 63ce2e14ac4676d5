use std::sync::Arc;

use super::Context;
use crate::apply::{Options, Readiness};
use crate::build::Builder;
use crate::cli::Failure;
use crate::engine::{CredentialsOf, Engine, docker};
use crate::load::Environment;

impl Context {
    /// Connects to the engine.
    pub async fn engine(&self) -> Result<Arc<dyn Engine>, Failure> {
        Ok(Arc::new(self.docker().await?))
    }

    /// Connects to the engine, for those who also build.
    pub async fn docker(&self) -> Result<docker::DockerEngine, Failure> {
        let environment = self.engine_environment();
        Ok(docker::connect(&environment, self.globals.context.as_deref()).await?)
    }

    /// Whether the engine that is meant listens on this machine, and mounts its files.
    pub fn engine_is_here(&self) -> bool {
        docker::is_here(&self.engine_environment(), self.globals.context.as_deref())
    }

    /// Who builds for an engine. `name`: the builder that the command line names.
    pub fn builder(
        &self,
        docker: &docker::DockerEngine,
        name: Option<&str>,
    ) -> Result<Box<dyn Builder>, Failure> {
        let environment = self.engine_environment();
        docker
            .chosen_builder(&environment, self.globals.context.as_deref(), name)
            .map_err(|error| Failure::Apply(error.to_string()))
    }

    /// The environment with the engine that the command line names.
    fn engine_environment(&self) -> Environment {
        let mut environment = self.environment.clone();
        if let Some(host) = &self.globals.host {
            environment
                .variables
                .insert("DOCKER_HOST".into(), host.clone());
        }
        environment
    }

    /// What applying a plan takes from outside.
    pub fn apply_options(&self) -> Options {
        let defaults = Options::default();
        Options {
            concurrency: self.parallel().unwrap_or(defaults.concurrency),
            credentials: Some(self.credentials()),
            readiness: Readiness::within(self.cache_directory().as_deref()),
            ..defaults
        }
    }

    /// The credentials of `docker login`.
    pub fn credentials(&self) -> CredentialsOf {
        let environment = Arc::new(self.environment.clone());
        Arc::new(move |reference| {
            let (environment, reference) = (environment.clone(), reference.to_owned());
            Box::pin(
                async move { docker::credentials_for_reference(&environment, &reference).await },
            )
        })
    }

    /// How many engine calls or builds may be under way; `None`: no limit.
    pub fn parallel(&self) -> Option<usize> {
        usize::try_from(self.globals.parallel)
            .ok()
            .filter(|count| *count > 0)
    }
}
