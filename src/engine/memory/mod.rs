//! An engine that keeps everything in maps: for tests of what stands on the trait.
//!
//! It follows the rules of the Docker Engine that the layers above depend on: names are unique, what is in use is not
//! removed, ports are taken by one, named volumes come into being when they are mounted, anonymous ones go with their
//! container, a container in another's network needs that other one to run. Ids and times are the same in every run;
//! with tokio's paused clock so is the order of everything. It must be used within a tokio runtime.

mod behaviour;
mod calls;
mod clock;
mod container;
mod files;
mod lifetime;
mod mounts;
mod networks;
mod running;
mod streams;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

pub use behaviour::{Behaviour, Exit};
pub use world::Fault;
use world::{World, refuse, with_tag};

use super::{
    ApiVersion, ContainerStatus, EngineError, EngineInfo, EngineResult, ErrorKind, Image,
    LabelFilter,
};

/// The in-memory engine. Clones are the same engine.
#[derive(Clone)]
pub struct MemoryEngine {
    info: EngineInfo,
    shared: Arc<Shared>,
}

struct Shared {
    world: Mutex<World>,
    /// Goes up with every change, for those who wait.
    changes: watch::Sender<u64>,
}

impl Shared {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}

impl Default for MemoryEngine {
    fn default() -> Self {
        MemoryEngine::new(ApiVersion(1, 47))
    }
}

impl MemoryEngine {
    /// An empty engine that speaks this version.
    pub fn new(api: ApiVersion) -> MemoryEngine {
        MemoryEngine {
            info: EngineInfo {
                address: "memory:".to_owned(),
                version: "memory".to_owned(),
                api,
                operating_system: "linux".to_owned(),
                architecture: "amd64".to_owned(),
                id: "memory".to_owned(),
                podman: false,
                containerd_store: false,
            },
            shared: Arc::new(Shared {
                world: Mutex::new(World::new()),
                changes: watch::Sender::new(0),
            }),
        }
    }

    /// Adds an image under a reference, and what its containers do. Returns its id.
    pub fn add_image(&self, reference: &str, behaviour: Behaviour) -> String {
        let image = Image {
            tags: vec![with_tag(reference)],
            ..Image::default()
        };
        self.add_whole_image(image, behaviour)
    }

    /// Adds an image with a configuration; an empty id is filled in. Its tags are taken away from others.
    pub fn add_whole_image(&self, image: Image, behaviour: Behaviour) -> String {
        let id = self.shared.world().add_image(image, behaviour);
        self.shared.changed();
        id
    }

    /// Makes an image that can be pulled.
    pub fn publish(&self, reference: &str, behaviour: Behaviour) {
        let image = Image {
            tags: vec![with_tag(reference)],
            ..Image::default()
        };
        let mut world = self.shared.world();
        world
            .registry
            .insert(with_tag(reference), (image, behaviour));
    }

    /// Changes what the containers of an image do that are created from now on.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such an image.
    pub fn set_behaviour(&self, reference: &str, behaviour: Behaviour) -> EngineResult<()> {
        let mut world = self.shared.world();
        let Some(id) = world.image(reference).map(|image| image.id.clone()) else {
            return refuse(ErrorKind::NotFound, format!("no such image: `{reference}`"));
        };
        world.behaviours.insert(id, behaviour);
        Ok(())
    }

    /// Makes a call fail. Calls are counted from the engine's beginning: see [`MemoryEngine::calls`].
    pub fn fail(&self, fault: Fault) {
        self.shared.world().faults.push(fault);
    }

    /// Makes the next lists of containers, networks and volumes fail, so many of them.
    pub fn fail_lists(&self, count: usize) {
        self.shared.world().failing_lists = count;
    }

    /// The world, for a list of what is in it.
    fn listing(&self) -> EngineResult<MutexGuard<'_, World>> {
        let mut world = self.shared.world();
        match world.failing_lists.checked_sub(1) {
            None => Ok(world),
            Some(rest) => {
                world.failing_lists = rest;
                refuse(ErrorKind::Other, "the list is made to fail")
            }
        }
    }

    /// How many calls have changed something, or tried to.
    pub fn calls(&self) -> usize {
        self.shared.world().journal.len()
    }

    /// Those calls in words, in order: ``create container web``.
    pub fn journal(&self) -> Vec<String> {
        self.shared.world().journal.clone()
    }

    /// Ends a running container from outside of wharf, as a crash does.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a container.
    pub fn crash(&self, container: &str, code: i64) -> EngineResult<()> {
        let (id, run) = {
            let mut world = self.shared.world();
            let unit = world.unit(container)?;
            (unit.id.clone(), unit.run)
        };
        self.shared.ended(&id, run, code);
        Ok(())
    }

    /// A call that changes something: written down, and failed if it is to fail.
    fn change<T>(
        &self,
        what: String,
        act: impl FnOnce(&mut World) -> EngineResult<T>,
    ) -> EngineResult<T> {
        let mut world = self.shared.world();
        world.journal.push(what.clone());
        let number = world.journal.len();
        let fault = world
            .faults
            .iter()
            .position(|fault| fault.call == number)
            .map(|at| world.faults.remove(at));
        let failure = fault.as_ref().map(|fault| {
            EngineError::new(
                fault.kind,
                format!("cannot {what}: call {number} is made to fail"),
            )
        });
        if let (Some(fault), Some(failure)) = (&fault, failure) {
            if fault.after_effect {
                let _ = act(&mut world);
                drop(world);
                self.shared.changed();
            }
            return Err(failure);
        }
        let outcome = act(&mut world);
        drop(world);
        self.shared.changed();
        outcome
    }
}

/// How long an event or a state is waited for, when nothing changes meanwhile, is up to the caller.
async fn until<T>(shared: &Shared, mut look: impl FnMut(&mut World) -> Option<T>) -> Option<T> {
    let mut changes = shared.changes.subscribe();
    loop {
        if let Some(found) = look(&mut shared.world()) {
            return Some(found);
        }
        changes.changed().await.ok()?;
    }
}

fn carries(labels: &indexmap::IndexMap<String, String>, wanted: LabelFilter<'_>) -> bool {
    wanted.iter().all(|(key, value)| {
        labels
            .get(*key)
            .is_some_and(|own| value.is_empty() || own == value)
    })
}

fn unsupported<T>(what: &str) -> EngineResult<T> {
    refuse(
        ErrorKind::Unsupported,
        format!("the in-memory engine cannot {what}"),
    )
}

impl MemoryEngine {
    /// The name for the journal; what does not exist is called as it was asked for.
    fn name_of(&self, id: &str) -> String {
        let world = self.shared.world();
        match world.unit_id(id) {
            Some(id) => world.units[&id].spec.name.clone(),
            None => id.to_owned(),
        }
    }

    fn network_name(&self, network: &str) -> String {
        let world = self.shared.world();
        match world.network_id(network) {
            Some(id) => world.networks[&id].name.clone(),
            None => network.to_owned(),
        }
    }

    fn switch(
        &self,
        action: &str,
        id: &str,
        from: ContainerStatus,
        to: ContainerStatus,
    ) -> EngineResult<()> {
        let name = self.name_of(id);
        self.change(format!("{action} container {name}"), |world| {
            let unit = world.unit(id)?;
            if unit.status != from {
                return refuse(
                    ErrorKind::Conflict,
                    format!(
                        "cannot {action} container `{name}`: it is {:?}",
                        unit.status
                    ),
                );
            }
            unit.status = to;
            let id = unit.id.clone();
            world.tell_unit(&id, action, &[]);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
