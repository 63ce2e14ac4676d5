use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde::Serialize;

use super::filter;
use crate::diagnostic::{Diagnostic, closest};
use crate::source::{SourceId, Sources, Span};

/// A template's text and where it comes from, for messages.
#[derive(Clone, Copy, Debug)]
pub struct FileText<'t> {
    /// Absolute; for a text that is no file of its own, whatever names it.
    pub path: &'t Path,
    /// As shown to people.
    pub name: &'t str,
    pub text: &'t str,
}

/// Fills a template with the members of `values`. The template's text is added to `sources`, where the finding's span
/// points to the line of a mistake: a name that is not defined, a filter that does not exist, wrong syntax.
pub fn render(
    sources: &mut Sources,
    template: FileText<'_>,
    values: &impl Serialize,
) -> Result<String, Box<Diagnostic>> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let whitespace = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build();
    if let Ok(syntax) = whitespace {
        environment.set_syntax(syntax);
    }
    // Only in this mode are the places of mistakes kept.
    environment.set_debug(true);
    // Nothing here is HTML, whatever a file's ending says.
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.add_filter("quoted", |text: String| filter::quoted(&text));
    environment.add_filter("shell", |word: String| filter::shell(&word));
    environment.add_filter("command", |words: Value| filter::command(&words));
    let values = Value::from(Serde(values));
    let filled = environment
        .template_from_named_str(template.name, template.text)
        .and_then(|compiled| compiled.render(values.clone()));
    filled.map_err(|error| {
        let source = sources.add(template.path, template.name, template.text);
        Box::new(finding(&error, source, template.text, &values))
    })
}

fn finding(error: &Error, source: SourceId, text: &str, values: &Value) -> Diagnostic {
    let place = error
        .range()
        .filter(|range| range.end <= text.len() && range.start < range.end)
        .or_else(|| line(text, error.line()?))
        .map_or(Span::NONE, |range| {
            Span::new(source, range.start, range.end)
        });
    let detail = error.detail().unwrap_or_default();
    if error.kind() != ErrorKind::UndefinedError {
        let what = match (error.kind(), detail) {
            (ErrorKind::SyntaxError, "") => "it is not complete".to_owned(),
            (ErrorKind::SyntaxError, detail) => detail.to_owned(),
            (kind, "") => kind.to_string(),
            (_, detail) => detail.to_owned(),
        };
        return Diagnostic::error("bad-template", format!("cannot fill this template: {what}"))
            .at(place, "");
    }
    let name = text
        .get(place.start as usize..place.end as usize)
        .unwrap_or_default()
        .trim();
    let mut known: Vec<String> = values
        .try_iter()
        .into_iter()
        .flatten()
        .map(|key| key.to_string())
        .collect();
    known.sort();
    let near = closest(name, known.iter().map(String::as_str));
    let help = match near {
        Some(near) => format!("write `{near}`"),
        None if known.is_empty() => "there is nothing to refer to".to_owned(),
        None => format!(
            "there is {}; or give it a value for when it is missing: `{name} | default(\"..\")`",
            known
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    Diagnostic::error(
        "undefined-in-template",
        format!("this template refers to `{name}`, which is not defined"),
    )
    .at(place, "not defined")
    .help(help)
}

/// The bytes of a line, counted from one, without the spaces around its text.
fn line(text: &str, number: usize) -> Option<std::ops::Range<usize>> {
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if index + 1 == number {
            let body = line.trim_end();
            let indent = body.len() - body.trim_start().len();
            return (indent < body.len()).then_some(start + indent..start + body.len());
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic;
    use serde_json::json;

    fn rendered(text: &str, values: serde_json::Value) -> Result<String, String> {
        let mut sources = Sources::default();
        let template = FileText {
            path: Path::new("/p/app.conf"),
            name: "app.conf",
            text,
        };
        render(&mut sources, template, &values)
            .map_err(|finding| diagnostic::render(&finding, &sources, false, 80))
    }

    #[test]
    fn blocks_take_no_lines_and_the_last_newline_stays() {
        let text = "a\n{% for x in list %}\n- {{ x | quoted }}\n{% endfor %}\nend\n";
        let values = json!({ "list": ["1", "b\"c"] });
        assert_eq!(
            rendered(text, values).unwrap(),
            "a\n- \"1\"\n- \"b\\\"c\"\nend\n"
        );
    }

    #[test]
    fn what_is_not_defined_is_an_error_at_its_line() {
        let values = json!({ "database": { "host": "db" } });
        let said = rendered("x: 1\nhost: {{ databse }}\n", values.clone()).unwrap_err();
        assert!(said.contains("app.conf:2:10"), "{said}");
        assert!(said.contains("`databse`, which is not defined"), "{said}");
        assert!(said.contains("write `database`"), "{said}");
        let said = rendered("{{ database.port }}", values.clone()).unwrap_err();
        assert!(said.contains("undefined-in-template"), "{said}");
        assert_eq!(
            rendered("{{ port | default(5) }}", values).unwrap(),
            "5",
            "a default is a definition"
        );
    }

    #[test]
    fn wrong_syntax_is_an_error_at_its_line() {
        let said = rendered("a\n{% if %}\n", json!({})).unwrap_err();
        assert!(
            said.contains("bad-template") && said.contains("app.conf:2"),
            "{said}"
        );
        let said = rendered("{{ 'x' | shout }}", json!({})).unwrap_err();
        assert!(said.contains("shout"), "{said}");
    }
}
