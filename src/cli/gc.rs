use std::collections::BTreeMap;

use clap::Args;
use indexmap::IndexMap;

use super::context::Context;
use super::{Exit, Failure};
use crate::engine::{Engine, ErrorKind};
use crate::suite::{LEASE, Lease, RUN, tear_down};

/// Remove what test runs and builds without a living owner have left on the engine, and nothing else
#[derive(Args, Debug)]
pub struct Gc {
    /// Only say what would go
    #[arg(long)]
    pub dry_run: bool,
}

/// Marks an image that stands in for a directory while a build runs on an old engine.
const STAND_IN: &str = "wharf.build.stand-in";
/// How old a stand-in is before it counts as left behind, in seconds: a build may still stand on a younger one.
const STAND_IN_AGE: i64 = 24 * 3600;

/// What is left of a test run.
#[derive(Default)]
struct Remains {
    things: Vec<String>,
    /// Somebody is still at work with it, or it cannot be told.
    held: bool,
}

impl Gc {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let engine = context.engine().await?;
        let console = &context.console;
        let remains = remains(engine.as_ref()).await?;
        let mut count = 0;
        let mut stubborn = Vec::new();
        for (run, remains) in remains {
            if remains.held {
                console.say(&format!("run {run} is at work; it is left alone"));
                continue;
            }
            count += remains.things.len();
            for thing in &remains.things {
                console.data(&format!("{thing} of run {run}"));
            }
            if !self.dry_run {
                stubborn.extend(tear_down(engine.as_ref(), &run).await?);
            }
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
}

/// What carries a run's label, by run.
async fn remains(engine: &dyn Engine) -> Result<BTreeMap<String, Remains>, Failure> {
    let filter = [(LEASE, "")];
    let mut runs: BTreeMap<String, Remains> = BTreeMap::new();
    let mut note = |thing: String, labels: &IndexMap<String, String>| {
        let Some(run) = labels.get(RUN) else { return };
        let remains = runs.entry(run.clone()).or_default();
        remains.things.push(thing);
        // A lease that cannot be read may be one of a later wharf.
        remains.held |= Lease::on(labels).is_none_or(|lease| lease.is_held());
    };
    for one in engine.list_containers(&filter).await? {
        note(format!("container {}", one.name), &one.labels);
    }
    for one in engine.list_networks(&filter).await? {
        note(format!("network {}", one.name), &one.labels);
    }
    for one in engine.list_volumes(&filter).await? {
        note(format!("volume {}", one.name), &one.labels);
    }
    Ok(runs)
}
