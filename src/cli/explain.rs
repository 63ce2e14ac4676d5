use clap::Args;

use super::context::Context;
use super::{Exit, Failure, lint};
use crate::diagnostic::{Diagnostic, render};
use crate::explain::{self, Explanation, Look, Pattern};
use crate::resolve::Resolved;

/// Show where a value came from: file, line, and every change on its way
#[derive(Args, Debug)]
pub struct Explain {
    /// Every variable of a service: the winner and the losers
    #[arg(long = "env", value_name = "SERVICE", conflicts_with = "code")]
    pub environment: Option<String>,
    /// What an error code means
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,
    /// Hide whatever looks like a secret; always so with `--env`
    #[arg(long)]
    pub mask: bool,
    /// `text` or `json`
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: String,
    /// Paths such as services.app.ports[0]; `*` stands for anything
    #[arg(value_name = "[ENV] PATH")]
    pub words: Vec<String>,
}

impl Explain {
    pub fn run(self, context: &Context) -> Result<Exit, Failure> {
        if let Some(code) = &self.code {
            context.console.data(lint::meaning(code)?);
            return Ok(Exit::OK);
        }
        // Warnings are left to `config` and `lint`: who asks about one value wants to read about that.
        let (resolved, words) = context.examine(&self.words)?;
        if resolved.diagnostics.has_errors() {
            context.tell(&resolved.diagnostics, &resolved.sources);
            return Err(Failure::Project);
        }
        let mut found = Vec::new();
        match (&self.environment, words.as_slice()) {
            (Some(service), []) => {
                let view = explain::environment(&resolved.document, service)
                    .map_err(|finding| refuse(context, &resolved, &finding))?;
                found.extend(view.variables);
            }
            (None, [_, ..]) => {
                for path in &words {
                    let pattern: Pattern = path
                        .parse()
                        .map_err(|error| Failure::Usage(format!("{error}")))?;
                    let more = explain::explain(&resolved.document, &pattern)
                        .map_err(|finding| refuse(context, &resolved, &finding))?;
                    found.extend(more);
                }
            }
            _ => {
                return Err(Failure::Usage(
                    "name a path, such as `wharf explain services.app.image`, or a service with `--env`".into(),
                ));
            }
        }
        if self.mask {
            found.iter_mut().for_each(Explanation::hide);
        }
        self.print(context, &resolved, &found)
    }

    fn print(
        &self,
        context: &Context,
        resolved: &Resolved,
        found: &[Explanation],
    ) -> Result<Exit, Failure> {
        let text = match self.format.as_str() {
            "json" => explain::to_json(found, &resolved.sources),
            "text" => {
                let look = Look {
                    // The lines of the files hold what the values no longer show.
                    snippets: context.console.data_goes_to_terminal()
                        && !self.mask
                        && self.environment.is_none(),
                    colour: context.console.data_has_colour(),
                };
                explain::to_text(found, &resolved.sources, look)
            }
            other => {
                return Err(Failure::Usage(format!(
                    "`--format {other}` is unknown; formats are text and json"
                )));
            }
        };
        context.console.data(text.trim_end());
        Ok(Exit::OK)
    }
}

fn refuse(context: &Context, resolved: &Resolved, finding: &Diagnostic) -> Failure {
    let console = &context.console;
    console.insist(&render(
        finding,
        &resolved.sources,
        console.talk_has_colour(),
        console.width(),
    ));
    Failure::Project
}
