use super::pattern::{Pattern, Piece};
use super::step::{self, Step};
use crate::diagnostic::{Diagnostic, closest};
use crate::source::{Kind, Node, Path, Segment};

/// One value and its history.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    pub path: Path,
    /// The value in the end.
    pub value: Node,
    /// From the lowest layer up; never empty.
    pub steps: Vec<Step>,
}

/// Explains what `pattern` matches in a document. A mapping is explained by its members, each on its own, and by itself
/// only where layers treated it as one value. A pattern that matches nothing is an error that names what was near.
pub fn explain(document: &Node, pattern: &Pattern) -> Result<Vec<Explanation>, Diagnostic> {
    let mut found = Vec::new();
    find(document, &pattern.0, Path::root(), &mut found);
    if found.is_empty() {
        return Err(nothing(document, pattern));
    }
    let mut explanations = Vec::new();
    for (path, node) in found {
        describe(node, path, &mut explanations);
    }
    Ok(explanations)
}

fn find<'d>(node: &'d Node, pieces: &[Piece], path: Path, found: &mut Vec<(Path, &'d Node)>) {
    let Some((piece, rest)) = pieces.split_first() else {
        found.push((path, node));
        return;
    };
    for (segment, child) in children(node) {
        if piece.matches(&segment) {
            let mut path = path.clone();
            path.0.push(segment);
            find(child, rest, path, found);
        }
    }
}

fn children(node: &Node) -> Vec<(Segment, &Node)> {
    match &node.kind {
        Kind::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| (Segment::Key(key.text.clone()), value))
            .collect(),
        Kind::Sequence(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| (Segment::Index(index), item))
            .collect(),
        _ => Vec::new(),
    }
}

fn describe(node: &Node, path: Path, explanations: &mut Vec<Explanation>) {
    let members = match &node.kind {
        Kind::Mapping(entries) => Some(entries).filter(|entries| !entries.is_empty()),
        _ => None,
    };
    if members.is_none() || node.history.is_some() {
        explanations.push(Explanation {
            path: path.clone(),
            value: node.clone(),
            steps: step::steps(node),
        });
    }
    for (key, value) in members.into_iter().flat_map(|entries| entries.iter()) {
        describe(value, path.key(&key.text), explanations);
    }
}

/// Follows the pattern as far as it matches and says what stands there.
fn nothing(document: &Node, pattern: &Pattern) -> Diagnostic {
    let mut deepest = (0, Path::root(), document);
    for length in 1..pattern.0.len() {
        let mut found = Vec::new();
        find(document, &pattern.0[..length], Path::root(), &mut found);
        match found.into_iter().next() {
            Some((path, node)) => deepest = (length, path, node),
            None => break,
        }
    }
    let (length, path, node) = deepest;
    let place = match length {
        0 => "the document".to_owned(),
        _ => format!("`{path}`"),
    };
    let finding = Diagnostic::error("path-unknown", format!("`{pattern}` matches nothing"));
    let (Piece::Glob(wanted) | Piece::Literal(wanted), Kind::Mapping(entries)) =
        (&pattern.0[length], &node.kind)
    else {
        return finding.at(node.span, format!("{place} is {}", node.kind_name()));
    };
    let keys: Vec<&str> = entries.keys().map(|key| &*key.text).collect();
    let finding = finding.at(node.span, format!("{place} has no `{wanted}`"));
    match closest(wanted, keys.iter().copied()) {
        Some(near) => finding.help(format!("write `{}`", path.key(near))),
        None if keys.len() <= 20 => finding.note(format!(
            "{place} has {}",
            crate::diagnostic::prose::quoted(keys, "and")
        )),
        None => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::{Change, SourceId, Span, parse};

    fn document() -> Node {
        let text = "services:\n  app: {image: x, environment: {A: 1, AB: 2}, ports: ['1', '2']}\n  db: {image: y}\n";
        parse(SourceId(0), text, &mut Diagnostics::default()).remove(0)
    }

    fn paths(pattern: &str) -> Vec<String> {
        explain(&document(), &pattern.parse().unwrap())
            .unwrap()
            .iter()
            .map(|explanation| explanation.path.to_string())
            .collect()
    }

    #[test]
    fn patterns_find_values_and_mappings_are_opened() {
        assert_eq!(
            paths("services.*.image"),
            ["services.app.image", "services.db.image"]
        );
        assert_eq!(paths("services.app.environment.A*").len(), 2);
        assert_eq!(paths("services.app.ports"), ["services.app.ports"]);
        assert_eq!(paths("services.app.ports[1]"), ["services.app.ports[1]"]);
        assert_eq!(
            paths("services.app"),
            [
                "services.app.image",
                "services.app.environment.A",
                "services.app.environment.AB",
                "services.app.ports",
            ]
        );
    }

    #[test]
    fn a_mapping_with_a_history_is_explained_too() {
        let mut root = document();
        let app = root.get_mut("services").unwrap().get_mut("app").unwrap();
        let previous = Box::new(Node::null(Span::NONE));
        app.get_mut("environment")
            .unwrap()
            .record(Change::Replaced { previous });
        let found = explain(&root, &"services.app.environment".parse().unwrap()).unwrap();
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].steps.len(), 2);
    }

    #[test]
    fn what_matches_nothing_names_what_is_near() {
        let error = explain(&document(), &"services.ap.image".parse().unwrap()).unwrap_err();
        assert_eq!(error.message, "`services.ap.image` matches nothing");
        assert_eq!(error.help[0].text, "write `services.app`");
        let error = explain(&document(), &"services.app.zzzzzz".parse().unwrap()).unwrap_err();
        assert_eq!(
            error.notes,
            ["`services.app` has `image`, `environment` and `ports`"]
        );
        assert!(explain(&document(), &"services.app.image.x".parse().unwrap()).is_err());
    }
}
