use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use sha2::{Digest, Sha256};

use crate::digest::{digest_of, is_digest};
use crate::engine::ImageSummary;
use crate::model::Project;
use crate::observe::labels::{pack, unpack};

/// The repository of the names that a server's releases have. They keep images from being pruned, and tell which release
/// is the current one.
pub(super) const REPOSITORY: &str = "wharf-release";
/// Label of a record: the project.
pub(super) const PROJECT: &str = "wharf.ship.project";
/// Label of a record: [`Release`], packed.
const RECORD: &str = "wharf.ship.release";

/// What a server remembers of a release. It lives there in the labels of an image that holds no files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Release {
    pub number: u32,
    /// Unix seconds.
    pub created: i64,
    /// By service.
    pub images: IndexMap<String, ReleasedImage>,
    /// With the images pinned by their ids on this server.
    pub project: Project,
}

/// An image of a release.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasedImage {
    /// As the project calls it.
    pub name: String,
    /// Its id where it was sent from.
    pub source: String,
    /// Its id on this server.
    pub id: String,
}

impl ReleasedImage {
    /// Whether its name can be given to an image: an id and a name with a digest cannot.
    pub(super) fn has_name(&self) -> bool {
        !self.name.contains('@') && !is_digest(&self.name)
    }
}

impl Release {
    /// Whether it is the same, whatever its number.
    pub fn is(&self, other: &Release) -> bool {
        self.images == other.images && self.project == other.project
    }

    /// The name of the release's record.
    pub(super) fn tag(&self) -> String {
        record_tag(&self.project.name, self.number)
    }

    /// The image that remembers it: its configuration, and its only layer.
    pub(super) fn record(
        &self,
        architecture: &str,
    ) -> Result<(Vec<u8>, Vec<u8>), serde_json::Error> {
        // An archive without entries: an image without any layer is none to some engines.
        let layer = vec![0; 1024];
        let mut labels = Map::new();
        labels.insert(PROJECT.into(), json!(self.project.name));
        labels.insert(RECORD.into(), json!(pack(self)?));
        let created = chrono::DateTime::from_timestamp(self.created, 0)
            .unwrap_or_default()
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let config = json!({
            "architecture": architecture,
            "config": { "Labels": labels },
            "created": created,
            "history": [{ "created": created, "created_by": "wharf ship" }],
            "os": "linux",
            "rootfs": { "type": "layers", "diff_ids": [digest_of(&layer)] },
        });
        Ok((config.to_string().into_bytes(), layer))
    }
}

/// Tags hold at most 128 characters; a longer one ends in a digest.
fn tag(text: &str) -> String {
    let text = match text.char_indices().nth(110) {
        Some((at, _)) => format!(
            "{}-{}",
            &text[..at],
            hex::encode(&Sha256::digest(text)[..8])
        ),
        None => text.to_owned(),
    };
    format!("{REPOSITORY}:{text}")
}

fn record_tag(project: &str, number: u32) -> String {
    tag(&format!("{project}.{number}"))
}

/// What the image of a service is called in a release.
pub(super) fn image_tag(project: &str, number: u32, service: &str) -> String {
    tag(&format!("{project}.{number}.{service}"))
}

/// What the record of the current release is called besides.
pub(super) fn current_tag(project: &str) -> String {
    tag(&format!("{project}.current"))
}

/// What the record of a release that has come up once is called besides. Names of projects have no dots, so that it is no name of
/// another project's release.
pub(super) fn came_up_tag(project: &str, number: u32) -> String {
    tag(&format!("{project}.up.{number}"))
}

/// What Podman puts in front of names without a registry: of images that are loaded, and of those that are tagged.
const PODMANS: [&str; 2] = ["localhost/", "docker.io/library/"];

/// Whether an image has this name of a release.
pub(super) fn has_name(image: &ImageSummary, name: &str) -> bool {
    image.tags.iter().any(|tag| {
        let rest = PODMANS.iter().find_map(|prefix| tag.strip_prefix(prefix));
        rest.unwrap_or(tag) == name
    })
}

/// A record on a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    pub release: Release,
    pub is_current: bool,
    /// It has come up, now or earlier. One that has not was only prepared, or has failed.
    pub came_up: bool,
}

/// The release before the current one: the newest of those with a smaller number that have come up. `None`: there is none.
pub(super) fn before_current(known: &[Recorded]) -> Option<&Recorded> {
    let current = known.iter().find(|one| one.is_current)?;
    let is_before = |one: &&Recorded| one.release.number < current.release.number;
    known.iter().filter(is_before).rev().find(|one| one.came_up)
}

/// What need not be remembered beside the current release and the `keep` newest that have come up: earlier ones, and those
/// before the current one that never did.
pub(super) fn superfluous(known: &[Recorded], keep: usize) -> Vec<&Recorded> {
    let current = known.iter().find(|one| one.is_current);
    let current = current.map_or(0, |one| one.release.number);
    let (came_up, never): (Vec<&Recorded>, Vec<&Recorded>) = known
        .iter()
        .filter(|one| !one.is_current)
        .partition(|one| one.came_up);
    let old = came_up.len().saturating_sub(keep);
    let overtaken = never.into_iter().filter(|one| one.release.number < current);
    came_up.into_iter().take(old).chain(overtaken).collect()
}

/// The releases of a project among a server's images, oldest first.
pub(super) fn recorded(images: &[ImageSummary], project: &str) -> Vec<Recorded> {
    let current = current_tag(project);
    let mut found: Vec<Recorded> = images
        .iter()
        .filter(|image| {
            image
                .labels
                .get(PROJECT)
                .is_some_and(|name| name == project)
        })
        .filter_map(|image| {
            let release: Release = unpack(image.labels.get(RECORD)?)?;
            // A record that lost its name is on its way out.
            has_name(image, &release.tag()).then(|| {
                let is_current = has_name(image, &current);
                let came_up = has_name(image, &came_up_tag(project, release.number));
                Recorded {
                    release,
                    is_current,
                    came_up: is_current || came_up,
                }
            })
        })
        .collect();
    found.sort_by_key(|one| one.release.number);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(number: u32) -> Release {
        Release {
            number,
            created: 1_700_000_000,
            project: Project {
                name: "shop-prod".into(),
                ..Project::default()
            },
            ..Release::default()
        }
    }

    #[test]
    fn a_record_can_be_read_back_from_its_image() {
        let (config, _) = release(3).record("amd64").unwrap();
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
        let labels: IndexMap<String, String> =
            serde_json::from_value(config["config"]["Labels"].clone()).unwrap();
        let image = |tags: &[&str]| ImageSummary {
            labels: labels.clone(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..ImageSummary::default()
        };
        for (before, after) in [("", ""), ("localhost/", "docker.io/library/")] {
            let there = [image(&[
                &format!("{before}wharf-release:shop-prod.3"),
                &format!("{after}wharf-release:shop-prod.current"),
            ])];
            let found = recorded(&there, "shop-prod");
            assert_eq!(found.len(), 1);
            assert!(found[0].is_current && found[0].came_up);
            assert_eq!(found[0].release, release(3));
        }
        let there = [image(&["wharf-release:shop-prod.3"])];
        assert!(!recorded(&there, "shop-prod")[0].came_up);
        assert!(recorded(&there, "other").is_empty());
        let there = [image(&[
            "wharf-release:shop-prod.3",
            "wharf-release:shop-prod.up.3",
        ])];
        assert!(recorded(&there, "shop-prod")[0].came_up);
        assert!(recorded(&[image(&[])], "shop-prod").is_empty());
    }

    fn known(states: &[&str]) -> Vec<Recorded> {
        let numbered = (1..).zip(states);
        let one = |(number, state): (u32, &&str)| Recorded {
            release: release(number),
            is_current: *state == "current",
            came_up: *state != "never",
        };
        numbered.map(one).collect()
    }

    fn numbers(of: Vec<&Recorded>) -> Vec<u32> {
        of.iter().map(|one| one.release.number).collect()
    }

    #[test]
    fn only_what_has_come_up_is_gone_back_to() {
        let back = |states: &[&str]| {
            let known = known(states);
            before_current(&known).map(|one| one.release.number)
        };
        assert_eq!(back(&["up", "up", "current"]), Some(2));
        assert_eq!(back(&["up", "never", "current"]), Some(1));
        assert_eq!(back(&["never", "never", "current"]), None);
        assert_eq!(back(&["up", "current", "up"]), Some(1));
        assert_eq!(back(&["never"]), None);
    }

    #[test]
    fn what_never_came_up_takes_no_place_of_what_did() {
        let known = known(&["up", "up", "never", "up", "current", "never"]);
        assert_eq!(numbers(superfluous(&known, 2)), [1, 3]);
        assert_eq!(numbers(superfluous(&known, 0)), [1, 2, 4, 3]);
        assert_eq!(numbers(superfluous(&known, 9)), [3]);
    }

    #[test]
    fn ids_and_names_with_digests_are_no_names_to_give() {
        let of = |name: &str| {
            let image = ReleasedImage {
                name: name.into(),
                ..ReleasedImage::default()
            };
            image.has_name()
        };
        assert!(of("shop-app:latest"));
        assert!(!of(&digest_of(b"")));
        assert!(!of(&format!("r.example/app@{}", digest_of(b""))));
    }

    #[test]
    fn a_long_name_is_still_a_tag() {
        let long = image_tag(&"p".repeat(90), 12, &"s".repeat(90));
        assert!(long.len() <= REPOSITORY.len() + 1 + 128, "{long}");
        assert_ne!(long, image_tag(&"p".repeat(90), 12, &"s".repeat(91)));
        assert_eq!(image_tag("p", 1, "s"), "wharf-release:p.1.s");
    }
}
