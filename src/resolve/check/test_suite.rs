use indexmap::IndexMap;

use super::View;
use crate::build::ignore::Patterns;
use crate::diagnostic::{Diagnostic, Diagnostics, closest};
use crate::model::{RUN_FILES, artifact_file, artifact_pattern};
use crate::source::{Key, Node, Span};

/// The suites of `x-wharf.test` name services that there are, every variable of a matrix has values, and every artifact is
/// kept under a name of its own.
pub fn check(view: &View, found: &mut Diagnostics) {
    let Some(test) = view.root.get("x-wharf").and_then(|own| own.get("test")) else {
        return;
    };
    let suites = test.get("suites").and_then(Node::as_mapping);
    let all = suites.is_none_or(|suites| suites.is_empty());
    if all && test.get("service").is_none() {
        found.push(
            Diagnostic::error("test-suite-unclear", "`x-wharf.test` names no service")
                .at(test.span, "")
                .help("say with `service` whose image and settings the tests run with"),
        );
    }
    check_one(view, test, found);
    check_artifacts(test, None, found);
    for (name, suite) in suites.into_iter().flatten() {
        if suite.get("service").is_none() && test.get("service").is_none() {
            found.push(
                Diagnostic::error(
                    "test-suite-unclear",
                    format!("the suite `{}` names no service", name.text),
                )
                .at(name.span, "")
                .help("say with `service` whose image and settings its tests run with"),
            );
        }
        check_one(view, suite, found);
        check_artifacts(test, Some(suite), found);
    }
    if let Some(service) = test.get("reset").and_then(|reset| reset.get("service")) {
        check_service(view, service, found);
    }
}

fn check_one(view: &View, suite: &Node, found: &mut Diagnostics) {
    if let Some(service) = suite.get("service") {
        check_service(view, service, found);
    }
    for service in super::items(suite, "needs") {
        check_service(view, service, found);
    }
    let matrix = suite.get("matrix").and_then(Node::as_mapping);
    for (variable, values) in matrix.into_iter().flatten() {
        if values.as_sequence().is_some_and(|values| values.is_empty()) {
            let text = format!("`{}` has no values, so nothing is tested", variable.text);
            found.push(
                Diagnostic::error("test-suite-unclear", text)
                    .at(variable.span, "")
                    .help("list the values, or leave the variable out"),
            );
        }
    }
}

/// The artifacts of a suite, with those of all suites; `None`: those of all alone. They are kept beside each other.
fn check_artifacts(test: &Node, suite: Option<&Node>, found: &mut Diagnostics) {
    let mut all: IndexMap<&str, (&Key, &Node)> = IndexMap::new();
    for node in std::iter::once(test).chain(suite) {
        // A suite's own takes the place of the one of all.
        all.extend(artifacts(node).map(|(key, path)| (key.text.as_str(), (key, path))));
    }
    let own = suite.unwrap_or(test);
    let is_own = |key: &Key| artifacts(own).any(|(one, _)| one.span == key.span);
    let mut kept: IndexMap<&str, &Key> = IndexMap::new();
    for (name, (key, node)) in all {
        let Some(path) = node.as_str() else {
            continue;
        };
        if let Some(finding) = unreadable(path, node.span).filter(|_| is_own(key)) {
            found.push(finding);
        }
        let file = artifact_file(name, path);
        let finding = match kept.insert(file, key) {
            Some(other) if is_own(key) || is_own(other) => {
                let text = format!("`{}` and `{name}` are both kept as `{file}`", other.text);
                Diagnostic::error("test-suite-unclear", text)
                    .at(key.span, "")
                    .because(other.span, "the other one")
                    .help("have one of them written under another name, or declare the directory that it is in")
            }
            None if is_own(key) && !may_be_kept(name, file) => {
                let text =
                    format!("`{name}` cannot be kept as `{file}`, which wharf writes itself");
                let help = match artifact_pattern(path) {
                    Some(_) => {
                        "what a pattern finds is kept below the artifact's name: call it something else"
                    }
                    None => "have the tests write it under another name",
                };
                Diagnostic::error("test-suite-unclear", text)
                    .at(key.span, "")
                    .help(help)
            }
            _ => continue,
        };
        found.push(finding);
    }
}

/// Why the pattern of an artifact cannot be one. `None`: it can be, or the path has none.
fn unreadable(path: &str, span: Span) -> Option<Diagnostic> {
    let (_, pattern) = artifact_pattern(path)?;
    let (reason, help) = match Patterns::new([pattern]) {
        Err(error) => (
            error.reason,
            "a `\\` before a sign takes it as it is".to_owned(),
        ),
        // The shell's way, which would be taken for a class with an exclamation mark in it.
        Ok(_) if pattern.contains("[!") => (
            "a class of all other signs begins with `[^`",
            format!("write `{}`", path.replace("[!", "[^")),
        ),
        Ok(_) => return None,
    };
    let text = format!("`{path}` is no pattern of paths: {reason}");
    Some(
        Diagnostic::error("test-suite-unclear", text)
            .at(span, "")
            .help(help),
    )
}

fn artifacts(suite: &Node) -> impl Iterator<Item = (&Key, &Node)> {
    let artifacts = suite.get("artifacts").and_then(Node::as_mapping);
    artifacts.into_iter().flatten()
}

/// Whether the file is not one of wharf's own. The tests' own report goes into the one that is written for all.
fn may_be_kept(name: &str, file: &str) -> bool {
    let is_report = name == "junit" && file == "junit.xml";
    let is_wharfs = RUN_FILES.contains(&file) || file.starts_with("attempt-");
    let leads_away = file.contains('/') || matches!(file, "." | "..");
    is_report || !(is_wharfs || leads_away)
}

fn check_service(view: &View, written: &Node, found: &mut Diagnostics) {
    let Some(name) = written.as_str() else {
        return;
    };
    if view.service(name).is_some() || view.inactive.get(name).is_some() {
        return;
    }
    let span: Span = written.span;
    let finding = Diagnostic::error(
        "test-suite-unclear",
        format!("`x-wharf.test` refers to the undefined service `{name}`"),
    )
    .at(span, "");
    let known: Vec<&str> = view.services().map(|service| service.name).collect();
    found.push(match closest(name, known.iter().copied()) {
        Some(near) => finding.help(format!("write `{near}`")),
        None => finding.help("name a service of this env"),
    });
}
