use std::collections::HashMap;
use std::mem;

use base64::Engine as _;
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StructureStyle, options};

use super::padded::Padded;
use super::{Key, Kind, Mapping, Node, SourceId, Span, Tag, scalar};
use crate::diagnostic::{Diagnostic, Diagnostics, prose};

/// The largest text that is read, in bytes.
pub const MAX_BYTES: usize = 32 << 20;

/// How deep lists and mappings may be nested, counting what aliases stand for. Trees are walked recursively everywhere
/// else, so this also bounds the stack.
pub const MAX_DEPTH: usize = 128;

/// How many keys and values one text may hold, counting what aliases stand for: bounds the memory that a small text can ask for.
pub const MAX_NODES: usize = 1_000_000;

/// After so many findings in one text the rest of it is not looked at.
const MAX_FINDINGS: usize = 100;

/// Reads every YAML document of a text; a text without content has none.
///
/// Aliases are expanded and `<<` is merged, so what comes back are plain trees. Values that came by an alias keep the
/// span of the place where they were written. Where YAML itself is broken, only the documents before that place come back.
/// <https://github.com/compose-spec/compose-spec/blob/main/10-fragments.md>
pub fn parse(source: SourceId, text: &str, diagnostics: &mut Diagnostics) -> Vec<Node> {
    let mut padded = Padded::new(text);
    loop {
        let mut builder = Builder::new(source, &padded);
        let fatal = builder.read(padded.text()).err();
        let (unindented, documents) = (builder.unindented, builder.documents);
        let mut findings = builder.findings;
        // Compose lets a quoted text go on in any column, as it is pasted; the parser does not.
        if let Some(at) = unindented
            && padded.indent(at)
        {
            continue;
        }
        findings.extend(fatal.map(|finding| *finding));
        for finding in findings {
            diagnostics.push(finding);
        }
        return documents;
    }
}

/// Ends the reading of a text.
type Fatal = Box<Diagnostic>;

struct Builder<'p> {
    source: SourceId,
    /// What is read.
    padded: &'p Padded<'p>,
    /// Where the reading ended at a line of a quoted text that is not indented.
    unindented: Option<usize>,
    documents: Vec<Node>,
    frames: Vec<Frame>,
    anchors: HashMap<usize, Anchor>,
    /// Values made so far, counted against [`MAX_NODES`].
    nodes: usize,
    /// Where the last token that belongs to a value ended.
    last_end: usize,
    findings: Vec<Diagnostic>,
    /// Emptied lists and mappings, whose room the next ones use while they grow.
    spare_items: Vec<Vec<Node>>,
    spare_entries: Vec<Mapping>,
}

/// Larger lists and mappings stay where they have grown: so much room is not kept for others.
const SPARE: usize = 256;

/// A list or mapping whose end has not come yet.
struct Frame {
    open: Open,
    /// 0: no anchor.
    anchor: usize,
    tag: Option<Tag>,
    start: usize,
    /// [`Builder::nodes`] when it began.
    nodes_before: usize,
    /// Levels below this one.
    height: usize,
}

enum Open {
    Sequence(Vec<Node>),
    Mapping {
        entries: Mapping,
        slot: Slot,
        /// The place of `<<` and what stands there.
        merge: Option<(Span, Node)>,
    },
}

/// What the next value in a mapping is.
enum Slot {
    Key,
    ValueOf(Key),
    /// The value of `<<`.
    Merge(Span),
    /// The value of a key that is no text.
    Discarded,
}

struct Anchor {
    node: Node,
    nodes: usize,
    height: usize,
}

impl<'p> Builder<'p> {
    fn new(source: SourceId, padded: &'p Padded<'p>) -> Self {
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

    fn read(&mut self, text: &str) -> Result<(), Fatal> {
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

    fn span(&self, start: usize, end: usize) -> Span {
        let written = |at| self.padded.written(at);
        Span::new(self.source, written(start), written(end))
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

    fn count(&mut self, nodes: usize, code: &'static str, span: Span) -> Result<(), Fatal> {
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

    fn check_depth(&self, levels: usize, span: Span) -> Result<(), Fatal> {
        if self.frames.len() + levels <= MAX_DEPTH {
            return Ok(());
        }
        Err(Box::new(nesting_too_deep().at(span, "")))
    }

    fn open(
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

    fn close(&mut self) -> Result<(), Fatal> {
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
    fn finish(
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

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Fatal> {
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

    fn place(&mut self, node: Node) {
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

    /// Notes that the value of `<<` comes next. `false`: no key is expected here, so `<<` is a text.
    fn begin_merge(&mut self, span: Span) -> bool {
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
    fn merge(&mut self, entries: &mut Mapping, place: Span, value: Node) {
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

    fn scalar(
        &mut self,
        value: &str,
        plain: bool,
        tag: Option<&granit_parser::Tag>,
        span: Span,
    ) -> Kind {
        let text = || Kind::String(value.into());
        let Some(tag) = tag else {
            return if plain {
                scalar::resolve(value)
            } else {
                text()
            };
        };
        let Some(core) = core(tag) else {
            return match local_tag(tag) {
                Some(_) if plain => scalar::resolve(value),
                _ => text(),
            };
        };
        let kind = match (core, scalar::resolve(value)) {
            ("str", _) => return text(),
            ("binary", _) => base64::engine::general_purpose::STANDARD
                .decode(value.split_ascii_whitespace().collect::<String>())
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .map(|decoded| Kind::String(decoded.into())),
            ("float", kind @ (Kind::Int(_) | Kind::Unsigned(_))) => {
                kind.as_number().map(Kind::Float)
            }
            ("int", kind @ (Kind::Int(_) | Kind::Unsigned(_)))
            | ("float", kind @ Kind::Float(_))
            | ("bool", kind @ Kind::Bool(_))
            | ("null", kind @ Kind::Null)
            | ("timestamp", kind @ Kind::Timestamp(_)) => Some(kind),
            ("int" | "float" | "bool" | "null" | "timestamp", _) => None,
            _ => return text(),
        };
        kind.unwrap_or_else(|| {
            let expected = match core {
                "int" => "an integer",
                "float" => "a number",
                "bool" => "`true` or `false`",
                "null" => "`null`",
                "timestamp" => "a date",
                _ => "base64 of UTF-8 text",
            };
            self.findings.push(
                Diagnostic::error(
                    "tag-mismatch",
                    format!(
                        "the tag `!!{core}` takes {expected}, not `{}`",
                        prose::short(value)
                    ),
                )
                .at(span, ""),
            );
            text()
        })
    }

    fn local_tag(&mut self, tag: Option<&granit_parser::Tag>, span: Span) -> Option<Tag> {
        let tag = tag.filter(|tag| core(tag).is_none())?;
        let known = local_tag(tag);
        if known.is_none() && tag.original() != "!" {
            self.findings.push(
                Diagnostic::warning(
                    "unknown-tag",
                    format!(
                        "the tag `{}` has no meaning in a Compose file",
                        tag.original()
                    ),
                )
                .at(span, "")
                .help("the tags of Compose are `!reset` and `!override`"),
            );
        }
        known
    }

    fn syntax_error(&self, text: &str, error: &ScanError) -> Fatal {
        let at = error
            .marker()
            .byte_offset()
            .unwrap_or(self.last_end)
            .min(text.len());
        let width = text
            .get(at..)
            .and_then(|rest| rest.chars().next())
            .filter(|next| *next != '\n' && *next != '\r')
            .map_or(0, char::len_utf8);
        let span = self.span(at, at + width);
        Box::new(explain(error.kind()).at(span, ""))
    }
}

/// What stands for a value that cannot be read, which has been told: as if it were removed, so that nobody looks for a mistake in it.
fn unread(span: Span) -> Node {
    Node {
        tag: Some(Tag::Reset),
        ..Node::null(span)
    }
}

/// The name of one of YAML's own tags: `str` for `!!str`.
fn core(tag: &granit_parser::Tag) -> Option<&str> {
    (tag.handle() == "tag:yaml.org,2002:").then(|| tag.suffix())
}

fn local_tag(tag: &granit_parser::Tag) -> Option<Tag> {
    match tag.parts() {
        ("!", "reset") => Some(Tag::Reset),
        ("!", "override") => Some(Tag::Override),
        _ => None,
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

fn nesting_too_deep() -> Diagnostic {
    Diagnostic::error(
        "nesting-too-deep",
        format!("lists and mappings are nested more than {MAX_DEPTH} levels deep"),
    )
}

fn duplicate_key(text: &str, first: Span, second: Span) -> Diagnostic {
    Diagnostic::error(
        "duplicate-key",
        format!(
            "the key `{}` is used twice in one mapping",
            prose::short(text)
        ),
    )
    .at(second, "second use")
    .because(first, "first use")
}

fn key_not_text(key: &Node) -> Diagnostic {
    let message = format!("a key must be a string, not {}", key.kind_name());
    let finding = Diagnostic::error("key-not-text", message).at(key.span, "");
    match key.kind {
        Kind::Sequence(_) | Kind::Mapping(_) => finding,
        _ => finding.help("put it in quotes"),
    }
}

/// What is wrong with the YAML, in words.
fn explain(kind: &ErrorKind) -> Diagnostic {
    let syntax = |message: &str| Diagnostic::error("yaml-syntax", message);
    match kind {
        ErrorKind::RecursionLimitExceeded => nesting_too_deep(),
        ErrorKind::TabInIndentation
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabAtBlockScalarStart => {
            syntax("a tab stands where YAML wants spaces").help("indent with spaces")
        }
        ErrorKind::UnclosedQuotedScalar => syntax("the quoted text is not closed").help(
            "close it with the quote that opens it; inside of single quotes a quote is doubled",
        ),
        ErrorKind::UnclosedFlowCollection { open } => {
            syntax(&format!("the `{open}` is not closed"))
                .help("close it, or put the value in quotes if it is a text")
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            syntax(&format!("`{open}` is closed by `{close}`"))
                .help("close what is open in the order in which it was opened")
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            syntax("the line before this place is a key without `:`")
                .help("write `key: value`, with a space after the colon")
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidIndentation => {
            syntax("a key is expected here").help("keys of one mapping stand in the same column")
        }
        ErrorKind::ExpectedBlockSequenceEntry => syntax("a list entry is expected here")
            .help("entries of one list begin with `- ` in the same column"),
        ErrorKind::UnexpectedCharacter { character } => {
            syntax(&format!("a value cannot begin with `{character}`"))
                .help("put the value in quotes")
        }
        ErrorKind::InvalidQuotedScalarIndent => {
            syntax("this line of a quoted text is not indented")
                .help("indent it, or close the quote before it")
        }
        ErrorKind::UnknownQuotedScalarEscape => syntax("this escape is not known to YAML")
            .help("in single quotes a backslash is an ordinary character"),
        other => syntax(&lower_first(&other.to_string()))
            .help("look at the indentation, and put texts with `:`, `#`, `{` or `[` in quotes"),
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map(|first| first.to_lowercase().chain(characters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Node>, Diagnostics) {
        let mut diagnostics = Diagnostics::default();
        let documents = parse(SourceId(0), text, &mut diagnostics);
        (documents, diagnostics)
    }

    fn one(text: &str) -> Node {
        let (mut documents, diagnostics) = read(text);
        assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
        assert_eq!(documents.len(), 1, "{text}");
        documents.remove(0)
    }

    fn codes(text: &str) -> Vec<&'static str> {
        let (_, diagnostics) = read(text);
        diagnostics.iter().map(|finding| finding.code).collect()
    }

    fn slice<'t>(text: &'t str, node: &Node) -> &'t str {
        &text[node.span.start as usize..node.span.end as usize]
    }

    #[test]
    fn spans_slice_back_to_what_was_written() {
        let text = "# é\nsérvices:\n  app:\n    image: \"a b\"  # c\n    command: |\n      x\n      y\n\n    ports: [80, 'ü:1']\n    list:\n    - a\n    - b: 1\n\n# end\n";
        let root = one(text);
        let app = root.get("sérvices").unwrap().get("app").unwrap();
        assert_eq!(slice(text, app.get("image").unwrap()), "\"a b\"");
        assert_eq!(slice(text, app.get("command").unwrap()), "x\n      y");
        assert_eq!(slice(text, app.get("ports").unwrap()), "[80, 'ü:1']");
        assert_eq!(
            slice(text, &app.get("ports").unwrap().as_sequence().unwrap()[1]),
            "'ü:1'"
        );
        assert_eq!(slice(text, app.get("list").unwrap()), "- a\n    - b: 1");
        assert!(slice(text, app).starts_with("image:") && slice(text, app).ends_with("b: 1"));
        let (key, _) = root.as_mapping().unwrap().iter().next().unwrap();
        assert_eq!(
            &text[key.span.start as usize..key.span.end as usize],
            "sérvices"
        );
    }

    #[test]
    fn empty_texts_have_no_document() {
        for text in ["", "\n", "# only a comment\n", "---\n...\n"] {
            let (documents, diagnostics) = read(text);
            assert!(diagnostics.is_empty(), "{text:?}");
            assert!(
                documents.iter().all(Node::is_null),
                "{text:?}: {documents:?}"
            );
        }
        assert_eq!(read("a: 1\n---\nb: 2\n").0.len(), 2);
    }

    #[test]
    fn aliases_are_expanded_and_merges_keep_explicit_keys() {
        let root = one(
            "x: &x {A: 1, B: 1}\ny: &y {B: 2, C: 2}\nboth: {<<: [*x, *y], C: 3, '<<': quoted}\nown: {A: own, <<: *x}\n",
        );
        let both = root.get("both").unwrap();
        let value = |node: &Node, key: &str| node.get(key).and_then(Node::as_int);
        assert_eq!(value(both, "A"), Some(1));
        assert_eq!(value(both, "B"), Some(1));
        assert_eq!(value(both, "C"), Some(3));
        assert_eq!(both.get("<<").and_then(Node::as_str), Some("quoted"));
        assert_eq!(
            root.get("own").unwrap().get("A").and_then(Node::as_str),
            Some("own")
        );
    }

    #[test]
    fn tags_steer_merging_and_typing() {
        let root = one(
            "a: !reset null\nb: !override [x]\nc: !!str 1\nd: !!int \"2\"\ne: !!float 3\nf: !!binary aGVsbG8=\ng: !reset\nh: ! 12\n",
        );
        assert_eq!(root.get("a").unwrap().tag, Some(Tag::Reset));
        assert_eq!(root.get("b").unwrap().tag, Some(Tag::Override));
        assert_eq!(root.get("c").unwrap().as_str(), Some("1"));
        assert_eq!(root.get("d").unwrap().as_int(), Some(2));
        assert_eq!(root.get("e").unwrap().kind, Kind::Float(3.0));
        assert_eq!(root.get("f").unwrap().as_str(), Some("hello"));
        assert_eq!(root.get("g").unwrap().tag, Some(Tag::Reset));
        assert_eq!(root.get("h").unwrap().as_str(), Some("12"));
    }

    /// As Compose reads them: go-yaml does not look at the indentation.
    #[test]
    fn a_quoted_text_may_go_on_in_any_column() {
        let text = "a:\n  b: \"one\ntwo\n\nthree\"\n  c: 'x\ny'\n  d: *nope\n";
        let mut diagnostics = Diagnostics::default();
        let root = parse(SourceId(0), text, &mut diagnostics).remove(0);
        let get = |key: &str| root.get("a").and_then(|a| a.get(key)).unwrap();
        assert_eq!(get("b").as_str(), Some("one two\nthree"));
        assert_eq!(get("c").as_str(), Some("x y"));
        let written = |span: Span| &text[span.start as usize..span.end as usize];
        assert_eq!(written(get("c").span), "'x\ny'");
        let finding = diagnostics.iter().next().unwrap();
        assert_eq!(written(finding.labels[0].span), "*nope");
    }

    #[test]
    fn findings() {
        let table: [(&str, &[&str]); 14] = [
            ("a: 1\nb: 2\na: 3\n", &["duplicate-key"]),
            ("<<: {a: 1}\n<<: {b: 1}\n", &["duplicate-key"]),
            ("1: a\ntrue: b\n", &["key-not-text", "key-not-text"]),
            ("? [a]\n: b\n", &["key-not-text"]),
            ("a: *nope\n", &["unknown-anchor"]),
            ("a: &a\n  b: *a\n", &["alias-cycle"]),
            ("<<: 1\n", &["merge-not-a-mapping"]),
            ("a: !!int x\n", &["tag-mismatch"]),
            ("a: !resett x\n", &["unknown-tag"]),
            ("a:\n\tb: 1\n", &["yaml-syntax"]),
            ("a: \"x\n", &["yaml-syntax"]),
            ("a: [1, 2\n", &["yaml-syntax"]),
            ("a:\n  b: x\n c: y\n", &["yaml-syntax"]),
            ("a: \u{0}\n", &["control-character"]),
        ];
        for (text, expected) in table {
            assert_eq!(codes(text), expected, "{text:?}");
        }
    }

    #[test]
    fn nesting_and_aliases_have_limits() {
        assert_eq!(codes(&"[".repeat(10_000)), ["nesting-too-deep"]);
        assert_eq!(codes(&"- ".repeat(10_000)), ["nesting-too-deep"]);
        assert_eq!(codes(&"{a: ".repeat(10_000)), ["nesting-too-deep"]);
        assert_eq!(codes(&"? ".repeat(10_000)), ["nesting-too-deep"]);
        let staircase: String = (0..100)
            .map(|level| match level {
                0 => "a0: &a0 [[]]\n".to_owned(),
                _ => format!("a{level}: &a{level} [[*a{}]]\n", level - 1),
            })
            .collect();
        assert_eq!(codes(&staircase), ["nesting-too-deep"]);
        let bomb: String = (0..9)
            .map(|level| match level {
                0 => "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(),
                _ => format!(
                    "a{level}: &a{level} [{}]\n",
                    vec![format!("*a{}", level - 1); 9].join(",")
                ),
            })
            .collect();
        assert_eq!(codes(&bomb), ["alias-bomb"]);
    }

    #[test]
    fn findings_are_bounded() {
        let text: String = (0..10_000).map(|_| "a: 1\n").collect();
        assert_eq!(codes(&text).len(), MAX_FINDINGS);
    }
}
