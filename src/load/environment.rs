use std::path::PathBuf;

use indexmap::IndexMap;

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
}
