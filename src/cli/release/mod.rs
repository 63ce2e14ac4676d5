//! `wharf release`.

mod building;
mod configuring;
mod examination;
mod look;
mod make;
mod publication;
mod shown;

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::{Exit, Failure};
use crate::model::Project;
use crate::release::RECORD;
use look::Look;

/// The env that is released unless another one is named.
const DEFAULT_ENV: &str = "prod";

/// Build, check, tag, record and push the images of an env
///
/// The env is prod unless another one is named.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Release {
    #[command(subcommand)]
    pub look: Option<Look>,
    /// Push the images; tags move only when all of them are there
    #[arg(long)]
    pub push: bool,
    /// Build and check, and write, tag and push nothing
    #[arg(long, conflicts_with = "push")]
    pub dry_run: bool,
    /// Release only what a green `wharf test` has covered
    #[arg(long)]
    pub require_tested: bool,
    /// Build twice without cache, and name the first file that differs
    #[arg(long)]
    pub verify_reproducible: bool,
    /// Where the record is written (default: `x-wharf.release.record`, else image-digests.json)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<String>,
    /// `text`, or the record as `json`
    #[arg(long, value_parser = ["text", "json"], value_name = "FORMAT", default_value = "text")]
    pub format: String,
    /// The env, then components (default: all)
    #[arg(value_name = "[ENV] [COMPONENT]")]
    pub words: Vec<String>,
}

impl Release {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match &self.look {
            Some(look) => look.run(context).await,
            None => make::make(&self, context).await,
        }
    }
}

/// The words with the env in front that is released where none is named.
fn with_env(context: &Context, words: &[String]) -> Vec<String> {
    let mut words = words.to_vec();
    let envs = context.envs();
    let is_named = context.globals.env.is_some()
        || context.files_are_named()
        || words.first().is_some_and(|word| envs.contains(word));
    if !is_named && envs.iter().any(|env| env == DEFAULT_ENV) {
        words.insert(0, DEFAULT_ENV.to_owned());
    }
    words
}

/// Where the record is written beside the kept one.
fn record_path(project: &Project, output: Option<&str>) -> PathBuf {
    let declared = project
        .wharf
        .release
        .as_ref()
        .and_then(|release| release.record.as_deref());
    project
        .directory
        .join(output.or(declared).unwrap_or(RECORD))
}
