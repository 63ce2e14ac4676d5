//! Values that are written once and used again.
//! <https://github.com/compose-spec/compose-spec/blob/main/10-fragments.md>

use super::Fatal;
use super::builder::{Builder, Frame, Open, Slot, unread};
use crate::diagnostic::Diagnostic;
use crate::source::{Kind, Mapping, Node, Span, Tag};

pub(super) struct Anchor {
    pub(super) node: Node,
    pub(super) nodes: usize,
    pub(super) height: usize,
}

impl Builder<'_> {
    pub(super) fn alias(&mut self, id: usize, span: Span) -> Result<(), Fatal> {
        if let Some(frame) = self.frames.iter().find(|frame| frame.anchor == id) {
            let anchored = self.span(frame.start, frame.start);
            self.findings.push(
                Diagnostic::error(
                    "alias-cycle",
                    "the alias stands inside the value that it names",
                )
                .at(span, "would contain itself")
                .because(anchored, "the value begins here"),
            );
            self.place(unread(span));
            return Ok(());
        }
        let Some((nodes, height)) = self.anchors.get(&id).map(|kept| (kept.nodes, kept.height))
        else {
            self.place(unread(span));
            return Ok(());
        };
        self.check_depth(height, span)?;
        self.count(nodes, "alias-bomb", span)?;
        if let Some(frame) = self.frames.last_mut() {
            frame.height = frame.height.max(height);
        }
        let node = self.anchors[&id].node.clone();
        self.place(node);
        Ok(())
    }

    /// Notes that the value of `<<` comes next. `false`: no key is expected here, so `<<` is a text.
    pub(super) fn begin_merge(&mut self, span: Span) -> bool {
        let Some(Frame {
            open: Open::Mapping { slot, merge, .. },
            ..
        }) = self.frames.last_mut()
        else {
            return false;
        };
        if !matches!(slot, Slot::Key) {
            return false;
        }
        *slot = Slot::Merge(span);
        if let Some((first, _)) = merge {
            let finding = Diagnostic::error("duplicate-key", "`<<` is used twice in one mapping")
                .at(span, "second use")
                .because(*first, "first use")
                .help("name all in one list: `<<: [*first, *second]`; earlier ones win");
            self.findings.push(finding);
        }
        true
    }

    /// Adds the entries of the mappings at `<<` that the mapping lacks; earlier ones win.
    pub(super) fn merge(&mut self, entries: &mut Mapping, place: Span, value: Node) {
        let span = value.span;
        let sources = match value.kind {
            Kind::Sequence(items) => *items,
            _ => vec![value],
        };
        for source in sources {
            if source.tag == Some(Tag::Reset) {
                continue;
            }
            let Kind::Mapping(merged) = source.kind else {
                self.findings.push(
                    Diagnostic::error(
                        "merge-not-a-mapping",
                        format!(
                            "`<<` takes a mapping or a list of mappings, not {}",
                            source.kind_name()
                        ),
                    )
                    .at(place, "")
                    .because(
                        if source.span.is_some() {
                            source.span
                        } else {
                            span
                        },
                        "written here",
                    ),
                );
                continue;
            };
            for (key, node) in *merged {
                // A key of the mapping itself wins.
                let _ = entries.insert_new(key, node);
            }
        }
    }
}
