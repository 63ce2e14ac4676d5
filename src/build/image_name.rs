use std::fmt;

use super::Reference;

/// An image's name, complete: registry, path, and tag or digest.
/// <https://github.com/distribution/reference>
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageName(String);

impl ImageName {
    /// Adds what people leave out: `debian` is `docker.io/library/debian:latest`.
    pub fn normal(name: &str) -> ImageName {
        let (registry, path) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                let registry = match first {
                    "index.docker.io" => "docker.io",
                    other => other,
                };
                (registry, rest)
            }
            _ => ("docker.io", name),
        };
        let library = match registry == "docker.io" && !path.contains('/') {
            true => "library/",
            false => "",
        };
        let last = path.rsplit('/').next().unwrap_or(path);
        let tag = match last.contains([':', '@']) {
            true => "",
            false => ":latest",
        };
        ImageName(format!("{registry}/{library}{path}{tag}"))
    }

    /// Whether an engine may know an image by this name. What is no reference at all is refused instead of looked up.
    /// <https://github.com/distribution/reference>
    pub fn may_be(name: &str) -> bool {
        let edges_fit = |part: &str| {
            let is_edge = |c: char| c.is_ascii_alphanumeric();
            part.starts_with(is_edge) && part.ends_with(is_edge)
        };
        let Reference {
            repository: path,
            tag,
            digest,
        } = Reference::of(name);
        let mut parts = path.split('/').peekable();
        let first = parts.peek().copied().unwrap_or_default();
        let has_registry = first.contains(['.', ':']) || first == "localhost";
        if has_registry && path.contains('/') {
            parts.next();
        }
        let path_fits = parts.all(|part| {
            let fits = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
            edges_fit(part) && part.chars().all(fits)
        });
        let tag_fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        path_fits
            && tag.is_none_or(|tag| {
                !tag.is_empty() && !tag.starts_with(['.', '-']) && tag.chars().all(tag_fits)
            })
            && digest.is_none_or(|digest| digest.contains(':'))
    }

    /// The image that an engine's message about a registry speaks of:
    /// `failed to do request: Head "https://registry.example/v2/NAME/manifests/TAG"`. `None`: it speaks of none.
    pub fn asked_for(message: &str) -> Option<ImageName> {
        let (_, after) = message.split_once("failed to do request: ")?;
        let (host, path) = after.split_once("://")?.1.split_once("/v2/")?;
        let (name, rest) = path.split_once("/manifests/")?;
        let tag = rest.split('"').next()?;
        let host = match host {
            "registry-1.docker.io" => "docker.io",
            host => host,
        };
        let sign = if tag.starts_with("sha256:") { '@' } else { ':' };
        Some(ImageName(format!("{host}/{name}{sign}{tag}")))
    }

    /// The digest that the name itself gives, `sha256:..`.
    pub fn digest(&self) -> Option<&str> {
        self.0.split_once('@').map(|(_, digest)| digest)
    }

    /// The complete name of the image with this digest: a tag stays, unless the name gave a digest itself.
    /// <https://github.com/distribution/reference>
    pub fn pinned(&self, digest: &str) -> String {
        match self.0.split_once('@') {
            None => format!("{}@{digest}", self.0),
            Some(_) => format!("{}@{digest}", Reference::of(&self.0).repository),
        }
    }

    /// As people write it: without what can be left out.
    pub fn familiar(&self) -> &str {
        let name = self
            .0
            .strip_prefix("docker.io/library/")
            .or_else(|| self.0.strip_prefix("docker.io/"))
            .unwrap_or(&self.0);
        name.strip_suffix(":latest").unwrap_or(name)
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_what_was_asked_for() {
        let familiar = |message: &str| {
            let name = ImageName::asked_for(message)?;
            Some(name.familiar().to_owned())
        };
        for (message, expected) in [
            (
                "failed to do request: Head \"https://registry-1.docker.io/v2/library/x/manifests/latest\": eof",
                "x",
            ),
            (
                "a: failed to do request: Head \"http://r.example:5000/v2/a/b/manifests/1\": eof",
                "r.example:5000/a/b:1",
            ),
        ] {
            assert_eq!(familiar(message).as_deref(), Some(expected), "{message}");
        }
        assert_eq!(
            familiar("failed to do request: Get \"https://x.example/v2/\""),
            None
        );
    }

    #[test]
    fn a_digest_takes_the_place_of_a_tag_that_came_with_another() {
        for (written, pinned) in [
            ("debian", "docker.io/library/debian:latest@sha256:01"),
            ("r.example:5000/a/b:1", "r.example:5000/a/b:1@sha256:01"),
            ("debian@sha256:00", "docker.io/library/debian@sha256:01"),
            ("r.example:5000/a:1@sha256:00", "r.example:5000/a@sha256:01"),
        ] {
            assert_eq!(
                ImageName::normal(written).pinned("sha256:01"),
                pinned,
                "{written}"
            );
        }
        assert_eq!(
            ImageName::normal("a:1@sha256:00").digest(),
            Some("sha256:00")
        );
        assert_eq!(ImageName::normal("a:1").digest(), None);
    }

    #[test]
    fn what_no_engine_knows_is_told_apart() {
        for name in [
            "debian",
            "a/b_c.d:1.0-X_y",
            "r.example:5000/a/b",
            "localhost/a",
            "R.example/a",
            "a@sha256:00",
            "a:1@sha256:00",
        ] {
            assert!(ImageName::may_be(name), "{name}");
        }
        for name in [
            "",
            "$S",
            "x-",
            "a:",
            ":1",
            "a//b",
            "Tools",
            "a b",
            "a:-",
            "r.example/",
            "a@",
        ] {
            assert!(!ImageName::may_be(name), "{name}");
        }
    }

    #[test]
    fn completes_and_shortens() {
        for (written, normal, familiar) in [
            ("debian", "docker.io/library/debian:latest", "debian"),
            ("debian:12", "docker.io/library/debian:12", "debian:12"),
            ("docker.io/me/x:latest", "docker.io/me/x:latest", "me/x"),
            ("ghcr.io/a/b", "ghcr.io/a/b:latest", "ghcr.io/a/b"),
            ("localhost/a", "localhost/a:latest", "localhost/a"),
            (
                "localhost:5000/a:1",
                "localhost:5000/a:1",
                "localhost:5000/a:1",
            ),
            (
                "a@sha256:00",
                "docker.io/library/a@sha256:00",
                "a@sha256:00",
            ),
        ] {
            let name = ImageName::normal(written);
            assert_eq!(
                (name.to_string().as_str(), name.familiar()),
                (normal, familiar),
                "{written}"
            );
        }
    }
}
