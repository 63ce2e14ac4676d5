use clap::Args;

use super::carry_out::{Unknown, on_what_is_there};
use super::context::Context;
use super::{Exit, Failure};
use crate::plan;

/// Restart containers
#[derive(Args, Debug)]
pub struct Restart {
    /// Seconds until a container that does not stop is killed; -1: never
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub timeout: Option<i64>,
    /// Do not restart what depends on them
    #[arg(long)]
    pub no_deps: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Restart {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        on_what_is_there(
            context,
            &self.words,
            Unknown::Refuse,
            |project, snapshot, services| {
                plan::restart(project, snapshot, services, self.timeout, !self.no_deps)
            },
        )
        .await
    }
}
