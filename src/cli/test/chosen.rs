use std::path::PathBuf;

use super::Test;
use crate::cli::Failure;
use crate::cli::context::{Context, Purpose};
use crate::diagnostic::closest;
use crate::suite::{Job, Shard, Sharding, jobs};

/// What a command line asks to test.
#[derive(Clone)]
pub struct Chosen {
    pub env: Option<String>,
    /// The env's Compose project, of which the run has copies.
    pub name: String,
    /// Of the project.
    pub directory: PathBuf,
    pub jobs: Vec<Job>,
    /// Every suite that runs by default runs as a whole: a green run covers its images.
    pub complete: bool,
}

impl Chosen {
    /// Reads `[ENV] [SUITE..]` and the options.
    pub fn of(test: &Test, context: &Context) -> Result<Chosen, Failure> {
        let mut words = test.words.clone();
        let named = context.files_are_named() || context.globals.env.is_some();
        let envs = context.envs();
        let first_is_env = words.first().is_some_and(|first| envs.contains(first));
        if !named && !first_is_env && envs.iter().any(|env| env == "test") {
            // `wharf test unit`: the env goes without saying.
            words.insert(0, "test".to_owned());
        }
        let scope = context.project(&words, Purpose::Run)?;
        let env = scope.env().map(str::to_owned);
        let name = scope.name().to_owned();
        let wanted = scope.words.clone();
        let resolved = scope.into_resolved()?;
        let Some(declared) = resolved.project.wharf.test.as_ref() else {
            return Err(Failure::Usage(
                "this env declares no tests\nhelp: add `x-wharf: {test: {service: app, command: [..]}}` to its layer".into(),
            ));
        };
        let mut suites = declared.suites();
        for word in &wanted {
            if !suites.contains_key(word) {
                let known: Vec<String> = suites.keys().cloned().collect();
                return Err(unknown(word, &known, context));
            }
        }
        let by_default = |name: &String| suites[name].default != Some(false);
        let all: Vec<String> = suites
            .keys()
            .filter(|name| by_default(name))
            .cloned()
            .collect();
        let picked = if wanted.is_empty() {
            all.clone()
        } else {
            wanted
        };
        let whole = all.iter().all(|name| picked.contains(name));
        suites.retain(|name, _| picked.contains(name));
        if suites.is_empty() {
            return Err(Failure::Usage(
                "no suite runs by default\nhelp: name one, or remove `default: false`".into(),
            ));
        }
        for suite in suites.values_mut() {
            if let Some(timeout) = &test.timeout {
                suite.timeout = Some(timeout.parse().map_err(Failure::Usage)?);
            }
            suite.retries = test.retries.or(suite.retries);
        }
        let part = test.shards.unwrap_or(Shard { number: 1, of: 1 });
        if part.of.checked_mul(test.parallel).is_none() {
            return Err(Failure::Usage(format!(
                "`--shards {part}` in `--parallel {}` stacks is more than there can be\nhelp: name fewer shards",
                test.parallel
            )));
        }
        let sharding = Sharding {
            part,
            parallel: test.parallel,
        };
        Ok(Chosen {
            env,
            name,
            directory: resolved.project.directory.clone(),
            jobs: jobs(&suites, sharding),
            complete: whole && part.of == 1 && test.arguments.is_empty(),
        })
    }

    /// Jobs that run at the same time, group by group.
    pub fn groups(&self) -> impl Iterator<Item = &[Job]> {
        self.jobs.chunk_by(Job::is_beside)
    }
}

fn unknown(word: &str, suites: &[String], context: &Context) -> Failure {
    let envs = context.envs();
    let suites = || suites.iter().map(String::as_str);
    let quoted = |names: &mut dyn Iterator<Item = &str>| {
        names
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let near = closest(word, suites().chain(envs.iter().map(String::as_str)));
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!(
            "the suites are {}; the envs are {}",
            quoted(&mut suites()),
            quoted(&mut envs.iter().map(String::as_str))
        ),
    };
    Failure::Usage(format!(
        "`{word}` is neither a suite nor an env\nhelp: {help}; arguments for the tests follow `--`"
    ))
}
