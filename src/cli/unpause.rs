use clap::Args;

use super::carry_out::on_what_is_there;
use super::context::Context;
use super::{Exit, Failure};
use crate::plan;

/// Let frozen containers go on
#[derive(Args, Debug)]
pub struct Unpause {
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Unpause {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        on_what_is_there(context, &self.words, |project, snapshot, services| {
            plan::unpause(project, snapshot, services)
        })
        .await
    }
}
