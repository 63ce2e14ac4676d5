use clap::Args;

use super::carry_out::{Unknown, on_what_is_there};
use super::context::Context;
use super::{Exit, Failure};
use crate::plan;

/// Kill containers
#[derive(Args, Debug)]
pub struct Kill {
    /// Signal to send
    #[arg(short, long, default_value = "SIGKILL")]
    pub signal: String,
    /// Containers of services that the project does not have, too
    #[arg(long)]
    pub remove_orphans: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Kill {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        on_what_is_there(
            context,
            &self.words,
            Unknown::PassOver("no container to kill"),
            |project, snapshot, services| {
                let mut plan = plan::kill(project, snapshot, services, &self.signal)?;
                if self.remove_orphans {
                    plan::kill_orphans(&mut plan, project, snapshot, &self.signal);
                }
                if plan.is_empty() && context.globals.as_compose {
                    context.console.say("no container to kill");
                }
                Ok(plan)
            },
        )
        .await
    }
}
