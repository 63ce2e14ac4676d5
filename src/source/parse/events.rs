use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, StructureStyle, options};

use super::builder::{Builder, Open, Slot, unread};
use super::tag::core;
use super::{Fatal, MAX_BYTES, MAX_DEPTH, MAX_FINDINGS};
use crate::diagnostic::Diagnostic;
use crate::source::Node;

impl Builder<'_> {
    pub(super) fn read(&mut self, text: &str) -> Result<(), Fatal> {
        if text.len() > MAX_BYTES {
            return Err(Box::new(
                Diagnostic::error(
                    "file-too-large",
                    format!("the file is larger than {} MiB", MAX_BYTES >> 20),
                )
                .at(self.span(0, 0), ""),
            ));
        }
        if let Some(at) = text.bytes().position(is_control) {
            let message = format!(
                "the file holds the control character U+{:04X}; YAML is text",
                text.as_bytes()[at]
            );
            return Err(Box::new(
                Diagnostic::error("control-character", message)
                    .at(self.span(at, at + 1), "")
                    .help("in double quotes a control character can be written as an escape, for example `\"\\x07\"`"),
            ));
        }
        let options = options! {
            emit_comments: false,
            emit_unresolved_aliases: true,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        let mut parser = Parser::new_from_str_with_options(text, options);
        while let Some(next) = parser.next_event() {
            let (event, span) = match next {
                Ok(next) => next,
                Err(error) => {
                    if matches!(error.kind(), ErrorKind::InvalidQuotedScalarIndent) {
                        self.unindented = error.marker().byte_offset();
                    }
                    return Err(self.syntax_error(text, &error));
                }
            };
            let range = span.byte_range().unwrap_or(self.last_end..self.last_end);
            self.event(text, event, range.start, range.end)?;
            if self.findings.len() >= MAX_FINDINGS {
                break;
            }
        }
        Ok(())
    }

    fn event(
        &mut self,
        text: &str,
        event: Event<'_>,
        start: usize,
        end: usize,
    ) -> Result<(), Fatal> {
        match event {
            Event::DocumentStart(..) => {
                self.anchors.clear();
                self.last_end = end;
            }
            Event::Scalar(value, style, anchor, tag) => {
                // A block scalar's span begins with its first line; the line break that ends it is left out.
                let end = match style {
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        start + text.get(start..end).map_or(0, |raw| raw.trim_end().len())
                    }
                    _ => end,
                };
                self.last_end = self.last_end.max(end);
                let span = self.span(start, end);
                let tag = tag.as_deref();
                if style == ScalarStyle::Plain
                    && value == "<<"
                    && tag.is_none_or(|tag| core(tag) == Some("merge"))
                    && self.begin_merge(span)
                {
                    return Ok(());
                }
                self.count(1, "file-too-large", span)?;
                let plain = style == ScalarStyle::Plain;
                let kind = self.scalar(&value, plain, tag, span);
                let node = Node {
                    tag: self.local_tag(tag, span),
                    ..Node::new(kind, span)
                };
                self.finish(node, anchor, 1, 0)?;
            }
            Event::Alias(id) => {
                self.last_end = end;
                self.alias(id, self.span(start, end))?;
            }
            Event::UnresolvedAlias(name) => {
                self.last_end = end;
                let span = self.span(start, end);
                self.findings.push(
                    Diagnostic::error(
                        "unknown-anchor",
                        format!("the alias `*{name}` names no anchor"),
                    )
                    .at(span, "")
                    .help(format!(
                        "mark the value with `&{name}` above this line, in the same file"
                    )),
                );
                self.place(unread(span));
            }
            Event::SequenceStart(style, anchor, tag) => {
                let start = match style {
                    StructureStyle::Block if self.is_value_next() => {
                        first_dash(text, self.last_end).unwrap_or(start)
                    }
                    _ => start,
                };
                let tag = self.local_tag(tag.as_deref(), self.span(start, end));
                let items = self.spare_items.pop().unwrap_or_default();
                self.open(Open::Sequence(items), anchor, tag, start, end)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                let open = Open::Mapping {
                    entries: self.spare_entries.pop().unwrap_or_default(),
                    slot: Slot::Key,
                    merge: None,
                };
                let tag = self.local_tag(tag.as_deref(), self.span(start, end));
                self.open(open, anchor, tag, start, end)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.last_end = if end > start { end } else { self.last_end };
                self.close()?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether a key has just been read.
    fn is_value_next(&self) -> bool {
        matches!(
            self.frames.last().map(|frame| &frame.open),
            Some(Open::Mapping {
                slot: Slot::ValueOf(_),
                ..
            })
        )
    }
}

/// The dash with which a list begins, after the key that ends at `from`. Of a list that is not indented the parser gives the
/// first entry instead, or what follows it.
fn first_dash(text: &str, from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = text.get(at..)?;
        let next = rest.chars().next()?;
        at += match next {
            '-' => return Some(at),
            '#' => rest.find('\n')?,
            '&' | '!' => rest.find(char::is_whitespace)?,
            ':' => 1,
            _ if next.is_whitespace() => next.len_utf8(),
            _ => return None,
        };
    }
}

fn is_control(byte: u8) -> bool {
    (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte == 0x7F
}
