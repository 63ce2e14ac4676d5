use std::io::Write;

use super::{Format, View};
use crate::resolve::Resolved;
use crate::secret::mask;
use crate::source::to_yaml;

/// How the whole document is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print {
    pub format: Format,
    /// `--mask`: hide what looks like a secret.
    pub mask: bool,
    /// `--no-interpolate`: `${..}` stands in the document.
    pub keep_variables: bool,
}

/// The document as `docker compose config` prints it, with a line break at its end.
pub fn document(resolved: &Resolved, print: Print) -> String {
    let mut out = Vec::new();
    // A view only fails where its writer does, and memory does not.
    let _ = write_document(resolved, print, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// As [`document`], written as it is made: a large document as text is larger than as a tree.
pub fn write_document(
    resolved: &Resolved,
    print: Print,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let masked;
    let root = if print.mask {
        let mut copy = resolved.document.clone();
        mask(&mut copy);
        masked = copy;
        &masked
    } else {
        &resolved.document
    };
    let view = match print.keep_variables {
        true => View::raw(root, print.format),
        false => View::new(root, print.format),
    };
    match print.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &view)?;
            out.write_all(b"\n")
        }
        Format::Yaml => out.write_all(to_yaml(&view).as_bytes()),
    }
}
