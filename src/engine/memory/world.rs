use indexmap::IndexMap;

use super::behaviour::Behaviour;
use super::clock::{Clock, rfc3339};
use super::container::{Endpoint, Unit, healthcheck};
use crate::engine::{
    ApiVersion, ContainerSpec, ContainerStatus, EndpointSpec, EngineError, EngineEvent,
    EngineMountKind, EngineNetwork, EngineResult, EngineVolume, ErrorKind, EventKind, ExecOutcome,
    ExitDetail, Health, HealthStatus, Image, LogLine, MountPoint, NetworkSpec, PortBinding,
    ProbeResult, PublishedPort, VolumeSpec,
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
        let digest = Sha256::digest(format!("{what} {}", self.made));
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
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

    pub(super) fn network_id(&self, asked: &str) -> Option<String> {
        self.networks
            .values()
            .find(|network| network.name == asked || network.id == asked)
            .map(|network| network.id.clone())
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

    /// What is mounted; named volumes that are missing are made, as the engine does.
    fn mount_all(
        &mut self,
        spec: &ContainerSpec,
        image: &Image,
    ) -> EngineResult<(Vec<MountPoint>, Vec<String>)> {
        let mut points: Vec<MountPoint> = Vec::new();
        let mut anonymous = Vec::new();
        for other in &spec.volumes_from {
            let (name, mode) = other.split_once(':').unwrap_or((other, "rw"));
            let mounts = self.unit(name)?.mounts.clone();
            points.extend(mounts.into_iter().map(|mut point| {
                point.writable &= mode != "ro";
                point
            }));
        }
        for bind in &spec.binds {
            let writable = !bind.options.iter().any(|option| option == "ro");
            let point = if bind.source.starts_with('/') {
                point("bind", "", &bind.source, &bind.target, writable)
            } else {
                self.volume_point(&bind.source, &bind.target, writable)
            };
            put(&mut points, point);
        }
        for mount in &spec.mounts {
            let writable = !mount.read_only;
            let source = mount.source.as_deref().unwrap_or_default();
            let point = match mount.kind {
                EngineMountKind::Volume if source.is_empty() => {
                    let name = self.new_id("volume");
                    anonymous.push(name.clone());
                    self.volume_point(&name, &mount.target, writable)
                }
                EngineMountKind::Volume => self.volume_point(source, &mount.target, writable),
                EngineMountKind::Tmpfs => point("tmpfs", "", "", &mount.target, writable),
                EngineMountKind::Image => point("image", "", source, &mount.target, false),
                EngineMountKind::Cluster => {
                    point("cluster", source, source, &mount.target, writable)
                }
                EngineMountKind::Npipe => point("npipe", "", source, &mount.target, writable),
                EngineMountKind::Bind => point("bind", "", source, &mount.target, writable),
            };
            put(&mut points, point);
        }
        for target in &image.volumes {
            let covered = points.iter().any(|point| point.target == *target)
                || spec.tmpfs.contains_key(target);
            if !covered {
                let name = self.new_id("volume");
                anonymous.push(name.clone());
                let point = self.volume_point(&name, target, true);
                put(&mut points, point);
            }
        }
        points.sort_by(|a, b| a.target.cmp(&b.target));
        Ok((points, anonymous))
    }

    fn volume_point(&mut self, name: &str, target: &str, writable: bool) -> MountPoint {
        let spec = VolumeSpec {
            name: name.to_owned(),
            ..VolumeSpec::default()
        };
        self.create_volume(&spec);
        point(
            "volume",
            name,
            &format!("/volumes/{name}"),
            target,
            writable,
        )
    }

    pub(super) fn create_volume(&mut self, spec: &VolumeSpec) {
        if self.volumes.contains_key(&spec.name) {
            return;
        }
        let created = rfc3339(self.clock.now());
        let volume = EngineVolume {
            name: spec.name.clone(),
            driver: spec.driver.clone().unwrap_or_else(|| "local".to_owned()),
            driver_opts: spec.driver_opts.clone(),
            labels: spec.labels.clone(),
            created,
            mountpoint: format!("/volumes/{}", spec.name),
        };
        self.volumes.insert(spec.name.clone(), volume);
        self.tell(EventKind::Volume, "create", &spec.name, spec.labels.clone());
    }

    pub(super) fn remove_volume(&mut self, name: &str, force: bool) -> EngineResult<()> {
        if !self.volumes.contains_key(name) {
            return if force {
                Ok(())
            } else {
                refuse(ErrorKind::NotFound, format!("no such volume: `{name}`"))
            };
        }
        let user = self
            .units
            .values()
            .find(|unit| unit.mounts.iter().any(|mount| mount.name == name));
        if let Some(user) = user {
            return refuse(
                ErrorKind::Conflict,
                format!(
                    "cannot remove volume `{name}`: volume is in use - [{}]",
                    user.id
                ),
            );
        }
        if let Some(volume) = self.volumes.shift_remove(name) {
            self.tell(EventKind::Volume, "destroy", name, volume.labels);
        }
        Ok(())
    }

    pub(super) fn create_network(&mut self, spec: &NetworkSpec) -> EngineResult<String> {
        if self.network_id(&spec.name).is_some() {
            return refuse(
                ErrorKind::Conflict,
                format!("network with name `{}` already exists", spec.name),
            );
        }
        let taken = spec.pools.iter().find(|pool| {
            pool.subnet.is_some()
                && self
                    .networks
                    .values()
                    .any(|other| other.pools.iter().any(|own| own.subnet == pool.subnet))
        });
        if let Some(pool) = taken {
            return refuse(
                ErrorKind::Conflict,
                format!(
                    "cannot create network `{}`: pool `{}` overlaps with that of another network",
                    spec.name,
                    pool.subnet.as_deref().unwrap_or_default()
                ),
            );
        }
        let id = self.new_id("network");
        let network = EngineNetwork {
            id: id.clone(),
            name: spec.name.clone(),
            driver: spec.driver.clone().unwrap_or_else(|| "bridge".to_owned()),
            internal: spec.internal,
            attachable: spec.attachable,
            enable_ipv6: spec.enable_ipv6.unwrap_or_default(),
            driver_opts: spec.driver_opts.clone(),
            pools: spec.pools.clone(),
            labels: spec.labels.clone(),
            containers: Vec::new(),
        };
        self.networks.insert(id.clone(), network);
        self.tell_network(&id, "create");
        Ok(id)
    }

    fn tell_network(&mut self, id: &str, action: &str) {
        if let Some(network) = self.networks.get(id) {
            let mut attributes = network.labels.clone();
            attributes.insert("name".to_owned(), network.name.clone());
            attributes.insert("type".to_owned(), network.driver.clone());
            self.tell(EventKind::Network, action, id, attributes);
        }
    }

    /// Ids of the running containers in a network.
    pub(super) fn members(&self, network_id: &str) -> Vec<String> {
        self.units
            .values()
            .filter(|unit| {
                unit.is_running()
                    && unit
                        .networks
                        .values()
                        .any(|endpoint| endpoint.network_id == network_id)
            })
            .map(|unit| unit.id.clone())
            .collect()
    }

    pub(super) fn remove_network(&mut self, asked: &str) -> EngineResult<()> {
        let Some(id) = self.network_id(asked) else {
            return refuse(ErrorKind::NotFound, format!("network `{asked}` not found"));
        };
        let name = self.networks[&id].name.clone();
        if matches!(name.as_str(), "bridge" | "host" | "none") {
            return refuse(
                ErrorKind::Conflict,
                format!("`{name}` is a pre-defined network and cannot be removed"),
            );
        }
        if !self.members(&id).is_empty() {
            return refuse(
                ErrorKind::Conflict,
                format!("cannot remove network `{name}`: it has active endpoints"),
            );
        }
        self.tell_network(&id, "destroy");
        self.networks.shift_remove(&id);
        Ok(())
    }

    pub(super) fn connect(
        &mut self,
        network: &str,
        container: &str,
        spec: &EndpointSpec,
    ) -> EngineResult<()> {
        let Some(network_id) = self.network_id(network) else {
            return refuse(
                ErrorKind::NotFound,
                format!("network `{network}` not found"),
            );
        };
        let name = self.networks[&network_id].name.clone();
        let id = self
            .unit_id(container)
            .ok_or_else(|| no_container(container))?;
        let number = self.units.get_index_of(&id).unwrap_or_default();
        let unit = self.unit(&id)?;
        if unit.network_owner().is_some() {
            return refuse(
                ErrorKind::Conflict,
                format!("container `{container}` shares the network of another container"),
            );
        }
        if unit.networks.contains_key(&name) {
            return refuse(
                ErrorKind::Conflict,
                format!("endpoint of `{container}` already exists in network `{name}`"),
            );
        }
        let endpoint = Endpoint {
            ip_address: address(spec, number),
            spec: spec.clone(),
            network_id: network_id.clone(),
        };
        unit.networks.insert(name, endpoint);
        if self.units[&id].is_running() {
            self.tell_network(&network_id, "connect");
        }
        Ok(())
    }

    pub(super) fn disconnect(
        &mut self,
        network: &str,
        container: &str,
        force: bool,
    ) -> EngineResult<()> {
        let Some(network_id) = self.network_id(network) else {
            return refuse(
                ErrorKind::NotFound,
                format!("network `{network}` not found"),
            );
        };
        let name = self.networks[&network_id].name.clone();
        let unit = self.unit(container)?;
        if unit.networks.shift_remove(&name).is_none() && !force {
            return refuse(
                ErrorKind::Conflict,
                format!("container `{container}` is not connected to network `{name}`"),
            );
        }
        self.tell_network(&network_id, "disconnect");
        Ok(())
    }

    /// Starts a container. True when it was not running.
    pub(super) fn start(&mut self, asked: &str) -> EngineResult<bool> {
        let id = self.unit_id(asked).ok_or_else(|| no_container(asked))?;
        if self.units[&id].status == ContainerStatus::Paused {
            return refuse(
                ErrorKind::Conflict,
                format!("cannot start container `{asked}`: it is paused"),
            );
        }
        if self.units[&id].is_running() {
            return Ok(false);
        }
        match self.prepare_start(&id) {
            Ok(ports) => {
                let now = self.clock.now();
                let log_time = rfc3339(now);
                let unit = self.unit(&id)?;
                unit.ports = ports;
                unit.status = ContainerStatus::Running;
                unit.started_at = now;
                unit.exit = None;
                unit.run += 1;
                unit.probes = 0;
                unit.health = unit.healthcheck.as_ref().map(|_| Health::default());
                for (stream, text) in unit.behaviour.output.clone() {
                    unit.log.push(LogLine {
                        stream,
                        timestamp: Some(log_time.clone()),
                        bytes: text.into(),
                    });
                }
                self.tell_unit(&id, "start", &[]);
                Ok(true)
            }
            Err(error) => {
                let unit = self.unit(&id)?;
                unit.exit = Some(ExitDetail {
                    code: 128,
                    out_of_memory: false,
                    error: error.message.clone(),
                });
                Err(EngineError::new(
                    error.kind,
                    format!("cannot start container `{asked}`: {}", error.message),
                ))
            }
        }
    }

    fn prepare_start(&mut self, id: &str) -> EngineResult<Vec<PublishedPort>> {
        let unit = self.units.get(id).ok_or_else(|| no_container(id))?;
        if let Some(why) = &unit.behaviour.start_error {
            return refuse(ErrorKind::Other, why.clone());
        }
        for owner in unit.namespace_owners() {
            let owner_id = self.unit_id(owner).ok_or_else(|| no_container(owner))?;
            if !self.units[&owner_id].is_running() {
                return refuse(
                    ErrorKind::Conflict,
                    format!("cannot join a namespace of container `{owner}`: it is not running"),
                );
            }
        }
        let number = self.units.get_index_of(id).unwrap_or_default();
        let mut endpoints = unit.networks.clone();
        for (name, endpoint) in &mut endpoints {
            // The engine remembers which network it was: another one of the same name will not do.
            let found = if endpoint.network_id.is_empty() {
                self.network_id(name)
            } else {
                Some(endpoint.network_id.clone()).filter(|id| self.networks.contains_key(id))
            };
            let Some(found) = found else {
                return refuse(ErrorKind::NotFound, format!("network `{name}` not found"));
            };
            endpoint.network_id = found;
            endpoint.ip_address = address(&endpoint.spec, number);
        }
        let ports = self.publish(unit)?;
        self.unit(id)?.networks = endpoints;
        Ok(ports)
    }

    fn publish(&self, unit: &Unit) -> EngineResult<Vec<PublishedPort>> {
        let mut published: Vec<PublishedPort> = Vec::new();
        for binding in &unit.spec.port_bindings {
            let protocol = if binding.protocol.is_empty() {
                "tcp"
            } else {
                &binding.protocol
            };
            let is_free = |port: u16, published: &[PublishedPort]| {
                let clash = |other: &PublishedPort| {
                    other.host_port == Some(port)
                        && other.protocol == protocol
                        && (any_address(&other.host_ip)
                            || any_address(&binding.host_ip)
                            || other.host_ip == binding.host_ip)
                };
                !published.iter().any(clash)
                    && !self
                        .units
                        .values()
                        .filter(|other| other.is_running())
                        .any(|other| other.ports.iter().any(clash))
            };
            let mut wanted = host_ports(binding)?;
            let Some(port) = wanted.find(|port| is_free(*port, &published)) else {
                return refuse(
                    ErrorKind::PortTaken,
                    format!("host port {} is already taken", binding.host_port),
                );
            };
            published.push(PublishedPort {
                host_ip: if binding.host_ip.is_empty() {
                    "0.0.0.0".to_owned()
                } else {
                    binding.host_ip.clone()
                },
                container_port: binding.container_port,
                host_port: Some(port),
                protocol: protocol.to_owned(),
            });
        }
        Ok(published)
    }

    /// Ends a run of a container, if it is still that run. `asked`: by a call rather than by itself.
    pub(super) fn end(&mut self, id: &str, run: u64, code: i64) -> bool {
        let now = self.clock.now();
        let Some(unit) = self.units.get_mut(id) else {
            return false;
        };
        if unit.run != run || !unit.is_running() {
            return false;
        }
        unit.status = ContainerStatus::Exited;
        unit.finished_at = now;
        unit.exit = Some(ExitDetail {
            code,
            ..ExitDetail::default()
        });
        self.tell_unit(id, "die", &[("exitCode", code.to_string())]);
        true
    }

    /// The engine's own removal of a container that was created with it, when it has ended.
    pub(super) fn sweep(&mut self, id: &str) {
        let leaves = self
            .units
            .get(id)
            .is_some_and(|unit| unit.spec.auto_remove && !unit.is_running());
        if leaves {
            self.discard(id, true);
        }
    }

    pub(super) fn discard(&mut self, id: &str, volumes: bool) {
        self.tell_unit(id, "destroy", &[]);
        let Some(unit) = self.units.shift_remove(id) else {
            return;
        };
        if volumes {
            for name in unit.anonymous_volumes {
                let used = self
                    .units
                    .values()
                    .any(|other| other.mounts.iter().any(|mount| mount.name == name));
                if !used {
                    self.volumes.shift_remove(&name);
                }
            }
        }
    }

    /// One probe of the engine's own. False when there is none to do any more.
    pub(super) fn probe(&mut self, id: &str, run: u64) -> bool {
        let now = rfc3339(self.clock.now());
        let Some(unit) = self.units.get_mut(id) else {
            return false;
        };
        if unit.run != run || !unit.is_running() {
            return false;
        }
        let succeeds = unit.probe();
        let in_start_period = unit
            .healthcheck
            .as_ref()
            .is_some_and(|check| check.start_period.is_some_and(|period| period > 0));
        let retries = unit
            .healthcheck
            .as_ref()
            .and_then(|check| check.retries)
            .filter(|retries| *retries > 0)
            .unwrap_or(3);
        let never = unit.behaviour.failing_probes.is_none();
        let Some(health) = &mut unit.health else {
            return false;
        };
        let before = health.status;
        health.probes.push(ProbeResult {
            start: now.clone(),
            end: now,
            exit_code: i64::from(!succeeds),
            output: if succeeds { "ok" } else { "not yet" }.to_owned(),
        });
        if health.probes.len() > 5 {
            health.probes.remove(0);
        }
        if succeeds {
            health.failing_streak = 0;
            health.status = HealthStatus::Healthy;
        } else if !in_start_period || never || before != HealthStatus::Starting {
            health.failing_streak += 1;
            if health.failing_streak >= retries {
                health.status = HealthStatus::Unhealthy;
            }
        }
        let after = health.status;
        if after != before {
            let word = match after {
                HealthStatus::Healthy => "health_status: healthy",
                HealthStatus::Unhealthy => "health_status: unhealthy",
                HealthStatus::Starting => "health_status: starting",
            };
            self.tell_unit(id, word, &[]);
        }
        // Once healthy, or unhealthy for good, nothing changes any more.
        !(after == HealthStatus::Healthy || (never && after == HealthStatus::Unhealthy))
    }
}

fn point(kind: &str, name: &str, source: &str, target: &str, writable: bool) -> MountPoint {
    MountPoint {
        kind: kind.to_owned(),
        name: name.to_owned(),
        source: source.to_owned(),
        target: target.to_owned(),
        writable,
    }
}

/// The later mount on a path wins.
fn put(points: &mut Vec<MountPoint>, point: MountPoint) {
    points.retain(|other| other.target != point.target);
    points.push(point);
}

fn any_address(address: &str) -> bool {
    matches!(address, "" | "0.0.0.0" | "::")
}

/// The host ports that will do for a binding, in the order in which they are tried.
fn host_ports(binding: &PortBinding) -> EngineResult<std::ops::RangeInclusive<u16>> {
    let text = binding.host_port.as_str();
    if text.is_empty() || text == "0" {
        return Ok(32768..=60999);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => Ok(first..=last),
        _ => refuse(
            ErrorKind::BadRequest,
            format!("`{text}` is neither a port nor a range of ports"),
        ),
    }
}

fn address(spec: &EndpointSpec, number: usize) -> String {
    spec.ipv4_address
        .clone()
        .unwrap_or_else(|| format!("172.20.{}.{}", number / 250, number % 250 + 2))
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
