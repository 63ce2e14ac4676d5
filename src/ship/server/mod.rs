//! One server: the connection to it and its lock; what it lacks, what is sent, and what runs there are files beside this one.

mod convergence;
mod delivery;
mod lack;
mod records;
mod rollback;
mod transfer;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, mpsc};

use super::error::explained;
use super::event::Voice;
use super::guard::{Guard, Reservation};
use super::{ShipError, ShipEvent, Shipping};
use crate::apply;
use crate::engine::docker::{DockerEngine, connect};
use crate::engine::{Engine, EngineInfo};
use crate::load::Environment;

pub use delivery::Delivered;
pub use lack::Lack;

/// How often a connection that breaks is tried again.
const ATTEMPTS: u32 = 6;
/// The pause after the first break; each further one is longer by as much.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How an env is brought up on a server.
#[derive(Clone)]
pub struct ShipOptions {
    pub apply: apply::Options,
    /// Releases that a server keeps beside the current one.
    pub keep: usize,
    /// Take over a project of this name that was not shipped.
    pub take_over: bool,
    /// Leave what runs as it is, once everything is there that the next start needs.
    pub prepare: bool,
}

/// One server.
pub struct Server {
    /// `ssh://user@host`
    pub address: String,
    environment: Environment,
    docker: DockerEngine,
    /// What its greeting leaves out, once it was asked for.
    details: OnceCell<EngineInfo>,
    voice: Voice,
    /// What the lock on the server knows this client by.
    client: String,
    reserved: Option<Reservation>,
}

impl Server {
    /// Connects, with one ssh connection.
    ///
    /// # Errors
    /// When ssh refuses, or no engine answers there.
    pub async fn connect(
        address: &str,
        environment: &Environment,
        events: mpsc::UnboundedSender<ShipEvent>,
    ) -> Result<Server, ShipError> {
        let mut environment = environment.clone();
        let host = ("DOCKER_HOST".to_owned(), address.to_owned());
        environment.variables.extend([host]);
        let voice = Voice::new(address, events);
        let mut attempt = 1;
        let dialled = loop {
            match dial(address, &environment).await {
                Err(error) if error.is_cut() && !error.is_absent() && attempt < ATTEMPTS => {
                    pause(&voice, &error, &mut attempt).await;
                }
                dialled => break dialled,
            }
        };
        let docker = voice.tell(dialled)?;
        Ok(Server {
            address: address.to_owned(),
            environment,
            docker,
            details: OnceCell::new(),
            voice,
            client: client(),
            reserved: None,
        })
    }

    /// What the engine is, with its architecture and its image store.
    async fn details(&self) -> Result<&EngineInfo, ShipError> {
        let ask = async || {
            let detailed = self.docker.clone().with_details().await?;
            Ok(detailed.info().clone())
        };
        self.details.get_or_try_init(ask).await
    }

    fn engine(&self) -> Arc<dyn Engine> {
        Arc::new(self.docker.clone())
    }

    /// Begins to keep others from shipping the project to this server; the next delivery or the way back waits for that.
    pub fn reserve(&mut self, project: &str) {
        self.reserved = Some(Reservation::begin(self.lock(project)));
    }

    /// Keeps others from shipping the same project to this server.
    fn lock(&self, project: &str) -> impl Future<Output = Result<Guard, ShipError>> + Send + use<> {
        Guard::take(
            self.docker.clone(),
            project.to_owned(),
            self.client.clone(),
            self.voice.clone(),
        )
    }

    /// Does something, and does it again over a new connection when the connection breaks, as long as there are attempts.
    async fn persist<T>(
        &mut self,
        mut work: impl AsyncFnMut(&Server) -> Result<T, ShipError>,
    ) -> Result<T, ShipError> {
        let mut attempt = 1;
        loop {
            let mut broken = match work(self).await {
                Err(error) if error.is_cut() && attempt < ATTEMPTS => error,
                done => return done,
            };
            loop {
                pause(&self.voice, &broken, &mut attempt).await;
                match dial(&self.address, &self.environment).await {
                    Ok(docker) => {
                        self.docker = docker;
                        break;
                    }
                    Err(error) if error.is_cut() && attempt < ATTEMPTS => broken = error,
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Does something while nobody else ships the project to this server. `reserved`: the lock, where it was begun to be taken
    /// over this connection.
    async fn locked<T>(
        &self,
        project: &str,
        reserved: Option<Reservation>,
        work: impl Future<Output = Result<T, ShipError>>,
    ) -> Result<T, ShipError> {
        let reserved = match reserved {
            Some(reserved) => reserved.end().await,
            None => None,
        };
        let guard = match reserved {
            Some(guard) => guard?,
            None => self.lock(project).await?,
        };
        let done = work.await;
        guard.release().await;
        done
    }
}

/// Says why it is tried again, and waits a little, each time longer.
async fn pause(voice: &Voice, error: &ShipError, attempt: &mut u32) {
    voice.say(Shipping::Cut {
        why: error.to_string(),
        attempt: *attempt,
    });
    tokio::time::sleep(FIRST_PAUSE * *attempt).await;
    *attempt += 1;
}

/// Another one for each call of wharf and each server.
fn client() -> String {
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    format!("{}-{nanos}", std::process::id())
}

async fn dial(address: &str, environment: &Environment) -> Result<DockerEngine, ShipError> {
    connect(environment, None)
        .await
        .map_err(|error| match explained(address, &error) {
            Some(text) => {
                let mut told = crate::engine::EngineError::new(error.kind, text);
                told = told.because(error);
                ShipError::Engine(told)
            }
            None => ShipError::Engine(error),
        })
}
