use serde_json::{Map, Value, json};

use crate::engine::ImageLayer;

/// A step of an image's history, oldest first, with the layer that it made.
/// <https://github.com/opencontainers/image-spec/blob/main/config.md>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Unix seconds.
    pub created: i64,
    pub created_by: String,
    pub comment: String,
    /// Bytes that it added.
    pub size: i64,
    /// Which of the image's layers it made, the lowest being 0. `None`: none.
    pub layer: Option<usize>,
}

/// Instructions that only change an image's configuration.
const WITHOUT_LAYER: [&str; 15] = [
    "ENV",
    "LABEL",
    "CMD",
    "ENTRYPOINT",
    "EXPOSE",
    "VOLUME",
    "USER",
    "ARG",
    "HEALTHCHECK",
    "STOPSIGNAL",
    "SHELL",
    "ONBUILD",
    "MAINTAINER",
    "/bin/sh -c #(nop)",
    "#(nop)",
];

/// The steps of an image with `layers` layers. Engines do not tell which step made which layer: one that added bytes made
/// one, and of the others those that may have, in their order.
pub fn steps(newest_first: &[ImageLayer], layers: usize) -> Vec<HistoryEntry> {
    let mut entries: Vec<HistoryEntry> = newest_first
        .iter()
        .rev()
        .map(|row| HistoryEntry {
            created: row.created,
            created_by: row.created_by.clone(),
            comment: row.comment.clone(),
            size: row.size,
            layer: None,
        })
        .collect();
    let mut makes: Vec<bool> = entries.iter().map(|entry| entry.size > 0).collect();
    let mut missing = layers.saturating_sub(makes.iter().filter(|one| **one).count());
    for likely in [true, false] {
        for (entry, makes) in entries.iter().zip(&mut makes) {
            if missing > 0 && !*makes && may_make_a_layer(entry) == likely {
                *makes = true;
                missing -= 1;
            }
        }
    }
    let mut next = 0;
    for (entry, makes) in entries.iter_mut().zip(makes) {
        if makes && next < layers {
            entry.layer = Some(next);
            next += 1;
        }
    }
    entries
}

fn may_make_a_layer(entry: &HistoryEntry) -> bool {
    let by = entry.created_by.trim_start();
    !WITHOUT_LAYER.iter().any(|word| by.starts_with(word))
        || by.contains("#(nop) COPY")
        || by.contains("#(nop) ADD")
        || by.contains("#(nop) WORKDIR")
}

/// As it stands in an image's configuration. `None`: it cannot be told which steps made layers.
pub(super) fn document(entries: &[HistoryEntry], layers: usize) -> Option<Vec<Value>> {
    if entries.iter().filter(|one| one.layer.is_some()).count() != layers {
        return None;
    }
    let rows = entries.iter().map(|entry| {
        let mut row = Map::new();
        row.insert("created".into(), json!(rfc3339(entry.created)));
        row.insert("created_by".into(), json!(entry.created_by));
        if !entry.comment.is_empty() {
            row.insert("comment".into(), json!(entry.comment));
        }
        if entry.layer.is_none() {
            row.insert("empty_layer".into(), json!(true));
        }
        Value::Object(row)
    });
    Some(rows.collect())
}

/// `1970-01-01T00:00:00Z`
pub(super) fn rfc3339(seconds: i64) -> String {
    chrono::DateTime::from_timestamp(seconds, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(created_by: &str, size: i64) -> ImageLayer {
        ImageLayer {
            created_by: created_by.into(),
            size,
            ..ImageLayer::default()
        }
    }

    #[test]
    fn an_empty_layer_is_told_from_no_layer() {
        let rows = [
            row("CMD [\"x\"]", 0),
            row("WORKDIR /srv", 0),
            row("RUN apt-get update", 10),
            row("ENV A=b", 0),
            row("", 100),
        ];
        let entries = steps(&rows, 3);
        let layers: Vec<Option<usize>> = entries.iter().map(|one| one.layer).collect();
        assert_eq!(layers, [Some(0), None, Some(1), Some(2), None]);
        assert_eq!(document(&entries, 3).unwrap().len(), 5);
        assert_eq!(document(&steps(&rows, 9), 9), None);
    }
}
