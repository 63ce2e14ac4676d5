use serde_json::{Value, json};

use super::json::severity;
use super::{Diagnostics, Label, Place, catalog};
use crate::source::{Sources, Span};

/// The findings as a SARIF 2.1.0 log, for code scanning services. Every code is a rule with its explanation.
/// <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>
pub fn to_sarif(findings: &Diagnostics, sources: &Sources) -> String {
    let mut codes: Vec<&'static str> = findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules: Vec<Value> = codes
        .iter()
        .map(|code| match catalog::explain(code) {
            Some(text) => json!({"id": code, "fullDescription": {"text": text}}),
            None => json!({"id": code}),
        })
        .collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let mut message = finding.message.clone();
            let notes = finding.notes.iter();
            for line in notes.chain(finding.help.iter().map(|help| &help.text)) {
                message.push('\n');
                message.push_str(line);
            }
            let places = |primary| -> Vec<Value> {
                let labels = finding
                    .labels
                    .iter()
                    .filter(|label| label.primary == primary);
                labels
                    .filter_map(|label| location(label, sources))
                    .collect()
            };
            let fixes: Vec<Value> = finding
                .help
                .iter()
                .filter(|help| !help.edits.is_empty())
                .map(|help| {
                    let changes: Vec<Value> = help
                        .edits
                        .iter()
                        .filter_map(|edit| {
                            Some(json!({
                                "artifactLocation": artifact(edit.span, sources)?,
                                "replacements": [{
                                    "deletedRegion": region(edit.span, sources)?,
                                    "insertedContent": {"text": edit.replacement},
                                }],
                            }))
                        })
                        .collect();
                    json!({"description": {"text": help.text}, "artifactChanges": changes})
                })
                .collect();
            let mut result = json!({
                "ruleId": finding.code,
                "ruleIndex": codes.binary_search(&finding.code).unwrap_or_default(),
                "level": severity(finding.severity),
                "message": {"text": message},
                "locations": places(true),
            });
            for (key, values) in [("relatedLocations", places(false)), ("fixes", fixes)] {
                if !values.is_empty() {
                    result[key] = Value::Array(values);
                }
            }
            result
        })
        .collect();
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "wharf", "version": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}")
}

fn location(label: &Label, sources: &Sources) -> Option<Value> {
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": artifact(label.span, sources)?,
            "region": region(label.span, sources)?,
        },
    });
    if !label.text.is_empty() {
        location["message"] = json!({"text": label.text});
    }
    Some(location)
}

fn artifact(span: Span, sources: &Sources) -> Option<Value> {
    Some(json!({"uri": uri(&Place::of(span, sources)?.file)}))
}

fn region(span: Span, sources: &Sources) -> Option<Value> {
    let Place { start, end, .. } = Place::of(span, sources)?;
    Some(json!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    }))
}

/// A path as a relative or absolute URI reference.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            other => uri.push_str(&format!("%{other:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn is_a_log_with_rules_places_and_fixes() {
        let (findings, sources) = example();
        let log: Value = serde_json::from_str(&to_sarif(&findings, &sources)).unwrap();
        let run = &log["runs"][0];
        let result = &run["results"][0];
        assert_eq!(log["version"], "2.1.0");
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][index]["id"], "port-conflict");
        let physical = &result["locations"][0]["physicalLocation"];
        assert_eq!(physical["artifactLocation"]["uri"], "dev%3A%20a%25.yml");
        assert_eq!(
            physical["region"],
            json!({"startLine": 2, "startColumn": 4, "endLine": 2, "endColumn": 6})
        );
        assert_eq!(result["relatedLocations"][0]["message"]["text"], "first");
        let change = &result["fixes"][0]["artifactChanges"][0];
        assert_eq!(change["replacements"][0]["insertedContent"]["text"], "81");
        assert_eq!(run["results"][1]["locations"], json!([]));
    }
}
