use std::collections::BTreeMap;

use serde_json::json;

use crate::interpolate::{self, Variable};
use crate::resolve::Resolved;

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

/// As [`variables`], as `--format json` prints them.
pub fn variables_json(resolved: &Resolved) -> String {
    let variables: serde_json::Map<String, serde_json::Value> = named(resolved)
        .into_iter()
        .map(|(name, variable)| {
            let value = json!({
                "Name": name,
                "DefaultValue": variable.default.unwrap_or_default(),
                "PresenceValue": variable.presence.unwrap_or_default(),
                "Required": variable.required,
            });
            (name, value)
        })
        .collect();
    let mut text = format!("{:#}", serde_json::Value::Object(variables));
    text.push('\n');
    text
}

/// Sorted; of several expressions for one variable the last counts.
fn named(resolved: &Resolved) -> BTreeMap<String, Variable> {
    interpolate::variables(&resolved.document, &resolved.sources)
        .into_iter()
        .map(|variable| (variable.name.clone(), variable))
        .collect()
}
