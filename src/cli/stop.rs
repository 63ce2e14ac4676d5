use clap::Args;

use super::carry_out::{Unknown, on_what_is_there, say_stopped};
use super::context::Context;
use super::{Exit, Failure};
use crate::plan;

/// Stop containers without removing them
#[derive(Args, Debug)]
pub struct Stop {
    /// Seconds until a container that does not stop is killed; -1: never
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub timeout: Option<i64>,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Stop {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        on_what_is_there(
            context,
            &self.words,
            Unknown::PassOver(""),
            |project, snapshot, services| {
                say_stopped(context, snapshot, services);
                plan::stop(project, snapshot, services, self.timeout)
            },
        )
        .await
    }
}
