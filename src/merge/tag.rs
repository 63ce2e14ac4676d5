use crate::source::{Change, Kind, Node, Path, Segment, Span, Tag};

/// The places of a document that carry `!reset` or `!override`: there, what lower layers set goes away.
/// <https://github.com/compose-spec/compose-spec/blob/main/13-merge.md#reset-value>
#[derive(Clone, Debug, Default)]
pub struct Resets {
    places: Vec<(Path, Span)>,
}

/// A value that a reset took away.
struct Removed {
    path: Path,
    by: Span,
    previous: Box<Node>,
}

/// What [`Resets::clear`] took away, to be noted in the merged document's histories.
#[derive(Default)]
pub struct Cleared(Vec<Removed>);

impl Resets {
    /// Reads the tags of a document that was just parsed. Values with `!reset` leave it; with `!override` they stay.
    pub fn take(root: &mut Node) -> Self {
        let mut resets = Resets::default();
        if is_tagged(root) {
            resets.walk(root, &mut Vec::new());
        }
        resets
    }

    /// Whether the node itself goes.
    fn walk(&mut self, node: &mut Node, path: &mut Vec<Segment>) -> bool {
        if let Some(tag) = node.tag.take() {
            self.places.push((Path(path.clone()), node.span));
            return tag == Tag::Reset;
        }
        match &mut node.kind {
            Kind::Mapping(members) => members.retain(|key, value| {
                path.push(Segment::Key(key.text.clone()));
                let goes = self.walk(value, path);
                path.pop();
                !goes
            }),
            Kind::Sequence(items) => {
                let mut at = 0;
                items.retain_mut(|item| {
                    path.push(Segment::Index(at));
                    at += 1;
                    let goes = self.walk(item, path);
                    path.pop();
                    !goes
                });
            }
            _ => {}
        }
        false
    }

    /// Removes from the lower layers' `root` what stands at the places. Elements of lists cannot be named so.
    pub fn clear(&self, root: &mut Node) -> Cleared {
        Cleared(
            self.places
                .iter()
                .filter_map(|(path, by)| {
                    Some(Removed {
                        path: path.clone(),
                        by: *by,
                        previous: Box::new(remove(root, path.segments())?),
                    })
                })
                .collect(),
        )
    }

    /// As [`Resets::clear`], for a service that the service `name` of this document extends.
    pub fn clear_service(&self, name: &str, service: &mut Node) -> Cleared {
        Cleared(
            self.places
                .iter()
                .filter_map(|(path, by)| {
                    let [Segment::Key(top), Segment::Key(of), rest @ ..] = path.segments() else {
                        return None;
                    };
                    if &**top != "services" || &**of != name || rest.is_empty() {
                        return None;
                    }
                    Some(Removed {
                        path: Path(rest.to_vec()),
                        by: *by,
                        previous: Box::new(remove(service, rest)?),
                    })
                })
                .collect(),
        )
    }
}

fn is_tagged(node: &Node) -> bool {
    node.tag.is_some()
        || match &node.kind {
            Kind::Mapping(members) => members.values().any(is_tagged),
            Kind::Sequence(items) => items.iter().any(is_tagged),
            _ => false,
        }
}

fn remove(node: &mut Node, path: &[Segment]) -> Option<Node> {
    let [Segment::Key(key), rest @ ..] = path else {
        return None;
    };
    if rest.is_empty() {
        node.as_mapping_mut()?.remove(key)
    } else {
        remove(node.get_mut(key)?, rest)
    }
}

impl Cleared {
    /// Notes what went in the histories of what came instead, or else of what stood around it.
    pub fn note(self, root: &mut Node) {
        for Removed { path, by, previous } in self.0 {
            let mut node = &mut *root;
            let mut found = true;
            for segment in path.segments() {
                match segment {
                    Segment::Key(key) if node.get(key).is_some() => {
                        // Looked up twice, because a borrow of the child would outlive the failing branch.
                        match node.get_mut(key) {
                            Some(child) => node = child,
                            None => return,
                        }
                    }
                    _ => {
                        found = false;
                        break;
                    }
                }
            }
            node.record(if found {
                Change::Replaced { previous }
            } else {
                Change::Reset { previous, by }
            });
        }
    }
}
