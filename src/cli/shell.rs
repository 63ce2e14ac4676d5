use std::sync::Arc;

use clap::Args;

use super::context::Context;
use super::exec::run_in;
use super::{Exit, Failure};
use crate::engine::{ContainerStatus, Engine, ExecSpec};
use crate::observe::labels;
use crate::report::terminal;
use crate::suite::{self, RUN};

/// Open a shell in a running container of a service
#[derive(Args, Debug)]
pub struct Shell {
    /// Which container, if the service has several
    #[arg(long, value_name = "N")]
    pub index: Option<u32>,
    /// User, as name or UID[:GID]
    #[arg(short, long)]
    pub user: Option<String>,
    /// Look into a test run that was kept; without a service, into a fresh container beside its services, made as that of the tests
    #[arg(long, value_name = "ID", conflicts_with = "index")]
    pub run: Option<String>,
    #[arg(value_name = "[ENV] SERVICE", required_unless_present = "run")]
    pub words: Vec<String>,
}

/// The first shell that the image has: an image without bash still has sh.
const BEST_SHELL: &str = "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi";

impl Shell {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let (engine, container) = match &self.run {
            Some(run) => {
                let engine = context.engine().await?;
                let container = container_of_run(&engine, run, self.words.last()).await?;
                (engine, container)
            }
            None => {
                let scope = context.identify(&self.words)?;
                let (service, _) = scope.service_and_command("shell")?;
                let engine = context.engine().await?;
                let container = scope.running_id(&engine, &service, self.index).await?;
                (engine, container)
            }
        };
        let tty = terminal::stdin_is_terminal() && context.console.data_goes_to_terminal();
        let spec = ExecSpec {
            command: ["sh", "-c", BEST_SHELL].map(String::from).to_vec(),
            user: self.user,
            tty,
            attach_stdin: true,
            attach_stdout: true,
            attach_stderr: true,
            console: if tty { terminal::size() } else { None },
            ..ExecSpec::default()
        };
        run_in(context, engine, &container, spec).await
    }
}

/// A running container of a kept test run: of the service, else the one that was left to look around from.
async fn container_of_run(
    engine: &Arc<dyn Engine>,
    run: &str,
    service: Option<&String>,
) -> Result<String, Failure> {
    let mut all = engine.list_containers(&[(RUN, "")]).await?;
    all.retain(|one| {
        one.labels
            .get(RUN)
            .is_some_and(|id| suite::is_stack_of(run, id))
    });
    let mut stacks: Vec<&String> = all.iter().filter_map(|one| one.labels.get(RUN)).collect();
    stacks.sort();
    stacks.dedup();
    if let [first, _, ..] = stacks.as_slice() {
        let names: Vec<String> = stacks.iter().map(|id| format!("`{id}`")).collect();
        return Err(Failure::Usage(format!(
            "run `{run}` has several stacks\nhelp: name one of {}, for example `wharf shell --run {first}`",
            names.join(", ")
        )));
    }
    if all.is_empty() {
        return Err(Failure::Usage(format!(
            "the engine has nothing of a test run `{run}`\nhelp: `wharf test --list` shows the runs; `--keep` leaves the stack of one"
        )));
    }
    let running: Vec<_> = all
        .into_iter()
        .filter(|one| one.status == ContainerStatus::Running)
        .collect();
    let service_of = |one: &crate::engine::ContainerSummary| {
        one.labels.get(labels::SERVICE).cloned().unwrap_or_default()
    };
    let found = running.iter().find(|one| match service {
        Some(service) => service_of(one) == *service,
        None => one.name.ends_with("-door"),
    });
    found.map(|one| one.id.clone()).ok_or_else(|| {
        let mut names: Vec<String> = running
            .iter()
            .map(|one| format!("`{}`", service_of(one)))
            .collect();
        names.sort();
        names.dedup();
        Failure::Usage(match service {
            Some(service) => format!(
                "service `{service}` does not run in `{run}`\nhelp: these do: {}",
                names.join(", ")
            ),
            None => format!("name a service of run `{run}`: {}", names.join(", ")),
        })
    })
}
