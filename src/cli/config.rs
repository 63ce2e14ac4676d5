use std::path::PathBuf;

use clap::Args;

use super::context::{Context, Purpose};
use super::{Exit, Failure};
use crate::config::{self, Content, Format, Print};
use crate::resolve::Options;

/// Print the merged project, as `docker compose config` does
#[derive(Args, Debug)]
pub struct Config {
    /// `yaml` or `json`
    #[arg(long, value_name = "FORMAT", default_value = "yaml")]
    pub format: String,
    /// Only names of services
    #[arg(long, group = "content")]
    pub services: bool,
    /// Only names of images
    #[arg(long, group = "content")]
    pub images: bool,
    /// Only names of volumes
    #[arg(long, group = "content")]
    pub volumes: bool,
    /// Only names of networks
    #[arg(long, group = "content")]
    pub networks: bool,
    /// Only names of profiles
    #[arg(long, group = "content")]
    pub profiles: bool,
    /// The variables that the files name, with their defaults
    #[arg(long, group = "content")]
    pub variables: bool,
    /// What the files' variables can name
    #[arg(long, group = "content")]
    pub environment: bool,
    /// The hash of each service's settings: names with commas between, or `*`
    #[arg(long, value_name = "SERVICES", group = "content")]
    pub hash: Option<String>,
    /// Which files are merged, and why
    #[arg(long, group = "content")]
    pub explain_layers: bool,
    /// Leave variables as written
    #[arg(long)]
    pub no_interpolate: bool,
    /// Add no default network, names or implied dependencies
    #[arg(long)]
    pub no_normalize: bool,
    /// Leave relative paths as written
    #[arg(long)]
    pub no_path_resolution: bool,
    /// Do not check whether the parts fit together
    #[arg(long)]
    pub no_consistency: bool,
    /// Do not read the services' env files
    #[arg(long)]
    pub no_env_resolution: bool,
    /// Hide what looks like a secret
    #[arg(long)]
    pub mask: bool,
    /// Only check
    #[arg(short, long)]
    pub quiet: bool,
    /// Write to a file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Config {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let format = match self.format.as_str() {
            "json" => Format::Json,
            "yaml" => Format::Yaml,
            other => {
                return Err(Failure::Usage(format!(
                    "`--format {other}` is unknown; formats are yaml and json"
                )));
            }
        };
        let options = Options {
            keep_variables: self.no_interpolate || self.variables,
            keep_short: self.no_normalize,
            keep_paths: self.no_path_resolution,
            skip_checks: self.no_consistency,
            keep_env_files: self.no_env_resolution,
            services: Vec::new(),
        };
        let print = Print {
            format,
            mask: self.mask,
            keep_variables: options.keep_variables,
        };
        let resolved = context.resolved(&self.words, Purpose::Print, options)?;
        if self.quiet {
            return Ok(Exit::OK);
        }
        let text = if self.explain_layers {
            resolved
                .layers
                .iter()
                .map(|layer| format!("{}: {}\n", layer.path.display(), layer.rule))
                .collect()
        } else {
            config::print(&resolved, &self.content(), print).map_err(Failure::Usage)?
        };
        match &self.output {
            Some(file) => std::fs::write(file, text).map_err(|error| {
                Failure::Usage(format!("cannot write `{}`: {error}", file.display()))
            })?,
            None if text.is_empty() => {}
            None => context.console.data(text.trim_end_matches('\n')),
        }
        Ok(Exit::OK)
    }

    fn content(&self) -> Content {
        let flags = [
            (self.services, Content::Services),
            (self.images, Content::Images),
            (self.volumes, Content::Volumes),
            (self.networks, Content::Networks),
            (self.profiles, Content::Profiles),
            (self.variables, Content::Variables),
            (self.environment, Content::Environment),
        ];
        match &self.hash {
            Some(names) => Content::Hash(names.clone()),
            None => flags
                .into_iter()
                .find(|(asked, _)| *asked)
                .map_or(Content::Document, |(_, content)| content),
        }
    }
}
