//! Scenarios that speak to the engine as wharf does, without its commands.

use std::future::Future;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wharf::engine::docker::{self, DockerEngine};
use wharf::engine::{ContainerSpec, Engine};
use wharf::load::Environment;

use crate::stage::engines;

/// The image that every engine has.
pub const IMAGE: &str = "debian:bookworm-slim";
/// On everything that a scenario makes, with the scenario's own name.
const LABEL: &str = "wharf.e2e";

/// One engine with one scenario on it. What carries the scenario's label is removed before and after it.
pub struct Direct {
    pub engine: DockerEngine,
    pub host: String,
    scenario: String,
}

/// Plays a scenario on every engine that `WHARF_E2E_ENGINES` names.
pub fn on_every_engine<F>(scenario: &str, play: impl Fn(Arc<Direct>) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    for (name, host) in engines() {
        let host = host.as_str();
        eprintln!("{scenario}, on {name}");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
        runtime.block_on(async {
            let stage = Arc::new(Direct::new(host, scenario).await);
            stage.clear().await;
            let task = tokio::spawn(play(stage.clone()));
            let outcome = tokio::time::timeout(Duration::from_secs(180), task).await;
            stage.clear().await;
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(failure)) => std::panic::resume_unwind(failure.into_panic()),
                Err(_) => panic!("{scenario} on {name} takes longer than 3 minutes"),
            }
        });
    }
}

/// The environment of a user whose engine is at `host`.
pub fn environment(host: &str) -> Environment {
    let mut environment = Environment {
        variables: std::env::vars().collect(),
        working_directory: std::env::temp_dir(),
        ..Environment::default()
    };
    environment
        .variables
        .insert("DOCKER_HOST".to_owned(), host.to_owned());
    environment
}

impl Direct {
    async fn new(host: &str, scenario: &str) -> Direct {
        let engine = docker::connect(&environment(host), None)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        Direct {
            engine,
            host: host.to_owned(),
            scenario: scenario.to_owned(),
        }
    }

    /// A name that no other scenario uses.
    pub fn name(&self, what: &str) -> String {
        format!("wharf-e2e-{}-{what}", self.scenario)
    }

    /// The label that makes a thing the scenario's own.
    pub fn label(&self) -> (&str, &str) {
        (LABEL, &self.scenario)
    }

    /// A container that runs a shell script.
    pub fn script(&self, what: &str, script: &str) -> ContainerSpec {
        ContainerSpec {
            name: self.name(what),
            image: IMAGE.to_owned(),
            command: Some(vec!["sh".into(), "-c".into(), script.into()]),
            labels: [(LABEL.to_owned(), self.scenario.clone())]
                .into_iter()
                .collect(),
            init: Some(true),
            ..ContainerSpec::default()
        }
    }

    /// Creates and starts it.
    pub async fn start(&self, spec: &ContainerSpec) -> String {
        let id = self
            .engine
            .create_container(spec)
            .await
            .expect("creates")
            .id;
        self.engine.start_container(&id).await.expect("starts");
        id
    }

    async fn clear(&self) {
        let label = [self.label()];
        for row in self.engine.list_containers(&label).await.expect("lists") {
            let removed = self.engine.remove_container(&row.id, true, true).await;
            removed.expect("removes what the scenario left");
        }
        for network in self.engine.list_networks(&label).await.expect("lists") {
            let removed = self.engine.remove_network(&network.id).await;
            removed.expect("removes what the scenario left");
        }
        for volume in self.engine.list_volumes(&label).await.expect("lists") {
            let removed = self.engine.remove_volume(&volume.name, true).await;
            removed.expect("removes what the scenario left");
        }
    }

    /// `docker ARGUMENTS` on the same engine, for a second opinion; its output.
    pub fn docker(&self, arguments: &[&str]) -> String {
        let output = Command::new("docker")
            .args(arguments)
            .env("DOCKER_HOST", &self.host)
            .output()
            .expect("the docker client is there");
        assert!(
            output.status.success(),
            "docker {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// Asks again until it is so; no fixed sleeps.
pub async fn eventually<F>(what: &str, mut ask: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    let start = Instant::now();
    while !ask().await {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "never so: {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
