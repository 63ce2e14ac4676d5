use serde::Serialize;

use super::{Diagnostics, Place, Severity};
use crate::source::Sources;

#[derive(Serialize)]
struct Finding<'f> {
    severity: &'static str,
    code: &'static str,
    message: &'f str,
    labels: Vec<Mark<'f>>,
    notes: &'f [String],
    help: Vec<Advice<'f>>,
}

#[derive(Serialize)]
struct Mark<'f> {
    #[serde(flatten)]
    place: Place,
    text: &'f str,
    primary: bool,
}

#[derive(Serialize)]
struct Advice<'f> {
    text: &'f str,
    edits: Vec<Replacement<'f>>,
}

#[derive(Serialize)]
struct Replacement<'f> {
    #[serde(flatten)]
    place: Place,
    replacement: &'f str,
}

pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// The findings as a JSON list, for editors and scripts. Its shape is stable: keys are added, never renamed.
pub fn to_json(findings: &Diagnostics, sources: &Sources) -> String {
    let findings: Vec<Finding<'_>> = findings
        .iter()
        .map(|finding| Finding {
            severity: severity(finding.severity),
            code: finding.code,
            message: &finding.message,
            labels: finding
                .labels
                .iter()
                .filter_map(|label| {
                    Some(Mark {
                        place: Place::of(label.span, sources)?,
                        text: &label.text,
                        primary: label.primary,
                    })
                })
                .collect(),
            notes: &finding.notes,
            help: finding
                .help
                .iter()
                .map(|help| Advice {
                    text: &help.text,
                    edits: help
                        .edits
                        .iter()
                        .filter_map(|edit| {
                            Some(Replacement {
                                place: Place::of(edit.span, sources)?,
                                replacement: &edit.replacement,
                            })
                        })
                        .collect(),
                })
                .collect(),
        })
        .collect();
    // Serialising plain structures with string keys cannot fail.
    serde_json::to_string_pretty(&findings).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn names_every_place_and_edit() {
        let (findings, sources) = example();
        let value: serde_json::Value = serde_json::from_str(&to_json(&findings, &sources)).unwrap();
        let first = &value[0];
        assert_eq!(first["code"], "port-conflict");
        assert_eq!(first["severity"], "error");
        let label = &first["labels"][1];
        assert_eq!(label["file"], "dev: a%.yml");
        assert_eq!(
            label["start"],
            serde_json::json!({"line": 2, "column": 4, "offset": 10})
        );
        assert_eq!(label["end"]["column"], 6);
        assert_eq!(label["primary"], true);
        assert_eq!(first["labels"][0]["primary"], false);
        assert_eq!(first["help"][0]["edits"][0]["replacement"], "81");
        assert_eq!(value[1]["labels"], serde_json::json!([]));
    }
}
