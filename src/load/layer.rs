use std::path::PathBuf;

/// One of the files that make the project, and why it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerInfo {
    /// Absolute; for standard input the working directory joined with `-`.
    pub path: PathBuf,
    pub role: Role,
    /// One sentence: the rule that chose the file or left it out.
    pub rule: String,
    /// What it was fetched by. `None`: it is a file of this machine.
    pub reference: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What all envs share, merged below the env's own layer.
    Base,
    /// The env's own layer.
    Env,
    /// A base that the env's layer brings in by itself: not merged as a layer.
    Library,
    /// Named by `-f` or `COMPOSE_FILE`, or found under one of Compose's own names.
    File,
    /// The `.override` file beside a file with one of Compose's own names.
    Override,
}

impl Role {
    /// Whether the file is merged, rather than only read by another.
    pub fn is_merged(self) -> bool {
        self != Role::Library
    }
}
