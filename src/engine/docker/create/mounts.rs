use bollard::models::{
    Mount, MountBindOptions, MountBindOptionsPropagationEnum, MountImageOptions, MountTmpfsOptions,
    MountType, MountVolumeOptions,
};

use super::fields::map;
use crate::engine::{BindMount, EngineInfo, EngineMount, EngineMountKind};

pub(super) fn bind_text(bind: &BindMount) -> String {
    let mut text = format!("{}:{}", bind.source, bind.target);
    if !bind.options.is_empty() {
        text.push(':');
        text.push_str(&bind.options.join(","));
    }
    text
}

/// Before API 1.42 only the short form of a bind mount makes a missing host path.
pub(super) fn must_be_short(mount: &EngineMount, engine: &EngineInfo) -> bool {
    mount.kind == EngineMountKind::Bind
        && mount.create_host_path
        && mount.recursive.is_none()
        && !engine.has_create_mountpoint()
}

pub(super) fn short(mount: &EngineMount) -> String {
    let mut options = Vec::new();
    if mount.read_only {
        options.push("ro".to_owned());
    }
    options.extend(mount.propagation.clone());
    options.extend(mount.consistency.clone());
    bind_text(&BindMount {
        source: mount.source.clone().unwrap_or_default(),
        target: mount.target.clone(),
        options,
    })
}

pub(super) fn mount(mount: &EngineMount) -> Mount {
    let volume = mount.kind == EngineMountKind::Volume;
    let bind = mount.kind == EngineMountKind::Bind;
    Mount {
        typ: Some(match mount.kind {
            EngineMountKind::Bind => MountType::BIND,
            EngineMountKind::Volume => MountType::VOLUME,
            EngineMountKind::Tmpfs => MountType::TMPFS,
            EngineMountKind::Npipe => MountType::NPIPE,
            EngineMountKind::Cluster => MountType::CLUSTER,
            EngineMountKind::Image => MountType::IMAGE,
        }),
        source: mount.source.clone(),
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        consistency: mount.consistency.clone(),
        bind_options: bind.then(|| MountBindOptions {
            propagation: mount.propagation.as_deref().and_then(propagation),
            create_mountpoint: mount.create_host_path.then_some(true),
            non_recursive: (mount.recursive.as_deref() == Some("disabled")).then_some(true),
            read_only_non_recursive: (mount.recursive.as_deref() == Some("writable"))
                .then_some(true),
            read_only_force_recursive: (mount.recursive.as_deref() == Some("readonly"))
                .then_some(true),
        }),
        volume_options: volume.then(|| MountVolumeOptions {
            no_copy: mount.no_copy.then_some(true),
            labels: (!mount.volume_labels.is_empty()).then(|| map(&mount.volume_labels)),
            subpath: mount.subpath.clone(),
            ..MountVolumeOptions::default()
        }),
        tmpfs_options: (mount.kind == EngineMountKind::Tmpfs).then(|| MountTmpfsOptions {
            size_bytes: mount.tmpfs_size,
            mode: mount.tmpfs_mode.map(i64::from),
            ..MountTmpfsOptions::default()
        }),
        image_options: (mount.kind == EngineMountKind::Image && mount.subpath.is_some()).then(
            || MountImageOptions {
                subpath: mount.subpath.clone(),
            },
        ),
    }
}

fn propagation(name: &str) -> Option<MountBindOptionsPropagationEnum> {
    use MountBindOptionsPropagationEnum::{PRIVATE, RPRIVATE, RSHARED, RSLAVE, SHARED, SLAVE};
    match name {
        "private" => Some(PRIVATE),
        "rprivate" => Some(RPRIVATE),
        "shared" => Some(SHARED),
        "rshared" => Some(RSHARED),
        "slave" => Some(SLAVE),
        "rslave" => Some(RSLAVE),
        _ => None,
    }
}
