use serde_json::{Value, json};

use super::{Explanation, Operation, Step};
use crate::diagnostic::Place;
use crate::source::{self, Sources, Span, Substitution, Supply};

/// The explanations as a JSON list, for editors. Its shape is stable: keys are added, never renamed.
pub fn to_json(explanations: &[Explanation], sources: &Sources) -> String {
    let list: Vec<Value> = explanations
        .iter()
        .map(|explanation| {
            let steps = explanation.steps.iter();
            json!({
                "path": explanation.path.to_string(),
                "value": value(&source::to_json(&explanation.value)),
                "steps": steps.map(|step| of_step(step, sources)).collect::<Vec<_>>(),
            })
        })
        .collect();
    format!("{:#}", Value::Array(list))
}

fn of_step(step: &Step, sources: &Sources) -> Value {
    let mut object = json!({
        "operation": step.operation.name(),
        "place": place(step.span, sources),
        "value": step.value.as_deref().map(value),
    });
    if let Operation::Defaulted(rule) = step.operation {
        object["rule"] = json!(rule);
    }
    if !step.added.is_empty() {
        let added = step.added.iter().map(
            |entry| json!({"value": value(&entry.value), "place": place(entry.span, sources)}),
        );
        object["added"] = added.collect();
    }
    if !step.substitutions.is_empty() {
        let list = step.substitutions.iter();
        object["variables"] = list.map(|used| variable(used, sources)).collect();
    }
    if let Some(from) = step.extended_from {
        object["extended_from"] = json!(place(from, sources));
    }
    object
}

fn variable(used: &Substitution, sources: &Sources) -> Value {
    let (supply, place) = match &used.supply {
        Supply::Shell => ("shell", None),
        Supply::EnvFile(span) => ("env-file", place(*span, sources)),
        Supply::Caller => ("caller", None),
        Supply::Expression => ("expression", None),
        Supply::Unset => ("unset", None),
    };
    json!({"name": used.variable, "supply": supply, "place": place})
}

fn place(span: Span, sources: &Sources) -> Option<Place> {
    Place::of(span, sources)
}

/// Text that is JSON already.
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::explain;
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::{Change, parse};

    #[test]
    fn says_what_each_step_did() {
        let mut sources = Sources::default();
        let text = "services: {a: {image: x}}\n";
        let id = sources.add(std::path::Path::new("/p/a.yml"), "a.yml", text);
        let mut root = parse(id, text, &mut Diagnostics::default()).remove(0);
        let image = root
            .get_mut("services")
            .unwrap()
            .get_mut("a")
            .unwrap()
            .get_mut("image")
            .unwrap();
        image.record(Change::Interpolated {
            template: image.span,
            substitutions: vec![Substitution {
                variable: "V".into(),
                supply: Supply::EnvFile(Span::new(id, 0, 8)),
            }],
        });
        let found = explain(&root, &"services.a.image".parse().unwrap()).unwrap();
        let list: Value = serde_json::from_str(&to_json(&found, &sources)).unwrap();
        assert_eq!(list[0]["path"], "services.a.image");
        assert_eq!(list[0]["value"], "x");
        let step = &list[0]["steps"][0];
        assert_eq!(step["operation"], "set");
        assert_eq!(step["place"]["start"]["column"], 23);
        assert_eq!(step["variables"][0]["supply"], "env-file");
        assert_eq!(step["variables"][0]["place"]["file"], "a.yml");
    }
}
