use indexmap::IndexMap;

use super::git::Revision;

/// Labels that say what an image is. <https://github.com/opencontainers/image-spec/blob/main/annotations.md>
///
/// The date is the commit's, so that the same commit gives the same labels. `declared` count more than what is found.
pub fn labels(
    revision: &Revision,
    title: &str,
    declared: &IndexMap<String, String>,
) -> IndexMap<String, String> {
    let mut labels = IndexMap::new();
    let mut set = |name: &str, value: String| {
        labels.insert(format!("org.opencontainers.image.{name}"), value);
    };
    set("title", title.to_owned());
    let mark = if revision.dirty { "-dirty" } else { "" };
    set("revision", format!("{}{mark}", revision.sha));
    set(
        "version",
        match &revision.version {
            Some(version) => version.to_string(),
            None => format!("sha-{}{mark}", revision.short()),
        },
    );
    let created = chrono::DateTime::from_timestamp(revision.committed, 0).unwrap_or_default();
    set(
        "created",
        created.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
    );
    if let Some(source) = &revision.source {
        set("source", source.clone());
    }
    labels.extend(declared.clone());
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_is_in_the_labels_and_what_is_declared_wins() {
        let revision = Revision {
            sha: "0123456789".into(),
            committed: 1_700_000_000,
            dirty: true,
            source: Some("https://example.org/x".into()),
            ..Revision::default()
        };
        let declared = IndexMap::from([
            ("org.opencontainers.image.licenses".into(), "MIT".into()),
            ("org.opencontainers.image.source".into(), "s".into()),
        ]);
        let labels = labels(&revision, "app", &declared);
        let of = |name: &str| labels[&format!("org.opencontainers.image.{name}")].as_str();
        assert_eq!(of("revision"), "0123456789-dirty");
        assert_eq!(of("version"), "sha-0123456-dirty");
        assert_eq!(of("created"), "2023-11-14T22:13:20Z");
        assert_eq!((of("licenses"), of("source")), ("MIT", "s"));
    }
}
