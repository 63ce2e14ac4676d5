use std::borrow::Cow;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::natural::natural;
use crate::grammar::{Field, Map, PROJECT, Print, Record, Shape};
use crate::source::{Key, Kind, Mapping, Node};

/// How a document is written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As `docker compose config --format json`: no `x-` keys below the top level.
    Json,
    Yaml,
}

/// A document as `docker compose config` prints it: the specification's keys in Compose's order, the user's own keys
/// sorted, every `$` doubled, so that what is printed can be read again.
pub struct View<'n> {
    node: &'n Node,
    shape: Shape,
    style: Style,
}

#[derive(Clone, Copy)]
struct Style {
    json: bool,
    /// Whether `$` is doubled: not in a document whose variables still stand.
    double: bool,
}

impl<'n> View<'n> {
    pub fn new(root: &'n Node, format: Format) -> Self {
        View {
            node: root,
            shape: PROJECT,
            style: Style {
                json: format == Format::Json,
                double: true,
            },
        }
    }

    /// `$` stays single: for a document whose variables still stand, and for what is not read again.
    pub fn verbatim(mut self) -> Self {
        self.style.double = false;
        self
    }

    /// Every value as it stands in the tree, keys sorted: what Compose prints of a document whose variables still stand.
    pub fn raw(root: &'n Node, format: Format) -> Self {
        View {
            shape: Shape::Any,
            ..View::new(root, format).verbatim()
        }
    }

    /// The member of a section, such as one service.
    pub fn member(&self, section: &str, name: &str) -> Option<View<'n>> {
        let shape = match self.shape.long() {
            Shape::Record(record) => record.field(section)?.shape.long(),
            _ => return None,
        };
        let Shape::Map(map) = shape else {
            return None;
        };
        let node = self.node.get(section)?.get(name)?;
        Some(self.below(node, map.value))
    }

    fn below(&self, node: &'n Node, shape: Shape) -> Self {
        View {
            node,
            shape,
            style: self.style,
        }
    }

    fn record<S: Serializer>(
        &self,
        members: &'n Mapping,
        record: &'static Record,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let json = self.style.json;
        let mut map = serializer.serialize_map(None)?;
        // Few of a record's fields are set, so members look for their fields and not the other way round.
        let mut present: Vec<Option<&'n Node>> = vec![None; record.fields.len()];
        for (key, member) in members {
            if let Some(at) = record.position(&key.text) {
                present[at] = Some(member);
            }
        }
        let mut fields: Vec<(&Field, Option<&'n Node>)> =
            record.fields.iter().zip(present).collect();
        if json && self.is_root(record) {
            // The top level is the only place where Compose's JSON is sorted.
            fields.sort_by_key(|(field, _)| field.name);
        }
        for (field, member) in fields {
            let is_printed = match field.print {
                Print::Never => false,
                Print::YamlOnly => !json,
                _ => !field.name.starts_with("x-"),
            };
            if !is_printed {
                continue;
            }
            let key = field.json.filter(|_| json).unwrap_or(field.name);
            match member {
                Some(member) => {
                    let zero = matches!(member.kind, Kind::Int(0));
                    if !(json && field.print == Print::YamlZero && zero) {
                        map.serialize_entry(key, &self.below(member, field.shape))?;
                    }
                }
                None if !json => {}
                None => match field.print {
                    Print::Nullable => map.serialize_entry(key, &())?,
                    Print::Struct => map.serialize_entry(key, &Absent(field.shape))?,
                    _ => {}
                },
            }
        }
        if !json || self.is_root(record) {
            for (key, member) in self.sorted(members) {
                if key.text.starts_with("x-") {
                    map.serialize_entry(&self.text(&key.text), &self.below(member, Shape::Any))?;
                }
            }
        }
        map.end()
    }

    /// A text as it is written: every `$` stands for itself.
    fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.style.double && text.contains('$') {
            text.replace('$', "$$").into()
        } else {
            text.into()
        }
    }

    /// The members in the order in which Compose prints them: of their texts in JSON, a natural one in YAML.
    fn sorted<'m>(&self, members: &'m Mapping) -> Vec<(&'m Key, &'m Node)> {
        let mut members: Vec<(&Key, &Node)> = members.iter().collect();
        match self.style.json {
            true => members.sort_by(|a, b| a.0.text.cmp(&b.0.text)),
            false => members.sort_by(|a, b| natural(&a.0.text, &b.0.text)),
        }
        members
    }

    fn is_root(&self, record: &Record) -> bool {
        matches!(PROJECT, Shape::Record(root) if std::ptr::eq(root, record))
    }

    fn map<S: Serializer>(
        &self,
        members: &Mapping,
        map: &'static Map,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(Some(members.len()))?;
        for (key, member) in self.sorted(members) {
            out.serialize_entry(&self.text(&key.text), &self.below(member, map.value))?;
        }
        out.end()
    }
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.node.kind {
            // Go's JSON writes a whole number without a fraction.
            Kind::Float(value) if self.style.json && value.fract() == 0.0 && value.abs() < 1e18 => {
                serializer.serialize_i64(*value as i64)
            }
            Kind::Null | Kind::Bool(_) | Kind::Int(_) | Kind::Unsigned(_) | Kind::Float(_) => {
                self.node.serialize(serializer)
            }
            Kind::String(text) | Kind::Timestamp(text) => {
                serializer.serialize_str(&self.text(text))
            }
            // Below `x-` keys Compose's JSON knows no empty list.
            Kind::Sequence(items)
                if items.is_empty()
                    && matches!(self.shape, Shape::Any)
                    && self.style.json
                    && self.style.double =>
            {
                serializer.serialize_unit()
            }
            Kind::Sequence(items) => {
                let item = match self.shape.long().alternative(self.node).map(Shape::long) {
                    Some(Shape::List(list)) => list.item,
                    _ => Shape::Any,
                };
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for node in items.iter() {
                    sequence.serialize_element(&self.below(node, item))?;
                }
                sequence.end()
            }
            Kind::Mapping(members) => {
                match self.shape.long().alternative(self.node).map(Shape::long) {
                    Some(Shape::Record(record)) => self.record(members, record, serializer),
                    Some(Shape::Map(map)) => self.map(members, map, serializer),
                    _ => {
                        let mut map = serializer.serialize_map(Some(members.len()))?;
                        for (key, member) in self.sorted(members) {
                            map.serialize_entry(
                                &self.text(&key.text),
                                &self.below(member, Shape::Any),
                            )?;
                        }
                        map.end()
                    }
                }
            }
        }
    }
}

/// A section that is not there, with the keys that JSON has all the same.
struct Absent(Shape);

impl Serialize for Absent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Shape::Record(record) = self.0 {
            for field in record.fields {
                match field.print {
                    Print::Nullable => map.serialize_entry(field.name, &())?,
                    Print::Struct => map.serialize_entry(field.name, &Absent(field.shape))?,
                    _ => {}
                }
            }
        }
        map.end()
    }
}
