use std::collections::HashMap;

use super::View;
use crate::diagnostic::{Diagnostic, Diagnostics, Edit};
use crate::source::{Change, Node, Sources, Span};

/// A fixed port of the host that is published twice: the second container cannot start.
///
/// A warning, because Compose says nothing before the engine does, and because only one of the services may be meant to
/// run at a time.
pub fn check(view: &View, sources: &Sources, found: &mut Diagnostics) {
    // By port and protocol: who binds it, on which address, and where that is written.
    type Binding<'b> = (&'b str, &'b str, Span);
    let mut bound: HashMap<(&str, &str), Vec<Binding>> = HashMap::new();
    for service in view.services() {
        for port in service.items("ports") {
            let text = |key: &str| port.get(key).and_then(Node::as_str);
            let (Some(published), protocol) = (
                text("published").filter(|published| !published.contains('-')),
                text("protocol").unwrap_or("tcp"),
            ) else {
                continue;
            };
            if published.is_empty() {
                continue;
            }
            let address = text("host_ip").unwrap_or("0.0.0.0");
            let others = bound.entry((published, protocol)).or_default();
            if let Some((other, _, span)) =
                others.iter().find(|(_, bound, _)| overlap(bound, address))
            {
                let whose = if *other == service.name {
                    format!("twice by service `{other}`")
                } else {
                    format!("by service `{other}` and by service `{}`", service.name)
                };
                let finding = Diagnostic::warning(
                    "port-conflict",
                    format!("host port {published}/{protocol} is published {whose}"),
                );
                let appended = appended(service.get("ports"), *span, port.span)
                    .filter(|_| *other == service.name);
                found.push(match appended {
                    Some(by) => {
                        let finding = finding.at(port.span, "second binding").because(
                            *span,
                            "first binding, kept because `ports` entries are appended",
                        );
                        match tag_place(by, sources) {
                            Some(edit) => finding.fix(
                                "replace the inherited list instead of appending to it",
                                vec![edit],
                            ),
                            None => finding.help(
                                "write `ports: !override` there to replace the inherited list",
                            ),
                        }
                    }
                    None => finding
                        .at(port.span, "second binding")
                        .because(*span, "first binding")
                        .help("publish one of them on another port"),
                });
            }
            others.push((service.name, address, port.span));
        }
    }
}

/// The list of the layer that appended the entry at `second` to one that has the entry at `first`.
fn appended(ports: Option<&Node>, first: Span, second: Span) -> Option<Span> {
    ports?
        .history
        .as_deref()?
        .iter()
        .find_map(|change| match change {
            Change::Appended { by, .. } if by.holds(second) && !by.holds(first) => Some(*by),
            _ => None,
        })
}

/// Writes `!override` in front of a list; behind its key where the list begins on a line of its own.
fn tag_place(list: Span, sources: &Sources) -> Option<Edit> {
    let text = &sources.get(list.source)?.text;
    let start = list.start as usize;
    let before = text.get(..start)?;
    let (at, replacement) = if text.get(start..)?.starts_with('[') {
        (start, "!override ")
    } else {
        let key = before.trim_end();
        if !key.ends_with(':') {
            return None;
        }
        (key.len(), " !override")
    };
    Some(Edit {
        span: Span::new(list.source, at, at),
        replacement: replacement.into(),
    })
}

fn overlap(left: &str, right: &str) -> bool {
    let is_any = |address: &str| matches!(address, "0.0.0.0" | "::" | "");
    left == right || is_any(left) || is_any(right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn edited(text: &str, list: &str) -> Option<String> {
        let mut sources = Sources::default();
        let id = sources.add(Path::new("/p/a.yml"), "a.yml", text);
        let start = text.find(list).unwrap();
        let edit = tag_place(Span::new(id, start, start + list.len()), &sources)?;
        let mut text = text.to_owned();
        text.insert_str(edit.span.start as usize, &edit.replacement);
        Some(text)
    }

    #[test]
    fn the_tag_goes_where_yaml_wants_it() {
        assert_eq!(
            edited("ports:\n  - '80'\n", "- '80'").as_deref(),
            Some("ports: !override\n  - '80'\n")
        );
        assert_eq!(
            edited("ports: ['80']\n", "['80']").as_deref(),
            Some("ports: !override ['80']\n")
        );
        assert_eq!(edited("ports: # why\n  - '80'\n", "- '80'"), None);
    }
}
