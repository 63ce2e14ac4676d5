use clap::{Args, ValueEnum};

use super::context::Context;
use super::{Exit, Failure};
use crate::diagnostic::{
    Diagnostics, Severity, catalog, prose, render, to_github, to_json, to_sarif,
};
use crate::lint;
use crate::source::Sources;

/// Find what is wrong in the files, or allowed but seldom meant
///
/// Ends with 3 when there are errors; with --strict, when there are findings.
#[derive(Args, Debug)]
pub struct Lint {
    /// `json` for editors, `sarif` for code scanning, `github` for annotations in GitHub Actions
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub format: Format,
    /// Take warnings for errors
    #[arg(long)]
    pub strict: bool,
    /// What an error code means
    #[arg(long, value_name = "CODE")]
    pub explain: Option<String>,
    #[arg(value_name = "ENV")]
    pub words: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    #[value(alias = "text")]
    Human,
    Json,
    Sarif,
    Github,
}

impl Lint {
    pub fn run(self, context: &Context) -> Result<Exit, Failure> {
        if let Some(code) = &self.explain {
            context.console.data(meaning(code)?);
            return Ok(Exit::OK);
        }
        let (mut resolved, rest) = context.examine(&self.words)?;
        if let [word, ..] = rest.as_slice() {
            return Err(Failure::Usage(format!(
                "`{word}` is no env of this project\nhelp: its envs are {}",
                prose::quoted(context.envs(), "and")
            )));
        }
        let advice = lint::advise(&resolved, &context.disk);
        resolved.diagnostics.extend(advice);
        let found = &resolved.diagnostics;
        self.print(context, found, &resolved.sources);
        let files = prose::count(resolved.layers.len(), "file");
        context.console.say(&summary(found, &files));
        Ok(if found.has_errors() || self.strict && !found.is_empty() {
            Exit::PROJECT
        } else {
            Exit::OK
        })
    }

    fn print(&self, context: &Context, found: &Diagnostics, sources: &Sources) {
        let console = &context.console;
        match self.format {
            Format::Human => {
                for finding in found.iter() {
                    let (colour, width) = (console.data_has_colour(), console.width());
                    console.data(&render(finding, sources, colour, width));
                }
            }
            Format::Json => console.data(&to_json(found, sources)),
            Format::Sarif => console.data(&to_sarif(found, sources)),
            Format::Github => console.raw_data(to_github(found, sources).as_bytes()),
        }
    }
}

/// The paragraph that explains a code.
pub fn meaning(code: &str) -> Result<&'static str, Failure> {
    catalog::explain(code).ok_or_else(|| {
        let known: Vec<&str> = catalog::codes().collect();
        Failure::Usage(format!(
            "there is no code `{code}`\nhelp: the codes are {}",
            known.join(", ")
        ))
    })
}

fn summary(found: &Diagnostics, files: &str) -> String {
    let count = |severity| {
        found
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let parts: Vec<String> = [
        (count(Severity::Error), "error"),
        (count(Severity::Warning), "warning"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| prose::count(number, what))
    .collect();
    if parts.is_empty() {
        return format!("nothing to say about {files}");
    }
    let mut text = format!("{} in {files}", parts.join(", "));
    if found.omitted() > 0 {
        text.push_str(&format!("; {} more are not shown", found.omitted()));
    }
    text
}
