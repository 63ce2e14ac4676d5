use super::super::buildkit::Format;
use crate::build::{BuildRequest, LABEL, Surplus};

/// What an engine's image store can hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holds {
    /// Images of several platforms, and attestations.
    pub indexes: bool,
    /// The engine's own platform, `os/arch`.
    pub platform: String,
}

/// A build in one go: a part of what was asked for, and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Round {
    pub request: BuildRequest,
    pub target: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The engine's store.
    Engine(Format),
    /// The builder's own cache.
    Cache,
    Registry,
}

/// How a request is done.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rounds {
    /// The last one is what the engine gets.
    pub rounds: Vec<Round>,
    /// What the user may not expect of it.
    pub remark: Option<String>,
}

impl Rounds {
    /// The engine gets all of the image where it can hold it; else the image of one platform, after all of it has been
    /// built. The error is for people.
    pub(super) fn of(request: &BuildRequest, holds: &Holds) -> Result<Rounds, String> {
        let round = |request: BuildRequest, target: Target| Round { request, target };
        let one = |request: BuildRequest, target: Target, remark: Option<String>| Rounds {
            rounds: vec![round(request, target)],
            remark,
        };
        if holds.indexes {
            return Ok(one(request.clone(), Target::Engine(Format::Oci), None));
        }
        let docker = Target::Engine(Format::Docker);
        let is_spread = request.platforms.len() > 1;
        let is_pushed = request.surplus == Surplus::Pushed && !request.declared.is_empty();
        if is_spread && request.surplus == Surplus::Refused {
            return Err(format!(
                "it is to be built for {}, but this engine's image store holds one platform. Set `platforms` to one of them, or switch the engine to containerd's store (`\"features\": {{\"containerd-snapshotter\": true}}` in its daemon.json)",
                request.platforms.join(", ")
            ));
        }
        let mut partial = request.clone();
        partial.attestations.clear();
        if !is_spread && !is_pushed {
            let kinds: Vec<&str> = request.attestations.keys().map(String::as_str).collect();
            let remark = (!kinds.is_empty()).then(|| {
                let kinds = kinds.join("` and no `");
                format!("this engine's image store keeps no attestations, so the image gets no `{kinds}`; containerd's store would keep them")
            });
            return Ok(one(partial, docker, remark));
        }
        if !is_spread && request.attestations.is_empty() {
            return Ok(one(partial, docker, None));
        }
        // Whoever finds it must not take it for all that was asked for.
        partial.labels.shift_remove(LABEL);
        partial.platforms = kept_platform(&request.platforms, &holds.platform)
            .into_iter()
            .collect();
        let whole = match is_pushed {
            true => Target::Registry,
            false => Target::Cache,
        };
        let remark = (is_spread && !is_pushed).then(|| {
            format!(
                "this engine's image store holds one platform: it gets the image for {}; those for {} are in the builder's cache, from where `wharf build --push` pushes them",
                partial.platforms.join(""),
                request.platforms.join(", ")
            )
        });
        Ok(Rounds {
            rounds: vec![round(request.clone(), whole), round(partial, docker)],
            remark,
        })
    }

    /// Whether the engine gets less than was asked for.
    pub(super) fn are_partial(&self) -> bool {
        self.rounds.len() > 1
    }
}

/// The engine's own platform if it is among these, else the first.
fn kept_platform(platforms: &[String], own: &str) -> Option<String> {
    let is_own = |platform: &&String| {
        let rest = platform.strip_prefix(own);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let kept = platforms.iter().find(is_own).or(platforms.first());
    kept.cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: fn() -> Holds = || Holds {
        indexes: false,
        platform: "linux/amd64".to_owned(),
    };

    fn request(platforms: &[&str]) -> BuildRequest {
        let mut request = BuildRequest {
            platforms: platforms.iter().map(|one| (*one).to_owned()).collect(),
            declared: vec!["r.example/app".to_owned()],
            ..BuildRequest::default()
        };
        request.labels.insert(LABEL.to_owned(), "inputs".to_owned());
        request
    }

    fn targets(request: &BuildRequest, holds: &Holds) -> Vec<Target> {
        let rounds = Rounds::of(request, holds).unwrap().rounds;
        rounds.into_iter().map(|round| round.target).collect()
    }

    #[test]
    fn what_the_engine_can_hold_is_built_at_once() {
        let both = request(&["linux/arm64", "linux/amd64"]);
        let new = Holds {
            indexes: true,
            ..OLD()
        };
        assert_eq!(targets(&both, &new), [Target::Engine(Format::Oci)]);
        let one = Rounds::of(&request(&["linux/arm64"]), &OLD()).unwrap();
        assert_eq!(one.rounds[0].target, Target::Engine(Format::Docker));
        assert_eq!(one.remark, None);
        assert!(one.rounds[0].request.labels.contains_key(LABEL));
    }

    #[test]
    fn an_engine_for_one_platform_gets_its_own() {
        let mut both = request(&["linux/arm64", "linux/amd64/v2"]);
        let rounds = Rounds::of(&both, &OLD()).unwrap();
        assert!(rounds.are_partial());
        assert_eq!(rounds.rounds[0].target, Target::Cache);
        assert_eq!(rounds.rounds[0].request, both);
        let partial = &rounds.rounds[1];
        assert_eq!(partial.request.platforms, ["linux/amd64/v2"]);
        assert!(!partial.request.labels.contains_key(LABEL));
        assert!(rounds.remark.unwrap().contains("for linux/amd64/v2; those"));
        both.surplus = Surplus::Pushed;
        let docker = Target::Engine(Format::Docker);
        assert_eq!(targets(&both, &OLD()), [Target::Registry, docker]);
        both.surplus = Surplus::Refused;
        let refused = Rounds::of(&both, &OLD()).unwrap_err();
        assert!(refused.contains("linux/arm64, linux/amd64/v2"), "{refused}");
    }

    #[test]
    fn attestations_go_where_they_can_be_kept() {
        let mut stated = request(&["linux/amd64"]);
        stated.attestations = [("sbom".to_owned(), String::new())].into();
        let docker = Target::Engine(Format::Docker);
        let rounds = Rounds::of(&stated, &OLD()).unwrap();
        assert!(rounds.rounds[0].request.attestations.is_empty());
        assert!(rounds.remark.unwrap().contains("no `sbom`"));
        stated.surplus = Surplus::Pushed;
        assert_eq!(targets(&stated, &OLD()), [Target::Registry, docker]);
        // Images without a name of the files' are not pushed.
        stated.declared.clear();
        assert_eq!(targets(&stated, &OLD()), [docker]);
    }
}
