use std::collections::BTreeSet;

use crate::resolve::Resolved;
use crate::source::{Mapping, Node};

/// `--services`: the names of the active services, sorted, one a line.
pub fn services(resolved: &Resolved) -> String {
    keys(resolved, "services")
}

/// `--volumes`: the keys of the volumes in use, sorted, one a line.
pub fn volumes(resolved: &Resolved) -> String {
    keys(resolved, "volumes")
}

/// `--networks`: the keys of the networks in use, sorted, one a line.
pub fn networks(resolved: &Resolved) -> String {
    keys(resolved, "networks")
}

/// `--models`: what the models in use are of (`model: ai/smollm2`), sorted, one a line.
pub fn models(resolved: &Resolved) -> String {
    let models = resolved.document.get("models").and_then(Node::as_mapping);
    lines(
        models
            .into_iter()
            .flat_map(Mapping::values)
            .filter_map(|model| model.get("model")?.as_str()),
    )
}

/// `--profiles`: every profile that a service names, active or not, sorted, one a line.
pub fn profiles(resolved: &Resolved) -> String {
    let active = resolved.document.get("services").and_then(Node::as_mapping);
    lines(
        active
            .into_iter()
            .flat_map(Mapping::values)
            .chain(resolved.inactive.values())
            .filter_map(|service| service.get("profiles")?.as_sequence())
            .flatten()
            .filter_map(Node::as_str),
    )
}

/// `--environment`: what `${..}` can name, as `NAME=VALUE` lines, sorted.
pub fn environment(resolved: &Resolved) -> String {
    let entries: Vec<String> = resolved
        .variables
        .iter()
        .map(|(name, variable)| format!("{name}={}", variable.value))
        .collect();
    lines(entries.iter().map(String::as_str))
}

fn keys(resolved: &Resolved, section: &str) -> String {
    let members = resolved.document.get(section).and_then(Node::as_mapping);
    lines(
        members
            .into_iter()
            .flat_map(Mapping::keys)
            .map(|key| &*key.text),
    )
}

/// Sorted, each once.
fn lines<'l>(lines: impl Iterator<Item = &'l str>) -> String {
    let lines: BTreeSet<&str> = lines.collect();
    lines.into_iter().flat_map(|line| [line, "\n"]).collect()
}
