use indexmap::{IndexMap, IndexSet};

use super::containers::project_labels;
use super::diff::changes;
use super::{Cause, ChangedVolumes, PlanError};
use crate::engine::VolumeSpec;
use crate::model::{Project, Volume};
use crate::observe::{ObservedVolume, Snapshot, labels};

/// What becomes of one volume.
#[derive(Debug, PartialEq)]
pub(super) enum VolumeAction {
    Keep,
    Create(VolumeSpec),
    /// The data of the old one goes away.
    Replace {
        spec: VolumeSpec,
        cause: Cause,
    },
}

/// The volume as the project describes it, without wharf's and Compose's labels.
pub(super) fn volume_spec(volume: &Volume) -> VolumeSpec {
    VolumeSpec {
        name: volume.name.clone(),
        driver: volume.driver.clone(),
        driver_opts: volume.driver_opts.clone(),
        labels: volume.labels.clone(),
    }
}

/// Actions by the volume's name on the engine, for the volumes with these keys.
pub(super) fn decide(
    project: &Project,
    snapshot: &Snapshot,
    used: &IndexSet<String>,
    changed: ChangedVolumes,
    notes: &mut Vec<String>,
) -> Result<IndexMap<String, VolumeAction>, PlanError> {
    let mut actions = IndexMap::new();
    for key in used {
        let Some(volume) = project.volumes.get(key) else {
            continue;
        };
        let observed = snapshot.volumes.get(&volume.name);
        let action = match observed {
            _ if volume.external => {
                if observed.is_none() {
                    return Err(PlanError::ExternalVolumeMissing {
                        name: volume.name.clone(),
                    });
                }
                VolumeAction::Keep
            }
            None => VolumeAction::Create(labelled(project, key, volume)),
            Some(observed) if observed.key.is_none() => {
                notes.push(format!(
                    "volume `{}` exists and was not made for project `{}`; it is used as it is (write `external: true` to say so)",
                    volume.name, project.name
                ));
                VolumeAction::Keep
            }
            Some(observed) => match cause_to_replace(observed, volume, changed) {
                None => VolumeAction::Keep,
                Some(cause) if changed == ChangedVolumes::Keep => {
                    notes.push(format!(
                        "volume `{}` is kept as it is although its description has changed ({cause}), because its data would be lost; `--yes` replaces it",
                        volume.name
                    ));
                    VolumeAction::Keep
                }
                Some(cause) => VolumeAction::Replace {
                    spec: labelled(project, key, volume),
                    cause,
                },
            },
        };
        actions.insert(volume.name.clone(), action);
    }
    Ok(actions)
}

fn labelled(project: &Project, key: &str, volume: &Volume) -> VolumeSpec {
    let mut spec = volume_spec(volume);
    let packed = labels::pack(&spec).ok();
    spec.labels.extend(project_labels(project));
    spec.labels
        .insert(labels::VOLUME.to_string(), key.to_string());
    if let Some(packed) = packed {
        spec.labels.insert(labels::SPEC.to_string(), packed);
    }
    spec
}

fn cause_to_replace(
    observed: &ObservedVolume,
    volume: &Volume,
    changed: ChangedVolumes,
) -> Option<Cause> {
    let mut wanted = volume_spec(volume);
    let labels_count = changed == ChangedVolumes::ReplaceRelabelled;
    if !labels_count {
        wanted.labels.clear();
    }
    let mut recorded = observed.spec.clone().unwrap_or_else(|| VolumeSpec {
        driver: wanted.driver.as_ref().map(|_| observed.driver.clone()),
        driver_opts: observed.driver_opts.clone(),
        ..wanted.clone()
    });
    if !labels_count {
        recorded.labels.clear();
    }
    let fields = changes(&recorded, &wanted);
    (!fields.is_empty()).then_some(Cause::SpecChanged { fields })
}
