use crate::build::{BuildRequest, Cache};
use crate::engine::EngineInfo;

/// What a builder's Dockerfile frontend and the image store behind it can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frontend {
    /// Knows `--build-context`. Engine 20.10 does not.
    pub has_named_contexts: bool,
    /// Knows `shm_size` and `ulimits`. Engine 20.10 drops them.
    pub has_limits: bool,
    /// Images may hold several platforms and attestations.
    pub has_indexes: bool,
    /// Takes base images from the engine's store first.
    pub sees_images: bool,
    /// Hands over to the reader that a Dockerfile's `# syntax=` line names, which is fetched from a registry.
    pub follows_syntax: bool,
}

/// Caches that every engine's builder writes and reads.
const WRITTEN_BY_ALL: [&str; 1] = ["inline"];
const READ_BY_ALL: [&str; 3] = ["inline", "registry", "local"];

/// What the builder of an engine with containerd's store knows besides.
/// <https://github.com/moby/moby/blob/master/daemon/internal/builder-next/controller.go>
const KNOWN_BY_CONTAINERD: [&str; 3] = ["registry", "local", "gha"];

impl Frontend {
    /// That of a BuildKit beside the engine, with a store of its own.
    pub const APART: Frontend = Frontend {
        has_named_contexts: true,
        has_limits: true,
        has_indexes: true,
        sees_images: false,
        follows_syntax: false,
    };

    pub fn of(engine: &EngineInfo) -> Frontend {
        let api = (engine.api.0, engine.api.1);
        Frontend {
            has_named_contexts: api >= (1, 42),
            has_limits: api >= (1, 42),
            has_indexes: engine.containerd_store,
            sees_images: true,
            follows_syntax: false,
        }
    }

    /// Whether it depends on the engine's image store how the request is done.
    pub(super) fn store_decides(request: &BuildRequest) -> bool {
        let of_all = |caches: &[Cache], kinds: &[&str]| {
            let mut caches = caches.iter();
            caches.all(|cache| kinds.contains(&cache.kind.as_str()))
        };
        request.platforms.len() > 1
            || !request.attestations.is_empty()
            || request.source_date_epoch.is_some()
            || !of_all(&request.cache_from, &READ_BY_ALL)
            || !of_all(&request.cache_to, &WRITTEN_BY_ALL)
    }

    /// The request as this engine can do it, and what was left out of it, in words. An error: it would be another image.
    pub(super) fn fit(self, request: &BuildRequest) -> Result<(BuildRequest, Vec<String>), String> {
        let mut fitting = request.clone();
        let mut left_out = Vec::new();
        if !self.has_indexes && request.platforms.len() > 1 {
            return Err(format!(
                "it is to be built for {}, but this engine's image store holds one platform. Multi-platform build is not supported for the docker driver. Set `platforms` to one of them, or switch the engine to containerd's store (`\"features\": {{\"containerd-snapshotter\": true}}` in its daemon.json)",
                request.platforms.join(", ")
            ));
        }
        if !self.has_indexes && !request.attestations.is_empty() {
            let kinds: Vec<String> = request
                .attestations
                .keys()
                .map(|kind| format!("`{kind}`"))
                .collect();
            left_out.push(format!(
                "this engine's image store keeps no attestations, so the image gets no {}; containerd's store would keep them",
                kinds.join(" and no ")
            ));
            fitting.attestations.clear();
        }
        if !self.has_limits {
            if request.shm_size.is_some() {
                left_out.push("this engine's builder knows no `shm_size`".to_owned());
                fitting.shm_size = None;
            }
            if !request.ulimits.is_empty() {
                left_out.push("this engine's builder knows no `ulimits`".to_owned());
                fitting.ulimits.clear();
            }
        }
        let mut drop = |caches: &mut Vec<Cache>, key: &str, of_all: &[&str]| {
            caches.retain(|cache| {
                let kind = cache.kind.as_str();
                let can_with_store = KNOWN_BY_CONTAINERD.contains(&kind);
                let kept = of_all.contains(&kind) || self.has_indexes && can_with_store;
                if !kept {
                    let advice = match can_with_store {
                        true => "; with containerd's image store it could",
                        false => "",
                    };
                    left_out.push(format!(
                        "the engine's own builder cannot use the cache `{cache}` (`{key}`){advice}"
                    ));
                }
                kept
            });
        };
        drop(&mut fitting.cache_from, "cache_from", &READ_BY_ALL);
        drop(&mut fitting.cache_to, "cache_to", &WRITTEN_BY_ALL);
        Ok((fitting, left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Environment;
    use std::collections::BTreeMap;
    use std::path::Path;

    const OLD: Frontend = Frontend {
        has_named_contexts: false,
        has_limits: false,
        has_indexes: false,
        sees_images: true,
        follows_syntax: false,
    };
    const NEW: Frontend = Frontend {
        has_named_contexts: true,
        has_limits: true,
        has_indexes: true,
        sees_images: true,
        follows_syntax: false,
    };

    fn cache(text: &str) -> Cache {
        Cache::read(text, Path::new("/p"), &Environment::default()).unwrap()
    }

    fn request() -> BuildRequest {
        BuildRequest {
            attestations: BTreeMap::from([("sbom".to_owned(), String::new())]),
            shm_size: Some(1),
            ulimits: vec!["nofile=1:1".to_owned()],
            cache_from: vec![cache("app:cache"), cache("type=s3,bucket=x")],
            cache_to: vec![cache("type=inline"), cache("type=registry,ref=a")],
            ..BuildRequest::default()
        }
    }

    #[test]
    fn what_an_engine_cannot_do_is_left_out_and_said() {
        let (fitting, left_out) = OLD.fit(&request()).unwrap();
        assert!(fitting.attestations.is_empty() && fitting.ulimits.is_empty());
        assert_eq!(fitting.cache_from, [cache("app:cache")]);
        assert_eq!(fitting.cache_to, [cache("type=inline")]);
        assert_eq!(left_out.len(), 5, "{left_out:?}");
        assert!(left_out[0].contains("no `sbom`"));
        assert!(left_out[4].ends_with("with containerd's image store it could"));
    }

    #[test]
    fn a_containerd_store_does_nearly_everything() {
        let (fitting, left_out) = NEW.fit(&request()).unwrap();
        assert_eq!(fitting.cache_to.len(), 2);
        assert_eq!(left_out.len(), 1, "{left_out:?}");
        assert!(left_out[0].contains("type=s3,bucket=x"));
    }

    #[test]
    fn the_store_is_asked_about_only_where_it_decides() {
        let one = || BuildRequest {
            platforms: vec!["linux/arm64".to_owned()],
            cache_from: vec![cache("app:cache"), cache("type=local,src=x")],
            cache_to: vec![cache("type=inline")],
            shm_size: Some(1),
            ..BuildRequest::default()
        };
        assert!(!Frontend::store_decides(&one()));
        let changes: [fn(&mut BuildRequest); 5] = [
            |request| request.platforms.push("linux/amd64".to_owned()),
            |request| request.attestations = BTreeMap::from([("sbom".to_owned(), String::new())]),
            |request| request.source_date_epoch = Some(0),
            |request| request.cache_from.push(cache("type=s3,bucket=x")),
            |request| request.cache_to.push(cache("type=registry,ref=a")),
        ];
        for change in changes {
            let mut request = one();
            change(&mut request);
            assert!(Frontend::store_decides(&request), "{request:?}");
        }
    }

    #[test]
    fn several_platforms_need_a_store_for_them() {
        let mut request = request();
        request.platforms = vec!["linux/amd64".to_owned(), "linux/arm64".to_owned()];
        assert!(
            OLD.fit(&request)
                .unwrap_err()
                .contains("linux/amd64, linux/arm64")
        );
        assert!(NEW.fit(&request).is_ok());
    }
}
