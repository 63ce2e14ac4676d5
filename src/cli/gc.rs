use clap::Args;

use super::context::Context;
use super::{Exit, Failure};
use crate::engine::{Engine, ErrorKind};
use crate::suite::{self, Lease, Remains, Sign, put_up, remains, tear_down};

/// Remove what killed test runs and builds have left
///
/// That is what no living owner holds a lease on, and nothing else.
#[derive(Args, Debug)]
pub struct Gc {
    /// Only say what would go
    #[arg(long)]
    pub dry_run: bool,
    /// Also the stack of this run, which was kept, stands ready or cannot be told to be anybody's
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Also stacks that were kept to be looked at
    #[arg(long)]
    pub kept: bool,
    /// Also stacks that stand ready for the next run
    #[arg(long)]
    pub warm: bool,
}

/// Marks an image that stands in for a directory while a build runs on an old engine.
const STAND_IN: &str = "wharf.build.stand-in";
/// How old a stand-in is before it counts as left behind, in seconds: a build may still stand on a younger one.
const STAND_IN_AGE: i64 = 24 * 3600;

impl Gc {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let engine = context.engine().await?;
        let engine = engine.as_ref();
        let console = &context.console;
        let mut count = 0;
        let mut stubborn = Vec::new();
        let mut met = false;
        for (run, remains) in remains(engine).await? {
            met |= self.names(&run);
            if remains.held && !self.wants(&run, &remains) {
                console.say(&self.why_left(&run, &remains));
                continue;
            }
            if remains.warm
                && remains.held
                && !self.dry_run
                && !take(engine, &run, &remains).await?
            {
                console.say(&format!("run {run} was taken just now; it is left alone"));
                continue;
            }
            count += remains.things.len();
            for thing in &remains.things {
                console.data(&format!("{thing} of run {run}"));
            }
            if !self.dry_run {
                stubborn.extend(tear_down(engine, &run).await);
            }
        }
        if let Some(run) = self.run.as_ref().filter(|_| !met) {
            return Err(Failure::Usage(format!(
                "the engine has nothing of a test run `{run}`\nhelp: `wharf test --list` shows the runs"
            )));
        }
        let now = chrono::Utc::now().timestamp();
        for image in engine.list_images(&[(STAND_IN, "")]).await? {
            if now.saturating_sub(image.created) < STAND_IN_AGE {
                continue;
            }
            let names = match image.tags.is_empty() {
                true => vec![image.id],
                false => image.tags,
            };
            for name in names {
                count += 1;
                console.data(&format!("image {name} of a build"));
                if self.dry_run {
                    continue;
                }
                match engine.remove_image(&name, false).await {
                    Err(error) if error.kind != ErrorKind::NotFound => {
                        stubborn.push(format!("image {name}: {error}"));
                    }
                    _ => {}
                }
            }
        }
        if !stubborn.is_empty() {
            return Err(Failure::Apply(format!(
                "cannot remove everything:\n  {}",
                stubborn.join("\n  ")
            )));
        }
        console.say(&match (count, self.dry_run) {
            (0, _) => "nothing to remove".to_owned(),
            (_, true) => format!("{count} to remove; without `--dry-run` they go"),
            (_, false) => format!("{count} removed"),
        });
        Ok(Exit::OK)
    }

    fn names(&self, run: &str) -> bool {
        self.run
            .as_ref()
            .is_some_and(|wanted| suite::is_stack_of(wanted, run))
    }

    /// Whether a run goes although its lease is held. One that is at work never does.
    fn wants(&self, run: &str, remains: &Remains) -> bool {
        remains.kept && (self.kept || self.names(run))
            || remains.unreadable && self.names(run)
            || remains.warm && !remains.taken && (self.warm || self.names(run))
    }

    fn why_left(&self, run: &str, remains: &Remains) -> String {
        match (remains.kept, remains.warm && !remains.taken) {
            (true, _) => format!("run {run} is kept; `wharf gc --run {run}` removes it"),
            (_, true) => {
                format!("run {run} stands ready for the next test; `wharf gc --warm` removes it")
            }
            _ if remains.unreadable => format!(
                "the lease of run {run} cannot be read; it may be a later wharf's. `wharf gc --run {run}` removes it"
            ),
            _ => format!("run {run} is at work; it is left alone"),
        }
    }
}

/// Takes a stack that stands ready, so that no test does. `false`: a test was quicker.
async fn take(engine: &dyn Engine, run: &str, remains: &Remains) -> Result<bool, Failure> {
    let lease = Lease::of_this_process(std::time::Duration::from_secs(600));
    for project in &remains.projects {
        if !put_up(engine, project, run, &lease, Sign::Taken).await? {
            return Ok(false);
        }
    }
    Ok(true)
}
