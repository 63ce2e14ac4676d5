use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::{Explanation, Operation, Step};
use crate::source::{Sources, Span, Substitution, Supply, to_json, to_yaml};

/// How an explanation is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Show the lines of the files.
    pub snippets: bool,
    pub colour: bool,
}

/// The explanations as people read them: each value with its steps below, from the lowest layer up.
pub fn to_text(explanations: &[Explanation], sources: &Sources, look: Look) -> String {
    let mut page = Page {
        text: String::new(),
        sources,
        look,
    };
    for (at, explanation) in explanations.iter().enumerate() {
        if at > 0 {
            page.text.push('\n');
        }
        page.explanation(explanation);
    }
    page.text
}

const PATH: Style = Style::new().bold();
const PLACE: Style = AnsiColor::Cyan.on_default();
const FAINT: Style = Style::new().dimmed();
const MARK: Style = AnsiColor::Green.on_default();

struct Page<'p> {
    text: String,
    sources: &'p Sources,
    look: Look,
}

impl Page<'_> {
    fn styled(&self, style: Style, text: &str) -> String {
        if self.look.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn explanation(&mut self, explanation: &Explanation) {
        let path = self.styled(PATH, &explanation.path.to_string());
        let value = match explanation.value.as_sequence() {
            Some(items) if !items.is_empty() => {
                let list = to_yaml(&explanation.value);
                let lines: String = list.lines().map(|line| format!("\n  {line}")).collect();
                format!(":{lines}")
            }
            _ => format!(" = {}", to_json(&explanation.value)),
        };
        let _ = writeln!(self.text, "{path}{value}");
        let places: Vec<String> = explanation
            .steps
            .iter()
            .map(|step| self.place(step))
            .collect();
        let width = places.iter().map(String::len).max().unwrap_or(0);
        for (step, place) in explanation.steps.iter().zip(places) {
            self.step(step, &place, width);
        }
    }

    fn place(&self, step: &Step) -> String {
        match (step.operation, self.sources.locate(step.span)) {
            (Operation::Defaulted(rule), _) => rule.to_owned(),
            (_, Some(place)) => place,
            (_, None) => "made by wharf".to_owned(),
        }
    }

    fn step(&mut self, step: &Step, place: &str, width: usize) {
        let name = step.operation.name();
        let result = match (&step.value, step.operation) {
            (None, _) => String::new(),
            (Some(_), Operation::Appended) => step
                .added
                .iter()
                .map(|entry| format!("+ {}", entry.value))
                .collect::<Vec<_>>()
                .join(" "),
            (Some(value), _) => value.clone(),
        };
        let line = format!(
            "{}  {result}",
            self.styled(PLACE, &format!("{place:width$}"))
        );
        let _ = writeln!(self.text, "  {name:<9} {}", line.trim_end());
        if let Some(from) = step
            .extended_from
            .and_then(|from| self.sources.locate(from))
        {
            self.detail(&format!("by `extends`, from {from}"));
        }
        for used in &step.substitutions {
            // An env file's own line is the place of the step already.
            if used.supply != Supply::EnvFile(step.span) {
                let text = supplied(used, self.sources);
                self.detail(&text);
            }
        }
        if self.look.snippets {
            self.snippet(step.span);
        }
    }

    fn detail(&mut self, text: &str) {
        let _ = writeln!(self.text, "            {text}");
    }

    /// The first line of a span with a mark below it.
    fn snippet(&mut self, span: Span) {
        let Some(file) = self.sources.get(span.source) else {
            return;
        };
        let (number, column) = file.line_column(span.start);
        let start = span.start as usize + 1;
        let before = file
            .text
            .get(..start.min(file.text.len()))
            .map_or(0, |text| {
                text.trim_end_matches('\n')
                    .rfind('\n')
                    .map_or(0, |at| at + 1)
            });
        let Some(line) = file.text.get(before..).and_then(|rest| rest.lines().next()) else {
            return;
        };
        let marked = self
            .sources
            .slice(span)
            .and_then(|text| text.lines().next())
            .map_or(1, |text| text.trim_end().chars().count().max(1));
        let shown: String = line
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let bar = self.styled(FAINT, "|");
        let gutter = self.styled(FAINT, &format!("{number:>10} |"));
        let mark = self.styled(MARK, &"^".repeat(marked));
        let indent = " ".repeat(column - 1);
        let _ = writeln!(
            self.text,
            "{gutter} {shown}\n           {bar} {indent}{mark}"
        );
    }
}

/// `HOST from the shell`.
fn supplied(used: &Substitution, sources: &Sources) -> String {
    let name = &used.variable;
    match &used.supply {
        Supply::Shell => format!("`{name}` from the shell"),
        Supply::EnvFile(span) => match sources.locate(*span) {
            Some(place) => format!("`{name}` from {place}"),
            None => format!("`{name}` from an env file"),
        },
        Supply::Caller => format!("`{name}` is that of the caller"),
        Supply::Expression => format!("`{name}`: the text in the expression is used"),
        Supply::Unset => format!("`{name}` is set nowhere"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::explain;
    use super::*;
    use crate::diagnostic::Diagnostics;
    use crate::source::{Change, Node, parse};

    fn told(look: Look) -> String {
        let mut sources = Sources::default();
        let base = "image: x\nports: ['80:80']\n";
        let dev = "image: ${TAG:-y}\nports: ['81:81']\n";
        let base_id = sources.add(std::path::Path::new("/p/base.yml"), "base.yml", base);
        let dev_id = sources.add(std::path::Path::new("/p/dev.yml"), "dev.yml", dev);
        let mut quiet = Diagnostics::default();
        let lower = parse(base_id, base, &mut quiet).remove(0);
        let mut root = parse(dev_id, dev, &mut quiet).remove(0);
        let image = root.get_mut("image").unwrap();
        image.kind = Node::string("y", Span::NONE).kind;
        image.record(Change::Interpolated {
            template: image.span,
            substitutions: vec![Substitution {
                variable: "TAG".into(),
                supply: Supply::Expression,
            }],
        });
        image.record(Change::Replaced {
            previous: Box::new(lower.get("image").unwrap().clone()),
        });
        let ports = root.get_mut("ports").unwrap();
        let by = ports.span;
        let added = ports.as_sequence().unwrap().to_vec();
        *ports = lower.get("ports").unwrap().clone();
        ports.as_sequence_mut().unwrap().extend(added);
        ports.record(Change::Appended { kept: 1, by });
        let mut found = explain(&root, &"*".parse().unwrap()).unwrap();
        found.push(Explanation {
            path: crate::source::Path::keys(["x"]),
            value: Node::null(Span::NONE),
            steps: super::super::step::steps(&{
                let mut node = Node::null(Span::NONE);
                node.record(Change::Defaulted {
                    rule: "the default network",
                });
                node
            }),
        });
        to_text(&found, &sources, look)
    }

    #[test]
    fn tells_the_life_of_each_value() {
        insta::assert_snapshot!(told(Look::default()), @r#"
        image = "y"
          set       base.yml:1:8  "x"
          replaced  dev.yml:1:8   "y"
                    `TAG`: the text in the expression is used

        ports:
          - 80:80
          - 81:81
          set       base.yml:2:8  ["80:80"]
          appended  dev.yml:2:8   + "81:81"

        x = null
          default   the default network  null
        "#);
    }

    #[test]
    fn shows_the_lines_in_a_terminal() {
        let text = told(Look {
            snippets: true,
            colour: false,
        });
        insta::assert_snapshot!(text.lines().take(8).collect::<Vec<_>>().join("\n"), @r#"
        image = "y"
          set       base.yml:1:8  "x"
                 1 | image: x
                   |        ^
          replaced  dev.yml:1:8   "y"
                    `TAG`: the text in the expression is used
                 1 | image: ${TAG:-y}
                   |        ^^^^^^^^^
        "#);
        assert!(
            told(Look {
                snippets: true,
                colour: true
            })
            .contains("\u{1b}[")
        );
    }
}
