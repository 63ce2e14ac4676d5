use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::model::ByteSize;

/// `x-wharf.release`: what `wharf release` makes of this env.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReleaseDeclaration {
    /// Words (`latest`, `semver`, `sha`, `sha-full`, `branch`, `date`) or templates (`{{ branch }}-{{ sha }}`).
    /// Empty: `semver`, `sha` and `latest`.
    pub tags: Vec<String>,
    /// The branch whose commits are `latest`. `None`: `main` or `master`.
    pub main_branch: Option<String>,
    /// Where each component is pushed to, as templates: `registry.example/team/{{ component }}`. Empty: the repositories
    /// that the components' `image` names.
    pub repositories: Vec<String>,
    /// By name. Empty: one for each image that is built here and run by a service, named like its first service.
    pub components: IndexMap<String, ReleaseComponent>,
    /// Labels for every image, beside those of `org.opencontainers.image`.
    pub labels: IndexMap<String, String>,
    /// Where the record is written, beside `.wharf/releases`; relative to the project's directory.
    /// `None`: `image-digests.json`.
    pub record: Option<String>,
    /// What a green test run has to have run. `None`: the image.
    pub covered_by: Option<CoveredBy>,
    pub limits: ReleaseLimits,
}

/// One image that is released.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReleaseComponent {
    /// The service whose image it is. `None`: the service of the component's name.
    pub service: Option<String>,
    /// Instead of the release's.
    pub repositories: Vec<String>,
    /// Instead of the release's.
    pub covered_by: Option<CoveredBy>,
    /// What is set here counts instead of the release's.
    pub limits: ReleaseLimits,
}

/// What a green test run must have run for an image to count as tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CoveredBy {
    /// The image itself, or one that was built from the same inputs.
    Image,
    /// The images that it is built from, while its sources were the same commit without changes.
    Parents,
}

/// What an image may be to be released. `None` or empty: as said at each field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReleaseLimits {
    /// Uncompressed bytes at most. `None`: any size.
    pub size: Option<ByteSize>,
    /// Growth since the last release at most, in bytes or percent (`10%`). `None`: any.
    pub growth: Option<String>,
    /// Whether it must run as another user than root. `None`: it must.
    pub non_root: Option<bool>,
    /// Whether what stays running must have a health check. `None`: it must.
    pub health_check: Option<bool>,
    /// Whether secrets are searched for. `None`: they are.
    pub secrets: Option<bool>,
    /// Paths in the image (`*` and `**` allowed) in which a secret may be.
    pub secrets_allowed: Vec<String>,
    /// Names of programs that it must not have.
    pub build_tools: Vec<String>,
    /// The severity that a known vulnerability may not reach: `low`, `medium`, `high`, `critical`. `None`: nothing is
    /// scanned.
    pub vulnerabilities: Option<Severity>,
}

/// How bad a vulnerability is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl ReleaseLimits {
    /// These limits, and where one is not set, those of the whole release.
    pub fn over(&self, all: &ReleaseLimits) -> ReleaseLimits {
        let list = |own: &[String], all: &[String]| match own.is_empty() {
            true => all.to_vec(),
            false => own.to_vec(),
        };
        ReleaseLimits {
            size: self.size.or(all.size),
            growth: self.growth.clone().or_else(|| all.growth.clone()),
            non_root: self.non_root.or(all.non_root),
            health_check: self.health_check.or(all.health_check),
            secrets: self.secrets.or(all.secrets),
            secrets_allowed: list(&self.secrets_allowed, &all.secrets_allowed),
            build_tools: list(&self.build_tools, &all.build_tools),
            vulnerabilities: self.vulnerabilities.or(all.vulnerabilities),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_components_limit_stands_in_for_the_releases() {
        let all = ReleaseLimits {
            size: Some(ByteSize(10)),
            non_root: Some(true),
            build_tools: vec!["gcc".into()],
            ..ReleaseLimits::default()
        };
        let own = ReleaseLimits {
            size: Some(ByteSize(20)),
            ..ReleaseLimits::default()
        };
        let both = own.over(&all);
        assert_eq!(both.size, Some(ByteSize(20)));
        assert_eq!(both.non_root, Some(true));
        assert_eq!(both.build_tools, ["gcc"]);
    }
}
