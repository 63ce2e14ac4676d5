use super::InheritedVolume;
use crate::engine::{ContainerSpec, EngineMountKind};
use crate::observe::{ObservedContainer, ObservedImage};

/// Anonymous volumes of the old container that the new one would otherwise get empty.
pub(super) fn inherit(
    old: &ObservedContainer,
    wanted: &ContainerSpec,
    image: Option<&ObservedImage>,
) -> Vec<InheritedVolume> {
    old.mounts
        .iter()
        .filter(|mount| mount.kind == "volume" && !mount.name.is_empty())
        .filter(|mount| {
            let declared = wanted
                .mounts
                .iter()
                .find(|wanted| wanted.target == mount.target);
            let is_covered = wanted.binds.iter().any(|bind| bind.target == mount.target)
                || wanted.tmpfs.contains_key(&mount.target);
            match declared {
                Some(wanted) => wanted.kind == EngineMountKind::Volume && wanted.source.is_none(),
                None if is_covered => false,
                None => match image {
                    Some(image) => image.volumes.contains(&mount.target),
                    None => is_anonymous(&mount.name),
                },
            }
        })
        .filter(|mount| is_anonymous(&mount.name))
        .map(|mount| InheritedVolume {
            volume: mount.name.clone(),
            target: mount.target.clone(),
        })
        .collect()
}

pub(super) fn has_anonymous_volume(container: &ObservedContainer) -> bool {
    container
        .mounts
        .iter()
        .any(|mount| mount.kind == "volume" && is_anonymous(&mount.name))
}

/// The engine names anonymous volumes with 64 hexadecimal digits.
fn is_anonymous(volume: &str) -> bool {
    volume.len() == 64 && volume.bytes().all(|byte| byte.is_ascii_hexdigit())
}
