//! The labels that say what an object on the engine belongs to. Compose's own come first, so that `docker compose`
//! sees the same stack; those of wharf record what Compose has no place for.

use std::fmt::Write as _;
use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use indexmap::IndexMap;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::model::{Condition, Dependency};

pub const PROJECT: &str = "com.docker.compose.project";
pub const SERVICE: &str = "com.docker.compose.service";
/// `1`, `2`, ..: which of a service's containers it is.
pub const CONTAINER_NUMBER: &str = "com.docker.compose.container-number";
/// `True` for containers of `run`, `False` for those of `up`.
pub const ONE_OFF: &str = "com.docker.compose.oneoff";
pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
/// `name:condition:restart` entries, comma-separated.
pub const DEPENDS_ON: &str = "com.docker.compose.depends_on";
pub const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
pub const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
pub const VERSION: &str = "com.docker.compose.version";
/// The id of the image that the container was made from.
pub const IMAGE: &str = "com.docker.compose.image";
/// The id of the container that this one replaced.
pub const REPLACE: &str = "com.docker.compose.replace";
/// What tells the containers of `run` apart.
pub const SLUG: &str = "com.docker.compose.slug";
/// Key of a network in the project's `networks`.
pub const NETWORK: &str = "com.docker.compose.network";
/// Key of a volume in the project's `volumes`.
pub const VOLUME: &str = "com.docker.compose.volume";

/// The canonical specification of the object, packed by [`pack`].
pub const SPEC: &str = "wharf.spec";
/// The env the object belongs to (`dev`); absent for projects named with `-f`.
pub const ENV: &str = "wharf.env";
/// The version of wharf that made the object.
pub const WHARF_VERSION: &str = "wharf.version";
/// A digest of the files that wharf put into the container.
pub const FILES: &str = "wharf.files";
/// A temporary container of a `pre_start` hook.
pub const HOOK: &str = "wharf.hook";

/// Version of Compose whose labels these are: what `com.docker.compose.version` says.
pub const COMPOSE_VERSION: &str = "2.40.3";

/// Whether the label is set by wharf or Compose rather than by the user or the image.
pub fn is_bookkeeping(key: &str) -> bool {
    key.starts_with("com.docker.compose.") || key.starts_with("wharf.")
}

/// A value as one line of text for a label: JSON, deflated, in base64.
pub fn pack<T: Serialize>(value: &T) -> Result<String, serde_json::Error> {
    let json = serde_json::to_vec(value)?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let packed = encoder
        .write_all(&json)
        .and_then(|()| encoder.finish())
        .map_err(serde_json::Error::io)?;
    Ok(STANDARD_NO_PAD.encode(packed))
}

/// Largest specification that is read back; a label above it is treated as foreign text.
const UNPACKED_LIMIT: u64 = 8 << 20;

/// The value of a packed label. `None` when the text is not one that [`pack`] made of this type.
pub fn unpack<T: DeserializeOwned>(text: &str) -> Option<T> {
    let packed = STANDARD_NO_PAD.decode(text).ok()?;
    let mut json = Vec::new();
    DeflateDecoder::new(packed.as_slice())
        .take(UNPACKED_LIMIT)
        .read_to_end(&mut json)
        .ok()?;
    serde_json::from_slice(&json).ok()
}

/// The value of [`DEPENDS_ON`].
pub fn depends_on(dependencies: &IndexMap<String, Dependency>) -> String {
    let mut text = String::new();
    for (name, dependency) in dependencies {
        if !text.is_empty() {
            text.push(',');
        }
        let _ = write!(
            text,
            "{name}:{}:{}",
            dependency.condition, dependency.restart
        );
    }
    text
}

/// Reads [`DEPENDS_ON`] back, as far as it is understood; conditions that are missing are `service_started`.
pub fn parse_depends_on(text: &str) -> IndexMap<String, Dependency> {
    text.split(',')
        .filter_map(|entry| {
            let mut parts = entry.split(':');
            let name = parts.next().filter(|name| !name.is_empty())?;
            let condition = match parts.next() {
                Some("service_healthy") => Condition::Healthy,
                Some("service_completed_successfully") => Condition::CompletedSuccessfully,
                _ => Condition::Started,
            };
            let restart = parts.next() == Some("true");
            let dependency = Dependency {
                condition,
                restart,
                required: true,
            };
            Some((name.to_string(), dependency))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ContainerSpec;

    #[test]
    fn a_specification_survives_packing() {
        let spec = ContainerSpec {
            image: "debian:bookworm-slim".into(),
            environment: (0..100)
                .map(|n| (format!("VARIABLE_{n}"), Some("ü\n".repeat(n))))
                .collect(),
            ..ContainerSpec::default()
        };
        let text = pack(&spec).unwrap();
        assert_eq!(unpack::<ContainerSpec>(&text), Some(spec));
    }

    #[test]
    fn foreign_text_is_no_specification() {
        for text in ["", "{}", "AAAA", "not base64!"] {
            assert_eq!(unpack::<ContainerSpec>(text), None, "{text}");
        }
    }

    #[test]
    fn dependencies_survive_their_label() {
        let text = "db:service_healthy:false,migrate:service_completed_successfully:true";
        assert_eq!(depends_on(&parse_depends_on(text)), text);
        assert!(parse_depends_on("").is_empty());
    }
}
