use std::sync::Arc;

use clap::Args;

use super::build;
use super::carry_out::bring_up;
use super::context::{Context, Purpose};
use super::making::{Making, something_to_make};
use super::{Exit, Failure, interrupt};
use crate::apply::Options;
use crate::engine::Engine;
use crate::plan::Policy;

/// Create the containers of services, and start nothing
#[derive(Args, Debug)]
pub struct Create {
    #[command(flatten)]
    pub making: Making,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Create {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.project(&self.words, Purpose::Run)?;
        let services = scope.services()?;
        let resolved = scope.into_resolved()?;
        something_to_make(context, &resolved.project)?;
        let policy = Policy {
            start: false,
            wait: false,
            ..self.making.policy(&resolved, services)?
        };
        let project = &resolved.project;
        let cancel = interrupt::listen();
        let docker = context.docker().await?;
        let mode = self.making.build_mode(context);
        let shown = self.making.building(context);
        build::for_services(&shown, &docker, project, &resolved, &policy, mode, &cancel).await?;
        let engine: Arc<dyn Engine> = Arc::new(docker);
        let options = Options {
            allow_data_loss: self.making.yes,
            ..context.apply_options()
        };
        let quiet = self.making.quiet_pull;
        let (plan, _) = bring_up(
            context, &engine, &resolved, &policy, options, &cancel, quiet,
        )
        .await?;
        if !plan.has_changes() {
            context.say_of_itself("nothing to do: everything is as described");
        }
        Ok(Exit::OK)
    }
}
