use super::View;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Kind, Node};

/// The ways to say what a config or secret holds.
const SECRET: &[&str] = &["file", "environment"];
const CONFIG: &[&str] = &["file", "environment", "content"];

/// A config or secret says in exactly one way what it holds, unless a driver or somebody else does.
pub fn check_sources(view: &View, found: &mut Diagnostics) {
    for (section, ways) in [("configs", CONFIG), ("secrets", SECRET)] {
        for (name, object) in view.section(section) {
            let said: Vec<&Node> = ways.iter().filter_map(|way| object.get(way)).collect();
            if let [first, second, ..] = said[..] {
                found.push(
                    Diagnostic::error(
                        "conflicting-keys",
                        format!("`{section}.{}` says twice what it holds", name.text),
                    )
                    .at(second.span, "")
                    .because(first.span, "")
                    .help("keep one of them"),
                );
            }
            let elsewhere = object.get("driver").is_some() || object.get("external").is_some();
            if said.is_empty() && !elsewhere {
                found.push(empty(section, &name.text, ways).at(name.span, ""));
            }
        }
    }
}

/// A secret that is not external comes from a file or the environment.
pub fn check_content(view: &View, found: &mut Diagnostics) {
    for (name, secret) in view.section("secrets") {
        let external = matches!(
            secret.get("external").map(|external| &external.kind),
            Some(Kind::Bool(true))
        );
        if !external && SECRET.iter().all(|way| secret.get(way).is_none()) {
            found.push(empty("secrets", &name.text, SECRET).at(name.span, ""));
        }
    }
}

fn empty(section: &str, name: &str, ways: &[&str]) -> Diagnostic {
    let ways: Vec<String> = ways.iter().map(|way| format!("`{way}`")).collect();
    Diagnostic::error(
        "missing-key",
        format!("`{section}.{name}` does not say what it holds"),
    )
    .help(format!(
        "add one of {}, or `external: true`",
        ways.join(", ")
    ))
}
