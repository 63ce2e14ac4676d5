use super::View;
use crate::diagnostic::{Diagnostic, Diagnostics, closest};
use crate::source::{Node, Span};

/// The suites of `x-wharf.test` name services that there are, and every variable of a matrix has values.
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
