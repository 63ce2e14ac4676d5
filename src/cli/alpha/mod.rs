//! `wharf alpha`: what Compose counts as an experiment.

mod described;
mod generate;
mod viz;

use clap::{Args, Subcommand};

use super::context::Context;
use super::{Exit, Failure};
use generate::Generate;
use viz::Viz;

/// Compose's experimental verbs, for programs that call them
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct Alpha {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    Viz(Viz),
    Generate(Generate),
}

impl Alpha {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.what {
            What::Viz(viz) => viz.run(context),
            What::Generate(generate) => generate.run(context).await,
        }
    }
}

/// Says, where wharf is called as Compose, what Compose says first.
fn announce(context: &Context, verb: &str) {
    if context.globals.as_compose {
        let line = format!("{verb} command is EXPERIMENTAL");
        context.console.say(&line);
    }
}
