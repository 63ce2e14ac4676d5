use clap::Args;

use super::carry_out::{Unknown, with_consent};
use super::context::Context;
use super::{Exit, Failure};
use crate::apply::Options;
use crate::plan::{self, Operation, Plan, Target};
use crate::report::terminal;

/// Remove stopped containers
#[derive(Args, Debug)]
pub struct Rm {
    /// Do not ask (wharf does not; for docker compose's sake)
    #[arg(short, long)]
    pub force: bool,
    /// Stop them first
    #[arg(short, long)]
    pub stop: bool,
    /// Their anonymous volumes too
    #[arg(short, long)]
    pub volumes: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Rm {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let as_compose = context.globals.as_compose;
        with_consent(
            context,
            &self.words,
            Unknown::PassOver("No stopped containers"),
            // `--volumes` is the consent: the user has asked for exactly this.
            Options {
                allow_data_loss: self.volumes,
                ..context.apply_options()
            },
            |project, snapshot, services| {
                let plan = plan::remove(project, snapshot, services, self.stop, self.volumes)?;
                if as_compose {
                    let names = removed(&plan);
                    match names.is_empty() {
                        true => context.console.say("No stopped containers"),
                        false => context
                            .console
                            .data(&format!("Going to remove {}", names.join(", "))),
                    }
                }
                Ok(plan)
            },
            async |_: &Plan| {
                !as_compose
                    || self.force
                    || context.globals.dry_run
                    || terminal::confirm(&context.console, "Are you sure? [yN] ").await
            },
        )
        .await
    }
}

fn removed(plan: &Plan) -> Vec<String> {
    plan.steps
        .iter()
        .filter_map(|step| match (&step.operation, &step.target) {
            (Operation::RemoveContainer { .. }, Target::Container { name, .. }) => {
                Some(name.clone())
            }
            _ => None,
        })
        .collect()
}
