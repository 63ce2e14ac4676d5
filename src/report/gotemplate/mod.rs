//! Templates of Go's `text/template`, as far as `--format` of the Docker tools uses them:
//! <https://docs.docker.com/engine/cli/formatting/>.
//!
//! Fields are those of a [`Row`]; functions are Go's own and the Docker formatter's `json`, `join`, `split`, `upper`, `lower`,
//! `title`, `pad` and `truncate`.

mod function;
mod parse;
mod printf;
mod run;
mod table;

use indexmap::IndexMap;
use serde_json::Value;

pub use table::Format;

/// What a template is run on: one line's fields.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// In the order in which they are told to those who ask for one that is not there.
    pub fields: IndexMap<&'static str, Value>,
    /// What `.Label "key"` finds.
    pub labels: IndexMap<String, String>,
}

impl Row {
    pub fn set(&mut self, field: &'static str, value: impl Into<Value>) {
        self.fields.insert(field, value.into());
    }
}

/// A template that cannot be read or run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("template parsing error: {0}")]
pub struct TemplateError(pub String);

fn refuse<T>(message: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError(message.into()))
}
