use crate::build::BuildRequest;
use crate::engine::EngineInfo;

/// What the engine's built-in Dockerfile frontend and its image store can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frontend {
    /// Knows `--build-context`. Engine 20.10 does not.
    pub has_named_contexts: bool,
    /// Knows `shm_size` and `ulimits`. Engine 20.10 drops them.
    pub has_limits: bool,
    /// Images may hold several platforms and attestations.
    pub has_indexes: bool,
}

/// Caches that the engine's own builder reads and writes without a store on this side.
const REMOTE_CACHES: [&str; 4] = ["registry", "gha", "s3", "azblob"];

impl Frontend {
    pub fn of(engine: &EngineInfo) -> Frontend {
        let api = (engine.api.0, engine.api.1);
        Frontend {
            has_named_contexts: api >= (1, 42),
            has_limits: api >= (1, 42),
            has_indexes: engine.containerd_store,
        }
    }

    /// Whether it depends on the engine's image store how the request is done.
    pub(super) fn store_decides(request: &BuildRequest) -> bool {
        let is_inline = |cache: &String| cache_kind(cache) == "inline";
        request.platforms.len() > 1
            || !request.attestations.is_empty()
            || request.source_date_epoch.is_some()
            || !request
                .cache_from
                .iter()
                .all(|cache| matches!(cache_kind(cache), "inline" | "registry"))
            || !request.cache_to.iter().all(is_inline)
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
        let can_export =
            |kind: &str| kind == "inline" || (self.has_indexes && REMOTE_CACHES.contains(&kind));
        let can_import = |kind: &str| {
            matches!(kind, "inline" | "registry")
                || (self.has_indexes && REMOTE_CACHES.contains(&kind))
        };
        let mut drop = |caches: &mut Vec<String>, key: &str, can: &dyn Fn(&str) -> bool| {
            caches.retain(|cache| {
                let kept = can(cache_kind(cache));
                if !kept {
                    left_out.push(format!(
                        "the engine's own builder cannot use the cache `{cache}` (`{key}`)"
                    ));
                }
                kept
            });
        };
        drop(&mut fitting.cache_from, "cache_from", &can_import);
        drop(&mut fitting.cache_to, "cache_to", &can_export);
        Ok((fitting, left_out))
    }
}

/// The `type` of a cache; an image's name alone is a registry's.
fn cache_kind(cache: &str) -> &str {
    cache
        .split(',')
        .find_map(|pair| pair.trim().strip_prefix("type="))
        .unwrap_or("registry")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const OLD: Frontend = Frontend {
        has_named_contexts: false,
        has_limits: false,
        has_indexes: false,
    };
    const NEW: Frontend = Frontend {
        has_named_contexts: true,
        has_limits: true,
        has_indexes: true,
    };

    fn request() -> BuildRequest {
        let text = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        BuildRequest {
            attestations: BTreeMap::from([("sbom".to_owned(), String::new())]),
            shm_size: Some(1),
            ulimits: text(&["nofile=1:1"]),
            cache_from: text(&["app:cache", "type=local,src=x"]),
            cache_to: text(&["type=inline", "type=registry,ref=a"]),
            ..BuildRequest::default()
        }
    }

    #[test]
    fn what_an_engine_cannot_do_is_left_out_and_said() {
        let (fitting, left_out) = OLD.fit(&request()).unwrap();
        assert!(fitting.attestations.is_empty() && fitting.ulimits.is_empty());
        assert_eq!(fitting.cache_from, ["app:cache"]);
        assert_eq!(fitting.cache_to, ["type=inline"]);
        assert_eq!(left_out.len(), 5, "{left_out:?}");
        assert!(left_out[0].contains("no `sbom`"));
    }

    #[test]
    fn a_containerd_store_does_nearly_everything() {
        let (fitting, left_out) = NEW.fit(&request()).unwrap();
        assert_eq!(fitting.cache_to.len(), 2);
        assert_eq!(left_out.len(), 1, "{left_out:?}");
        assert!(left_out[0].contains("type=local,src=x"));
    }

    #[test]
    fn the_store_is_asked_about_only_where_it_decides() {
        let one = || BuildRequest {
            platforms: vec!["linux/arm64".to_owned()],
            cache_from: vec!["app:cache".to_owned()],
            cache_to: vec!["type=inline".to_owned()],
            shm_size: Some(1),
            ..BuildRequest::default()
        };
        assert!(!Frontend::store_decides(&one()));
        let changes: [fn(&mut BuildRequest); 5] = [
            |request| request.platforms.push("linux/amd64".to_owned()),
            |request| request.attestations = BTreeMap::from([("sbom".to_owned(), String::new())]),
            |request| request.source_date_epoch = Some(0),
            |request| request.cache_from.push("type=gha".to_owned()),
            |request| request.cache_to.push("type=registry,ref=a".to_owned()),
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
