use std::borrow::Cow;
use std::ops::Range;

use indexmap::IndexMap;

use super::cast::{Attributes, Below, Cast, DOCUMENT, EACH};
use super::template::{self, Expression, Operator, has_variables};
use crate::diagnostic::{Diagnostic, Diagnostics, prose};
use crate::source::{Change, Kind, Node, Path, Segment, Sources, Span, Substitution, Supply, Tag};

/// Where variables come from.
pub trait Lookup {
    /// The value of a variable and who supplied it; `None` when it is set nowhere.
    fn get(&self, name: &str) -> Option<(Cow<'_, str>, Supply)>;
}

/// How many variables are replaced in one document, and how many bytes their texts may have in the end: a small file can
/// name a long variable very often.
const MAX_SUBSTITUTIONS: usize = 1_000_000;
const MAX_EXPANDED: usize = 64 << 20;

/// After so many names the others are not told one by one.
const MAX_NAMES: usize = 100;

/// A variable that a document names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    /// What stands in where the variable is unset, as written. `None`: nothing does.
    pub default: Option<String>,
    /// Its absence is an error.
    pub required: bool,
    /// What replaces a set variable, as written. `None`: its own value does.
    pub presence: Option<String>,
    /// The expression that names it.
    pub span: Span,
}

/// Replaces the variables in every value below `node`, which is a whole document, and reads the result as a number or a
/// boolean where the attribute is one. Keys stay as they are.
///
/// A value that changes notes [`Change::Interpolated`]. Unset variables become empty texts with one warning for each
/// name; a value with an error keeps what was written.
/// <https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md>
pub fn expand(
    node: &mut Node,
    sources: &Sources,
    lookup: &dyn Lookup,
    diagnostics: &mut Diagnostics,
) {
    let mut walk = Walk {
        sources,
        lookup,
        diagnostics,
        unset: IndexMap::new(),
        substituted: 0,
        expanded: 0,
        exhausted: false,
    };
    walk.node(node, Some(Below::Attributes(&DOCUMENT)), &Trail::Root);
    let Walk {
        unset, diagnostics, ..
    } = walk;
    let more = unset.len().saturating_sub(MAX_NAMES);
    for (at, (name, (span, uses))) in unset.into_iter().take(MAX_NAMES).enumerate() {
        let finding = Diagnostic::warning(
            "variable-unset",
            format!("the variable `{name}` is set nowhere and becomes an empty text"),
        )
        .at(span, "")
        .help(format!(
            "set it in the shell or in `.env`, or give it a default: `${{{name}:-..}}`"
        ));
        let finding = match (at + 1 == MAX_NAMES, more) {
            (true, 1..) => finding.note(format!("{more} other variables are set nowhere too")),
            _ => finding,
        };
        diagnostics.push(match uses {
            1 => finding,
            _ => finding.note(format!(
                "`{name}` is used in {uses} places of this document"
            )),
        });
    }
}

/// Every variable that the values below `node` name, in the order of the document; one entry for each expression.
pub fn variables(node: &Node, sources: &Sources) -> Vec<Variable> {
    let mut found = Vec::new();
    collect(node, sources, &mut found);
    found
}

fn collect(node: &Node, sources: &Sources, found: &mut Vec<Variable>) {
    match &node.kind {
        Kind::String(text) if has_variables(text) => {
            let Ok(template) = template::parse(text) else {
                return;
            };
            found.extend(template.expressions().into_iter().map(|expression| {
                let argument = |operator| {
                    expression
                        .operation
                        .as_ref()
                        .filter(|operation| operation.operator == operator)
                        .map(|operation| operation.argument.to_owned())
                };
                Variable {
                    name: expression.name.to_owned(),
                    default: argument(Operator::Default),
                    required: argument(Operator::Required).is_some(),
                    presence: argument(Operator::Alternative),
                    span: locate(node.span, text, &expression.range, sources),
                }
            }));
        }
        Kind::Sequence(items) => items.iter().for_each(|item| collect(item, sources, found)),
        Kind::Mapping(entries) => entries
            .values()
            .for_each(|value| collect(value, sources, found)),
        _ => {}
    }
}

/// The way from the document to a value, kept on the stack: it is only spelt out for messages.
enum Trail<'a> {
    Root,
    Key(&'a Trail<'a>, &'a str),
    Index(&'a Trail<'a>, usize),
}

impl Trail<'_> {
    fn path(&self) -> Path {
        let mut segments = Vec::new();
        let mut at = self;
        loop {
            at = match at {
                Trail::Root => break,
                Trail::Key(above, key) => {
                    segments.push(Segment::Key((*key).into()));
                    above
                }
                Trail::Index(above, index) => {
                    segments.push(Segment::Index(*index));
                    above
                }
            };
        }
        segments.reverse();
        Path(segments)
    }
}

struct Walk<'w> {
    sources: &'w Sources,
    lookup: &'w dyn Lookup,
    diagnostics: &'w mut Diagnostics,
    /// Names without a value: the first place and the number of places.
    unset: IndexMap<String, (Span, usize)>,
    /// Expressions evaluated and bytes made so far.
    substituted: usize,
    expanded: usize,
    exhausted: bool,
}

impl Walk<'_> {
    fn node(&mut self, node: &mut Node, below: Option<Below>, trail: &Trail<'_>) {
        if node.tag == Some(Tag::Reset) {
            return;
        }
        let (cast, attributes) = match below {
            None => (None, None),
            Some(Below::Cast(cast)) => (Some(cast), None),
            Some(Below::Attributes(attributes)) => (None, Some(attributes)),
            Some(Below::Both(cast, attributes)) => (Some(cast), Some(attributes)),
        };
        match &mut node.kind {
            Kind::String(text) => {
                if !has_variables(text) && cast.is_none() {
                    return;
                }
                self.text(node, cast, trail);
            }
            Kind::Sequence(items) => {
                let below = attributes.and_then(|attributes| attributes.get(EACH));
                for (index, item) in items.iter_mut().enumerate() {
                    self.node(item, below, &Trail::Index(trail, index));
                }
            }
            Kind::Mapping(entries) => {
                for (key, value) in entries.iter_mut() {
                    let below =
                        attributes.and_then(|attributes| Attributes::get(attributes, &key.text));
                    self.node(value, below, &Trail::Key(trail, &key.text));
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, node: &mut Node, cast: Option<Cast>, trail: &Trail<'_>) {
        let Kind::String(text) = &node.kind else {
            return;
        };
        let span = node.span;
        let mut substitutions = Vec::new();
        let expanded = if has_variables(text) {
            match self.substitute(text, span, trail, &mut substitutions) {
                Some(expanded) => Cow::Owned(expanded),
                None => return,
            }
        } else {
            Cow::Borrowed(&**text)
        };
        let kind = match cast {
            None => Kind::String(expanded.into()),
            Some(cast) => match read(cast, &expanded) {
                Some(kind) => kind,
                None => {
                    let finding = not_castable(cast, &expanded, span, trail, &substitutions);
                    self.diagnostics.push(finding);
                    return;
                }
            },
        };
        node.kind = kind;
        if !substitutions.is_empty() {
            substitutions.shrink_to_fit();
            node.record(Change::Interpolated {
                template: span,
                substitutions,
            });
        }
    }

    /// Whether the document may have another value with variables. It says once when it may not.
    fn is_bounded(&mut self, span: Span) -> bool {
        if self.substituted <= MAX_SUBSTITUTIONS && self.expanded <= MAX_EXPANDED {
            return true;
        }
        if !self.exhausted {
            self.exhausted = true;
            self.diagnostics.push(
                Diagnostic::error(
                    "file-too-large",
                    format!(
                        "the document names more than {MAX_SUBSTITUTIONS} variables, or their values are larger than {} MiB",
                        MAX_EXPANDED >> 20
                    ),
                )
                .at(span, "the limit is reached here"),
            );
        }
        false
    }

    fn substitute(
        &mut self,
        text: &str,
        span: Span,
        trail: &Trail<'_>,
        substitutions: &mut Vec<Substitution>,
    ) -> Option<String> {
        if !self.is_bounded(span) {
            return None;
        }
        let template = match template::parse(text) {
            Ok(template) => template,
            Err(error) => {
                let place = locate(span, text, &error.range, self.sources);
                let finding = Diagnostic::error(
                    "interpolation-syntax",
                    format!(
                        "`{}` of `{}` is no variable expression",
                        prose::short(&text[error.range]),
                        trail.path()
                    ),
                )
                .at(place, error.reason.rule())
                .help("a `$` that is meant as text is written `$$`");
                self.diagnostics.push(finding);
                return None;
            }
        };
        let lookup = self.lookup;
        let mut unset: Vec<(String, Range<usize>)> = Vec::new();
        let (mut substituted, mut expanded) = (0, self.expanded);
        let outcome = template.substitute(&mut |expression: &Expression<'_>| {
            let found = lookup.get(expression.name);
            let set = |value: &str, empty_is_unset| !(empty_is_unset && value.is_empty());
            let supply = match (&found, &expression.operation) {
                (Some((_, supply)), None) => supply.clone(),
                (None, None) => {
                    unset.push((expression.name.to_owned(), expression.range.clone()));
                    Supply::Unset
                }
                (found, Some(operation)) => {
                    let usable = found
                        .as_ref()
                        .filter(|(value, _)| set(value, operation.empty_is_unset));
                    match (operation.operator, usable) {
                        (Operator::Default, None) | (Operator::Alternative, Some(_)) => {
                            Supply::Expression
                        }
                        (_, Some((_, supply))) => supply.clone(),
                        (_, None) => found
                            .as_ref()
                            .map_or(Supply::Unset, |(_, supply)| supply.clone()),
                    }
                }
            };
            substituted += 1;
            let substitution = Substitution {
                variable: expression.name.into(),
                supply,
            };
            // A text may name one variable very often; that it did is known after the first time.
            if substitutions.len() < MAX_NAMES && !substitutions.contains(&substitution) {
                substitutions.push(substitution);
            }
            let value = found.map(|(value, _)| value)?;
            expanded += value.len();
            Some(if expanded > MAX_EXPANDED {
                Cow::Borrowed("")
            } else {
                value
            })
        });
        self.substituted += substituted;
        self.expanded = expanded;
        if !self.is_bounded(span) {
            return None;
        }
        for (name, range) in unset {
            // Only the first names are shown, and finding a place in a long text takes its time.
            let is_shown = self.unset.len() < MAX_NAMES;
            let sources = self.sources;
            let place = || match is_shown {
                true => locate(span, text, &range, sources),
                false => span,
            };
            self.unset.entry(name).or_insert_with(|| (place(), 0)).1 += 1;
        }
        match outcome {
            Ok(expanded) => Some(expanded),
            Err(missing) => {
                let place = locate(span, text, &missing.range, self.sources);
                let finding = Diagnostic::error(
                    "variable-required",
                    format!("the variable `{}` has no value", missing.name),
                )
                .at(place, missing.message)
                .note(format!("`{}` requires it", trail.path()))
                .help(format!("set `{}` in the shell or in `.env`", missing.name));
                self.diagnostics.push(finding);
                None
            }
        }
    }
}

/// Reads a text as the type of its attribute.
fn read(cast: Cast, text: &str) -> Option<Kind> {
    match cast {
        Cast::Bool => match text.to_ascii_lowercase().as_str() {
            "true" | "y" | "yes" | "on" => Some(Kind::Bool(true)),
            "false" | "n" | "no" | "off" => Some(Kind::Bool(false)),
            _ => None,
        },
        Cast::Int => text.parse().ok().map(Kind::Int),
        Cast::Float => text.parse().ok().map(Kind::Float),
    }
}

fn not_castable(
    cast: Cast,
    text: &str,
    span: Span,
    trail: &Trail<'_>,
    substitutions: &[Substitution],
) -> Diagnostic {
    let expected = match cast {
        Cast::Bool => "`true` or `false`",
        Cast::Int => "an integer",
        Cast::Float => "a number",
    };
    let finding = Diagnostic::error(
        "value-type",
        format!(
            "`{}` takes {expected}, not `{}`",
            trail.path(),
            prose::short(text)
        ),
    )
    .at(span, "");
    match substitutions {
        [] => finding,
        [only] => finding.note(format!(
            "the value comes from the variable `{}`",
            only.variable
        )),
        _ => finding.note("the value comes from variables"),
    }
}

/// The span of a part of a value's text; the whole value where quoting or folding makes the written text differ.
fn locate(span: Span, text: &str, range: &Range<usize>, sources: &Sources) -> Span {
    let Some(raw) = sources.slice(span) else {
        return span;
    };
    let Some(part) = text.get(range.clone()) else {
        return span;
    };
    let found = match raw.find(text) {
        Some(at) => Some(at + range.start),
        // The search for an expression in quoted or folded text takes time for each of them.
        None if text.len() > 1 << 16 => None,
        None => {
            let earlier = text[..range.start].matches(part).count();
            raw.match_indices(part).nth(earlier).map(|(at, _)| at)
        }
    };
    match found {
        Some(at) => {
            let start = span.start as usize + at;
            Span::new(span.source, start, start + part.len())
        }
        None => span,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source;

    struct Variables(Vec<(&'static str, &'static str, Supply)>);

    impl Lookup for Variables {
        fn get(&self, name: &str) -> Option<(Cow<'_, str>, Supply)> {
            let (_, value, supply) = self.0.iter().find(|(key, ..)| *key == name)?;
            Some(((*value).into(), supply.clone()))
        }
    }

    struct Expanded {
        root: Node,
        sources: Sources,
        diagnostics: Diagnostics,
    }

    fn expanded(text: &str, variables: &[(&'static str, &'static str)]) -> Expanded {
        let mut sources = Sources::default();
        let id = sources.add(std::path::Path::new("/p/a.yml"), "a.yml", text);
        let mut diagnostics = Diagnostics::default();
        let mut root = source::parse(id, text, &mut diagnostics).remove(0);
        let lookup = Variables(
            variables
                .iter()
                .map(|(name, value)| (*name, *value, Supply::Shell))
                .collect(),
        );
        expand(&mut root, &sources, &lookup, &mut diagnostics);
        Expanded {
            root,
            sources,
            diagnostics,
        }
    }

    fn service(text: &str) -> String {
        format!("services:\n  a:\n    {text}\n")
    }

    fn attribute<'e>(expanded: &'e Expanded, path: &[&str]) -> &'e Node {
        let path = Path::keys(["services", "a"].into_iter().chain(path.iter().copied()));
        expanded.root.at(&path).unwrap()
    }

    #[test]
    fn values_change_and_remember_why() {
        let result = expanded(
            &service("image: \"app:${TAG:-latest}-$OS\"\n    ${OS}: x"),
            &[("OS", "linux")],
        );
        assert!(result.diagnostics.is_empty());
        let image = attribute(&result, &["image"]);
        assert_eq!(image.as_str(), Some("app:latest-linux"));
        let history = image.history.as_deref().unwrap();
        assert_eq!(
            history[..],
            [Change::Interpolated {
                template: image.span,
                substitutions: vec![
                    Substitution {
                        variable: "TAG".into(),
                        supply: Supply::Expression
                    },
                    Substitution {
                        variable: "OS".into(),
                        supply: Supply::Shell
                    },
                ],
            }]
        );
        assert_eq!(
            attribute(&result, &["${OS}"]).as_str(),
            Some("x"),
            "keys stay"
        );
    }

    #[test]
    fn attributes_with_a_type_are_cast() {
        let text = service(
            "privileged: \"${P}\"\n    tty: yes\n    cpus: $C\n    scale: \"2\"\n    ulimits: {n: $N, m: {soft: $N}}\n    ports: [{target: $N}, \"$N\"]\n    labels: {privileged: yes}",
        );
        let result = expanded(&text, &[("P", "On"), ("C", "1.5"), ("N", "80")]);
        assert!(result.diagnostics.is_empty(), "{:?}", result.diagnostics);
        assert_eq!(attribute(&result, &["privileged"]).as_bool(), Some(true));
        assert_eq!(attribute(&result, &["tty"]).as_bool(), Some(true));
        assert_eq!(attribute(&result, &["cpus"]).kind, Kind::Float(1.5));
        assert_eq!(attribute(&result, &["scale"]).as_int(), Some(2));
        assert_eq!(attribute(&result, &["ulimits", "n"]).as_int(), Some(80));
        assert_eq!(
            attribute(&result, &["ulimits", "m", "soft"]).as_int(),
            Some(80)
        );
        let ports = attribute(&result, &["ports"]).as_sequence().unwrap();
        assert_eq!(ports[0].get("target").and_then(Node::as_int), Some(80));
        assert_eq!(ports[1].as_str(), Some("80"));
        assert_eq!(
            attribute(&result, &["labels", "privileged"]).as_str(),
            Some("yes")
        );
    }

    #[test]
    fn findings_point_at_the_expression() {
        let text = service(
            "image: 'x:${A:?give a tag}'\n    user: $B$B\n    tty: ${C:-1}\n    command: \"a ${} b\"\n    hostname: \"\\t$B\"",
        );
        let result = expanded(&text, &[]);
        let found: Vec<(&str, &str)> = result
            .diagnostics
            .iter()
            .map(|finding| {
                (
                    finding.code,
                    result.sources.slice(finding.labels[0].span).unwrap(),
                )
            })
            .collect();
        assert_eq!(
            found,
            [
                ("variable-required", "${A:?give a tag}"),
                ("value-type", "${C:-1}"),
                ("interpolation-syntax", "${}"),
                ("variable-unset", "$B"),
            ]
        );
        let unset = result.diagnostics.iter().last().unwrap();
        assert_eq!(unset.notes, ["`B` is used in 3 places of this document"]);
        assert_eq!(
            attribute(&result, &["image"]).as_str(),
            Some("x:${A:?give a tag}")
        );
    }

    #[test]
    fn lists_variables() {
        let text = service("image: ${A:-x${B}}\n    command: [\"${C?m}\", \"${D:+y}\", $$E]");
        let mut sources = Sources::default();
        let id = sources.add(std::path::Path::new("/p/a.yml"), "a.yml", text.as_str());
        let root = source::parse(id, &text, &mut Diagnostics::default()).remove(0);
        let found = variables(&root, &sources);
        let names: Vec<&str> = found
            .iter()
            .map(|variable| variable.name.as_str())
            .collect();
        assert_eq!(names, ["A", "B", "C", "D"]);
        assert_eq!(found[0].default.as_deref(), Some("x${B}"));
        assert_eq!(
            (found[1].default.as_ref(), found[1].required),
            (None, false)
        );
        assert!(found[2].required);
        assert_eq!(found[3].presence.as_deref(), Some("y"));
        assert_eq!(sources.slice(found[1].span), Some("${B}"));
    }
}
