use indexmap::IndexMap;

use super::behaviour::Behaviour;
use super::clock::{Clock, rfc3339};
use super::container::{Endpoint, Unit, healthcheck};
use crate::engine::{
    ApiVersion, ContainerSpec, ContainerStatus, EngineError, EngineEvent, EngineMountKind,
    EngineNetwork, EngineResult, EngineVolume, ErrorKind, EventKind, ExecOutcome, Image,
};

/// Everything that the in-memory engine holds. Its methods are the engine's rules; nothing here waits.
#[derive(Default)]
pub(super) struct World {
    pub units: IndexMap<String, Unit>,
    pub networks: IndexMap<String, EngineNetwork>,
    pub volumes: IndexMap<String, EngineVolume>,
    /// By id.
    pub images: IndexMap<String, Image>,
    /// What a pull finds, by reference.
    pub registry: IndexMap<String, (Image, Behaviour)>,
    /// By image id.
    pub behaviours: IndexMap<String, Behaviour>,
    pub execs: IndexMap<String, ExecOutcome>,
    pub events: Vec<EngineEvent>,
    pub journal: Vec<String>,
    pub faults: Vec<Fault>,
    /// How many lists are still to fail.
    pub failing_lists: usize,
    pub clock: Clock,
    made: u64,
}

/// A call that is to fail.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Counted from 1 over the calls that change something.
    pub call: usize,
    pub kind: ErrorKind,
    /// The call takes effect and only the answer is lost, as when the connection breaks.
    pub after_effect: bool,
}

pub(super) fn refuse<T>(kind: ErrorKind, why: impl Into<String>) -> EngineResult<T> {
    Err(EngineError::new(kind, why))
}

pub(super) fn no_container(id: &str) -> EngineError {
    EngineError::new(ErrorKind::NotFound, format!("no such container: `{id}`"))
}

impl World {
    pub(super) fn new() -> World {
        let mut world = World::default();
        for (name, driver) in [("bridge", "bridge"), ("host", "host"), ("none", "null")] {
            let id = world.new_id("network");
            let network = EngineNetwork {
                id: id.clone(),
                name: name.to_owned(),
                driver: driver.to_owned(),
                ..EngineNetwork::default()
            };
            world.networks.insert(id, network);
        }
        world
    }

    /// 64 hexadecimal digits, as the engine's ids, in a row that is the same in every run.
    pub(super) fn new_id(&mut self, what: &str) -> String {
        use sha2::{Digest, Sha256};
        self.made += 1;
        hex::encode(Sha256::digest(format!("{what} {}", self.made)))
    }

    pub(super) fn unit_id(&self, asked: &str) -> Option<String> {
        let asked = asked.trim_start_matches('/');
        self.units
            .values()
            .find(|unit| unit.spec.name == asked)
            .or_else(|| self.units.get(asked))
            .or_else(|| {
                (asked.len() >= 12)
                    .then(|| self.units.values().find(|unit| unit.id.starts_with(asked)))?
            })
            .map(|unit| unit.id.clone())
    }

    pub(super) fn unit(&mut self, asked: &str) -> EngineResult<&mut Unit> {
        self.unit_id(asked)
            .and_then(|id| self.units.get_mut(&id))
            .ok_or_else(|| no_container(asked))
    }

    pub(super) fn image(&self, asked: &str) -> Option<&Image> {
        let tagged = with_tag(asked);
        self.images.values().find(|image| {
            image.id == asked
                || image.tags.contains(&tagged)
                || image.digests.iter().any(|digest| digest == asked)
        })
    }

    /// Adds an image, taking its tags away from others.
    pub(super) fn add_image(&mut self, mut image: Image, behaviour: Behaviour) -> String {
        if image.id.is_empty() {
            image.id = format!("sha256:{}", self.new_id("image"));
        }
        if image.created.is_empty() {
            image.created = rfc3339(self.clock.now());
        }
        let tags = image.tags.clone();
        for other in self.images.values_mut() {
            other.tags.retain(|tag| !tags.contains(tag));
        }
        let id = image.id.clone();
        self.behaviours.insert(id.clone(), behaviour);
        self.images.insert(id.clone(), image);
        id
    }

    pub(super) fn tell(
        &mut self,
        kind: EventKind,
        action: &str,
        actor: &str,
        attributes: IndexMap<String, String>,
    ) {
        let time_nanos = self.clock.now();
        self.events.push(EngineEvent {
            kind,
            action: action.to_owned(),
            actor: actor.to_owned(),
            attributes,
            time_nanos,
        });
    }

    pub(super) fn tell_unit(&mut self, id: &str, action: &str, more: &[(&str, String)]) {
        let Some(unit) = self.units.get(id) else {
            return;
        };
        let mut attributes = unit.spec.labels.clone();
        attributes.insert("name".to_owned(), unit.spec.name.clone());
        attributes.insert("image".to_owned(), unit.spec.image.clone());
        for (key, value) in more {
            attributes.insert((*key).to_owned(), value.clone());
        }
        self.tell(EventKind::Container, action, id, attributes);
    }

    pub(super) fn create(&mut self, spec: &ContainerSpec, api: ApiVersion) -> EngineResult<String> {
        let mut spec = spec.clone();
        let id = self.new_id("container");
        if spec.name.is_empty() {
            spec.name = format!("nameless_{}", &id[..8]);
        }
        if self.units.values().any(|unit| unit.spec.name == spec.name) {
            return refuse(
                ErrorKind::Conflict,
                format!(
                    "cannot create container `{0}`: the name `{0}` is already in use",
                    spec.name
                ),
            );
        }
        let Some(image) = self.image(&spec.image).cloned() else {
            return refuse(
                ErrorKind::NotFound,
                format!(
                    "cannot create container `{}`: no such image: `{}`",
                    spec.name, spec.image
                ),
            );
        };
        if api < ApiVersion(1, 45)
            && let Some(mount) = spec
                .mounts
                .iter()
                .find(|mount| mount.kind == EngineMountKind::Volume && mount.subpath.is_some())
        {
            return refuse(
                ErrorKind::Unsupported,
                format!(
                    "the subpath of the volume at `{}` needs API 1.45",
                    mount.target
                ),
            );
        }
        let mut networks: IndexMap<String, Endpoint> = spec
            .endpoints
            .iter()
            .map(|(name, endpoint)| {
                let endpoint = Endpoint {
                    spec: endpoint.clone(),
                    ..Endpoint::default()
                };
                (name.clone(), endpoint)
            })
            .collect();
        let mode = spec.network_mode.as_deref().unwrap_or("bridge");
        if networks.is_empty() && !mode.starts_with("container:") {
            networks.insert(mode.to_owned(), Endpoint::default());
        }
        let (mounts, anonymous_volumes) = self.mount_all(&spec, &image)?;
        let behaviour = self.behaviours.get(&image.id).cloned().unwrap_or_default();
        let mut environment = image.environment.clone();
        for (name, value) in &spec.environment {
            environment.retain(|pair| pair.split('=').next() != Some(name));
            if let Some(value) = value {
                environment.push(format!("{name}={value}"));
            }
        }
        let created = self.clock.now();
        let unit = Unit {
            id: id.clone(),
            image_id: image.id.clone(),
            environment,
            healthcheck: healthcheck(&spec, &image),
            behaviour,
            created,
            status: ContainerStatus::Created,
            health: None,
            probes: 0,
            exit: None,
            started_at: 0,
            finished_at: 0,
            run: 0,
            restart_count: 0,
            networks,
            mounts,
            anonymous_volumes,
            ports: Vec::new(),
            log: Vec::new(),
            files: Default::default(),
            spec,
        };
        self.units.insert(id.clone(), unit);
        self.tell_unit(&id, "create", &[]);
        Ok(id)
    }
}

/// A reference without a tag means `latest`.
pub(super) fn with_tag(reference: &str) -> String {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    if name.contains(':') || name.contains('@') {
        reference.to_owned()
    } else {
        format!("{reference}:latest")
    }
}
