use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use serde_json::{Map, Value, json};

use super::Format;
use crate::interpolate::{self, Variable};
use crate::resolve::Resolved;
use crate::source::yaml_scalar;

/// `--variables` of a document that was loaded and resolved with its variables kept.
pub fn variables(resolved: &Resolved) -> String {
    let mut out = format!(
        "{:<20}{:<20}{:<20}{}\n",
        "NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"
    );
    for (name, variable) in named(resolved) {
        out.push_str(&format!(
            "{name:<20}{:<20}{:<20}{}\n",
            variable.required,
            variable.default.unwrap_or_default(),
            variable.presence.unwrap_or_default()
        ));
    }
    out
}

/// As [`variables`], for machines: under the keys and with the indentation that Compose has in each format.
pub fn variables_as(format: Format, resolved: &Resolved) -> String {
    let variables = named(resolved);
    match format {
        Format::Yaml => {
            let entries: Vec<String> = variables.iter().map(yaml).collect();
            match entries.is_empty() {
                true => "{}\n".to_owned(),
                false => entries.concat(),
            }
        }
        Format::Json => {
            let variables: Map<String, Value> = variables
                .into_iter()
                .map(|(name, variable)| (name.clone(), json(name, variable)))
                .collect();
            let mut text = Vec::new();
            let indent = PrettyFormatter::with_indent(b"    ");
            let mut out = serde_json::Serializer::with_formatter(&mut text, indent);
            // Texts and booleans always become JSON, and memory always takes it.
            let _ = Value::Object(variables).serialize(&mut out);
            text.push(b'\n');
            String::from_utf8(text).unwrap_or_default()
        }
    }
}

fn json(name: String, variable: Variable) -> Value {
    json!({
        "Name": name,
        "DefaultValue": variable.default.unwrap_or_default(),
        "PresenceValue": variable.presence.unwrap_or_default(),
        "Required": variable.required,
    })
}

fn yaml((name, variable): (&String, &Variable)) -> String {
    let text = |text: &Option<String>| yaml_scalar(text.as_deref().unwrap_or_default());
    format!(
        "{name}:\n    name: {name}\n    defaultvalue: {}\n    presencevalue: {}\n    required: {}\n",
        text(&variable.default),
        text(&variable.presence),
        variable.required,
        name = yaml_scalar(name),
    )
}

/// Sorted; of several expressions for one variable the last counts.
fn named(resolved: &Resolved) -> BTreeMap<String, Variable> {
    interpolate::variables(&resolved.document, &resolved.sources)
        .into_iter()
        .map(|variable| (variable.name.clone(), variable))
        .collect()
}
