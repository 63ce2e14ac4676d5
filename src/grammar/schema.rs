//! Whether a document has the structure that the specification demands, short forms allowed.

use std::collections::HashSet;

use super::hint;
use super::place::Place;
use super::{Cast, Keys, Map, PROJECT, Record, Scalar, Shape};
use crate::diagnostic::{Diagnostic, Diagnostics, Edit, closest};
use crate::source::{Key, Kind, Mapping, Node, Reach};

/// Adds every finding about the structure of a whole document: unknown keys, wrong types, values that are not allowed.
///
/// The document is the one that merging yields, before short forms become long ones.
/// <https://github.com/compose-spec/compose-spec/blob/main/schema/compose-spec.json>
pub fn check(root: &Node, diagnostics: &mut Diagnostics) {
    check_within(&Reach::All, root, diagnostics);
}

/// As [`check`], of what is within reach.
pub fn check_within(reach: &Reach, root: &Node, diagnostics: &mut Diagnostics) {
    visit(root, PROJECT, reach, &Place::ROOT, diagnostics);
}

fn visit(node: &Node, shape: Shape, reach: &Reach, place: &Place, found: &mut Diagnostics) {
    let Some(shape) = shape.alternative(node) else {
        found.push(wrong_type(node, shape, place));
        return;
    };
    match shape {
        Shape::Any | Shape::Null | Shape::OneOf(_) => {}
        Shape::Short(short) => visit(node, short.accepts, reach, place, found),
        Shape::Scalar(scalar) => {
            if let Some(finding) = value(node, scalar, place) {
                found.push(finding);
            }
        }
        Shape::List(list) => {
            let items = node.as_sequence().unwrap_or_default();
            for (at, item) in items.iter().enumerate() {
                visit(item, list.item, &Reach::All, &place.index(at), found);
            }
            if list.unique {
                twice(items, place, found);
            }
        }
        Shape::Map(map) => {
            if let Some(members) = node.as_mapping() {
                reach.each(members, |key, member, reach| {
                    named(key, member, map, reach, place, found);
                });
            }
        }
        Shape::Record(record) => {
            if let Some(members) = node.as_mapping() {
                fields(node, members, record, reach, place, found);
            }
        }
    }
}

fn named(
    key: &Key,
    member: &Node,
    map: &Map,
    reach: &Reach,
    place: &Place,
    found: &mut Diagnostics,
) {
    if map.keys.allow(&key.text) {
        visit(member, map.value, reach, &place.key(&key.text), found);
    } else if !map.open {
        let finding = match &*key.text {
            "" => Diagnostic::error("bad-name", format!("`{place}` has an entry without a name")),
            text => Diagnostic::error(
                "bad-name",
                format!("`{text}` is not a name that `{place}` allows"),
            ),
        };
        let finding = finding.at(key.span, "");
        found.push(match map.keys {
            Keys::Filled => finding.help("give it a name, or remove it"),
            _ => finding.help("write letters, digits, `.`, `_` and `-` only"),
        });
    }
}

fn fields(
    node: &Node,
    members: &Mapping,
    record: &Record,
    reach: &Reach,
    place: &Place,
    found: &mut Diagnostics,
) {
    reach.each(members, |key, member, reach| {
        if let Some(field) = record.field(&key.text) {
            visit(member, field.shape, reach, &place.key(&key.text), found);
        } else if !(record.open || record.extensible && key.text.starts_with("x-")) {
            found.push(unknown_key(key, member, record, place));
        }
    });
    for name in record.required {
        if !members.contains_key(name) {
            let span = node.span;
            found.push(
                Diagnostic::error("missing-key", format!("`{place}` lacks the key `{name}`"))
                    .at(span, format!("{} needs `{name}`", record.what)),
            );
        }
    }
}

fn unknown_key(key: &Key, member: &Node, record: &Record, place: &Place) -> Diagnostic {
    let whose = if place.is_root() {
        "the top level".to_owned()
    } else {
        format!("`{place}`")
    };
    let finding = Diagnostic::error(
        "unknown-key",
        format!("`{}` is not a key of {whose}", key.text),
    )
    .at(key.span, format!("{} has no such key", record.what));
    let known = record.fields.iter().map(|field| field.name);
    match closest(&key.text, known) {
        Some(name) => finding.fix(
            format!("write `{name}`"),
            vec![Edit {
                span: key.span,
                replacement: name.to_owned(),
            }],
        ),
        None if place.is_root()
            && ["image", "build"]
                .iter()
                .any(|part| member.get(part).is_some()) =>
        {
            finding.help(format!("put `{}` under the top-level `services`", key.text))
        }
        None if record.extensible => finding.help("keys of your own begin with `x-`"),
        None => finding,
    }
}

/// `a string, a list or null`.
pub fn alternatives(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn wrong_type(node: &Node, shape: Shape, place: &Place) -> Diagnostic {
    let whose = if place.is_root() {
        "a Compose file".to_owned()
    } else {
        format!("`{place}`")
    };
    let finding = Diagnostic::error(
        "wrong-type",
        format!(
            "{whose} is {}, not {}",
            node.kind_name(),
            alternatives(&shape.names())
        ),
    )
    .at(node.span, "");
    hint::wrong_type(finding, node, shape, place)
}

fn value(node: &Node, scalar: &Scalar, place: &Place) -> Option<Diagnostic> {
    if let Some(text) = node.as_str() {
        if !scalar.choices.is_empty() && !scalar.choices.contains(&text) {
            let finding = Diagnostic::error(
                "not-allowed",
                format!("`{text}` is not a value of `{place}`"),
            )
            .at(node.span, "");
            let quoted: Vec<String> = scalar.choices.iter().map(|c| format!("`{c}`")).collect();
            let quoted: Vec<&str> = quoted.iter().map(String::as_str).collect();
            let allowed = format!("write {}", alternatives(&quoted));
            return Some(match closest(text, scalar.choices.iter().copied()) {
                Some(choice) => finding.note(allowed).fix(
                    format!("write `{choice}`"),
                    vec![Edit {
                        span: node.span,
                        replacement: choice.to_owned(),
                    }],
                ),
                None => finding.help(allowed),
            });
        }
        if let Some((rule, allowed)) = scalar.rule
            && !rule(text)
        {
            return Some(
                Diagnostic::error(
                    "not-allowed",
                    format!("`{text}` is not a value of `{place}`"),
                )
                .at(node.span, "")
                .help(format!("write {allowed}")),
            );
        }
    }
    let (least, most) = scalar.range?;
    let number = match &node.kind {
        Kind::String(text) if scalar.cast != Cast::Bytes => text.parse().ok()?,
        kind => kind.as_whole()?,
    };
    (number < least || number > most).then(|| {
        let bounds = if most == i64::MAX {
            format!("{least} or more")
        } else {
            format!("between {least} and {most}")
        };
        Diagnostic::error("not-allowed", format!("`{place}` is {number}"))
            .at(node.span, "")
            .help(format!("write a number {bounds}"))
    })
}

/// Names equal values in a list that may hold each only once.
fn twice(items: &[Node], place: &Place, found: &mut Diagnostics) {
    let mut texts = HashSet::new();
    for (at, item) in items.iter().enumerate() {
        let again = match &item.kind {
            Kind::String(text) => !texts.insert(&**text),
            _ => items[..at].iter().any(|other| repeats(other, item)),
        };
        if again {
            let first = items[..at].iter().find(|other| repeats(other, item));
            let first = first.map_or(item.span, |first| first.span);
            let finding = Diagnostic::error(
                "duplicate-item",
                format!("`{place}` has the same item twice"),
            );
            found.push(match first == item.span {
                true => finding
                    .at(item.span, "")
                    .note("it is written once and comes in twice, by `extends` or by an alias"),
                false => finding
                    .at(item.span, "again here")
                    .because(first, "first here"),
            });
        }
    }
}

/// Whether the later of two items is the earlier one again. To Compose a number is also the text that says it, but not the
/// other way round.
fn repeats(earlier: &Node, later: &Node) -> bool {
    let Some(number) = later.kind.as_number() else {
        return same(earlier, later);
    };
    match &earlier.kind {
        Kind::String(text) => text.parse() == Ok(number),
        _ => same(earlier, later),
    }
}

/// Whether two values are equal, wherever they were written.
pub fn same(left: &Node, right: &Node) -> bool {
    match (&left.kind, &right.kind) {
        (Kind::Sequence(left), Kind::Sequence(right)) => {
            left.len() == right.len() && left.iter().zip(right.iter()).all(|(a, b)| same(a, b))
        }
        (Kind::Mapping(left), Kind::Mapping(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, a)| right.get(&key.text).is_some_and(|b| same(a, b)))
        }
        (left, right) => left == right,
    }
}
