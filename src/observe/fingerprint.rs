use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Snapshot;

/// The objects that a plan was made for: which there are, what they were made of, whether they run. It does not move while
/// health or restarts go on, nor when images come: a plan names those that it relies on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(BTreeMap<String, Mark>);

/// What tells one state of an object from another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Mark {
    /// The engine's id; of a volume, which has none, its driver.
    id: String,
    /// What a container was made of: its image's id and Compose's config hash. Empty for other objects.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    made_of: String,
    /// `None`: not a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    running: Option<bool>,
}

impl Fingerprint {
    pub(super) fn of(snapshot: &Snapshot) -> Fingerprint {
        let containers = snapshot.containers.iter().map(|container| {
            let mark = Mark {
                id: container.id.clone(),
                made_of: format!("{} {}", container.image_id, container.config_hash),
                running: Some(container.is_running()),
            };
            (format!("container `{}`", container.name), mark)
        });
        let other = |kind: &str, name: &str, id: &str| {
            let mark = Mark {
                id: id.to_owned(),
                ..Mark::default()
            };
            (format!("{kind} `{name}`"), mark)
        };
        let networks = snapshot.networks.values();
        let volumes = snapshot.volumes.values();
        Fingerprint(
            containers
                .chain(networks.map(|one| other("network", &one.name, &one.id)))
                .chain(volumes.map(|one| other("volume", &one.name, &one.driver)))
                .collect(),
        )
    }

    /// What has happened to each object between this and `now`, in words; empty when nothing has.
    pub fn moved(&self, now: &Fingerprint) -> Vec<String> {
        let mut moved = Vec::new();
        for (name, before) in &self.0 {
            let what = match now.0.get(name) {
                Some(after) if after == before => continue,
                None => "is gone",
                Some(after) if after.id != before.id => "is another one",
                Some(after) if after.running != before.running => match after.running {
                    Some(true) => "runs now",
                    _ => "does not run any more",
                },
                Some(_) => "has changed",
            };
            moved.push(format!("{name} {what}"));
        }
        let new = now.0.keys().filter(|name| !self.0.contains_key(*name));
        moved.extend(new.map(|name| format!("{name} is new")));
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::ObservedContainer;

    fn of(containers: &[(&str, &str, &str)]) -> Fingerprint {
        let containers = containers
            .iter()
            .map(|(name, id, status)| ObservedContainer {
                name: (*name).into(),
                id: (*id).into(),
                status: serde_json::from_value((*status).into()).unwrap(),
                ..ObservedContainer::default()
            });
        let snapshot = Snapshot {
            containers: containers.collect(),
            ..Snapshot::default()
        };
        snapshot.fingerprint()
    }

    #[test]
    fn what_has_moved_is_named() {
        let before = of(&[
            ("a", "1", "running"),
            ("b", "2", "running"),
            ("c", "3", "running"),
        ]);
        assert!(before.moved(&before).is_empty());
        let after = of(&[
            ("a", "9", "running"),
            ("b", "2", "exited"),
            ("d", "4", "running"),
        ]);
        assert_eq!(
            before.moved(&after),
            [
                "container `a` is another one",
                "container `b` does not run any more",
                "container `c` is gone",
                "container `d` is new",
            ]
        );
    }
}
