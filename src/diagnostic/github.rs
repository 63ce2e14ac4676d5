use super::json::severity;
use super::{Diagnostics, Place};
use crate::source::Sources;

/// The findings as workflow commands, one a line, which GitHub Actions turns into annotations of the changed files.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#setting-an-error-message>
pub fn to_github(findings: &Diagnostics, sources: &Sources) -> String {
    let mut text = String::new();
    for finding in findings.iter() {
        let place = finding
            .labels
            .iter()
            .find(|label| label.primary)
            .and_then(|label| Place::of(label.span, sources));
        let mut properties = Vec::new();
        if let Some(place) = place {
            properties.push(("file", place.file.to_string()));
            properties.push(("line", place.start.line.to_string()));
            properties.push(("endLine", place.end.line.to_string()));
            // Columns are only allowed within one line.
            if place.start.line == place.end.line {
                properties.push(("col", place.start.column.to_string()));
                properties.push(("endColumn", place.end.column.to_string()));
            }
        }
        properties.push(("title", finding.code.to_string()));
        let mut message = finding.message.clone();
        for label in &finding.labels {
            if let (false, Some(at)) = (label.text.is_empty(), sources.locate(label.span)) {
                message.push_str(&format!("\n{at}: {}", label.text));
            }
        }
        for note in &finding.notes {
            message.push_str(&format!("\nnote: {note}"));
        }
        for help in &finding.help {
            message.push_str(&format!("\nhelp: {}", help.text));
        }
        text.push_str(&workflow_command(
            severity(finding.severity),
            &properties,
            &message,
        ));
        text.push('\n');
    }
    text
}

/// One workflow command, with what would end it or a property of it escaped.
/// <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#about-workflow-commands>
pub fn workflow_command(command: &str, properties: &[(&str, String)], message: &str) -> String {
    let properties: Vec<String> = properties
        .iter()
        .map(|(name, value)| format!("{name}={}", property(value)))
        .collect();
    format!("::{command} {}::{}", properties.join(","), data(message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn escapes_what_ends_a_command() {
        let (findings, sources) = example();
        let text = to_github(&findings, &sources);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "::error file=dev%3A a%25.yml,line=2,endLine=2,col=4,endColumn=6,title=port-conflict::port 80 is published twice%0Adev: a%25.yml:1:4: first%0Adev: a%25.yml:2:4: second%0Anote: 100%25%0Ahelp: take another",
                "::warning title=files-ambiguous::two files",
            ]
        );
    }
}
