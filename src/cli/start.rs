use clap::Args;

use super::carry_out::on_what_is_there;
use super::context::Context;
use super::{Exit, Failure};
use crate::plan;

/// Start containers that were stopped
#[derive(Args, Debug)]
pub struct Start {
    /// Return when everything is ready
    #[arg(long)]
    pub wait: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Start {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        on_what_is_there(context, &self.words, |project, snapshot, services| {
            // What they depend on is started before them.
            let needed = plan::service_order(project, services, true)?;
            plan::start(project, snapshot, &needed, self.wait)
        })
        .await
    }
}
