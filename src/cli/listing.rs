use serde_json::Value;

use super::{Exit, Failure};
use crate::report::Console;
use crate::report::gotemplate::{Format, Row, TemplateError};

/// Rows that are shown as `--format` says.
pub struct Listing<'l> {
    pub format: Format,
    pub rows: Vec<Row>,
    /// Titles of fields in a table; a field without one has its name in capitals.
    pub titles: &'l [(&'static str, &'l str)],
    /// All JSON objects as one list, instead of one on each line.
    pub as_list: bool,
}

impl Listing<'_> {
    /// Shows the rows; `false`: the verb is to show its own table. `empty` has the fields that a row would have.
    pub fn show(&self, console: &Console, empty: &Row) -> Result<bool, Failure> {
        if self.as_list && self.format == Format::Json {
            let list = self.rows.iter().map(|row| {
                let fields = row.fields.iter();
                let fields = fields.map(|(name, value)| ((*name).to_owned(), value.clone()));
                Value::Object(fields.collect())
            });
            console.data(&Value::Array(list.collect()).to_string());
            return Ok(true);
        }
        let known = self.rows.first().unwrap_or(empty);
        match self.format.render(&self.rows, known, self.titles)? {
            None => Ok(false),
            Some(text) => {
                if !text.is_empty() || !self.rows.is_empty() {
                    console.data(&text);
                }
                Ok(true)
            }
        }
    }
}

impl From<TemplateError> for Failure {
    fn from(error: TemplateError) -> Self {
        Failure::Worded {
            message: error.to_string(),
            compose: error.to_string(),
            exit: Exit::USAGE,
        }
    }
}
