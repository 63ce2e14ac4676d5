use std::borrow::Cow;
use std::collections::HashMap;
use std::mem;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Change, Node, Reach};

use super::entry::text;
use super::place::Place;
use super::strategy::{IDENTITIES, Identity};

/// Keeps one of the elements that mean the same in each list of which Compose wants them unique: the last, in the place
/// of the first. Elements that lack what makes them unique are findings.
pub fn deduplicate(root: &mut Node, diagnostics: &mut Diagnostics) {
    deduplicate_within(&Reach::All, root, diagnostics);
}

/// As [`deduplicate`], where nothing but what is within reach can have changed since the last time.
pub fn deduplicate_within(reach: &Reach, root: &mut Node, diagnostics: &mut Diagnostics) {
    walk(root, reach, &Place::root(&IDENTITIES), diagnostics);
}

fn walk(node: &mut Node, reach: &Reach, place: &Place<Identity>, diagnostics: &mut Diagnostics) {
    if let Some(members) = node.as_mapping_mut() {
        reach.each_mut(members, |key, value, reach| {
            let below = place.below(&key.text);
            if !below.is_plain() {
                walk(value, reach, &below, diagnostics);
            }
        });
    } else if let (Some(identity), Some(items)) = (place.rule(), node.as_sequence_mut()) {
        unite(items, identity, place, diagnostics);
    }
}

fn unite(
    items: &mut Vec<Node>,
    identity: Identity,
    place: &Place<Identity>,
    diagnostics: &mut Diagnostics,
) {
    let mut first: HashMap<Cow<str>, usize> = HashMap::with_capacity(items.len());
    // For each element that repeats an earlier one: its index and the earlier one's.
    let mut repeated = Vec::new();
    for (at, item) in items.iter().enumerate() {
        match identify(item, identity) {
            Ok(key) => {
                if let Some(earlier) = first.get(&key) {
                    repeated.push((at, *earlier));
                } else {
                    first.insert(key, at);
                }
            }
            Err(missing) => diagnostics.push(
                Diagnostic::error(
                    "target-missing",
                    format!("`{}` has no `{missing}`", place.path().index(at)),
                )
                .at(item.span, format!("`{missing}` is required here")),
            ),
        }
    }
    drop(first);
    if repeated.is_empty() {
        return;
    }
    let mut slots: Vec<Option<Node>> = mem::take(items).into_iter().map(Some).collect();
    for (later, earlier) in repeated {
        if let (Some(mut winner), Some(loser)) = (slots[later].take(), slots[earlier].take()) {
            // The same line met twice (a base that several layers extend) is no change.
            if winner.span != loser.span || winner.kind != loser.kind {
                winner.record(Change::Replaced {
                    previous: Box::new(loser),
                });
            }
            slots[earlier] = Some(winner);
        }
    }
    items.extend(slots.into_iter().flatten());
}

/// What makes the element the same as another. `Err` names the member that is missing for that.
fn identify(item: &Node, identity: Identity) -> Result<Cow<'_, str>, &'static str> {
    let whole = || {
        item.as_str()
            .map_or_else(|| text(item).unwrap_or_default().into(), Cow::Borrowed)
    };
    let is_mapping = item.as_mapping().is_some();
    let member = |name: &'static str| item.get(name).and_then(Node::as_str).ok_or(name);
    Ok(match identity {
        Identity::Key => match item.as_str() {
            Some(entry) => Cow::Borrowed(entry.split_once('=').map_or(entry, |(key, _)| key)),
            None => whole(),
        },
        Identity::Text => whole(),
        Identity::MountTarget if is_mapping => member("target")?.into(),
        Identity::MountTarget => match item.as_str() {
            Some(entry) => mount_target(entry).into(),
            None => whole(),
        },
        Identity::DeviceTarget if is_mapping => member("target")?.into(),
        Identity::DeviceTarget => match item.as_str() {
            Some(entry) => {
                let mut parts = entry.split(':');
                let source = parts.next().unwrap_or_default();
                parts.next().unwrap_or(source).into()
            }
            None => whole(),
        },
        Identity::Secret => file_target(item, "/run/secrets/").unwrap_or_else(whole),
        Identity::Config => file_target(item, "/").unwrap_or_else(whole),
        Identity::Port if is_mapping => port(item)?.into(),
        Identity::Port => whole(),
        Identity::EnvFile if is_mapping => member("path")?.into(),
        Identity::EnvFile => whole(),
    })
}

/// The container path of a volume's short form: the second part, or the only one. A colon after a single letter (a
/// drive) and colons inside `${..}` part nothing.
fn mount_target(entry: &str) -> &str {
    let mut start = 0;
    let mut parts = 0;
    let mut nesting = 0_usize;
    for (at, character) in entry.char_indices() {
        match character {
            '$' if entry[at..].starts_with("${") => nesting += 1,
            '}' => nesting = nesting.saturating_sub(1),
            ':' if nesting == 0 => {
                let part = &entry[start..at];
                let is_drive = part.len() == 1 && part.starts_with(char::is_alphabetic);
                if is_drive {
                    continue;
                }
                if parts == 1 {
                    return part;
                }
                parts += 1;
                start = at + 1;
            }
            _ => {}
        }
    }
    &entry[start..]
}

fn file_target<'n>(item: &'n Node, directory: &str) -> Option<Cow<'n, str>> {
    if let Some(target) = item.get("target") {
        return target.as_str().map(Cow::Borrowed);
    }
    let name = item
        .as_str()
        .or_else(|| item.get("source").and_then(Node::as_str))?;
    Some(format!("{directory}{name}").into())
}

fn port(item: &Node) -> Result<String, &'static str> {
    let member = |name: &str| item.get(name).and_then(text);
    let target = member("target").ok_or("target")?;
    Ok(format!(
        "{}:{}:{target}/{}",
        member("host_ip").as_deref().unwrap_or("0.0.0.0"),
        member("published").unwrap_or_default(),
        member("protocol").as_deref().unwrap_or("tcp"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_known_by_its_target() {
        for (entry, target) in [
            ("/data", "/data"),
            ("data:/data", "/data"),
            ("data:/data:ro", "/data"),
            ("C:\\src:/data", "/data"),
            ("${A:-b}:/data:ro", "/data"),
            ("c:/data", "c:/data"),
        ] {
            assert_eq!(mount_target(entry), target, "{entry}");
        }
    }
}
