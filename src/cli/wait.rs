use clap::Args;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::carry_out::carry_out;
use super::context::Context;
use super::{Exit, Failure, interrupt};
use crate::apply::CancelLevel;
use crate::observe::ObservedContainer;
use crate::plan::{self, DownPolicy};

/// Wait until containers have ended
///
/// The exit code is theirs, the first one that is not 0.
#[derive(Args, Debug)]
pub struct Wait {
    /// Take the project down when the first container has ended
    #[arg(long)]
    pub down_project: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Wait {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.identify(&self.words)?;
        let services = scope.services()?;
        if services.is_empty() && context.globals.as_compose {
            return Err(Failure::Worded {
                message: "`wait` needs a service".into(),
                compose: "requires at least 1 arg(s), only received 0".into(),
                exit: Exit::USAGE,
            });
        }
        let cancel = interrupt::listen();
        let engine = context.engine().await?;
        let mut containers = scope.containers(&engine, &services).await?;
        if context.globals.as_compose {
            containers.retain(ObservedContainer::is_running);
        }
        if containers.is_empty() {
            return Err(Failure::Worded {
                message: format!("project `{}` has no container to wait for", scope.name()),
                compose: format!("no containers for project {:?}", scope.name()),
                exit: Exit::APPLY,
            });
        }
        let asking = &engine;
        let mut ends: FuturesUnordered<_> = containers
            .iter()
            .map(|one| async move { (one, asking.wait_container(&one.id).await) })
            .collect();
        let mut exit = Exit::OK;
        loop {
            let ended = tokio::select! {
                ended = ends.next() => ended,
                () = cancel.reached(CancelLevel::Finish) => return Err(Failure::Interrupted),
            };
            let Some((container, code)) = ended else {
                return Ok(exit);
            };
            let code = code?;
            context.console.data(&format!(
                "container {:?} exited with status code {code}",
                container.id
            ));
            if exit == Exit::OK {
                exit = Exit::of_command(code);
            }
            if self.down_project {
                let (_, snapshot) = scope.observe(&engine).await?;
                let policy = DownPolicy {
                    remove_orphans: scope.project().is_none(),
                    ..DownPolicy::default()
                };
                let plan = plan::down(scope.project(), &snapshot, &policy);
                carry_out(
                    context,
                    &engine,
                    None,
                    &plan,
                    context.apply_options(),
                    &cancel,
                )
                .await?;
                return Ok(exit);
            }
        }
    }
}
