use std::collections::HashSet;
use std::path::Path;

use crate::diagnostic::Diagnostics;
use crate::interpolate;
use crate::source::{Node, Span};

use super::discover::base_missing;
use super::location::{absolute, parent};
use super::reader::Reader;
use super::{LayerInfo, Role, Variables};

/// Decides whether the base of an env is a layer or a library, and whether the env can do without one.
pub(super) fn decide_base(
    reader: &mut Reader,
    layers: &mut [LayerInfo],
    env: &str,
    directory: &Path,
    variables: &Variables,
) {
    let Some(own) = layers
        .iter()
        .find(|layer| layer.role == Role::Env)
        .map(|layer| layer.path.clone())
    else {
        return;
    };
    let shown = reader.show(&own);
    if let Some(base) = layers.iter_mut().find(|layer| layer.role == Role::Base) {
        if let Some(by) = brings_in(reader, &own, &base.path, directory, variables) {
            base.role = Role::Library;
            base.rule = format!("`{shown}` brings it in by `{by}`, so it is not merged as a layer");
        }
        return;
    }
    let Some(documents) = reader.peek(&own, Span::NONE) else {
        return;
    };
    let stands_alone = |service: &Node| {
        ["image", "build", "extends", "provider"]
            .iter()
            .any(|key| service.get(key).is_some())
    };
    let has_include = documents
        .iter()
        .any(|document| document.get("include").is_some());
    let dependent = documents
        .iter()
        .filter_map(|document| document.get("services")?.as_mapping())
        .flatten()
        .find(|(_, service)| service.as_mapping().is_some() && !stands_alone(service));
    if let Some((key, _)) = dependent
        && !has_include
    {
        let finding = base_missing(env, &key.text).at(key.span, "has neither `image` nor `build`");
        reader.diagnostics.push(finding);
    }
}

/// Whether `file`, or a file that it extends or includes, extends or includes `base`; and by which of the two.
fn brings_in(
    reader: &mut Reader,
    file: &Path,
    base: &Path,
    directory: &Path,
    variables: &Variables,
) -> Option<&'static str> {
    let mut seen = HashSet::from([file.to_path_buf()]);
    let mut waiting = vec![(file.to_path_buf(), directory.to_path_buf(), None)];
    while let Some((file, directory, first)) = waiting.pop() {
        for (by, reference) in references(reader, &file, variables) {
            let path = absolute(&directory, &reference);
            let by = first.unwrap_or(by);
            if path == base {
                return Some(by);
            }
            if reader.disk.is_file(&path) && seen.insert(path.clone()) {
                let directory = parent(&path).to_path_buf();
                waiting.push((path, directory, Some(by)));
            }
        }
    }
    None
}

/// The files that a file extends or includes, as written, with variables substituted.
fn references(
    reader: &mut Reader,
    file: &Path,
    variables: &Variables,
) -> Vec<(&'static str, String)> {
    let mut found: Vec<(&'static str, Node)> = Vec::new();
    for document in reader.peek(file, Span::NONE).unwrap_or_default() {
        let services = document.get("services").and_then(Node::as_mapping);
        let extends = services
            .into_iter()
            .flat_map(|services| services.values())
            .filter_map(|service| service.get("extends")?.get("file"));
        found.extend(extends.map(|file| ("extends", file.clone())));
        let include = document.get("include").and_then(Node::as_sequence);
        for element in include.into_iter().flatten() {
            let path = element.get("path").unwrap_or(element);
            let paths = path.as_sequence().unwrap_or(std::slice::from_ref(path));
            found.extend(paths.iter().map(|path| ("include", path.clone())));
        }
    }
    // What is wrong with them is found when they are loaded.
    let mut unheard = Diagnostics::default();
    found
        .into_iter()
        .filter_map(|(by, mut path)| {
            interpolate::expand(&mut path, &reader.sources, variables, &mut unheard);
            Some((by, path.as_str()?.to_owned()))
        })
        .collect()
}
