use std::path::Path;

/// The project's name and the rule that gave it.
/// <https://github.com/compose-spec/compose-spec/blob/main/04-version-and-name.md#name-top-level-element>
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectName {
    pub text: String,
    pub rule: NameRule,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameRule {
    /// `-p`.
    Flag,
    /// `COMPOSE_PROJECT_NAME`.
    Variable,
    /// The top-level `name:`.
    File,
    /// The name of the project directory.
    #[default]
    Directory,
}

impl NameRule {
    /// For messages: `from ..`.
    pub fn describe(self) -> &'static str {
        match self {
            NameRule::Flag => "from `-p`",
            NameRule::Variable => "from `COMPOSE_PROJECT_NAME`",
            NameRule::File => "from the top-level `name`",
            NameRule::Directory => "from the name of the project directory",
        }
    }

    /// Whether the name was given for this very run, so that it is taken as it is.
    pub(super) fn is_explicit(self) -> bool {
        matches!(self, NameRule::Flag | NameRule::Variable)
    }
}

/// The text as a project name: lower case, only letters, digits, `-` and `_`, beginning with a letter or a digit. May be
/// empty.
pub(super) fn normalize(text: &str) -> String {
    let kept: String = text
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
        .collect();
    kept.trim_start_matches(['-', '_']).to_owned()
}

pub(super) fn of_directory(directory: &Path) -> String {
    directory
        .file_name()
        .map(|name| normalize(&name.to_string_lossy()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normalized() {
        assert_eq!(normalize("My App_1.2"), "myapp_12");
        assert_eq!(normalize("--x"), "x");
        assert_eq!(normalize("äö"), "");
        assert_eq!(of_directory(Path::new("/srv/Some.Thing")), "something");
        assert_eq!(of_directory(Path::new("/")), "");
    }
}
