use clap::{Args, ValueEnum};

use super::carry_out::carry_out;
use super::context::Context;
use super::making::is_set;
use super::providing::take_away;
use super::{Exit, Failure, compose_words, interrupt};
use crate::plan::{self, DownPolicy, RemoveImages};

/// Stop and remove containers and networks; volumes only when asked
#[derive(Args, Debug)]
pub struct Down {
    /// Remove named volumes and anonymous ones too: their data is lost
    #[arg(short, long)]
    pub volumes: bool,
    /// Remove containers of services that the project does not have
    #[arg(long)]
    pub remove_orphans: bool,
    /// Remove images too: those without a name of their own, or all
    #[arg(long, value_enum, value_name = "WHICH")]
    pub rmi: Option<Rmi>,
    /// Seconds until a container that does not stop is killed; -1: never
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub timeout: Option<i64>,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Rmi {
    Local,
    All,
}

impl Down {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.identify(&self.words)?;
        let policy = DownPolicy {
            services: scope.services()?,
            remove_orphans: self.remove_orphans
                || scope
                    .resolved()
                    .is_none_or(|resolved| is_set(resolved, "COMPOSE_REMOVE_ORPHANS")),
            volumes: self.volumes,
            images: match self.rmi {
                None => RemoveImages::None,
                Some(Rmi::Local) => RemoveImages::Local,
                Some(Rmi::All) => RemoveImages::All,
            },
            timeout: self.timeout,
            kill: false,
        };
        let cancel = interrupt::listen();
        let engine = context.engine().await?;
        let _lock = context.lock(&engine, scope.name(), &cancel).await?;
        let (_, snapshot) = scope.observe(&engine).await?;
        context.check_directory(&scope, &snapshot)?;
        if let Some(project) = scope.project() {
            take_away(context, project, &policy.services).await?;
        }
        let plan = plan::down(scope.project(), &snapshot, &policy);
        if plan.is_empty() {
            match context.globals.as_compose {
                true => context.console.say(&compose_words::warning(&format!(
                    "Warning: No resource found to remove for project {:?}.",
                    scope.name()
                ))),
                false => context.console.say("nothing to do: nothing of it is there"),
            }
            return Ok(Exit::OK);
        }
        // `--volumes` is the consent: the user has asked for exactly this.
        let options = crate::apply::Options {
            allow_data_loss: self.volumes,
            used_is_fine: context.globals.as_compose,
            ..context.apply_options()
        };
        carry_out(context, &engine, scope.resolved(), &plan, options, &cancel).await?;
        let kept: Vec<&str> = snapshot
            .volumes
            .values()
            .filter(|volume| volume.key.is_some() && !self.volumes)
            .map(|volume| volume.name.as_str())
            .collect();
        if !kept.is_empty() && policy.services.is_empty() && !context.globals.as_compose {
            context.console.say(&format!(
                "volumes are kept: {} (`--volumes` removes them, with their data)",
                kept.join(", ")
            ));
        }
        Ok(Exit::OK)
    }
}
