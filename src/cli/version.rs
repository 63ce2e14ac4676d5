use clap::Args;

use super::context::Context;
use super::{Exit, Failure};

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
        let version = env!("CARGO_PKG_VERSION");
        let text = match self.format.as_str() {
            "json" => serde_json::json!({ "version": version }).to_string(),
            "pretty" if self.short => version.to_owned(),
            "pretty" => format!("wharf {version}"),
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
