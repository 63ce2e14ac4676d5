//! What was probably meant by a value of the wrong kind.

use super::{Cast, Place, Shape, plain};
use crate::diagnostic::{Diagnostic, Edit, prose};
use crate::source::{Kind, Node};

/// Adds the way out to a finding about a value of a kind that `shape` does not take.
pub(super) fn wrong_type(
    finding: Diagnostic,
    node: &Node,
    shape: Shape,
    place: &Place,
) -> Diagnostic {
    let names = shape.names();
    let takes = |name: &str| names.contains(&name);
    match &node.kind {
        Kind::Timestamp(_) => finding.help("put quotes around it to make it a string"),
        Kind::Int(number) if has_cast(shape, Cast::Duration) => rewritten(
            finding,
            node,
            format!("write the unit: `{number}s`"),
            format!("{number}s"),
        ),
        Kind::Null if place.is_root() => finding,
        Kind::Null if takes("a mapping") || takes("a list") => {
            finding.help("indent what belongs below it further than the key, or remove the key")
        }
        Kind::Null => finding.help("give it a value or remove the key"),
        Kind::Int(_) | Kind::Unsigned(_) | Kind::Float(_) | Kind::Bool(_) if takes("a string") => {
            finding.help("put quotes around it")
        }
        Kind::String(text) if !takes("a list") && takes("a mapping") => match key_and_value(text) {
            Some((key, value)) => rewritten(
                finding,
                node,
                format!(
                    "put a space after the colon: `{key}: {}`",
                    prose::short(value)
                ),
                format!("{key}: {value}"),
            ),
            None => finding,
        },
        Kind::String(_) | Kind::Int(_) if takes("a list") => {
            let text = plain(&node.kind);
            let text = text.as_deref().or(node.as_str()).unwrap_or_default();
            // Between brackets, a colon may end a key.
            let entry = match text.contains(':') {
                true => format!("\"{}\"", prose::short(text)),
                false => prose::short(text).to_string(),
            };
            finding.help(format!("write a list: `[{entry}]`"))
        }
        Kind::Mapping(members) if takes("a string") => {
            let mut members = members.iter();
            match (members.next(), members.next()) {
                (Some((key, value)), None) => {
                    let value_text = plain(&value.kind);
                    let value_text = value_text.as_deref().or(value.as_str()).unwrap_or_default();
                    finding
                        .note("in an entry of a list, `: ` begins a mapping")
                        .help(format!(
                            "write `{}={}`, or put quotes around the entry",
                            key.text,
                            prose::short(value_text)
                        ))
                }
                _ => finding,
            }
        }
        _ => finding,
    }
}

/// A finding whose way out is another text in the place of the value.
fn rewritten(finding: Diagnostic, node: &Node, help: String, replacement: String) -> Diagnostic {
    match node.span.is_some() {
        true => finding.fix(
            help,
            vec![Edit {
                span: node.span,
                replacement,
            }],
        ),
        false => finding.help(help),
    }
}

/// The two sides of `image:x`, unless it is something else with a colon in it.
fn key_and_value(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.split_once(':')?;
    let is_key = !key.is_empty() && key.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
    (is_key && !value.is_empty() && !value.starts_with("//")).then_some((key, value))
}

/// Whether a text here is read in this way.
fn has_cast(shape: Shape, cast: Cast) -> bool {
    match shape {
        Shape::Scalar(scalar) => scalar.cast == cast,
        Shape::OneOf(alternatives) => alternatives.iter().any(|shape| has_cast(*shape, cast)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use crate::diagnostic::Diagnostics;
    use crate::source::{SourceId, parse};

    fn helps(text: &str) -> Vec<String> {
        let mut found = Diagnostics::default();
        let root = parse(SourceId(0), text, &mut found).remove(0);
        check(&root, &mut found);
        let help = found.iter().flat_map(|finding| &finding.help);
        help.map(|help| help.text.clone()).collect()
    }

    #[test]
    fn the_commonest_slips_are_told_how_to_mend() {
        for (text, help) in [
            (
                "services: {a: {image: x, environment: [{C: d}]}}",
                "write `C=d`, or put quotes around the entry",
            ),
            (
                "services:\n  a:\n    image:x\n",
                "put a space after the colon: `image: x`",
            ),
            (
                "services: {a: {image: x, cap_add: NET_ADMIN}}",
                "write a list: `[NET_ADMIN]`",
            ),
            (
                "services: {a: {image: x, ports: 80}}",
                "write a list: `[80]`",
            ),
            (
                "services:\na: {image: x}\n",
                "indent what belongs below it further than the key, or remove the key",
            ),
            (
                "services: {a: {image: x, healthcheck: {interval: 10}}}",
                "write the unit: `10s`",
            ),
            (
                "web: {image: x}",
                "put `web` under the top-level `services`",
            ),
        ] {
            let found = helps(text);
            assert!(found.iter().any(|one| one == help), "{text}: {found:?}");
        }
    }
}
