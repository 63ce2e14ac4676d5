/// What a reference to an image is made of, as it is written: nothing is completed.
/// <https://github.com/distribution/reference>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'r> {
    /// With its registry, if one is named: `host:5000/team/app`.
    pub repository: &'r str,
    pub tag: Option<&'r str>,
    /// `sha256:..`
    pub digest: Option<&'r str>,
}

impl<'r> Reference<'r> {
    /// Takes a reference apart; a port is no tag.
    pub fn of(reference: &'r str) -> Reference<'r> {
        let (name, digest) = match reference.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (reference, None),
        };
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
            _ => (name, None),
        };
        Reference {
            repository,
            tag,
            digest,
        }
    }

    /// What tells the image from others of its repository: the digest before the tag. `None`: nothing does.
    pub fn exact(&self) -> Option<&'r str> {
        self.digest.or(self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart_at_the_tag_and_not_at_the_port() {
        for (reference, repository, tag, digest) in [
            ("debian", "debian", None, None),
            ("debian:12", "debian", Some("12"), None),
            ("host:5000/app", "host:5000/app", None, None),
            ("host:5000/app:1.2", "host:5000/app", Some("1.2"), None),
            ("app@sha256:abc", "app", None, Some("sha256:abc")),
            ("app:1@sha256:abc", "app", Some("1"), Some("sha256:abc")),
            (
                "host:5000/a@sha256:b",
                "host:5000/a",
                None,
                Some("sha256:b"),
            ),
        ] {
            let found = Reference::of(reference);
            assert_eq!(
                (found.repository, found.tag, found.digest),
                (repository, tag, digest),
                "{reference}"
            );
            assert_eq!(found.exact(), digest.or(tag), "{reference}");
        }
    }
}
