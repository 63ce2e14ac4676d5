use std::collections::HashMap;
use std::mem;

use super::finding::{duplicate_key, key_not_text, nesting_too_deep};
use super::fragment::Anchor;
use super::padded::Padded;
use super::{Fatal, MAX_DEPTH, MAX_NODES};
use crate::diagnostic::Diagnostic;
use crate::source::{Key, Kind, Mapping, Node, SourceId, Span, Tag};

/// Trees that grow as the parser's events come.
pub(super) struct Builder<'p> {
    pub(super) source: SourceId,
    /// What is read.
    pub(super) padded: &'p Padded<'p>,
    /// Where the reading ended at a line of a quoted text that is not indented.
    pub(super) unindented: Option<usize>,
    pub(super) documents: Vec<Node>,
    pub(super) frames: Vec<Frame>,
    pub(super) anchors: HashMap<usize, Anchor>,
    /// Values made so far, counted against [`MAX_NODES`].
    pub(super) nodes: usize,
    /// Where the last token that belongs to a value ended.
    pub(super) last_end: usize,
    pub(super) findings: Vec<Diagnostic>,
    /// Emptied lists and mappings, whose room the next ones use while they grow.
    pub(super) spare_items: Vec<Vec<Node>>,
    pub(super) spare_entries: Vec<Mapping>,
}

/// Larger lists and mappings stay where they have grown: so much room is not kept for others.
const SPARE: usize = 256;

/// A list or mapping whose end has not come yet.
pub(super) struct Frame {
    pub(super) open: Open,
    /// 0: no anchor.
    pub(super) anchor: usize,
    pub(super) tag: Option<Tag>,
    pub(super) start: usize,
    /// [`Builder::nodes`] when it began.
    pub(super) nodes_before: usize,
    /// Levels below this one.
    pub(super) height: usize,
}

pub(super) enum Open {
    Sequence(Vec<Node>),
    Mapping {
        entries: Mapping,
        slot: Slot,
        /// The place of `<<` and what stands there.
        merge: Option<(Span, Node)>,
    },
}

/// What the next value in a mapping is.
pub(super) enum Slot {
    Key,
    ValueOf(Key),
    /// The value of `<<`.
    Merge(Span),
    /// The value of a key that is no text.
    Discarded,
}

impl<'p> Builder<'p> {
    pub(super) fn new(source: SourceId, padded: &'p Padded<'p>) -> Self {
        Builder {
            source,
            padded,
            unindented: None,
            documents: Vec::new(),
            frames: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            last_end: 0,
            findings: Vec::new(),
            spare_items: Vec::new(),
            spare_entries: Vec::new(),
        }
    }

    pub(super) fn span(&self, start: usize, end: usize) -> Span {
        let written = |at| self.padded.written(at);
        Span::new(self.source, written(start), written(end))
    }

    /// Counts values. `code`: of the finding when there are too many.
    pub(super) fn count(
        &mut self,
        nodes: usize,
        code: &'static str,
        span: Span,
    ) -> Result<(), Fatal> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let finding = if code == "alias-bomb" {
            Diagnostic::error(
                code,
                format!("the aliases of this file stand for more than {MAX_NODES} values"),
            )
            .at(span, "the limit is reached here")
            .note("aliases of aliases multiply: nine levels of nine make 387 million values")
        } else {
            Diagnostic::error(code, format!("the file holds more than {MAX_NODES} values"))
                .at(span, "the limit is reached here")
        };
        Err(Box::new(finding))
    }

    pub(super) fn check_depth(&self, levels: usize, span: Span) -> Result<(), Fatal> {
        if self.frames.len() + levels <= MAX_DEPTH {
            return Ok(());
        }
        Err(Box::new(nesting_too_deep().at(span, "")))
    }

    pub(super) fn open(
        &mut self,
        open: Open,
        anchor: usize,
        tag: Option<Tag>,
        start: usize,
        end: usize,
    ) -> Result<(), Fatal> {
        let span = self.span(start, end);
        self.check_depth(1, span)?;
        let nodes_before = self.nodes;
        self.count(1, "file-too-large", span)?;
        self.last_end = self.last_end.max(end);
        self.frames.push(Frame {
            open,
            anchor,
            tag,
            start,
            nodes_before,
            height: 0,
        });
        Ok(())
    }

    pub(super) fn close(&mut self) -> Result<(), Fatal> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        // Nothing is added here any more, and a document has many small lists and mappings: they take no more than they need.
        let kind = match frame.open {
            Open::Sequence(mut items) if items.capacity() <= SPARE => {
                let mut exact = Vec::with_capacity(items.len());
                exact.append(&mut items);
                self.spare_items.push(items);
                exact.into()
            }
            Open::Sequence(mut items) => {
                items.shrink_to_fit();
                items.into()
            }
            Open::Mapping {
                mut entries, merge, ..
            } => {
                if let Some((place, value)) = merge {
                    self.merge(&mut entries, place, value);
                }
                if entries.capacity() <= SPARE {
                    let exact = entries.move_out();
                    self.spare_entries.push(entries);
                    exact.into()
                } else {
                    entries.shrink_to_fit();
                    entries.into()
                }
            }
        };
        let span = self.span(frame.start, self.last_end.max(frame.start));
        let node = Node {
            tag: frame.tag,
            ..Node::new(kind, span)
        };
        let nodes = self.nodes - frame.nodes_before;
        self.finish(node, frame.anchor, nodes, frame.height + 1)
    }

    /// Keeps a complete value for its aliases and puts it in its place.
    pub(super) fn finish(
        &mut self,
        node: Node,
        anchor: usize,
        nodes: usize,
        height: usize,
    ) -> Result<(), Fatal> {
        if anchor != 0 {
            self.count(nodes, "alias-bomb", node.span)?;
            let kept = Anchor {
                node: node.clone(),
                nodes,
                height,
            };
            self.anchors.insert(anchor, kept);
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.height = frame.height.max(height);
        }
        self.place(node);
        Ok(())
    }

    pub(super) fn place(&mut self, node: Node) {
        let Some(frame) = self.frames.last_mut() else {
            self.documents.push(node);
            return;
        };
        let (entries, slot, merge) = match &mut frame.open {
            Open::Sequence(items) => {
                items.push(node);
                return;
            }
            Open::Mapping {
                entries,
                slot,
                merge,
            } => (entries, slot, merge),
        };
        match mem::replace(slot, Slot::Key) {
            Slot::Key => match node.kind {
                Kind::String(text) => *slot = Slot::ValueOf(Key::new(text, node.span)),
                _ => {
                    *slot = Slot::Discarded;
                    let finding = key_not_text(&node);
                    self.findings.push(finding);
                }
            },
            Slot::ValueOf(key) => {
                let second = key.span;
                if let Err(first) = entries.insert_new(key, node) {
                    let finding = duplicate_key(&first.text, first.span, second);
                    self.findings.push(finding);
                }
            }
            Slot::Merge(span) => *merge = Some((span, node)),
            Slot::Discarded => {}
        }
    }
}

/// What stands for a value that cannot be read, which has been told: as if it were removed, so that nobody looks for a mistake in it.
pub(super) fn unread(span: Span) -> Node {
    Node {
        tag: Some(Tag::Reset),
        ..Node::null(span)
    }
}
