use clap::Args;

use super::context::Context;
use super::{Exit, Failure};
use crate::grammar;

/// Print a JSON schema of `x-wharf`, for editors
#[derive(Args, Debug)]
pub struct Schema {
    /// Of a whole Compose file, `x-wharf` included
    #[arg(long)]
    pub file: bool,
}

impl Schema {
    pub fn run(self, context: &Context) -> Result<Exit, Failure> {
        let schema = if self.file {
            grammar::file_schema()
        } else {
            grammar::extension_schema()
        };
        context.console.data(&format!("{schema:#}"));
        Ok(Exit::OK)
    }
}
