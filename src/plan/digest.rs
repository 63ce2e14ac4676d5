//! Digests of what things are made from.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// SHA-256 of a value's JSON with its keys in order, so that only the content counts.
pub fn of<T: Serialize>(value: &T) -> String {
    let json = serde_json::to_value(value)
        .map(|value| sorted(&value).to_string())
        .unwrap_or_default();
    hex::encode(Sha256::digest(json.as_bytes()))
}

fn sorted(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            entries
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)))
                .collect()
        }
        serde_json::Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_does_not_count() {
        let a: serde_json::Value =
            serde_json::from_str(r#"{"a": 1, "b": {"c": 2, "d": 3}}"#).unwrap();
        let b: serde_json::Value =
            serde_json::from_str(r#"{"b": {"d": 3, "c": 2}, "a": 1}"#).unwrap();
        assert_eq!(of(&a), of(&b));
        assert_ne!(of(&a), of(&serde_json::json!({"a": 1})));
    }
}
