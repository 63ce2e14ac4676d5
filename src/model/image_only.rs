use super::Service;

/// Commands that end at once and do nothing.
const NOTHING: [&str; 3] = ["/bin/true", "/usr/bin/true", "true"];

/// Whether a service only describes an image that others build on, so that no container of it ever runs: it says so
/// (`x-wharf: {image-only: true}`), or its container would only run `/bin/true`. A `command` alone tells that only where the
/// service has no entrypoint (`entrypoint: []`): it may be what the image's own entrypoint is given.
pub fn is_image_only(service: &Service) -> bool {
    let does_nothing = |words: &[String]| {
        words
            .first()
            .is_some_and(|word| NOTHING.contains(&word.as_str()))
    };
    service.wharf.image_only.unwrap_or_else(|| {
        service.build.is_some()
            && match (&service.entrypoint, &service.command) {
                (Some(entrypoint), _) if !entrypoint.is_empty() => does_nothing(entrypoint),
                (Some(_), Some(command)) => does_nothing(command),
                _ => false,
            }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Build, ServiceExtension};
    use super::*;

    fn service(entrypoint: Option<&[&str]>, command: Option<&[&str]>) -> Service {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Service {
            build: Some(Build::default()),
            entrypoint: entrypoint.map(words),
            command: command.map(words),
            ..Service::default()
        }
    }

    #[test]
    fn what_only_runs_true_is_an_image_only() {
        assert!(is_image_only(&service(Some(&["/bin/true"]), Some(&[]))));
        assert!(is_image_only(&service(Some(&[]), Some(&["true"]))));
        // The image may have an entrypoint.
        assert!(!is_image_only(&service(None, Some(&["true"]))));
        assert!(!is_image_only(&service(
            Some(&["/entrypoint"]),
            Some(&["/bin/true"])
        )));
        assert!(!is_image_only(&service(None, None)));
    }

    #[test]
    fn the_extension_has_the_last_word() {
        let mut declared = service(Some(&["/bin/true"]), None);
        declared.wharf = ServiceExtension {
            image_only: Some(false),
            ..ServiceExtension::default()
        };
        assert!(!is_image_only(&declared));
    }
}
