use std::path::PathBuf;

use indexmap::IndexMap;

use crate::diagnostic::Diagnostic;

/// What wharf knows of the process that it is: read once, at the edge, and handed on as a value.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// The process environment; names and values that are not UTF-8 are left out.
    pub variables: IndexMap<String, String>,
    /// Absolute.
    pub working_directory: PathBuf,
    /// `None` where no home directory is known.
    pub home: Option<PathBuf>,
    /// The effective user and group of the process.
    pub uid: u32,
    pub gid: u32,
}

impl Environment {
    /// The value of a variable of the shell; `None` when it is unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// A variable that says yes or no; `None` when it is unset.
    ///
    /// # Errors
    /// When it says something else.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>, Diagnostic> {
        match self.get(name) {
            None => Ok(None),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Some(true)),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Some(false)),
            Some(other) => Err(Diagnostic::error(
                "variable-boolean",
                format!("`{name}` is `{other}`, where `true` or `false` is expected"),
            )),
        }
    }
}
