use clap::Args;

use super::carry_out::on_what_is_there;
use super::context::Context;
use super::{Exit, Failure};
use crate::plan;

/// Freeze containers
#[derive(Args, Debug)]
pub struct Pause {
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Pause {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        on_what_is_there(context, &self.words, |project, snapshot, services| {
            plan::pause(project, snapshot, services)
        })
        .await
    }
}
