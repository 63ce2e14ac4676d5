use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::{Deserializer, forward_to_deserialize_any};

use super::{Kind, Mapping, Node, Path, Segment, Span};
use crate::diagnostic::Diagnostic;

/// A value does not fit the type that it is decoded into.
#[derive(Clone, Debug, PartialEq)]
pub struct DecodeError {
    pub message: String,
    /// The value that does not fit.
    pub span: Span,
    /// Where it stands below the node that was decoded.
    pub path: Path,
}

/// Decodes a tree into a type. Nothing is coerced but integers to floats: a text is never read as a number.
pub fn from_node<T: DeserializeOwned>(node: &Node) -> Result<T, DecodeError> {
    T::deserialize(node)
}

impl DecodeError {
    fn new(message: impl Into<String>, span: Span) -> Self {
        DecodeError {
            message: message.into(),
            span,
            path: Path::root(),
        }
    }

    /// The error of a value, seen from the list or mapping around it.
    fn inside(mut self, segment: Segment, span: Span) -> Self {
        if !self.span.is_some() {
            self.span = span;
        }
        self.path.0.insert(0, segment);
        self
    }

    pub fn diagnostic(self) -> Diagnostic {
        let message = if self.path.segments().is_empty() {
            self.message
        } else {
            format!("`{}`: {}", self.path, self.message)
        };
        Diagnostic::error("value-type", message).at(self.span, "")
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.segments().is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl std::error::Error for DecodeError {}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        DecodeError::new(message.to_string(), Span::NONE)
    }
}

/// Gives an error that knows no place the place of this node.
fn placed<T>(node: &Node, result: Result<T, DecodeError>) -> Result<T, DecodeError> {
    result.map_err(|mut error| {
        if !error.span.is_some() && error.path.segments().is_empty() {
            error.span = node.span;
        }
        error
    })
}

impl<'de> Deserializer<'de> for &'de Node {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let result = match &self.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Int(value) => visitor.visit_i64(*value),
            Kind::Unsigned(value) => visitor.visit_u64(*value),
            Kind::Float(value) => visitor.visit_f64(*value),
            Kind::String(text) | Kind::Timestamp(text) => visitor.visit_borrowed_str(text),
            Kind::Sequence(items) => visitor.visit_seq(Items {
                items: items.iter().enumerate(),
            }),
            Kind::Mapping(entries) => visitor.visit_map(Entries::of(entries)),
        };
        placed(self, result)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.kind {
            Kind::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    /// A text is a variant without content; a mapping with one entry a variant with it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let result = match &self.kind {
            Kind::String(text) => {
                visitor.visit_enum(IntoDeserializer::<DecodeError>::into_deserializer(&**text))
            }
            Kind::Mapping(entries) if entries.len() == 1 => visitor.visit_enum(Variant { entries }),
            _ => Err(DecodeError::new(
                format!(
                    "expected a string or a mapping with one key, not {}",
                    self.kind_name()
                ),
                self.span,
            )),
        };
        placed(self, result)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier
    }
}

struct Items<'de> {
    items: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, DecodeError> {
        let Some((index, item)) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(item)
            .map(Some)
            .map_err(|error| error.inside(Segment::Index(index), item.span))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

struct Entries<'de> {
    entries: super::mapping::Iter<'de>,
    current: Option<(&'de super::Key, &'de Node)>,
}

impl<'de> Entries<'de> {
    fn of(entries: &'de Mapping) -> Self {
        Entries {
            entries: entries.iter(),
            current: None,
        }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, DecodeError> {
        self.current = self.entries.next();
        let Some((key, _)) = self.current else {
            return Ok(None);
        };
        let text: &'de str = &key.text;
        seed.deserialize(de::value::BorrowedStrDeserializer::new(text))
            .map(Some)
            .map_err(|mut error: DecodeError| {
                error.span = key.span;
                error
            })
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, DecodeError> {
        let Some((key, value)) = self.current else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(value).map_err(|error| {
            let span = if value.span.is_some() {
                value.span
            } else {
                key.span
            };
            error.inside(Segment::Key(key.text.clone()), span)
        })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// An enum's variant with content: the only entry of a mapping.
struct Variant<'de> {
    entries: &'de Mapping,
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = DecodeError;
    type Variant = Content<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), DecodeError> {
        let Some((key, node)) = self.entries.iter().next() else {
            return Err(de::Error::custom("expected a mapping with one key"));
        };
        let text: &'de str = &key.text;
        let variant = seed.deserialize(de::value::BorrowedStrDeserializer::new(text))?;
        Ok((variant, Content { key: text, node }))
    }
}

struct Content<'de> {
    key: &'de str,
    node: &'de Node,
}

impl<'de> VariantAccess<'de> for Content<'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        match self.node.kind {
            Kind::Null => Ok(()),
            _ => Err(DecodeError::new(
                format!("`{}` takes no value", self.key),
                self.node.span,
            )),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, DecodeError> {
        seed.deserialize(self.node)
            .map_err(|error| error.inside(Segment::Key(self.key.into()), self.node.span))
    }

    fn tuple_variant<V: Visitor<'de>>(
        self,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.node.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.node.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use serde::Deserialize;

    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::{SourceId, parse};

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Service {
        image: Option<String>,
        #[serde(default)]
        ports: Vec<u16>,
        #[serde(default)]
        labels: IndexMap<String, Option<String>>,
        cpus: Option<f64>,
        restart: Option<Restart>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "kebab-case")]
    enum Restart {
        UnlessStopped,
        OnFailure(u32),
    }

    fn decoded(text: &str) -> Result<Service, DecodeError> {
        let root = parse(SourceId(0), text, &mut Diagnostics::default()).remove(0);
        from_node(&root)
    }

    #[test]
    fn decodes_what_fits() {
        let text =
            "image: x\nports: [80, 81]\nlabels: {b: '1', a: }\ncpus: 2\nrestart: unless-stopped\n";
        let service = decoded(text).unwrap();
        assert_eq!(service.image.as_deref(), Some("x"));
        assert_eq!(service.ports, [80, 81]);
        assert_eq!(
            service.labels.get_index(0),
            Some((&"b".to_owned(), &Some("1".to_owned())))
        );
        assert_eq!(service.labels["a"], None);
        assert_eq!(service.cpus, Some(2.0));
        assert_eq!(service.restart, Some(Restart::UnlessStopped));
        let service = decoded("restart: {on-failure: 3}\n").unwrap();
        assert_eq!(service.restart, Some(Restart::OnFailure(3)));
    }

    #[test]
    fn errors_know_their_place() {
        let table = [
            ("image: 1\n", "image", "1"),
            ("ports: [80, '81']\n", "ports[1]", "'81'"),
            ("ports: [80, 70000]\n", "ports[1]", "70000"),
            ("labels: {a: [1]}\n", "labels.a", "[1]"),
            ("imago: x\n", "", "imago"),
            ("restart: always\n", "restart", "always"),
            ("restart: {on-failure: x}\n", "restart.on-failure", "x"),
        ];
        for (text, path, written) in table {
            let error = decoded(text).unwrap_err();
            let span = error.span.start as usize..error.span.end as usize;
            assert_eq!(
                (error.path.to_string().as_str(), &text[span]),
                (path, written),
                "{error}"
            );
        }
    }
}
