use super::{Service, View, items};
use crate::diagnostic::{Diagnostic, Diagnostics, closest};
use crate::source::{Node, Span};

/// Volumes, secrets, configs and models that services use are defined.
pub fn check(view: &View, found: &mut Diagnostics) {
    for service in view.services() {
        let mut missing = |section: &'static str, what: &'static str, name: &str, span: Span| {
            if !view.has(section, name) {
                found.push(undefined(view, service, section, what, name, span));
            }
        };
        for mount in service.items("volumes") {
            if mount.get("type").and_then(Node::as_str) == Some("volume")
                && let Some(source) = mount.get("source")
                && let Some(name) = source.as_str()
            {
                missing("volumes", "volume", name, source.span);
            }
        }
        let build = service.get("build").map(|build| items(build, "secrets"));
        let references = [
            ("secrets", "secret", service.items("secrets")),
            ("secrets", "build secret", build.unwrap_or_default()),
            ("configs", "config", service.items("configs")),
        ];
        for (section, what, used) in references {
            for reference in used {
                let source = reference.get("source");
                let name = source.and_then(Node::as_str).unwrap_or_default();
                let span = source.map_or(reference.span, |source| source.span);
                missing(section, what, name, span);
            }
        }
        for (name, _) in service.members("models") {
            missing("models", "model", &name.text, name.span);
        }
    }
}

fn undefined(
    view: &View,
    service: Service,
    section: &'static str,
    what: &'static str,
    name: &str,
    span: Span,
) -> Diagnostic {
    let code = match section {
        "volumes" => "undefined-volume",
        "secrets" => "undefined-secret",
        "configs" => "undefined-config",
        _ => "undefined-model",
    };
    let finding = Diagnostic::error(
        code,
        format!(
            "service `{}` uses the undefined {what} `{name}`",
            service.name
        ),
    )
    .at(span, "");
    let known = view.section(section).map(|(key, _)| &*key.text);
    let finding = match closest(name, known) {
        Some(near) => finding.help(format!("write `{near}`")),
        None => finding.help(format!("define `{name}` under the top-level `{section}`")),
    };
    if section == "volumes" && name.contains('/') {
        return finding.note("a directory of this machine begins with `./`, `/` or `~`");
    }
    finding
}
