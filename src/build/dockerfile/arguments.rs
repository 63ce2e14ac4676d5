use indexmap::IndexMap;

use super::expand::expand;
use super::platform;

/// The `ARG`s before the first `FROM`, in the file's order, with their defaults as written.
/// <https://docs.docker.com/reference/dockerfile/#understand-how-arg-and-from-interact>
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GlobalArguments(Vec<(String, Option<String>)>);

/// What `FROM` sees of an argument that is declared and never given a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unset {
    /// It is empty, and hides the variable of the platform that has its name: up to engine 26.
    Empty,
    /// It is as if it were not declared: later engines.
    Undeclared,
}

impl GlobalArguments {
    pub(super) fn push(&mut self, name: String, default: Option<String>) {
        self.0.push((name, default));
    }

    /// What variables stand for in a `FROM`, in a build for `platform`. What is `given` to the build wins, also where a
    /// later default speaks of it.
    pub(super) fn lookup<'a>(
        &self,
        escape: char,
        platform: &'a str,
        given: &'a IndexMap<String, String>,
        unset: Unset,
    ) -> impl Fn(&str) -> Option<String> + 'a {
        let automatic = move |name: &str| {
            let own = platform::variable(name, platform)?;
            Some(given.get(name).cloned().unwrap_or(own))
        };
        let mut known: IndexMap<String, String> = IndexMap::new();
        for (name, default) in &self.0 {
            let value = match (given.get(name), default) {
                (Some(value), _) => value.clone(),
                (None, Some(default)) => expand(default, escape, &|name: &str| {
                    known.get(name).cloned().or_else(|| automatic(name))
                }),
                (None, None) if unset == Unset::Empty => String::new(),
                (None, None) => continue,
            };
            known.insert(name.clone(), value);
        }
        move |name: &str| known.get(name).cloned().or_else(|| automatic(name))
    }
}
