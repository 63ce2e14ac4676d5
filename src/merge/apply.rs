use std::mem;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Change, Kind, Mapping, Node, Span};

use super::entry::entries;
use super::long::{become_build, become_entries, become_names, dependency};
use super::place::Place;
use super::strategy::{STRATEGIES, Strategy};

/// Lays `over`, the document of a higher layer, over `base`. What it replaces or extends keeps its history.
///
/// Values of different kinds that cannot be merged are findings (`merge-kinds`); the lower value then stays.
pub fn merge(base: &mut Node, over: Node, diagnostics: &mut Diagnostics) {
    Merge { diagnostics }.node(base, over, &Place::root(&STRATEGIES));
}

/// Lays the service `name` over `base`, a copy of the service that it extends.
pub fn extend(base: &mut Node, name: &str, over: Node, diagnostics: &mut Diagnostics) {
    let root = Place::root(&STRATEGIES);
    let services = root.below("services");
    Merge { diagnostics }.node(base, over, &services.below(name));
}

struct Merge<'d> {
    diagnostics: &'d mut Diagnostics,
}

type Here<'p> = Place<'p, Strategy>;

impl Merge<'_> {
    fn node(&mut self, base: &mut Node, over: Node, place: &Here) {
        match place.rule() {
            None => self.plain(base, over, place),
            Some(Strategy::Replace) => replace(base, over),
            Some(Strategy::Entries) => {
                become_entries(base);
                append(base, over.span, entries(over));
            }
            Some(Strategy::NewEntries) => {
                become_entries(base);
                let span = over.span;
                let mut fresh = entries(over);
                if let Some(present) = base.as_sequence() {
                    fresh.retain(|entry| !present.iter().any(|known| is_same_host(known, entry)));
                }
                append(base, span, fresh);
            }
            Some(Strategy::Names) => self.named(base, over, place, Node::null),
            Some(Strategy::Dependencies) => self.named(base, over, place, dependency),
            Some(Strategy::Build) => {
                become_build(base);
                let mut over = over;
                become_build(&mut over);
                self.mappings(base, over, place);
            }
            Some(Strategy::Logging) => self.logging(base, over, place),
            Some(Strategy::AddressPools) => self.address_pools(base, over, place),
            Some(Strategy::Values) => match (&over.kind, is_list(base)) {
                (Kind::Sequence(_), false) => replace(base, over),
                (Kind::Null | Kind::Sequence(_) | Kind::Mapping(_), _) | (_, true) => {
                    self.plain(base, over, place);
                }
                (_, false) => replace(base, over),
            },
        }
    }

    fn plain(&mut self, base: &mut Node, over: Node, place: &Here) {
        match (&base.kind, &over.kind) {
            (_, Kind::Null) => {}
            (Kind::Mapping(_), Kind::Mapping(_)) => self.mappings(base, over, place),
            (Kind::Sequence(_), Kind::Sequence(_)) => {
                let span = over.span;
                if let Kind::Sequence(items) = over.kind {
                    append(base, span, *items);
                }
            }
            (Kind::Mapping(_) | Kind::Sequence(_), _) => self.refuse(base, &over, place),
            _ => replace(base, over),
        }
    }

    /// Null on either side changes nothing; other kinds than mappings are refused.
    fn mappings(&mut self, base: &mut Node, over: Node, place: &Here) {
        if over.is_null() {
            return;
        }
        if base.is_null() {
            return replace(base, over);
        }
        let (Kind::Mapping(_), Kind::Mapping(_)) = (&base.kind, &over.kind) else {
            return self.refuse(base, &over, place);
        };
        if let (Some(members), Kind::Mapping(others)) = (base.as_mapping_mut(), over.kind) {
            self.members(members, *others, place);
        }
    }

    fn members(&mut self, base: &mut Mapping, over: Mapping, place: &Here) {
        let fresh = over
            .keys()
            .filter(|key| !base.contains_key(&key.text))
            .count();
        base.reserve_exact(fresh);
        for (key, value) in over {
            match base.get_mut(&key.text) {
                Some(present) => self.node(present, value, &place.below(&key.text)),
                None => {
                    base.insert(key, value);
                }
            }
        }
    }

    /// Mappings that have a short form: a list of names, each standing for `member`.
    fn named(&mut self, base: &mut Node, mut over: Node, place: &Here, member: fn(Span) -> Node) {
        become_names(base, member);
        become_names(&mut over, member);
        self.mappings(base, over, place);
    }

    fn logging(&mut self, base: &mut Node, over: Node, place: &Here) {
        let differ = match (base.get("driver"), over.get("driver")) {
            (Some(lower), Some(higher)) => lower.kind != higher.kind,
            _ => false,
        };
        if differ {
            replace(base, over);
        } else {
            self.mappings(base, over, place);
        }
    }

    /// Every lower pool meets every higher one. A higher pool of another subnet is added, of the same subnet merged; a
    /// lower pool that nothing matched is dropped. When a pool of another subnet was added before, it is laid over the
    /// lower one all the same, which is how Compose does it.
    fn address_pools(&mut self, base: &mut Node, over: Node, place: &Here) {
        if over.is_null() {
            return;
        }
        let (Kind::Sequence(_), Kind::Sequence(_)) = (&base.kind, &over.kind) else {
            if base.is_null() {
                return replace(base, over);
            }
            return self.refuse(base, &over, place);
        };
        let span = over.span;
        let previous = base.clone();
        let (Some(lower), Kind::Sequence(higher)) = (base.as_sequence_mut(), over.kind) else {
            return;
        };
        let subnet = |pool: &Node| pool.get("subnet").map(|subnet| subnet.kind.clone());
        let mut pools: Vec<Node> = Vec::new();
        for mut original in mem::take(lower) {
            for over in higher.iter() {
                let wanted = subnet(over);
                if wanted != subnet(&original) && !pools.iter().any(|pool| subnet(pool) == wanted) {
                    pools.push(over.clone());
                    continue;
                }
                self.mappings(&mut original, over.clone(), place);
                let merged = subnet(&original);
                match pools.iter_mut().find(|pool| subnet(pool) == merged) {
                    Some(pool) => *pool = original.clone(),
                    None => pools.push(original.clone()),
                }
            }
        }
        *lower = pools;
        base.span = span;
        base.record(Change::Replaced {
            previous: Box::new(previous),
        });
    }

    fn refuse(&mut self, base: &Node, over: &Node, place: &Here) {
        let path = place.path();
        self.diagnostics.push(
            Diagnostic::error(
                "merge-kinds",
                format!(
                    "`{path}` is {} in a lower layer and {} here",
                    base.kind_name(),
                    over.kind_name()
                ),
            )
            .at(over.span, format!("{} cannot be merged", over.kind_name()))
            .because(base.span, format!("{} below", base.kind_name()))
            .help(format!(
                "write {} here too, or replace the lower value with `!override`",
                base.kind_name()
            )),
        );
    }
}

fn replace(base: &mut Node, over: Node) {
    let previous = Box::new(mem::replace(base, over));
    base.record(Change::Replaced { previous });
}

/// Adds `items`, written at `by`, to the list that `base` is.
fn append(base: &mut Node, by: Span, items: Vec<Node>) {
    if items.is_empty() {
        return;
    }
    let Some(present) = base.as_sequence_mut() else {
        return;
    };
    let kept = present.len();
    present.reserve_exact(items.len());
    present.extend(items);
    if kept > 0 {
        base.record(Change::Appended { kept, by });
    }
}

/// Whether a value was written as a list. One that was written alone has become a list in its own place.
fn is_list(value: &Node) -> bool {
    match value.as_sequence() {
        Some([only]) => !only.span.is_some() || only.span != value.span,
        Some(_) => true,
        None => false,
    }
}

/// Whether two entries of `extra_hosts` give one host the same address.
fn is_same_host(a: &Node, b: &Node) -> bool {
    fn parts(entry: &Node) -> Option<(&str, &str)> {
        let text = entry.as_str()?;
        let (host, address) = text.split_once('=').or_else(|| text.split_once(':'))?;
        let bare = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        Some((host, bare.unwrap_or(address)))
    }
    match (parts(a), parts(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a.kind == b.kind,
    }
}
