//! Laws of reading, for documents that are written here piece by piece, so that it is known where each value stands.

use std::ops::Range;

use proptest::prelude::*;

use super::{Kind, Node, SourceId, Span, parse, scalar};
use crate::diagnostic::Diagnostics;

/// What is written.
#[derive(Clone, Debug)]
enum Piece {
    Scalar(Style, String),
    /// A text of several lines.
    Lines {
        folded: bool,
        lines: Vec<String>,
    },
    Nothing,
    FlowList(Vec<Piece>),
    FlowMapping(Vec<(Style, String, Piece)>),
    List {
        items: Vec<Piece>,
        layout: Layout,
    },
    Mapping(Vec<(Style, String, Piece)>),
    /// With an anchor; what follows may name it.
    Anchored(Box<Piece>),
    Tagged(Box<Piece>),
    /// Another name for the value that was anchored last, if any was.
    Alias,
}

#[derive(Clone, Copy, Debug)]
enum Style {
    Plain,
    Single,
    Double,
    /// In double quotes, every character that is not of ASCII as its number.
    Escaped,
}

/// How a list in a mapping or list is set.
#[derive(Clone, Copy, Debug)]
struct Layout {
    indented: bool,
    /// Lists and mappings in it begin below their dash, and not beside it.
    below: bool,
}

/// What must be read, and where it stands.
#[derive(Clone, Debug)]
struct Expected {
    start: usize,
    /// `None`: after a value that is not written the end of what holds it is a matter of taste.
    end: Option<usize>,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Scalar(Kind),
    List(Vec<Expected>),
    Mapping(Vec<(String, Range<usize>, Expected)>),
}

struct Writer {
    out: String,
    line_break: &'static str,
    comments: bool,
    /// Whether what was written last goes on to the end of its line.
    open: bool,
    anchors: usize,
    /// The value that the newest anchor marks, once it is complete.
    anchored: Option<Expected>,
}

/// Where a block collection is written.
#[derive(Clone, Copy)]
struct Place {
    indent: usize,
    in_list: bool,
    /// Its first entry comes on the line on which its dash stands.
    beside: bool,
}

impl Writer {
    fn scalar(&mut self, style: Style, text: &str) -> Range<usize> {
        let start = self.out.len();
        match style {
            Style::Plain => self.out.push_str(text),
            Style::Single => {
                self.out.push('\'');
                self.out.push_str(&text.replace('\'', "''"));
                self.out.push('\'');
            }
            Style::Double | Style::Escaped => {
                self.out.push('"');
                for c in text.chars() {
                    match c {
                        '"' | '\\' => {
                            self.out.push('\\');
                            self.out.push(c);
                        }
                        c if matches!(style, Style::Escaped) && !c.is_ascii() => {
                            self.out.push_str(&format!("\\U{:08x}", c as u32));
                        }
                        c => self.out.push(c),
                    }
                }
                self.out.push('"');
            }
        }
        start..self.out.len()
    }

    /// Goes to a new line, over comments.
    fn line(&mut self, indent: usize) {
        if self.comments {
            if !self.open {
                self.out.push_str(" # ü: [");
            }
            self.out.push_str(self.line_break);
            self.out.push_str(&" ".repeat(indent));
            self.out.push_str("# \"日");
        }
        self.out.push_str(self.line_break);
        self.out.push_str(&" ".repeat(indent));
        self.open = false;
    }

    /// Writes a piece on this line. `None`: it needs lines of its own, or names nothing, and is not written.
    fn flow(&mut self, piece: &Piece) -> Option<Expected> {
        let start = self.out.len();
        let value = match piece {
            Piece::Scalar(style, text) => {
                self.scalar(*style, text);
                Value::Scalar(match style {
                    Style::Plain => scalar::resolve(text),
                    _ => Kind::String(text.as_str().into()),
                })
            }
            Piece::FlowList(items) => {
                self.out.push('[');
                let mut written = Vec::new();
                for item in items {
                    if let Some(item) = self.flow(item) {
                        written.push(item);
                        self.out.push_str(", ");
                    }
                }
                self.out.push(']');
                Value::List(written)
            }
            Piece::FlowMapping(members) => {
                self.out.push('{');
                let mut written = Vec::new();
                for (at, (style, key, member)) in members.iter().enumerate() {
                    let before = self.out.len();
                    let key = format!("{key}{at}");
                    let key_range = self.scalar(*style, &key);
                    self.out.push_str(": ");
                    match self.flow(member) {
                        Some(member) => {
                            written.push((key, key_range, member));
                            self.out.push_str(", ");
                        }
                        None => self.out.truncate(before),
                    }
                }
                self.out.push('}');
                Value::Mapping(written)
            }
            Piece::Anchored(piece) => return self.anchored(|writer| writer.flow(piece)),
            Piece::Tagged(piece) => {
                self.out.push_str("!override ");
                let written = self.flow(piece);
                if written.is_none() {
                    self.out.truncate(start);
                }
                return written;
            }
            Piece::Alias => {
                let target = self.anchored.clone()?;
                // Without the space a comma would belong to the name.
                self.out.push_str(&format!("*ä{} ", self.anchors));
                return Some(target);
            }
            Piece::Lines { .. } | Piece::Nothing | Piece::List { .. } | Piece::Mapping(_) => {
                return None;
            }
        };
        Some(Expected {
            start,
            end: Some(self.out.len()),
            value,
        })
    }

    /// What an anchor marks is complete before an alias of it can come.
    fn anchored(&mut self, write: impl FnOnce(&mut Self) -> Option<Expected>) -> Option<Expected> {
        let start = self.out.len();
        let kept = self.anchored.take();
        self.anchors += 1;
        let own = self.anchors;
        self.out.push_str(&format!("&ä{own} "));
        let written = write(self);
        if let Some(written) = &written {
            // Only the newest anchor has a name here, and there may be one inside.
            if self.anchors == own {
                self.anchored = Some(written.clone());
            }
        } else {
            self.anchors = own - 1;
            self.anchored = kept;
            self.out.truncate(start);
        }
        written
    }

    /// Writes a piece after a key or a dash.
    fn block(&mut self, piece: &Piece, place: Place) -> Expected {
        let Place {
            indent,
            in_list,
            beside,
        } = place;
        match piece {
            Piece::Lines { folded, lines } => {
                self.out.push_str(if *folded { ">" } else { "|" });
                let mut start = None;
                for line in lines {
                    self.out.push_str(self.line_break);
                    self.out.push_str(&" ".repeat(indent));
                    start.get_or_insert(self.out.len());
                    self.out.push_str(line);
                }
                self.open = true;
                let text = lines.join(if *folded { " " } else { "\n" }) + "\n";
                Expected {
                    start: start.unwrap_or_default(),
                    end: Some(self.out.len()),
                    value: Value::Scalar(Kind::String(text.into())),
                }
            }
            Piece::List { items, layout } => {
                let indent = match layout.indented || in_list {
                    true => indent,
                    false => indent - 2,
                };
                let mut start = None;
                let mut written = Vec::new();
                let mut end = None;
                for item in items {
                    if start.is_some() || !beside {
                        self.line(indent);
                    }
                    start.get_or_insert(self.out.len());
                    self.out.push('-');
                    let is_collection = matches!(item, Piece::List { .. } | Piece::Mapping(_));
                    let beside = is_collection && !layout.below;
                    if beside || !is_collection {
                        self.out.push(' ');
                    }
                    let inner = Place {
                        indent: indent + 2,
                        in_list: true,
                        beside,
                    };
                    let item = self.block(item, inner);
                    end = self.end_after(&item);
                    written.push(item);
                }
                Expected {
                    start: start.unwrap_or_default(),
                    end,
                    value: Value::List(written),
                }
            }
            Piece::Mapping(members) => {
                let mut start = None;
                let mut written = Vec::new();
                let mut end = None;
                for (at, (style, key, member)) in members.iter().enumerate() {
                    if start.is_some() || !beside {
                        self.line(indent);
                    }
                    let key = format!("{key}{at}");
                    let key_range = self.scalar(*style, &key);
                    start.get_or_insert(key_range.start);
                    self.out.push_str(": ");
                    let inner = Place {
                        indent: indent + 2,
                        in_list: false,
                        beside: false,
                    };
                    let member = self.block(member, inner);
                    end = self.end_after(&member);
                    written.push((key, key_range, member));
                }
                Expected {
                    start: start.unwrap_or_default(),
                    end,
                    value: Value::Mapping(written),
                }
            }
            Piece::Anchored(piece) => {
                let place = Place {
                    beside: false,
                    ..place
                };
                let written = self.anchored(|writer| Some(writer.block(piece, place)));
                written.unwrap_or_else(nothing)
            }
            Piece::Tagged(piece) => {
                self.out.push_str("!override ");
                let place = Place {
                    beside: false,
                    ..place
                };
                self.block(piece, place)
            }
            other => self.flow(other).unwrap_or_else(nothing),
        }
    }

    /// Where a collection ends whose last value has just been written.
    fn end_after(&self, last: &Expected) -> Option<usize> {
        last.end.map(|_| self.out.trim_end().len())
    }
}

/// Of a value that is not written.
fn nothing() -> Expected {
    Expected {
        start: 0,
        end: None,
        value: Value::Scalar(Kind::Null),
    }
}

const WORD: &str = "[a-zé日🦀_][a-zA-Z0-9é日🦀_/.-]{0,6}";

fn style() -> impl Strategy<Value = Style> {
    prop_oneof![
        Just(Style::Plain),
        Just(Style::Single),
        Just(Style::Double),
        Just(Style::Escaped)
    ]
}

fn scalar_piece() -> impl Strategy<Value = Piece> {
    let plain = prop_oneof![
        WORD,
        "[a-zé日🦀]{1,3} [a-z0-9🦀]{1,4}",
        "-?[0-9]{1,6}(\\.[0-9]{1,3})?",
        Just("true".to_owned()),
        Just("null".to_owned()),
        Just("0x1F".to_owned()),
    ];
    let quoted = "[ -~é日🦀\u{a0}]{0,10}";
    prop_oneof![
        plain.prop_map(|text| Piece::Scalar(Style::Plain, text)),
        quoted.prop_map(|text| Piece::Scalar(Style::Single, text)),
        quoted.prop_map(|text| Piece::Scalar(Style::Double, text)),
        quoted.prop_map(|text| Piece::Scalar(Style::Escaped, text)),
        (
            any::<bool>(),
            prop::collection::vec("[a-zé日🦀#:'\"][ -~é🦀]{0,8}[a-z日]", 1..4)
        )
            .prop_map(|(folded, lines)| Piece::Lines { folded, lines }),
        Just(Piece::Alias),
        Just(Piece::Alias),
        Just(Piece::Nothing),
    ]
}

fn piece() -> impl Strategy<Value = Piece> {
    scalar_piece().prop_recursive(4, 40, 4, |inner| {
        let items = || prop::collection::vec(inner.clone(), 1..4);
        let members = || prop::collection::vec((style(), WORD, inner.clone()), 1..4);
        prop_oneof![
            items().prop_map(Piece::FlowList),
            members().prop_map(Piece::FlowMapping),
            (items(), any::<bool>(), any::<bool>()).prop_map(|(items, indented, below)| {
                let layout = Layout { indented, below };
                Piece::List { items, layout }
            }),
            members().prop_map(Piece::Mapping),
            // A node has one anchor and one tag at most, and an alias neither.
            inner.clone().prop_map(|piece| match piece {
                Piece::Alias | Piece::Nothing | Piece::Anchored(_) | Piece::Tagged(_) => piece,
                other => Piece::Anchored(Box::new(other)),
            }),
            inner.clone().prop_map(|piece| match piece {
                Piece::Alias | Piece::Nothing | Piece::Anchored(_) | Piece::Tagged(_) => piece,
                other => Piece::Tagged(Box::new(other)),
            }),
        ]
    })
}

fn check(text: &str, node: &Node, expected: &Expected) -> Result<(), TestCaseError> {
    let slice = |span: Span| text.get(span.start as usize..span.end as usize);
    match (&node.kind, &expected.value) {
        (Kind::Sequence(items), Value::List(written)) => {
            prop_assert_eq!(items.len(), written.len());
            for (item, written) in items.iter().zip(written) {
                check(text, item, written)?;
            }
        }
        (Kind::Mapping(members), Value::Mapping(written)) => {
            prop_assert_eq!(members.len(), written.len());
            for ((key, member), (text_of_key, range, written)) in members.iter().zip(written) {
                prop_assert_eq!(&*key.text, text_of_key.as_str());
                prop_assert_eq!(
                    slice(key.span),
                    text.get(range.clone()),
                    "key {}",
                    text_of_key
                );
                prop_assert_eq!(key.span.start as usize, range.start);
                check(text, member, written)?;
            }
        }
        (kind, Value::Scalar(written)) => prop_assert_eq!(kind, written),
        (kind, other) => prop_assert!(false, "{:?} instead of {:?}", kind, other),
    }
    let is_written = !matches!(expected.value, Value::Scalar(Kind::Null)) || expected.end.is_some();
    match expected.end {
        Some(end) => prop_assert_eq!(slice(node.span), text.get(expected.start..end)),
        None if is_written => prop_assert_eq!(node.span.start as usize, expected.start),
        None => prop_assert_eq!(slice(node.span), Some("")),
    }
    if is_written {
        prop_assert_eq!(node.span.start as usize, expected.start);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// The span of every key and value slices back to what was written there: quotes and brackets with it, anchors, tags and
    /// comments without. What came by an alias has the span of what the anchor marks.
    #[test]
    fn spans_slice_back_to_the_text_that_they_name(
        members in prop::collection::vec((style(), WORD, piece()), 1..5),
        windows in any::<bool>(),
        comments in any::<bool>(),
    ) {
        let mut writer = Writer {
            out: "# 日本".to_owned(),
            line_break: if windows { "\r\n" } else { "\n" },
            comments,
            open: true,
            anchors: 0,
            anchored: None,
        };
        let place = Place { indent: 0, in_list: false, beside: false };
        let expected = writer.block(&Piece::Mapping(members), place);
        let text = writer.out + writer.line_break;
        let mut diagnostics = Diagnostics::default();
        let documents = parse(SourceId(0), &text, &mut diagnostics);
        prop_assert!(!diagnostics.has_errors(), "{}\n{:?}", text, diagnostics);
        prop_assert_eq!(documents.len(), 1, "{}", text);
        check(&text, &documents[0], &expected)?;
    }
}
