use std::path::PathBuf;

use indexmap::IndexMap;

use crate::diagnostic::Diagnostic;
use crate::source::{Span, Supply};

use super::reader::Reader;
use super::{Variables, dotenv};

/// Reads env files into `variables`. Of several files the last wins; what `variables` holds already wins over all.
/// `false`: one of the files cannot be read, which is a finding.
/// <https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/>
pub(super) fn read(
    reader: &mut Reader,
    files: &[(PathBuf, Span)],
    variables: &mut Variables,
) -> bool {
    let mut entries: IndexMap<String, (String, Span)> = IndexMap::new();
    for (path, asked) in files {
        let Some((id, text)) = reader.text(path, *asked, "env file") else {
            return false;
        };
        let above = |name: &str| variables.value(name).map(str::to_owned);
        let below = |name: &str| entries.get(name).map(|(value, _)| value.clone());
        let read = dotenv::parse(id, &text, &above, &below, &mut reader.diagnostics);
        for (name, entry) in read {
            if let Some(value) = entry.value {
                entries.insert(name, (value, entry.span));
            }
        }
    }
    for (name, (value, span)) in entries {
        if let Some(present) = variables.get(&name)
            && present.supply == Supply::Shell
            && present.value != value
        {
            reader.shadowed.push((name.clone(), span));
        }
        variables.offer(&name, value, Supply::EnvFile(span));
    }
    true
}

/// Warns of variables of env files that the shell sets otherwise, where a Compose file names them.
pub(super) fn warn_of_shadowed(reader: &mut Reader) {
    for (name, span) in std::mem::take(&mut reader.shadowed) {
        let is_named = reader
            .sources
            .iter()
            .any(|(id, file)| id != span.source && names_variable(&file.text, &name));
        if is_named {
            reader.diagnostics.push(
                Diagnostic::warning(
                    "env-file-shadowed",
                    format!("`{name}` is taken from the shell, which sets it to another value"),
                )
                .at(span, "this value is not used")
                .help(format!("run `unset {name}` first, if this value is meant")),
            );
        }
    }
}

/// Whether a text has `$NAME` or `${NAME..}`.
fn names_variable(text: &str, name: &str) -> bool {
    text.match_indices('$').any(|(at, _)| {
        let rest = &text[at + 1..];
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        rest.strip_prefix(name).is_some_and(|after| {
            !after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_which_variables_a_text_names() {
        let text = "a: $TAG ${NAME:-x} $TAGS";
        assert!(names_variable(text, "TAG"));
        assert!(names_variable(text, "NAME"));
        assert!(!names_variable(text, "TA"));
        assert!(!names_variable(text, "x"));
    }
}
