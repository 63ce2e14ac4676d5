use std::path::PathBuf;

use indexmap::IndexMap;

use crate::source::{Span, Supply};

use super::Variables;
use super::passes;
use super::reader::Reader;

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
        let lookup = |name: &str| {
            variables
                .value(name)
                .or_else(|| entries.get(name).map(|(value, _)| value.as_str()))
                .map(str::to_owned)
        };
        let read = passes::dotenv(id, &text, &lookup, &mut reader.diagnostics);
        for (name, value, span) in read {
            entries.insert(name, (value, span));
        }
    }
    for (name, (value, span)) in entries {
        variables.offer(&name, value, Supply::EnvFile(span));
    }
    true
}
