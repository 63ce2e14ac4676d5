use std::path::Path;

use super::Subject;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// Where widespread images keep their data, as their Dockerfiles declare with `VOLUME`.
const VOLUMES: [(&str, &str); 9] = [
    ("couchdb", "/opt/couchdb/data"),
    ("elasticsearch", "/usr/share/elasticsearch/data"),
    ("influxdb", "/var/lib/influxdb"),
    ("mariadb", "/var/lib/mysql"),
    ("mongo", "/data/db"),
    ("mysql", "/var/lib/mysql"),
    ("postgres", "/var/lib/postgresql/data"),
    ("postgis", "/var/lib/postgresql/data"),
    ("rabbitmq", "/var/lib/rabbitmq"),
];

/// A volume mounted above the directory that the image itself declares as one: the engine puts an anonymous volume there,
/// and the data is lost with the container.
pub(super) fn check(subject: &Subject, found: &mut Diagnostics) {
    let project = &subject.resolved.project;
    for (name, service) in &project.services {
        let declared = declared(subject, name, service.image.as_deref());
        for (at, mount) in service.volumes.iter().enumerate() {
            let target = Path::new(&mount.target);
            let Some(below) = declared.iter().find(|directory| {
                let directory = Path::new(directory);
                directory != target
                    && directory.starts_with(target)
                    && !service.volumes.iter().any(|other| {
                        let other = Path::new(&other.target);
                        other != target && directory.starts_with(other) && other.starts_with(target)
                    })
            }) else {
                continue;
            };
            let place = subject
                .node(&["services", name, "volumes"])
                .and_then(|mounts| mounts.as_sequence()?.get(at))
                .map_or_else(|| subject.key(&["services", name]), |node| node.span);
            found.push(
                Diagnostic::warning(
                    "data-outside-volume",
                    format!(
                        "the data of `{name}` does not go where `{}` is mounted",
                        mount.target
                    ),
                )
                .at(place, "above the image's own volume")
                .note(format!(
                    "the image declares `VOLUME {below}`, so the engine mounts an anonymous volume there, which no later container sees"
                ))
                .help(format!("mount at `{below}`")),
            );
        }
    }
}

/// The directories that a service's image declares as volumes, as far as that can be known without the image.
fn declared(subject: &Subject, name: &str, image: Option<&str>) -> Vec<String> {
    if let Some(built) = subject.images.of_service(name) {
        let Some(file) = &built.dockerfile else {
            return Vec::new();
        };
        let target = built.build.target.as_deref();
        let Some(stage) = file.parsed.target(target) else {
            return Vec::new();
        };
        return file.parsed.instructions[file.parsed.stages[stage].instructions.clone()]
            .iter()
            .filter(|instruction| instruction.keyword == "VOLUME")
            .flat_map(|instruction| words(&instruction.rest))
            .collect();
    }
    let Some(image) = image else {
        return Vec::new();
    };
    let (repository, tag) = match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (image, ""),
    };
    let last = repository.rsplit('/').next().unwrap_or(repository);
    let major: Option<u32> = tag
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .and_then(|digits| digits.parse().ok());
    // From 18 on, PostgreSQL's image declares the parent.
    if matches!(last, "postgres" | "postgis") && major.is_none_or(|major| major >= 18) {
        return Vec::new();
    }
    VOLUMES
        .iter()
        .filter(|(known, _)| *known == last)
        .map(|(_, directory)| (*directory).to_owned())
        .collect()
}

/// The paths of a `VOLUME` instruction: a JSON list or words.
fn words(rest: &str) -> Vec<String> {
    serde_json::from_str(rest)
        .unwrap_or_else(|_| rest.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use crate::lint::advice;

    #[test]
    fn a_volume_above_the_images_own() {
        let finding = "data-outside-volume: the data of `db` does not go where `/var/lib/postgresql` is mounted";
        for (image, mount, told) in [
            ("postgres:15", "/var/lib/postgresql", true),
            (
                "registry.example/postgres:15-alpine",
                "/var/lib/postgresql",
                true,
            ),
            ("postgres:15", "/var/lib/postgresql/data", false),
            ("postgres:18", "/var/lib/postgresql", false),
            ("postgres", "/var/lib/postgresql", false),
        ] {
            let text = format!(
                "services: {{db: {{image: '{image}', volumes: ['data:{mount}']}}}}\nvolumes: {{data: }}\n"
            );
            let expected: Vec<_> = told
                .then(|| (finding.to_owned(), Some(format!("'data:{mount}'"))))
                .into_iter()
                .collect();
            assert_eq!(advice(&[("compose.yaml", &text)]), expected, "{image}");
        }
    }

    #[test]
    fn a_built_image_says_it_in_its_dockerfile() {
        let text = "services: {db: {build: ., volumes: ['data:/srv']}}\nvolumes: {data: }\n";
        for (volume, told) in [("/srv/data", 1), ("[\"/srv/data\"]", 1), ("/srv", 0)] {
            let dockerfile = format!("FROM x\nVOLUME {volume}\n");
            let found = advice(&[("compose.yaml", text), ("Dockerfile", &dockerfile)]);
            assert_eq!(found.len(), told, "{found:?}");
        }
    }
}
