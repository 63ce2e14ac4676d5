use serde_json::{Map, Value};

use super::history::{HistoryEntry, steps};
use crate::engine::{Engine, EngineError, EngineResult, ErrorKind};

/// An image of the engine, with all that another image takes over from it.
#[derive(Clone, Debug, PartialEq)]
pub struct BaseImage {
    /// `sha256:..`
    pub id: String,
    pub operating_system: String,
    pub architecture: String,
    pub variant: String,
    /// Unix seconds.
    pub created: i64,
    /// Digests of the uncompressed layers, lowest first.
    pub layers: Vec<String>,
    pub history: Vec<HistoryEntry>,
    /// `Config` of the image's configuration, without what is empty.
    pub config: Map<String, Value>,
}

/// What containers take over from an image.
/// <https://github.com/moby/docker-image-spec/blob/main/spec.md>
const TAKEN_OVER: [&str; 14] = [
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Healthcheck",
    "ArgsEscaped",
    "OnBuild",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "StopTimeout",
    "Shell",
];

impl BaseImage {
    /// Reads an image from the engine.
    ///
    /// # Errors
    /// Those of the engine; [`ErrorKind::NotFound`] without such an image.
    pub async fn read(engine: &dyn Engine, reference: &str) -> EngineResult<BaseImage> {
        let Some(document) = engine.image_document(reference).await? else {
            return Err(EngineError::new(
                ErrorKind::NotFound,
                format!("no such image: `{reference}`"),
            ));
        };
        let rows = engine.image_history(reference).await?;
        let text = |key: &str| document[key].as_str().unwrap_or_default().to_owned();
        let layers: Vec<String> = document["RootFS"]["Layers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|layer| layer.as_str().map(str::to_owned))
            .collect();
        let mut config = Map::new();
        for key in TAKEN_OVER {
            let value = &document["Config"][key];
            if !is_empty(value) {
                config.insert(key.to_owned(), sorted(value));
            }
        }
        Ok(BaseImage {
            id: text("Id"),
            operating_system: text("Os"),
            architecture: text("Architecture"),
            variant: text("Variant"),
            created: chrono::DateTime::parse_from_rfc3339(&text("Created"))
                .map_or(0, |time| time.timestamp().max(0)),
            history: steps(&rows, layers.len()),
            layers,
            config,
        })
    }

    /// `linux/arm64/v8`
    pub fn platform(&self) -> String {
        let parts = [&self.operating_system, &self.architecture, &self.variant];
        let parts: Vec<&str> = parts
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(String::as_str)
            .collect();
        parts.join("/")
    }

    pub fn label(&self, name: &str) -> Option<&str> {
        self.config.get("Labels")?.get(name)?.as_str()
    }
}

/// Engines differ in how they write what is not set.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// With the keys of mappings in order, as the engine writes them, whatever order they came in.
pub(super) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            let members = members.into_iter();
            Value::Object(members.map(|(k, v)| (k.clone(), sorted(v))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_engines_write_differently_is_the_same() {
        assert!(is_empty(&json!("")) && is_empty(&json!(null)) && is_empty(&json!({})));
        assert!(!is_empty(&json!(0)) && !is_empty(&json!(["a"])));
        assert_eq!(
            sorted(&json!({"b": 1, "a": {"d": 1, "c": 2}})).to_string(),
            r#"{"a":{"c":2,"d":1},"b":1}"#
        );
    }
}
