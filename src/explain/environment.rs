use super::explanation::{Explanation, explain};
use super::pattern::{Pattern, Piece};
use super::step;
use crate::diagnostic::Diagnostic;
use crate::source::{Node, Path};

/// The environment of one service: every variable with the value that won and those that lost, secrets masked.
#[derive(Clone, Debug, PartialEq)]
pub struct EnvironmentView {
    pub service: String,
    /// In the order of the document.
    pub variables: Vec<Explanation>,
}

/// Explains `services.SERVICE.environment`. A service that does not exist is an error that names what is near.
pub fn environment(document: &Node, service: &str) -> Result<EnvironmentView, Diagnostic> {
    let pattern = Pattern(vec![
        Piece::Literal("services".to_owned()),
        Piece::Literal(service.to_owned()),
    ]);
    explain(document, &pattern)?;
    let path = Path::keys(["services", service, "environment"]);
    let members = document.at(&path).and_then(Node::as_mapping);
    let variables = members.into_iter().flatten().map(|(name, node)| {
        let mut explanation = Explanation {
            path: path.key(&name.text),
            value: node.clone(),
            steps: step::steps(node),
        };
        explanation.hide();
        explanation
    });
    Ok(EnvironmentView {
        service: service.to_owned(),
        variables: variables.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::{Change, SourceId, Span, parse, to_json};

    #[test]
    fn winners_and_losers_are_masked() {
        let text = "services:\n  app: {environment: {DB_PASSWORD: new, URL: 'a://u:p@h', PIN: 7}}\n  db: {}\n";
        let mut root = parse(SourceId(0), text, &mut Diagnostics::default()).remove(0);
        let path = ["services", "app", "environment", "DB_PASSWORD"];
        let password = path
            .iter()
            .fold(&mut root, |node, key| node.get_mut(key).unwrap());
        let previous = Box::new(Node::string("old", Span::NONE));
        password.record(Change::Replaced { previous });
        let view = environment(&root, "app").unwrap();
        let values: Vec<String> = view
            .variables
            .iter()
            .map(|variable| to_json(&variable.value))
            .collect();
        assert_eq!(values, ["\"********\"", "\"a://u:********@h\"", "7"]);
        let steps: Vec<Option<&str>> = view.variables[0]
            .steps
            .iter()
            .map(|step| step.value.as_deref())
            .collect();
        assert_eq!(steps, [Some("\"********\""); 2]);
        assert_eq!(environment(&root, "db").unwrap().variables, []);
        assert!(environment(&root, "ap").is_err());
    }
}
