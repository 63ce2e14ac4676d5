use super::explanation::{Explanation, explain};
use super::pattern::{Pattern, Piece};
use super::step;
use crate::diagnostic::Diagnostic;
use crate::secret;
use crate::source::{Node, Path, to_json};

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
        explanation.hide(&name.text);
        explanation
    });
    Ok(EnvironmentView {
        service: service.to_owned(),
        variables: variables.collect(),
    })
}

impl Explanation {
    /// Masks the value that the variable `name` has now and had before.
    pub fn hide(&mut self, name: &str) {
        let hidden = |node: &Node| {
            let mut shown = Node::new(node.kind.clone(), node.span);
            if let Some(text) = node.as_str() {
                shown = Node::string(secret::shown(name, text), node.span);
            } else if secret::is_secret(name) && !node.is_null() {
                shown = Node::string(secret::MASK, node.span);
            }
            shown
        };
        self.value = hidden(&self.value);
        for step in &mut self.steps {
            if let Some(json) = &mut step.value {
                let value = serde_json::from_str::<serde_json::Value>(json).unwrap_or_default();
                let node = match value.as_str() {
                    Some(text) => Node::string(text, self.value.span),
                    None if value.is_null() => Node::null(self.value.span),
                    None => Node::string(json.as_str(), self.value.span),
                };
                if value.is_string() || secret::is_secret(name) {
                    *json = to_json(&hidden(&node), false);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::{Change, SourceId, Span, parse};

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
            .map(|variable| to_json(&variable.value, false))
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
