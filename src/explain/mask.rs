use serde_json::Value;

use super::Explanation;
use crate::secret;
use crate::source::Segment;

impl Explanation {
    /// Masks what looks like a secret in the value as it is now and as it was before.
    pub fn hide(&mut self) {
        let name = match self.path.segments().last() {
            Some(Segment::Key(key)) => key.to_string(),
            _ => String::new(),
        };
        secret::mask_as(&name, &mut self.value);
        for step in &mut self.steps {
            if let Some(json) = &mut step.value {
                hide_json(&name, json);
            }
            for entry in &mut step.added {
                hide_json(secret::of_items(&name), &mut entry.value);
            }
        }
    }
}

fn hide_json(name: &str, json: &mut String) {
    if let Ok(mut value) = serde_json::from_str(json) {
        hide_value(name, &mut value);
        *json = value.to_string();
    }
}

fn hide_value(name: &str, value: &mut Value) {
    match value {
        Value::String(text) => *text = secret::shown_entry(name, text),
        Value::Number(_) if secret::is_secret(name) => *value = secret::MASK.into(),
        Value::Array(items) => {
            let name = secret::of_items(name);
            items.iter_mut().for_each(|item| hide_value(name, item));
        }
        Value::Object(members) => {
            for (key, member) in members {
                hide_value(key, member);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::Diagnostics;
    use crate::explain::explain;
    use crate::source::{Change, SourceId, Span, parse, to_json};

    #[test]
    fn lists_and_former_values_are_masked_too() {
        let text = "a: {labels: [API_TOKEN=x, B=y], PASSWORD: new, url: 'x://u:p@h'}\n";
        let mut root = parse(SourceId(0), text, &mut Diagnostics::default()).remove(0);
        let labels = root.get_mut("a").unwrap().get_mut("labels").unwrap();
        labels.record(Change::Appended {
            kept: 1,
            by: Span::NONE,
        });
        let mut found = explain(&root, &"a".parse().unwrap()).unwrap();
        found.iter_mut().for_each(|explanation| explanation.hide());
        let values: Vec<String> = found
            .iter()
            .map(|explanation| to_json(&explanation.value))
            .collect();
        assert_eq!(
            values,
            [
                "[\"API_TOKEN=********\",\"B=y\"]",
                "\"********\"",
                "\"x://u:********@h\""
            ]
        );
        let labels = &found[0].steps;
        assert_eq!(labels[0].added[0].value, "\"API_TOKEN=********\"");
        assert!(!format!("{found:?}").contains("TOKEN=x"));
    }
}
