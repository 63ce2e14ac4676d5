use indexmap::IndexMap;

use crate::engine::{BindMount, EngineMount, EngineMountKind};
use crate::model::{Mount, MountKind, Project, Service};
use crate::observe::EngineTraits;
use crate::plan::{PlanError, Policy};

/// Mounts in the engine's long form, and binds that need its short one.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes>
pub fn mounts(
    project: &Project,
    name: &str,
    service: &Service,
    engine: EngineTraits,
) -> Result<(Vec<EngineMount>, Vec<BindMount>), PlanError> {
    let mut mounts = Vec::new();
    let mut binds = Vec::new();
    for mount in &service.volumes {
        if let Some(bind) = short_bind(mount) {
            binds.push(bind);
            continue;
        }
        let volume = mount.volume.clone().unwrap_or_default();
        let bind = mount.bind.clone().unwrap_or_default();
        let tmpfs = mount.tmpfs.clone().unwrap_or_default();
        let image = mount.image.clone().unwrap_or_default();
        let kind = match mount.kind {
            MountKind::Bind => EngineMountKind::Bind,
            MountKind::Volume => EngineMountKind::Volume,
            MountKind::Tmpfs => EngineMountKind::Tmpfs,
            MountKind::Npipe => EngineMountKind::Npipe,
            MountKind::Cluster => EngineMountKind::Cluster,
            MountKind::Image => EngineMountKind::Image,
        };
        if volume.subpath.is_some() && !engine.volume_subpath {
            return Err(unsupported(
                name,
                format!(
                    "`{}` mounts a `subpath` of a volume, which needs API 1.45; this engine would mount the whole volume",
                    mount.target
                ),
            ));
        }
        if kind == EngineMountKind::Image && !engine.image_mounts {
            return Err(unsupported(
                name,
                format!("`{}` mounts an image, which needs API 1.48", mount.target),
            ));
        }
        let source = match (mount.kind, &mount.source) {
            (MountKind::Volume | MountKind::Cluster, Some(key)) => Some(
                project
                    .volumes
                    .get(key)
                    .map_or_else(|| key.clone(), |volume| volume.name.clone()),
            ),
            (_, source) => source.clone(),
        };
        mounts.push(EngineMount {
            kind,
            source,
            target: mount.target.clone(),
            read_only: mount.read_only,
            consistency: mount.consistency.clone(),
            propagation: bind.propagation,
            recursive: bind.recursive,
            create_host_path: bind.create_host_path,
            no_copy: volume.nocopy,
            subpath: volume.subpath.or(image.subpath),
            volume_labels: volume.labels,
            tmpfs_size: tmpfs.size.map(|size| size.0),
            tmpfs_mode: tmpfs.mode,
        });
    }
    Ok((mounts, binds))
}

/// Old engines make a missing host path, and relabel for SELinux, only in the short form of a bind.
fn short_bind(mount: &Mount) -> Option<BindMount> {
    let options = mount.bind.clone().unwrap_or_default();
    if mount.kind != MountKind::Bind
        || options.recursive.is_some()
        || !(options.create_host_path || options.selinux.is_some())
    {
        return None;
    }
    let mut words = vec![if mount.read_only { "ro" } else { "rw" }.to_string()];
    words.extend(options.selinux);
    words.extend(options.propagation);
    Some(BindMount {
        source: mount.source.clone()?,
        target: mount.target.clone(),
        options: words,
    })
}

fn unsupported(service: &str, reason: String) -> PlanError {
    PlanError::Unsupported {
        service: service.to_string(),
        reason,
    }
}

/// The engine's socket, where the service asks for it.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#use_api_socket>
pub fn api_socket(service: &Service, policy: &Policy) -> Option<BindMount> {
    const USUAL: &str = "/var/run/docker.sock";
    let socket = policy.api_socket.as_ref();
    (service.use_api_socket == Some(true)).then(|| BindMount {
        source: socket.map_or(USUAL.to_string(), |path| path.display().to_string()),
        target: USUAL.to_string(),
        options: Vec::new(),
    })
}

/// Paths and the options of each.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#tmpfs>
pub fn tmpfs(service: &Service) -> IndexMap<String, String> {
    let entries = service.tmpfs.iter();
    entries
        .map(|entry| match entry.split_once(':') {
            Some((path, options)) => (path.to_string(), options.to_string()),
            None => (entry.clone(), String::new()),
        })
        .collect()
}

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#volumes_from>
pub fn volumes_from(service: &Service) -> Vec<String> {
    let sources = service.volumes_from.iter();
    sources
        .map(|from| match from.strip_prefix("container:") {
            Some(container) => container.to_string(),
            None => format!("service:{from}"),
        })
        .collect()
}
