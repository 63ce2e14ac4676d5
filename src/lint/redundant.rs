use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::grammar::{plain, same};
use crate::resolve::Resolved;
use crate::source::{Change, Kind, Node, Path, Segment, Sources, Span};

/// Values that a higher layer sets to what they are already. The line can go, and it hides a later change of the lower one.
pub fn redundant(resolved: &Resolved, found: &mut Diagnostics) {
    let mut walk = Walk {
        sources: &resolved.sources,
        last: Span::NONE,
        found,
    };
    walk.node(&resolved.document, &mut Path::root());
}

struct Walk<'w> {
    sources: &'w Sources,
    /// Of a short form with several values only the first is told.
    last: Span,
    found: &'w mut Diagnostics,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, path: &mut Path) {
        for change in node.history.as_deref().into_iter().flatten() {
            if let Change::Replaced { previous } = change
                && node.span != self.last
                && self.says_the_same(previous, node, path)
            {
                self.last = node.span;
                self.found.push(
                    Diagnostic::warning(
                        "redundant-value",
                        format!("`{path}` is set to the value that it has already"),
                    )
                    .at(node.span, "changes nothing")
                    .because(previous.span, "the same value")
                    .help("remove it here, so that a change of the lower layer takes effect"),
                );
            }
        }
        match &node.kind {
            Kind::Mapping(members) => {
                for (key, member) in members.iter() {
                    path.0.push(Segment::Key(key.text.clone()));
                    self.node(member, path);
                    path.0.pop();
                }
            }
            Kind::Sequence(items) => {
                for (at, item) in items.iter().enumerate() {
                    path.0.push(Segment::Index(at));
                    self.node(item, path);
                    path.0.pop();
                }
            }
            _ => {}
        }
    }

    /// Whether both were written, without variables, and mean the same.
    fn says_the_same(&self, lower: &Node, higher: &Node, path: &Path) -> bool {
        let is_fixed = |node: &Node| {
            node.span.is_some()
                && !node.history.as_deref().into_iter().flatten().any(|change| {
                    !matches!(change, Change::Replaced { .. } | Change::Extended { .. })
                })
        };
        is_fixed(lower)
            && is_fixed(higher)
            && lower.span != higher.span
            && (same(lower, higher)
                || is_entry(lower, higher, path)
                || self.is_written_alike(lower.span, higher.span))
    }

    /// The same text in files of the same directory. The lower value may be kept in another form than the final one, and
    /// elsewhere the same relative path is another file.
    fn is_written_alike(&self, lower: Span, higher: Span) -> bool {
        let text = self.sources.slice(lower);
        let directory = |span: Span| self.sources.get(span.source)?.path.parent();
        text.is_some()
            && text == self.sources.slice(higher)
            && directory(lower) == directory(higher)
    }
}

/// Whether the lower value is kept as `NAME=VALUE` with the name and the value of the higher one.
fn is_entry(lower: &Node, higher: &Node, path: &Path) -> bool {
    let entry = lower.as_str().and_then(|text| text.split_once('='));
    let (Some((name, value)), Some(Segment::Key(key))) = (entry, path.segments().last()) else {
        return false;
    };
    name == &**key
        && match &higher.kind {
            Kind::String(text) => **text == *value,
            kind => plain(kind).is_some_and(|text| text == value),
        }
}

#[cfg(test)]
mod tests {
    use crate::lint::advice;

    fn layers(base: &str, dev: &str) -> Vec<String> {
        let base = format!("services:\n  a: {{image: x, {base}}}\n");
        let dev = format!("services:\n  a: {{{dev}}}\n");
        advice(&[
            ("docker-compose.base.yml", &base),
            ("docker-compose.dev.yml", &dev),
        ])
        .into_iter()
        .map(|(message, place)| format!("{message} [{}]", place.unwrap_or_default()))
        .collect()
    }

    #[test]
    fn a_value_that_changes_nothing_is_told_at_the_higher_place() {
        for (base, dev, place) in [
            ("restart: always", "restart: always", "always"),
            ("environment: {A: 1}", "environment: [A=1]", "1"),
            (
                "healthcheck: {retries: 3, test: [CMD, x]}",
                "healthcheck: {retries: 3}",
                "3",
            ),
            ("stop_grace_period: 60s", "stop_grace_period: 60s", "60s"),
            ("command: [a, b]", "command: [a, b]", "[a, b]"),
        ] {
            let found = layers(base, dev);
            assert_eq!(found.len(), 1, "{dev}: {found:?}");
            assert!(found[0].starts_with("redundant-value: "), "{found:?}");
            assert!(found[0].ends_with(&format!("[{place}]")), "{found:?}");
        }
    }

    #[test]
    fn what_differs_or_comes_from_outside_is_no_finding() {
        for (base, dev) in [
            ("restart: always", "restart: 'no'"),
            ("environment: {A: 1}", "environment: {A: 2}"),
            ("environment: {A: '${B:-1}'}", "environment: {A: '1'}"),
        ] {
            assert_eq!(layers(base, dev), Vec::<String>::new(), "{dev}");
        }
    }
}
