use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::image::bake_list;
use crate::load::{Environment, absolute};
use crate::model::Build;

/// Where a build finds results of earlier builds, or leaves its own: an entry of `cache_from` or `cache_to`.
/// <https://github.com/compose-spec/compose-spec/blob/main/build.md#cache_from>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// As it is written, for messages.
    text: String,
    /// `registry`, `local`, `inline` and so on.
    pub kind: String,
    /// Parameters, such as `ref` and `mode`. Those that name a directory are absolute.
    pub parameters: BTreeMap<String, String>,
}

/// Parameters of `type=local` that name its directory.
const DIRECTORIES: [&str; 2] = ["src", "dest"];

/// What GitHub Actions tells its jobs, by the parameter of `type=gha` that it is meant for.
/// <https://docs.docker.com/build/cache/backends/gha/#authentication>
const OF_GITHUB: [(&str, &[&str]); 3] = [
    ("token", &["ACTIONS_RUNTIME_TOKEN"]),
    ("url", &["ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL"]),
    ("url_v2", &["ACTIONS_RESULTS_URL"]),
];

/// Who may use a bucket, by the parameter of `type=s3` that it is meant for. Builders do not know the caller.
/// <https://docs.docker.com/build/cache/backends/s3/#authentication>
const OF_AMAZON: [(&str, &str); 3] = [
    ("access_key_id", "AWS_ACCESS_KEY_ID"),
    ("secret_access_key", "AWS_SECRET_ACCESS_KEY"),
    ("session_token", "AWS_SESSION_TOKEN"),
];

impl Cache {
    /// Reads `type=..,key=value`, or the name of an image, which is a registry's cache. Relative directories are the
    /// project's. `None`: the cache is GitHub's, and this is no job of GitHub Actions.
    pub fn read(text: &str, project: &Path, environment: &Environment) -> Option<Cache> {
        let mut parameters: BTreeMap<String, String> = match text.contains('=') {
            false => BTreeMap::from([("ref".to_owned(), text.to_owned())]),
            true => text
                .split(',')
                .filter_map(|pair| pair.split_once('='))
                .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
                .collect(),
        };
        let kind = parameters.remove("type");
        let kind = kind.unwrap_or_else(|| "registry".to_owned());
        match kind.as_str() {
            "local" => {
                for name in DIRECTORIES {
                    if let Some(directory) = parameters.get_mut(name) {
                        *directory = absolute(project, &*directory).display().to_string();
                    }
                }
            }
            "gha" => complete_for_github(&mut parameters, environment)?,
            "s3" => complete_for_amazon(&mut parameters, environment),
            _ => {}
        }
        Some(Cache {
            text: text.to_owned(),
            kind,
            parameters,
        })
    }
}

/// The caches that a build leaves its results in: those of its definition, and those of its `x-bake`.
pub fn written(build: &Build, project: &Path, environment: &Environment) -> Vec<Cache> {
    read_all(build, &build.cache_to, "cache-to", project, environment)
}

/// The caches that a build reads.
pub(super) fn consulted(build: &Build, project: &Path, environment: &Environment) -> Vec<Cache> {
    read_all(build, &build.cache_from, "cache-from", project, environment)
}

fn read_all(
    build: &Build,
    own: &[String],
    baked: &str,
    project: &Path,
    environment: &Environment,
) -> Vec<Cache> {
    own.iter()
        .chain(&bake_list(build, baked))
        .filter_map(|text| Cache::read(text, project, environment))
        .collect()
}

impl fmt::Display for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Adds the caller's own keys, where none are written.
fn complete_for_amazon(parameters: &mut BTreeMap<String, String>, environment: &Environment) {
    if OF_AMAZON
        .iter()
        .any(|(name, _)| parameters.contains_key(*name))
    {
        return;
    }
    for (parameter, variable) in OF_AMAZON {
        if let Some(value) = environment.get(variable).filter(|value| !value.is_empty()) {
            parameters.insert(parameter.to_owned(), value.to_owned());
        }
    }
}

/// Adds how GitHub's cache is reached. `None`: it cannot be.
fn complete_for_github(
    parameters: &mut BTreeMap<String, String>,
    environment: &Environment,
) -> Option<()> {
    if let Ok(Some(true)) = environment.boolean("ACTIONS_CACHE_SERVICE_V2") {
        parameters
            .entry("version".to_owned())
            .or_insert_with(|| "2".to_owned());
    }
    let is_second = parameters
        .get("version")
        .is_some_and(|version| version == "2");
    for (parameter, variables) in OF_GITHUB {
        if parameter == "url_v2" && !is_second {
            continue;
        }
        let told = variables.iter().find_map(|name| environment.get(name));
        if let Some(value) = told.filter(|value| !value.is_empty()) {
            parameters
                .entry(parameter.to_owned())
                .or_insert_with(|| value.to_owned());
        }
    }
    let has = |name: &str| parameters.contains_key(name);
    (has("token") && (has("url") || has("url_v2"))).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> Option<Cache> {
        let variables = variables.iter();
        let environment = Environment {
            variables: variables
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Environment::default()
        };
        Cache::read(text, Path::new("/p"), &environment)
    }

    fn parameters(cache: &Cache) -> Vec<(&str, &str)> {
        let parameters = cache.parameters.iter();
        parameters
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }

    #[test]
    fn an_image_alone_is_a_registrys_cache() {
        for text in ["app:cache", "ref=app:cache", "type=registry,ref=app:cache"] {
            let cache = read(text, &[]).unwrap();
            assert_eq!(cache.kind, "registry");
            assert_eq!(parameters(&cache), [("ref", "app:cache")]);
            assert_eq!(cache.to_string(), text);
        }
    }

    #[test]
    fn directories_are_the_projects() {
        let cache = read("type=local,dest=../cache,mode=max", &[]).unwrap();
        assert_eq!(cache.kind, "local");
        assert_eq!(parameters(&cache), [("dest", "/cache"), ("mode", "max")]);
        let cache = read("type=local,src=/cache", &[]).unwrap();
        assert_eq!(parameters(&cache), [("src", "/cache")]);
    }

    #[test]
    fn githubs_cache_is_there_in_its_jobs_only() {
        assert_eq!(read("type=gha,scope=x", &[]), None);
        let job = [
            ("ACTIONS_RUNTIME_TOKEN", "t"),
            ("ACTIONS_RESULTS_URL", "https://results.example/"),
            ("ACTIONS_CACHE_SERVICE_V2", "true"),
        ];
        let cache = read("type=gha,scope=x", &job).unwrap();
        assert_eq!(cache.parameters["token"], "t");
        assert_eq!(cache.parameters["version"], "2");
        assert_eq!(cache.parameters["url_v2"], "https://results.example/");
        let cache = read("type=gha,url=https://own.example/,token=own", &job[..1]).unwrap();
        assert_eq!(cache.parameters["token"], "own");
        assert_eq!(cache.parameters["url"], "https://own.example/");
    }

    #[test]
    fn buckets_are_entered_with_the_callers_keys() {
        let keys = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "s")];
        let cache = read("type=s3,bucket=b", &keys).unwrap();
        let expected = [
            ("access_key_id", "id"),
            ("bucket", "b"),
            ("secret_access_key", "s"),
        ];
        assert_eq!(parameters(&cache), expected);
        let cache = read("type=s3,bucket=b,access_key_id=own", &keys).unwrap();
        assert_eq!(
            parameters(&cache),
            [("access_key_id", "own"), ("bucket", "b")]
        );
    }

    #[test]
    fn what_is_written_stands_in_two_places() {
        let build: Build = serde_yaml::from_str(
            "{cache_to: ['type=local,dest=a'], cache_from: ['app:1'], x-bake: {cache-to: 'type=local,dest=/b'}}",
        )
        .unwrap();
        let written = written(&build, Path::new("/p"), &Environment::default());
        let places: Vec<&str> = written
            .iter()
            .map(|cache| cache.parameters["dest"].as_str())
            .collect();
        assert_eq!(places, ["/p/a", "/b"]);
    }
}
