use std::fmt;
use std::str::FromStr;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{Condition, Dependency, Needs, Project, Service, SuiteDeclaration};
use crate::plan::dependencies;
use crate::secret;

/// A share of a suite's tests, counted from one: `2/3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    pub number: u32,
    pub of: u32,
}

/// How the tests are divided: `part` is what this machine does, in `parallel` stacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharding {
    pub part: Shard,
    pub parallel: u32,
}

impl Sharding {
    /// The shards to run here.
    fn shards(self) -> Vec<Option<Shard>> {
        let parallel = self.parallel.max(1);
        let of = self.part.of.saturating_mul(parallel);
        if of == 1 {
            return vec![None];
        }
        let first = (self.part.number - 1)
            .saturating_mul(parallel)
            .saturating_add(1);
        (first..first.saturating_add(parallel))
            .map(|number| Some(Shard { number, of }))
            .collect()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/');
        let parsed = parts.and_then(|(number, of)| {
            let (number, of) = (number.trim().parse().ok()?, of.trim().parse().ok()?);
            (1..=of).contains(&number).then_some(Shard { number, of })
        });
        parsed.ok_or_else(|| {
            format!("`{text}` is no shard; write `2/3` for the second of three, counted from one")
        })
    }
}

/// What is tested in one stack: a suite, with one combination of its matrix, or a shard of that.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub suite: String,
    /// With the defaults filled in.
    pub declaration: SuiteDeclaration,
    /// The values of the matrix's variables.
    pub values: IndexMap<String, String>,
    /// `None`: all tests of the suite.
    pub shard: Option<Shard>,
}

/// The jobs of these suites, in order; those of one suite and one combination of values follow each other.
pub fn jobs(suites: &IndexMap<String, SuiteDeclaration>, sharding: Sharding) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (suite, declaration) in suites {
        for values in declaration.combinations() {
            for shard in sharding.shards() {
                jobs.push(Job {
                    suite: suite.clone(),
                    declaration: declaration.clone(),
                    values: values.clone(),
                    shard,
                });
            }
        }
    }
    jobs
}

impl Job {
    /// Whether both are shards of the same tests.
    pub fn is_beside(&self, other: &Job) -> bool {
        self.suite == other.suite && self.values == other.values
    }

    /// The service whose image and settings the tests run with; checked when the project was resolved.
    pub fn service(&self) -> &str {
        self.declaration.service.as_deref().unwrap_or_default()
    }

    /// The services that the suite names, whose profiles are active for it.
    pub fn named_services(&self) -> Vec<String> {
        let mut named = vec![self.service().to_owned()];
        if let Some(Needs::Services(needed)) = &self.declaration.needs {
            named.extend(needed.iter().cloned());
        }
        named
    }

    /// The values of the matrix's variables as they may be shown. What stands in for a secret says which of the variable's
    /// values it is, counted from one: two jobs have two names.
    pub fn shown_values(&self) -> IndexMap<String, String> {
        let shown = self.values.iter().map(|(name, value)| {
            let mut shown = secret::shown(name, value).into_owned();
            let all = self.declaration.matrix.get(name);
            if shown != *value
                && let Some(at) = all.and_then(|all| all.iter().position(|one| one == value))
            {
                shown.push_str(&format!("#{}", at + 1));
            }
            (name.clone(), shown)
        });
        shown.collect()
    }

    /// A name for a directory or a part of a Compose project's name. Two jobs have two, also where their names differ in
    /// characters alone that no such name has.
    pub fn directory(&self) -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let name = self.to_string();
        let mut directory: String = name
            .chars()
            .map(|c| if fits(c) { c } else { '-' })
            .collect();
        let shown = self.shown_values();
        let written = shown.iter().flat_map(|(key, value)| [key, value]);
        if !written
            .chain([&self.suite])
            .all(|part| part.chars().all(fits))
        {
            let digest = hex::encode(Sha256::digest(&name));
            directory.push('-');
            directory.extend(digest.chars().take(6));
        }
        directory
    }

    /// The service as the tests run in it. `extra`: variables above the declared ones.
    pub fn test_service(
        &self,
        project: &Project,
        arguments: &[String],
        extra: &IndexMap<String, String>,
    ) -> Option<Service> {
        let mut service = project.services.get(self.service())?.clone();
        if !self.declaration.command.is_empty() || !arguments.is_empty() {
            let declared = match self.declaration.command.as_slice() {
                [] => service.command.clone().unwrap_or_default(),
                command => command.to_vec(),
            };
            service.command = Some([declared, arguments.to_vec()].concat());
        }
        let environment = &mut service.environment;
        let set = |(name, value): (&String, &String)| (name.clone(), Some(value.clone()));
        environment.extend(self.values.iter().map(set));
        environment.extend(self.declaration.environment.clone());
        environment.extend(extra.iter().map(set));
        if let Some(shard) = self.shard {
            environment.insert("WHARF_SHARD".into(), Some(shard.number.to_string()));
            environment.insert("WHARF_SHARDS".into(), Some(shard.of.to_string()));
        }
        match self.declaration.needs.clone().unwrap_or_default() {
            Needs::Dependencies(true) => {}
            Needs::Dependencies(false) => service.depends_on.clear(),
            Needs::Services(needed) => {
                let declared = std::mem::take(&mut service.depends_on);
                for name in needed {
                    let dependency = declared.get(&name).cloned().unwrap_or(Dependency {
                        condition: ready(project.services.get(&name)),
                        restart: false,
                        required: true,
                    });
                    service.depends_on.insert(name, dependency);
                }
            }
        }
        service.ports.clear();
        service.container_name = None;
        service.tty = None;
        service.stdin_open = None;
        service.scale = None;
        Some(service)
    }

    /// The services that have to run before the tests start, without what those depend on in turn.
    pub fn needed(&self, project: &Project) -> Vec<String> {
        let service = self.test_service(project, &[], &IndexMap::new());
        service
            .iter()
            .flat_map(dependencies)
            .map(|(name, _)| name)
            .filter(|name| project.services.contains_key(name))
            .collect()
    }
}

/// What a service is waited for when nobody says.
fn ready(service: Option<&Service>) -> Condition {
    let checked = service.is_some_and(|service| {
        service
            .healthcheck
            .as_ref()
            .is_some_and(|check| !check.is_disabled())
    });
    if checked {
        Condition::Healthy
    } else {
        Condition::Started
    }
}

/// `integration`, `integration DB=15`, `integration DB=15 2/3`, `integration PASSWORD=********#1`.
impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.suite)?;
        for (name, value) in self.shown_values() {
            write!(f, " {name}={value}")?;
        }
        if let Some(shard) = self.shard {
            write!(f, " {shard}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALONE: Sharding = Sharding {
        part: Shard { number: 1, of: 1 },
        parallel: 1,
    };

    fn suites(text: &str) -> IndexMap<String, SuiteDeclaration> {
        serde_yaml::from_str(text).unwrap()
    }

    fn names(jobs: &[Job]) -> Vec<String> {
        jobs.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_part_of_the_shards_is_divided_further_in_parallel() {
        let suites = suites("unit: {service: app}");
        assert_eq!(names(&jobs(&suites, ALONE)), ["unit"]);
        let two = Sharding {
            parallel: 2,
            ..ALONE
        };
        assert_eq!(names(&jobs(&suites, two)), ["unit 1/2", "unit 2/2"]);
        let part = Sharding {
            part: "2/3".parse().unwrap(),
            parallel: 2,
        };
        assert_eq!(names(&jobs(&suites, part)), ["unit 3/6", "unit 4/6"]);
    }

    #[test]
    fn every_combination_of_the_matrix_is_a_job_with_its_variables() {
        let suites = suites("unit: {service: app, matrix: {DB: [a/b, c]}}");
        let jobs = jobs(&suites, ALONE);
        assert_eq!(names(&jobs), ["unit DB=a/b", "unit DB=c"]);
        let directory = jobs[0].directory();
        assert!(directory.starts_with("unit-DB-a-b-"), "{directory}");
        assert_eq!(jobs[1].directory(), "unit-DB-c");
        let mut project = Project::default();
        project.services.insert("app".into(), Service::default());
        let service = jobs[0]
            .test_service(&project, &[], &IndexMap::new())
            .unwrap();
        assert_eq!(service.environment["DB"].as_deref(), Some("a/b"));
    }

    #[test]
    fn values_that_differ_in_signs_have_directories_of_their_own() {
        let suites = suites("s: {service: app, needs: [db], matrix: {PY: ['>=1', '<=1']}}");
        let jobs = jobs(&suites, ALONE);
        assert_ne!(jobs[0].directory(), jobs[1].directory());
        assert_eq!(jobs[0].named_services(), ["app", "db"]);
    }

    #[test]
    fn values_that_are_secret_are_not_shown() {
        let suites = suites(
            "unit: {service: app, matrix: {DB_PASSWORD: [one, two], URL: ['a://u:p1@h', 'a://u:p2@h']}}",
        );
        let jobs = jobs(&suites, ALONE);
        assert_eq!(
            names(&jobs)[1..3],
            [
                "unit DB_PASSWORD=********#1 URL=a://u:********@h#2",
                "unit DB_PASSWORD=********#2 URL=a://u:********@h#1",
            ]
        );
        let directories: std::collections::BTreeSet<String> =
            jobs.iter().map(Job::directory).collect();
        assert_eq!(directories.len(), 4);
        let all = directories.into_iter().collect::<String>();
        assert!(
            !["one", "two", "p1", "p2"]
                .iter()
                .any(|one| all.contains(one)),
            "{all}"
        );
        let mut project = Project::default();
        project.services.insert("app".into(), Service::default());
        let service = jobs[3]
            .test_service(&project, &[], &IndexMap::new())
            .unwrap();
        assert_eq!(service.environment["DB_PASSWORD"].as_deref(), Some("two"));
    }

    #[test]
    fn a_suite_gets_the_services_that_it_needs() {
        let mut project = Project::default();
        let app: Service = serde_yaml::from_str(
            "{image: a, network_mode: 'service:net', depends_on: {db: {condition: service_healthy, required: true}, mq: {condition: service_started, required: true}}}",
        )
        .unwrap();
        project.services.insert("app".into(), app);
        for name in ["net", "db", "mq", "web"] {
            project.services.insert(name.into(), Service::default());
        }
        let needed = |needs: &str| {
            let suites = suites(&format!("s: {{service: app, needs: {needs}}}"));
            let mut needed = jobs(&suites, ALONE)[0].needed(&project);
            needed.sort();
            needed.join(" ")
        };
        assert_eq!(needed("true"), "db mq net");
        assert_eq!(
            needed("false"),
            "net",
            "it cannot exist without its network"
        );
        assert_eq!(needed("[db, web]"), "db net web");
    }

    #[test]
    fn shards_are_counted_from_one() {
        for wrong in ["0/2", "3/2", "1", "a/b", "1/0"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
