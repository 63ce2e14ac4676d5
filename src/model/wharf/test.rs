use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::model::Duration;

/// What a single, unnamed suite is called.
const ONLY_SUITE: &str = "tests";

/// What a run writes into its directory beside the artifacts.
pub const RUN_FILES: [&str; 9] = [
    "containers.json",
    "infrastructure.xml",
    "junit.xml",
    "logs",
    "plan.txt",
    "project.yml",
    "summary.json",
    "summary.md",
    "timings.json",
];

/// An artifact's path that is a pattern: the longest directory in front of it, which may be empty, and the pattern below that.
/// `None`: the path is one path, without `*`, `?` or `[`.
pub fn artifact_pattern(path: &str) -> Option<(&str, &str)> {
    let first = path.find(['*', '?', '['])?;
    let start = path[..first].rfind('/').map_or(0, |slash| slash + 1);
    Some(path.split_at(start))
}

/// The file or directory that an artifact is kept as: its own name in the container; for the root, and for a pattern, what it
/// is declared as.
pub fn artifact_file<'a>(name: &'a str, path: &'a str) -> &'a str {
    if artifact_pattern(path).is_some() {
        return name;
    }
    let own = std::path::Path::new(path).file_name();
    own.and_then(|own| own.to_str()).unwrap_or(name)
}

/// `x-wharf.test`: what `wharf test` runs. Either one suite, or several below `suites`, for which the keys beside
/// `suites` are defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TestDeclaration {
    /// The service whose image and settings the tests run with.
    pub service: Option<String>,
    /// The tests' command; arguments after `--` are appended. Empty: the service's own.
    pub command: Vec<String>,
    /// Name to path in the container, or to a pattern of paths; `junit` is understood, the others are copied as they are.
    pub artifacts: IndexMap<String, String>,
    /// How long the tests may take, without the start-up. `None`: no limit.
    pub timeout: Option<Duration>,
    /// How long the stack may take to be ready for the tests, pulls and all, and a reset of it. `None`: half an hour.
    pub start_timeout: Option<Duration>,
    /// How often failed tests are run again before they count. `None`: never.
    pub retries: Option<u32>,
    pub environment: IndexMap<String, Option<String>>,
    /// Variables with the values that each are tested with: every combination is a stack of its own, in which they are
    /// set for the files of the project and for the tests.
    pub matrix: IndexMap<String, Vec<String>>,
    pub needs: Needs,
    /// By name, in the order in which they run. Empty: the one that the other keys describe.
    pub suites: IndexMap<String, SuiteDeclaration>,
    /// What brings the backends back to their first state between two runs in one stack. `None`: the stack is replaced.
    pub reset: Option<ResetDeclaration>,
}

/// One suite. What is left out is as `x-wharf.test` says beside `suites`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct SuiteDeclaration {
    pub service: Option<String>,
    pub command: Vec<String>,
    /// Added to those of all suites.
    pub artifacts: IndexMap<String, String>,
    pub timeout: Option<Duration>,
    pub start_timeout: Option<Duration>,
    pub retries: Option<u32>,
    /// Added to that of all suites.
    pub environment: IndexMap<String, Option<String>>,
    /// Added to that of all suites.
    pub matrix: IndexMap<String, Vec<String>>,
    /// `None`: as all suites.
    pub needs: Option<Needs>,
    /// `false`: only runs when it is named.
    pub default: Option<bool>,
}

/// Which services are started for a suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Needs {
    /// `true`: what its service depends on. `false`: nothing but what its service cannot exist without, such as the
    /// owner of its network.
    Dependencies(bool),
    /// These, and what they depend on.
    Services(Vec<String>),
}

impl Default for Needs {
    fn default() -> Self {
        Needs::Dependencies(true)
    }
}

/// A command that is run in a running service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ResetDeclaration {
    pub service: String,
    pub command: Vec<String>,
}

impl TestDeclaration {
    /// Every suite with its defaults filled in.
    pub fn suites(&self) -> IndexMap<String, SuiteDeclaration> {
        let own = SuiteDeclaration {
            service: self.service.clone(),
            command: self.command.clone(),
            artifacts: self.artifacts.clone(),
            timeout: self.timeout,
            start_timeout: self.start_timeout,
            retries: self.retries,
            environment: self.environment.clone(),
            matrix: self.matrix.clone(),
            needs: Some(self.needs.clone()),
            default: None,
        };
        if self.suites.is_empty() {
            return IndexMap::from([(ONLY_SUITE.to_owned(), own)]);
        }
        let filled = self.suites.iter().map(|(name, suite)| {
            let suite = SuiteDeclaration {
                service: suite.service.clone().or_else(|| own.service.clone()),
                command: if suite.command.is_empty() {
                    own.command.clone()
                } else {
                    suite.command.clone()
                },
                artifacts: both(&own.artifacts, &suite.artifacts),
                timeout: suite.timeout.or(own.timeout),
                start_timeout: suite.start_timeout.or(own.start_timeout),
                retries: suite.retries.or(own.retries),
                environment: both(&own.environment, &suite.environment),
                matrix: both(&own.matrix, &suite.matrix),
                needs: suite.needs.clone().or_else(|| own.needs.clone()),
                default: suite.default,
            };
            (name.clone(), suite)
        });
        filled.collect()
    }
}

fn both<V: Clone>(below: &IndexMap<String, V>, above: &IndexMap<String, V>) -> IndexMap<String, V> {
    let mut all = below.clone();
    all.extend(above.clone());
    all
}

impl SuiteDeclaration {
    /// Every combination of the matrix; one empty one without a matrix.
    pub fn combinations(&self) -> Vec<IndexMap<String, String>> {
        let mut all = vec![IndexMap::new()];
        for (variable, values) in &self.matrix {
            all = all
                .iter()
                .flat_map(|combination: &IndexMap<String, String>| {
                    values.iter().map(|value| {
                        let mut longer = combination.clone();
                        longer.insert(variable.clone(), value.clone());
                        longer
                    })
                })
                .collect();
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_begins_below_the_longest_directory() {
        for (path, parts) in [
            ("reports/*.png", Some(("reports/", "*.png"))),
            ("**/shot-*.png", Some(("", "**/shot-*.png"))),
            ("/a/b/c?/d[1]/e", Some(("/a/b/", "c?/d[1]/e"))),
            ("/*", Some(("/", "*"))),
            ("/a/b.xml", None),
        ] {
            assert_eq!(artifact_pattern(path), parts, "{path}");
        }
        assert_eq!(artifact_file("shots", "/o/*.png"), "shots");
        assert_eq!(artifact_file("shots", "/o/all"), "all");
    }

    #[test]
    fn the_single_form_is_a_suite_without_a_name() {
        let declaration: TestDeclaration =
            serde_yaml::from_str("{service: app, command: [pytest], timeout: 10m}").unwrap();
        let suites = declaration.suites();
        assert_eq!(suites.keys().collect::<Vec<_>>(), ["tests"]);
        assert_eq!(suites["tests"].service.as_deref(), Some("app"));
        assert_eq!(suites["tests"].needs, Some(Needs::Dependencies(true)));
        assert_eq!(
            suites["tests"].combinations(),
            [IndexMap::<String, String>::new()]
        );
    }

    #[test]
    fn suites_take_what_they_leave_out_from_beside_them() {
        let declaration: TestDeclaration = serde_yaml::from_str(
            "service: app\nartifacts: {junit: /j.xml}\nretries: 1\nsuites:\n  unit: {command: [a], needs: false, retries: 0}\n  all: {service: other, command: [b], needs: [db], artifacts: {coverage: /c}}\n",
        )
        .unwrap();
        let suites = declaration.suites();
        assert_eq!(suites["unit"].service.as_deref(), Some("app"));
        assert_eq!(suites["unit"].needs, Some(Needs::Dependencies(false)));
        assert_eq!(suites["unit"].retries, Some(0));
        assert_eq!(suites["all"].service.as_deref(), Some("other"));
        assert_eq!(suites["all"].retries, Some(1));
        assert_eq!(suites["all"].artifacts.len(), 2);
        assert_eq!(
            suites["all"].needs,
            Some(Needs::Services(vec!["db".to_owned()]))
        );
    }

    #[test]
    fn a_matrix_is_every_combination_in_order() {
        let suite: SuiteDeclaration =
            serde_yaml::from_str("matrix: {DB: ['14', '15'], MQ: [a, b]}").unwrap();
        let all: Vec<String> = suite
            .combinations()
            .iter()
            .map(|one| format!("{} {}", one["DB"], one["MQ"]))
            .collect();
        assert_eq!(all, ["14 a", "14 b", "15 a", "15 b"]);
    }
}
