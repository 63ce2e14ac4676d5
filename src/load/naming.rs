use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::interpolate;
use crate::source::{Node, Span, Supply};

use super::name::{self, NameRule, ProjectName};
use super::reader::Reader;
use super::{LoadRequest, Variables};

/// What the project is called, by the first rule that gives a name. A name that is none is told.
pub(super) fn project_name(
    request: &LoadRequest,
    reader: &mut Reader,
    files: &[PathBuf],
    env: &Option<String>,
    directory: &Path,
    variables: &Variables,
) -> ProjectName {
    let given = |text: Option<&str>, rule| {
        text.filter(|text| !text.is_empty())
            .map(|text| ProjectName {
                text: text.to_owned(),
                rule,
            })
    };
    let explicit = given(request.project_name.as_deref(), NameRule::Flag)
        .or_else(|| given(variables.value("COMPOSE_PROJECT_NAME"), NameRule::Variable));
    if let Some(name) = explicit {
        if name::normalize(&name.text) != name.text {
            let line = match variables.get("COMPOSE_PROJECT_NAME").map(|one| &one.supply) {
                Some(Supply::EnvFile(line)) if name.rule == NameRule::Variable => *line,
                _ => Span::NONE,
            };
            reader.diagnostics.push(name_refused(&name, line));
        }
        return name;
    }
    let mut name = match written_name(reader, files) {
        Some(mut node) => {
            let written = node.span;
            if !request.keep_variables {
                interpolate::expand(
                    &mut node,
                    &reader.sources,
                    variables,
                    &mut reader.diagnostics,
                );
            }
            let text = node.as_str().map(name::normalize).unwrap_or_default();
            let name = ProjectName {
                text,
                rule: NameRule::File,
            };
            if name.text.is_empty() && !reader.diagnostics.has_errors() {
                let as_written = ProjectName {
                    text: node.as_str().unwrap_or_default().to_owned(),
                    ..name.clone()
                };
                reader.diagnostics.push(name_refused(&as_written, written));
            }
            name
        }
        None => ProjectName {
            text: name::of_directory(directory),
            rule: NameRule::Directory,
        },
    };
    if name.text.is_empty() && name.rule == NameRule::Directory {
        reader.diagnostics.push(name_refused(
            &ProjectName {
                text: directory.display().to_string(),
                rule: NameRule::Directory,
            },
            Span::NONE,
        ));
    }
    if let Some(env) = env
        && !name.rule.is_explicit()
    {
        name.text = format!("{}-{}", name.text, name::normalize(env));
    }
    name
}

/// The top-level `name` of the highest layer that has one.
fn written_name(reader: &mut Reader, files: &[PathBuf]) -> Option<Node> {
    files.iter().rev().find_map(|file| {
        reader
            .peek(file, Span::NONE)?
            .iter()
            .rev()
            .filter_map(|document| document.get("name"))
            .find(|name| name.as_str().is_some_and(|text| !text.is_empty()))
            .cloned()
    })
}

fn name_refused(name: &ProjectName, span: Span) -> Diagnostic {
    let usable = name::normalize(&name.text);
    let finding = Diagnostic::error(
        "project-name",
        format!(
            "`{}`, {}, is no project name",
            name.text,
            name.rule.describe()
        ),
    )
    .at(span, "")
    .note("a project name has only lower-case letters, digits, `-` and `_`, and begins with a letter or digit");
    if usable.is_empty() {
        finding.help("name the project with `-p`")
    } else {
        finding.help(format!("use `{usable}`"))
    }
}

/// Who is to be told as the supplier of the variable that holds the project's name.
pub(super) fn name_supply(name: &ProjectName, variables: &Variables) -> Supply {
    match (name.rule, variables.get("COMPOSE_PROJECT_NAME")) {
        (NameRule::Variable, Some(variable)) => variable.supply.clone(),
        _ => Supply::Caller,
    }
}
