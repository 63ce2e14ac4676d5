use clap::Args;

use super::context::Context;
use super::{Exit, Failure};
use crate::observe::labels::COMPOSE_VERSION;

/// Show the version of wharf
#[derive(Args, Debug)]
pub struct Version {
    /// Only the number
    #[arg(long)]
    pub short: bool,
    /// `pretty` or `json`
    #[arg(short, long, default_value = "pretty", value_name = "FORMAT")]
    pub format: String,
}

impl Version {
    pub fn run(self, context: &Context) -> Result<Exit, Failure> {
        let own = env!("CARGO_PKG_VERSION");
        // Who calls it by the name of Compose asks which Compose it is like.
        let version = match context.globals.as_compose {
            true => COMPOSE_VERSION,
            false => own,
        };
        let text = match self.format.as_str() {
            "json" => serde_json::json!({ "version": version }).to_string(),
            "pretty" if self.short => version.to_owned(),
            "pretty" if context.globals.as_compose => {
                format!("Docker Compose version {version} (wharf {own})")
            }
            "pretty" => format!("wharf {own}"),
            other => {
                return Err(Failure::Usage(format!(
                    "`--format {other}` is unknown; formats are pretty and json"
                )));
            }
        };
        context.console.data(&text);
        Ok(Exit::OK)
    }
}
