use serde_json::{Map as Object, Value, json};

use super::extension::{PROJECT_EXTENSION, SERVICE_EXTENSION};
use super::{Keys, Kinds, PROJECT, Shape};

/// A JSON schema (draft 7) of `x-wharf`, for editors: the top-level one, and a service's as the definition `service`.
/// <https://json-schema.org/draft-07>
pub fn extension_schema() -> Value {
    let Value::Object(project) = schema(PROJECT_EXTENSION) else {
        return Value::Null;
    };
    let mut root = Object::new();
    root.insert(
        "$schema".into(),
        "http://json-schema.org/draft-07/schema#".into(),
    );
    root.insert("title".into(), "x-wharf".into());
    root.extend(project);
    root.insert(
        "definitions".into(),
        json!({ "service": schema(SERVICE_EXTENSION) }),
    );
    Value::Object(root)
}

/// A JSON schema (draft 7) of a whole Compose file with its `x-wharf` sections.
/// <https://github.com/compose-spec/compose-spec/blob/main/schema/compose-spec.json>
pub fn file_schema() -> Value {
    let mut root = Object::new();
    root.insert(
        "$schema".into(),
        "http://json-schema.org/draft-07/schema#".into(),
    );
    root.insert("title".into(), "Compose file".into());
    if let Value::Object(file) = schema(PROJECT) {
        root.extend(file);
    }
    Value::Object(root)
}

/// What a shape accepts, as a JSON schema.
pub fn schema(shape: Shape) -> Value {
    match shape {
        Shape::Any => json!({}),
        Shape::Null => json!({ "type": "null" }),
        Shape::Scalar(scalar) => {
            let mut object = Object::new();
            object.insert("type".into(), types(scalar.kinds));
            if !scalar.choices.is_empty() {
                object.insert("enum".into(), json!(scalar.choices));
            }
            if let Some((_, allowed)) = scalar.rule {
                object.insert("description".into(), allowed.into());
            }
            Value::Object(object)
        }
        Shape::List(list) => {
            let mut object = Object::new();
            object.insert("type".into(), "array".into());
            object.insert("items".into(), schema(list.item));
            if list.unique {
                object.insert("uniqueItems".into(), true.into());
            }
            Value::Object(object)
        }
        Shape::Map(map) => match map.keys {
            Keys::Any => json!({
                "type": "object",
                "additionalProperties": schema(map.value),
            }),
            Keys::Filled => named("^.+$", map.value, map.open),
            Keys::Name => named("^[a-zA-Z0-9._-]+$", map.value, map.open),
            Keys::Ulimit => named("^[a-z]+$", map.value, map.open),
        },
        Shape::Record(record) => {
            let properties: Object<String, Value> = record
                .fields
                .iter()
                .map(|field| (field.name.to_owned(), schema(field.shape)))
                .collect();
            let mut object = Object::new();
            object.insert("type".into(), "object".into());
            object.insert("properties".into(), Value::Object(properties));
            if !record.required.is_empty() {
                object.insert("required".into(), json!(record.required));
            }
            if record.extensible {
                object.insert("patternProperties".into(), json!({ "^x-": {} }));
            }
            object.insert("additionalProperties".into(), record.open.into());
            Value::Object(object)
        }
        Shape::OneOf(alternatives) => {
            let alternatives: Vec<Value> = alternatives.iter().copied().map(schema).collect();
            json!({ "anyOf": alternatives })
        }
        Shape::Short(short) => schema(short.accepts),
    }
}

fn named(pattern: &str, value: Shape, open: bool) -> Value {
    json!({
        "type": "object",
        "patternProperties": { pattern: schema(value) },
        "additionalProperties": open,
    })
}

fn types(kinds: Kinds) -> Value {
    let names: Vec<&str> = kinds
        .names()
        .into_iter()
        .filter_map(|name| name.split_whitespace().last())
        .collect();
    match names[..] {
        [only] => only.into(),
        _ => json!(names),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::{
        ConfigFile, ReleaseComponent, ReleaseDeclaration, ReleaseLimits, ResetDeclaration,
        ServiceExtension, SuiteDeclaration, TestDeclaration, WharfExtension,
    };

    fn properties(schema: &Value) -> BTreeSet<String> {
        let members = schema["properties"].as_object().unwrap();
        members.keys().cloned().collect()
    }

    fn keys(value: &impl serde::Serialize) -> BTreeSet<String> {
        let value = serde_json::to_value(value).unwrap();
        value.as_object().unwrap().keys().cloned().collect()
    }

    /// A field that is added to a struct must be added to the table, and the other way round.
    #[test]
    fn the_schema_has_the_fields_of_the_structs() {
        let schema = extension_schema();
        assert_eq!(properties(&schema), keys(&WharfExtension::default()));
        let service = &schema["definitions"]["service"];
        assert_eq!(properties(service), keys(&ServiceExtension::default()));
        let test = &schema["properties"]["test"];
        assert_eq!(properties(test), keys(&TestDeclaration::default()));
        let suite = &test["properties"]["suites"]["patternProperties"]["^[a-zA-Z0-9._-]+$"];
        assert_eq!(properties(suite), keys(&SuiteDeclaration::default()));
        let reset = &test["properties"]["reset"];
        assert_eq!(properties(reset), keys(&ResetDeclaration::default()));

        let release = &schema["properties"]["release"];
        assert_eq!(properties(release), keys(&ReleaseDeclaration::default()));
        let limits = keys(&ReleaseLimits::default());
        assert_eq!(properties(&release["properties"]["limits"]), limits);
        let component = &release["properties"]["components"]["patternProperties"];
        let component = &component["^[a-zA-Z0-9._-]+$"];
        assert_eq!(properties(component), keys(&ReleaseComponent::default()));
        assert_eq!(properties(&component["properties"]["limits"]), limits);
        for list in [
            &schema["properties"]["config"],
            &service["properties"]["config"],
        ] {
            assert_eq!(properties(&list["items"]), keys(&ConfigFile::default()));
        }
    }
}
