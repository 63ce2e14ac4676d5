use super::checks::megabytes;
use super::record::{ComponentRecord, Record};

/// What is different between two releases, in lines for people; empty when nothing is.
pub fn difference(before: &Record, after: &Record) -> Vec<String> {
    let mut lines = Vec::new();
    if before.revision != after.revision {
        lines.push(format!(
            "commit {} -> {}",
            short(&before.revision),
            short(&after.revision)
        ));
    }
    let mut names: Vec<&String> = before.components.keys().collect();
    let new = after.components.keys();
    names.extend(new.filter(|name| !before.components.contains_key(*name)));
    for name in names {
        match (before.components.get(name), after.components.get(name)) {
            (Some(_), None) => lines.push(format!("{name}: gone")),
            (None, Some(_)) => lines.push(format!("{name}: new")),
            (Some(before), Some(after)) => lines.extend(
                changes(before, after)
                    .into_iter()
                    .map(|change| format!("{name}: {change}")),
            ),
            (None, None) => {}
        }
    }
    lines
}

fn changes(before: &ComponentRecord, after: &ComponentRecord) -> Vec<String> {
    let mut changes = Vec::new();
    if before.image_id != after.image_id {
        changes.push(format!(
            "image {} -> {}",
            short(crate::digest::bare(&before.image_id)),
            short(crate::digest::bare(&after.image_id))
        ));
    }
    if before.size != after.size {
        let sign = if after.size > before.size { "+" } else { "-" };
        changes.push(format!(
            "size {} -> {} ({sign}{})",
            megabytes(before.size),
            megabytes(after.size),
            megabytes((after.size - before.size).abs())
        ));
    }
    let known = |layers: &ComponentRecord, digest: &str| {
        layers.layers.iter().any(|layer| layer.digest == digest)
    };
    for (sign, of, other) in [("-", before, after), ("+", after, before)] {
        for layer in of.layers.iter().filter(|one| !known(other, &one.digest)) {
            let line = layer.line.as_deref().unwrap_or("-");
            let by: String = layer.created_by.chars().take(60).collect();
            changes.push(format!(
                "{sign} layer {} {line} {by}",
                megabytes(layer.size)
            ));
        }
    }
    if before.tags != after.tags {
        changes.push(format!(
            "tags {} -> {}",
            before.tags.join(" "),
            after.tags.join(" ")
        ));
    }
    changes
}

fn short(text: &str) -> &str {
    text.get(..12).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::record::LayerRecord;

    #[test]
    fn components_and_layers_are_compared() {
        let layer = |digest: &str| LayerRecord {
            digest: digest.into(),
            size: 1_000_000,
            created_by: format!("RUN {digest}"),
            ..LayerRecord::default()
        };
        let mut before = Record::default();
        let mut after = Record::default();
        let mut app = ComponentRecord {
            image_id: "sha256:aa".into(),
            size: 1_000_000,
            layers: vec![layer("base")],
            ..ComponentRecord::default()
        };
        before.components.insert("app".into(), app.clone());
        before.components.insert("old".into(), app.clone());
        assert!(difference(&before, &before).is_empty());
        app.image_id = "sha256:bb".into();
        app.size = 2_000_000;
        app.layers.push(layer("new"));
        after.components.insert("app".into(), app);
        assert_eq!(
            difference(&before, &after),
            [
                "app: image aa -> bb",
                "app: size 1.0 MB -> 2.0 MB (+1.0 MB)",
                "app: + layer 1.0 MB - RUN new",
                "old: gone",
            ]
        );
    }
}
