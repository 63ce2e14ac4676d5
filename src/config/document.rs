use super::{Format, View};
use crate::resolve::Resolved;
use crate::secret::mask;

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
    let masked;
    let root = if print.mask {
        let mut copy = resolved.document.clone();
        mask(&mut copy);
        masked = copy;
        &masked
    } else {
        &resolved.document
    };
    let mut view = View::new(root, print.format);
    if print.keep_variables {
        view = view.verbatim();
    }
    // A view only fails where its writer does, and a text does not.
    match print.format {
        Format::Json => {
            let mut text = serde_json::to_string_pretty(&view).unwrap_or_default();
            text.push('\n');
            text
        }
        Format::Yaml => super::yaml::write(&view),
    }
}
