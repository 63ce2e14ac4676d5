use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::grammar::{Map, PROJECT, Print, Record, Shape};
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
    format: Format,
}

impl<'n> View<'n> {
    pub fn new(root: &'n Node, format: Format) -> Self {
        View {
            node: root,
            shape: PROJECT,
            format,
        }
    }

    fn below(&self, node: &'n Node, shape: Shape) -> Self {
        View {
            node,
            shape,
            format: self.format,
        }
    }

    fn record<S: Serializer>(
        &self,
        members: &Mapping,
        record: &'static Record,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let json = self.format == Format::Json;
        let mut map = serializer.serialize_map(None)?;
        for field in record.fields {
            if field.print == Print::Never {
                continue;
            }
            let key = field.json.filter(|_| json).unwrap_or(field.name);
            match members.get(field.name) {
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
            for (key, member) in sorted(members) {
                if key.text.starts_with("x-") && record.field(&key.text).is_none() {
                    map.serialize_entry(&doubled(&key.text), &self.below(member, Shape::Any))?;
                }
            }
        }
        map.end()
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
        for (key, member) in sorted(members) {
            out.serialize_entry(&doubled(&key.text), &self.below(member, map.value))?;
        }
        out.end()
    }
}

fn sorted(members: &Mapping) -> Vec<(&Key, &Node)> {
    let mut members: Vec<(&Key, &Node)> = members.iter().collect();
    members.sort_by(|a, b| a.0.text.cmp(&b.0.text));
    members
}

/// A text in which every `$` stands for itself.
fn doubled(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('$') {
        text.replace('$', "$$").into()
    } else {
        text.into()
    }
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.node.kind {
            Kind::Null => serializer.serialize_unit(),
            Kind::Bool(value) => serializer.serialize_bool(*value),
            Kind::Int(value) => serializer.serialize_i64(*value),
            // A whole number is written without a fraction, as Go does.
            Kind::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => {
                serializer.serialize_i64(*value as i64)
            }
            Kind::Float(value) => serializer.serialize_f64(*value),
            Kind::String(text) | Kind::Timestamp(text) => serializer.serialize_str(&doubled(text)),
            // Below `x-` keys Compose's JSON knows no empty list.
            Kind::Sequence(items)
                if items.is_empty()
                    && matches!(self.shape, Shape::Any)
                    && self.format == Format::Json =>
            {
                serializer.serialize_unit()
            }
            Kind::Sequence(items) => {
                let item = match self.shape.long().alternative(self.node).map(Shape::long) {
                    Some(Shape::List(list)) => list.item,
                    _ => Shape::Any,
                };
                let mut sequence = serializer.serialize_seq(Some(items.len()))?;
                for node in items {
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
                        for (key, member) in sorted(members) {
                            map.serialize_entry(
                                &doubled(&key.text),
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
