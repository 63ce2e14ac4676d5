use smol_str::SmolStr;

use super::Expansion;
use crate::diagnostic::Diagnostic;
use crate::source::{Change, Key, Kind, Mapping, Node, Span};

/// `KEY=VALUE` texts become a mapping; a text without `=` maps to the empty text.
pub fn dict(node: &mut Node, expansion: &mut Expansion) {
    if !expansion.keep_variables {
        entries(node, |key| Node::string("", key.span));
    }
}

/// `KEY=VALUE` texts become a mapping; a text without `=` maps to null: the value of the environment wharf runs in.
/// Of a name that ends with white space Compose says that it is a mistake.
pub fn variables(node: &mut Node, expansion: &mut Expansion) {
    if expansion.keep_variables {
        return;
    }
    for item in node.as_sequence().unwrap_or_default() {
        let name = item
            .as_str()
            .map(|text| text.split_once('=').map_or(text, |(name, _)| name));
        if let Some(name) = name
            && name.ends_with(|last: char| last.is_ascii() && last.is_whitespace())
        {
            expansion.refuse(
                Diagnostic::error(
                    "bad-entry",
                    format!(
                        "the name `{name}` in `{}` ends with a space",
                        expansion.place
                    ),
                )
                .at(item.span, "")
                .help("write `NAME=VALUE` without a space before the `=`"),
            );
        }
    }
    entries(node, |key| Node::null(key.span));
}

/// `NAME=CONTEXT` texts become a mapping.
pub fn contexts(node: &mut Node, expansion: &mut Expansion) {
    for item in node.as_sequence().unwrap_or_default() {
        if let Some(text) = item.as_str()
            && !text.contains('=')
        {
            expansion.refuse(
                Diagnostic::error(
                    "bad-entry",
                    format!("`{text}` in `{}` names no context", expansion.place),
                )
                .at(item.span, "")
                .help("write `NAME=CONTEXT`"),
            );
        }
    }
    entries(node, |key| Node::string("", key.span));
}

fn entries(node: &mut Node, missing: fn(&Key) -> Node) {
    let Kind::Sequence(items) = &mut node.kind else {
        return;
    };
    let mut members = Mapping::with_capacity(items.len());
    for mut item in items.drain(..) {
        let Kind::String(text) = &item.kind else {
            continue;
        };
        match text.split_once('=') {
            None => {
                let key = Key::new(text.clone(), item.span);
                let mut value = missing(&key);
                value.history = item.history;
                members.insert(key, value);
            }
            Some((name, value)) => {
                let key = Key::new(name, part(item.span, text, 0, name.len()));
                let value: SmolStr = value.into();
                item.span = part(item.span, text, name.len() + 1, text.len());
                item.kind = Kind::String(value);
                strip(&mut item, &key.text);
                members.insert(key, item);
            }
        }
    }
    node.kind = members.into();
}

/// What lay below was an entry of the list too: only its value is kept.
fn strip(item: &mut Node, name: &str) {
    for change in item.history.as_deref_mut().into_iter().flatten() {
        let Change::Replaced { previous } = change else {
            continue;
        };
        strip(previous, name);
        let Some(text) = previous.as_str() else {
            continue;
        };
        let kind = match text.strip_prefix(name) {
            Some("") => Kind::Null,
            Some(rest) if rest.starts_with('=') => Kind::String(rest[1..].into()),
            _ => continue,
        };
        previous.kind = kind;
    }
}

/// The place of `text[start..end]`, where the text stands in the file as it is; else the place of the whole.
pub fn part(span: Span, text: &str, start: usize, end: usize) -> Span {
    let written = (span.end - span.start) as usize;
    let quotes = match written.checked_sub(text.len()) {
        Some(0) => 0,
        // Quoted without escapes: the same text between two quotes.
        Some(2) => 1,
        _ => return span,
    };
    if !span.is_some() {
        return span;
    }
    let offset = span.start as usize + quotes;
    Span::new(span.source, offset + start, offset + end)
}
