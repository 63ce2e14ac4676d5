use super::record::{ComponentRecord, Record};

/// How the layer begins; the release's id follows.
const BEGINNING: &str = "# Pins the images of release ";

/// A layer for Compose files that makes every released service run exactly the image that was released: by its digest on a
/// registry, or by its id where it was not pushed. What holds its configuration already gets none.
pub fn pinned(record: &Record) -> String {
    let mut text = format!(
        "{BEGINNING}{}; written by `wharf release`.\nservices:\n",
        record.id
    );
    for component in record.components.values() {
        let image = image_of(component);
        for service in &component.services {
            text.push_str(&format!("  {}:\n", quoted(service)));
            text.push_str(&format!("    image: {}\n", quoted(&image)));
            text.push_str("    build: !reset null\n");
            // An id is on no registry.
            let policy = if image.starts_with("sha256:") {
                "never"
            } else {
                "missing"
            };
            text.push_str(&format!("    pull_policy: {policy}\n"));
            if component.configured {
                text.push_str("    x-wharf:\n      configured: true\n");
            }
        }
    }
    text
}

/// The id of the release that such a layer pins. `None`: it is no such layer.
pub fn release_of(layer: &str) -> Option<&str> {
    let rest = layer.strip_prefix(BEGINNING)?;
    rest.split_once(';').map(|(id, _)| id)
}

/// What the image is called where it can be had.
fn image_of(component: &ComponentRecord) -> String {
    let pushed = component
        .repositories
        .iter()
        .find_map(|(repository, pushed)| Some(format!("{repository}@{}", pushed.digest.as_ref()?)));
    pushed.unwrap_or_else(|| component.image_id.clone())
}

/// A name as a YAML scalar that is a string whatever it looks like.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::record::RepositoryRecord;

    #[test]
    fn what_was_pushed_is_pinned_by_digest_and_the_rest_by_id() {
        let mut record = Record {
            id: "r".into(),
            ..Record::default()
        };
        let mut component = ComponentRecord {
            services: vec!["app".into(), "worker".into()],
            image_id: "sha256:aa".into(),
            ..ComponentRecord::default()
        };
        record.components.insert("b".into(), component.clone());
        component.services = vec!["ui".into()];
        component.configured = true;
        component.repositories.insert(
            "host:5000/ui".into(),
            RepositoryRecord {
                digest: Some("sha256:bb".into()),
            },
        );
        record.components.insert("ui".into(), component);
        let text = pinned(&record);
        assert!(text.contains("\"worker\":\n    image: \"sha256:aa\"\n    build: !reset null\n    pull_policy: never\n"), "{text}");
        assert!(
            text.contains("\"ui\":\n    image: \"host:5000/ui@sha256:bb\"\n"),
            "{text}"
        );
        assert_eq!(text.matches("configured: true").count(), 1, "{text}");
        assert_eq!(release_of(&text), Some("r"));
        assert_eq!(release_of("services: {}\n"), None);
    }
}
