use serde::{Serialize, Serializer};

use super::{Kind, Node};

/// Values alone, without places and tags.
impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            Kind::Null => serializer.serialize_unit(),
            Kind::Bool(value) => serializer.serialize_bool(*value),
            Kind::Int(value) => serializer.serialize_i64(*value),
            Kind::Unsigned(value) => serializer.serialize_u64(*value),
            Kind::Float(value) => serializer.serialize_f64(*value),
            Kind::String(text) | Kind::Timestamp(text) => serializer.serialize_str(text),
            Kind::Sequence(items) => serializer.collect_seq(items.iter()),
            Kind::Mapping(entries) => {
                serializer.collect_map(entries.iter().map(|(key, value)| (&*key.text, value)))
            }
        }
    }
}

/// The tree as JSON on one line. Keys come in the tree's order; what JSON cannot say (`.nan`, `.inf`) becomes null.
pub fn to_json(node: &Node) -> String {
    // Keys are texts, and memory does not fail.
    serde_json::to_string(node).unwrap_or_default()
}
