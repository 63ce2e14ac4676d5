//! Volumes, and what is mounted into containers.

use super::clock::rfc3339;
use super::world::{World, refuse};
use crate::engine::{
    ContainerSpec, EngineMountKind, EngineResult, EngineVolume, ErrorKind, EventKind, Image,
    MountPoint, VolumeSpec,
};

impl World {
    /// What is mounted; named volumes that are missing are made, as the engine does.
    pub(super) fn mount_all(
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
