//! Writing YAML as `docker compose config` does: block style, two columns a level, lists indented below their key.

mod scalar;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

pub use scalar::yaml_scalar;
use scalar::{float, is_block, literal};

/// A value as YAML, with a line break at its end; reading it gives the same value, save that a whole number is an integer
/// even if it was a float. Tuples, enums with values and keys that are no text cannot be written and give nothing.
pub fn to_yaml(value: &(impl Serialize + ?Sized)) -> String {
    let mut text = String::new();
    let writer = Writer {
        text: &mut text,
        indent: 0,
        place: Place::Top,
    };
    match value.serialize(writer) {
        Ok(()) => text,
        Err(fmt::Error) => String::new(),
    }
}

/// A key of more characters than that stands on a line of its own, as readers look no further for its colon.
const SIMPLE_KEY: usize = 128;

/// What stands before a value on its line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    Colon,
    Dash,
}

/// Writes one value, and the line break after it.
struct Writer<'t> {
    text: &'t mut String,
    /// Columns before the entries of a collection.
    indent: usize,
    place: Place,
}

impl<'t> Writer<'t> {
    fn plain(self, scalar: &str) -> fmt::Result {
        if self.place != Place::Top {
            self.text.push(' ');
        }
        self.text.push_str(scalar);
        self.text.push('\n');
        Ok(())
    }

    fn collection(self, empty: &'static str) -> Entries<'t> {
        Entries {
            text: self.text,
            indent: self.indent,
            place: self.place,
            empty: Some(empty),
        }
    }
}

/// The entries of a list or mapping.
struct Entries<'t> {
    text: &'t mut String,
    indent: usize,
    place: Place,
    /// What stands for it while no entry has been written.
    empty: Option<&'static str>,
}

impl Entries<'_> {
    /// Brings the pen to where the next entry begins.
    fn begin(&mut self) {
        match (self.empty.take(), self.place) {
            (Some(_), Place::Top) => return,
            // The first one goes on behind the dash.
            (Some(_), Place::Dash) => return self.text.push(' '),
            (Some(_), Place::Colon) => self.text.push('\n'),
            (None, _) => {}
        }
        self.pad();
    }

    fn pad(&mut self) {
        self.text.extend(std::iter::repeat_n(' ', self.indent));
    }

    fn below(&mut self, place: Place) -> Writer<'_> {
        Writer {
            text: self.text,
            indent: self.indent + 2,
            place,
        }
    }

    fn close(self) -> fmt::Result {
        let writer = Writer {
            text: self.text,
            indent: self.indent,
            place: self.place,
        };
        self.empty.map_or(Ok(()), |empty| writer.plain(empty))
    }

    fn name(&mut self, key: &str) {
        self.begin();
        let key = match key {
            // As a key it would merge.
            "<<" => "\"<<\"".into(),
            key => yaml_scalar(key),
        };
        if key.len() > SIMPLE_KEY {
            self.text.push_str("? ");
            self.text.push_str(&key);
            self.text.push('\n');
            self.pad();
        } else {
            self.text.push_str(&key);
        }
        self.text.push(':');
    }
}

impl SerializeSeq for Entries<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        self.begin();
        self.text.push('-');
        value.serialize(self.below(Place::Dash))
    }

    fn end(self) -> fmt::Result {
        self.close()
    }
}

impl SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> fmt::Result {
        // Only what is a text in JSON is one here.
        match serde_json::to_value(key) {
            Ok(serde_json::Value::String(key)) => {
                self.name(&key);
                Ok(())
            }
            _ => Err(fmt::Error),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> fmt::Result {
        value.serialize(self.below(Place::Colon))
    }

    fn end(self) -> fmt::Result {
        self.close()
    }
}

impl SerializeStruct for Entries<'_> {
    type Ok = ();
    type Error = fmt::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> fmt::Result {
        self.name(key);
        value.serialize(self.below(Place::Colon))
    }

    fn end(self) -> fmt::Result {
        self.close()
    }
}

impl<'t> Serializer for Writer<'t> {
    type Ok = ();
    type Error = fmt::Error;
    type SerializeSeq = Entries<'t>;
    type SerializeTuple = Impossible<(), fmt::Error>;
    type SerializeTupleStruct = Impossible<(), fmt::Error>;
    type SerializeTupleVariant = Impossible<(), fmt::Error>;
    type SerializeMap = Entries<'t>;
    type SerializeStruct = Entries<'t>;
    type SerializeStructVariant = Impossible<(), fmt::Error>;

    fn serialize_bool(self, value: bool) -> fmt::Result {
        self.plain(if value { "true" } else { "false" })
    }

    fn serialize_i8(self, value: i8) -> fmt::Result {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> fmt::Result {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> fmt::Result {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> fmt::Result {
        self.plain(&value.to_string())
    }

    fn serialize_u8(self, value: u8) -> fmt::Result {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> fmt::Result {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> fmt::Result {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> fmt::Result {
        self.plain(&value.to_string())
    }

    fn serialize_f32(self, value: f32) -> fmt::Result {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> fmt::Result {
        self.plain(&float(value))
    }

    fn serialize_char(self, value: char) -> fmt::Result {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> fmt::Result {
        if self.place != Place::Top && is_block(value) {
            self.text.push(' ');
            literal(value, self.indent, self.text);
            return Ok(());
        }
        self.plain(&yaml_scalar(value))
    }

    /// <https://yaml.org/type/binary.html>
    fn serialize_bytes(self, value: &[u8]) -> fmt::Result {
        self.plain(&format!("!!binary {}", STANDARD.encode(value)))
    }

    fn serialize_none(self) -> fmt::Result {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> fmt::Result {
        value.serialize(self)
    }

    fn serialize_unit(self) -> fmt::Result {
        self.plain("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> fmt::Result {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> fmt::Result {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> fmt::Result {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> fmt::Result {
        Err(fmt::Error)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Entries<'t>, fmt::Error> {
        Ok(self.collection("[]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, fmt::Error> {
        Err(fmt::Error)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, fmt::Error> {
        Err(fmt::Error)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, fmt::Error> {
        Err(fmt::Error)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'t>, fmt::Error> {
        Ok(self.collection("{}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries<'t>, fmt::Error> {
        Ok(self.collection("{}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, fmt::Error> {
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::{Key, Kind, Node, SourceId, Span, parse};

    fn read(text: &str) -> Node {
        let mut diagnostics = Diagnostics::default();
        let mut documents = parse(SourceId(0), text, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{text}\n{diagnostics:?}");
        documents.remove(0)
    }

    /// Equality without spans, and with NaN equal to itself.
    fn same(a: &Node, b: &Node) -> bool {
        match (&a.kind, &b.kind) {
            (Kind::Int(a), Kind::Float(b)) => *a as f64 == *b,
            (Kind::Float(a), Kind::Float(b)) => {
                a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
            }
            (Kind::Sequence(a), Kind::Sequence(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b))
            }
            (Kind::Mapping(a), Kind::Mapping(b)) => {
                a.len() == b.len()
                    && a.iter()
                        .zip(b.iter())
                        .all(|((a_key, a), (b_key, b))| a_key.text == b_key.text && same(a, b))
            }
            (a, b) => a == b,
        }
    }

    #[test]
    fn yaml_is_what_compose_prints() {
        let text = "services:\n  a:\n    command:\n      - sh\n      - -c\n      - |\n        one\n\n          two\n    environment:\n      A: \"1\"\n      B: \"yes\"\n      C: say \"x\"\n      D: \"\"\n      E: null\n      F: \"10:20\"\n      G: http://x:80/\n    ports:\n      - mode: ingress\n        target: 80\n    tmpfs: []\n    x-nested:\n      - - 1\n        - a: 1.5\n          b: {}\n";
        assert_eq!(to_yaml(&read(text)), text);
    }

    #[test]
    fn scalars_are_written_as_compose_writes_them() {
        let compose = include_str!("scalars.yml");
        assert_eq!(to_yaml(&read(compose)), compose);
    }

    fn leaf() -> impl proptest::strategy::Strategy<Value = Kind> {
        let words = "([-?:,\\[\\]{}#&*!|>'\"%@`~=. \t\n0-9a-zA-Zé_/\\\\+]|\\PC|null|true|yes|0x1|1e3|2001-01-01|<<|---){0,12}";
        prop_oneof![
            Just(Kind::Null),
            any::<bool>().prop_map(Kind::Bool),
            any::<i64>().prop_map(Kind::Int),
            any::<f64>().prop_map(Kind::Float),
            words.prop_map(|text| Kind::String(text.into())),
            // Of what YAML sees syntax in, close together.
            "(a|é|1| |#|:|-|: | #|- |,|\\[|'|\"|\n|\t){1,5}"
                .prop_map(|text| Kind::String(text.into())),
            any::<String>().prop_map(|text| Kind::String(text.into())),
            "a{1000,1100}".prop_map(|text| Kind::String(text.into())),
        ]
    }

    fn text(kind: &Kind) -> String {
        match kind {
            Kind::String(text) => text.to_string(),
            other => format!("{other:?}"),
        }
    }

    fn tree() -> impl proptest::strategy::Strategy<Value = Node> {
        let leaf = leaf().prop_map(|kind| Node::new(kind, Span::NONE));
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5)
                    .prop_map(|items| Node::sequence(items, Span::NONE)),
                proptest::collection::vec((self::leaf(), inner), 0..5).prop_map(|pairs| {
                    let entries = pairs
                        .into_iter()
                        .map(|(key, value)| (Key::new(text(&key), Span::NONE), value));
                    Node::mapping(entries.collect(), Span::NONE)
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn yaml_reads_back_as_the_same_tree(tree in tree()) {
            let written = to_yaml(&tree);
            let mut diagnostics = Diagnostics::default();
            let documents = parse(SourceId(0), &written, &mut diagnostics);
            prop_assert!(diagnostics.is_empty(), "{}\n{:?}", written, diagnostics);
            prop_assert_eq!(documents.len(), 1);
            prop_assert!(same(&documents[0], &tree), "{}\n{:?}\n{:?}", written, documents[0], tree);
        }
    }
}
