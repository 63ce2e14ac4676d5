use std::path::PathBuf;

use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use indexmap::IndexMap;

use super::context::{Context, Purpose};
use super::{Exit, Failure};
use crate::build::ImageName;
use crate::config::{self, Format, Print};
use crate::diagnostic::Diagnostics;
use crate::engine::docker::credentials_for_reference;
use crate::lint;
use crate::resolve::{Options, Resolved};

/// Print the merged project, as `docker compose config` does
#[derive(Args, Debug)]
pub struct Config {
    /// `yaml` (unless told otherwise) or `json`; findings in a format for machines are what `wharf lint --format` prints
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Only names of services
    #[arg(long)]
    pub services: bool,
    /// Only names of images
    #[arg(long)]
    pub images: bool,
    /// Only names of volumes
    #[arg(long)]
    pub volumes: bool,
    /// Only names of networks
    #[arg(long)]
    pub networks: bool,
    /// Only names of models
    #[arg(long)]
    pub models: bool,
    /// Only names of profiles
    #[arg(long)]
    pub profiles: bool,
    /// Only the variables that the files use
    #[arg(long)]
    pub variables: bool,
    /// Only the variables that `${..}` can name
    #[arg(long)]
    pub environment: bool,
    /// Only the config hash of services, `*` for all
    #[arg(long, value_name = "SERVICES")]
    pub hash: Option<String>,
    /// Which files are merged, and why
    #[arg(long)]
    pub explain_layers: bool,
    /// Leave `${..}` as written
    #[arg(long)]
    pub no_interpolate: bool,
    /// Add no defaults
    #[arg(long)]
    pub no_normalize: bool,
    /// Leave paths as written
    #[arg(long)]
    pub no_path_resolution: bool,
    /// Check less
    #[arg(long)]
    pub no_consistency: bool,
    /// Do not read env files
    #[arg(long)]
    pub no_env_resolution: bool,
    /// Name images by their digests
    #[arg(long)]
    pub resolve_image_digests: bool,
    /// Print a layer that pins every image to its digest
    #[arg(long)]
    pub lock_image_digests: bool,
    /// Hide whatever looks like a secret
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

/// How many registries are asked at a time.
const QUESTIONS: usize = 8;

impl Config {
    /// Whether what is printed is of the whole project, whichever services are named, as with `docker compose config`.
    fn lists_the_whole_project(&self) -> bool {
        self.services || self.volumes || self.networks || self.models || self.hash.is_some()
    }

    /// Whether only names are listed, for which Compose reads no env files.
    fn lists_names(&self) -> bool {
        self.lists_the_whole_project() || self.images || self.profiles
    }

    /// Whether the references of images are printed, as they are after asking for their digests.
    fn names_images(&self) -> bool {
        let lists = self.lists_names() || self.variables || self.environment;
        (self.resolve_image_digests || self.lock_image_digests) && !lists
    }

    pub async fn run(mut self, context: &Context) -> Result<Exit, Failure> {
        // An empty value is none, as to Compose: scripts pass variables that may be empty.
        self.hash.take_if(|services| services.is_empty());
        self.format.take_if(|format| format.is_empty());
        let format = match self.format.as_deref() {
            Some("json") => Format::Json,
            None | Some("yaml") => Format::Yaml,
            Some(other) => {
                return Err(Failure::Usage(format!(
                    "`--format {other}` is unknown; formats are yaml and json{}",
                    if matches!(other, "sarif" | "github") {
                        format!("; `wharf lint --format {other}` prints findings")
                    } else {
                        String::new()
                    }
                )));
            }
        };
        let keep_variables = self.no_interpolate || (self.variables && !self.lists_names());
        let options = Options {
            keep_variables,
            // Compose lists these of the typed project, whatever it leaves as written, and services and profiles of the document.
            leave_out_unused: !self.services
                && (self.volumes || self.networks || self.models || self.images),
            keep_short: self.no_normalize,
            keep_paths: self.no_path_resolution,
            skip_checks: self.no_consistency,
            // Compose lists names and computes hashes before it reads env files.
            keep_env_files: self.no_env_resolution || self.lists_names(),
            document_only: true,
            ..Options::default()
        };
        let words = match self.lists_the_whole_project() {
            true => context.env_word(&self.words),
            false => self.words.clone(),
        };
        let scope = context
            .project_as(&words, Purpose::Print, options)
            .inspect_err(|failure| {
                if format == Format::Json && matches!(failure, Failure::Project) {
                    context.say_of_itself(
                        "help: `wharf lint --format json` prints these findings as JSON",
                    );
                }
            })?;
        let mut resolved = scope.into_resolved()?;
        if !context.globals.as_compose && !keep_variables {
            let mut found = Diagnostics::default();
            lint::redundant(&resolved, &mut found);
            context.tell(&found, &resolved.sources);
        }
        if self.quiet {
            return Ok(Exit::OK);
        }
        if self.names_images() {
            let digests = digests(context, &resolved).await?;
            config::pin(&mut resolved, &digests);
        }
        let text = if self.services {
            config::services(&resolved)
        } else if self.volumes {
            config::volumes(&resolved)
        } else if self.networks {
            config::networks(&resolved)
        } else if self.models {
            config::models(&resolved)
        } else if let Some(names) = &self.hash {
            let names: Vec<&str> = names.split(',').collect();
            config::hashes(&resolved, &names).map_err(Failure::Usage)?
        } else if self.profiles {
            config::profiles(&resolved)
        } else if self.images {
            config::images(&resolved)
        } else if self.variables {
            match self.format {
                None => config::variables(&resolved),
                Some(_) => config::variables_as(format, &resolved),
            }
        } else if self.environment {
            config::environment(&resolved)
        } else if self.lock_image_digests {
            config::lock(&resolved, format)
        } else if self.explain_layers {
            layers(&resolved)
        } else {
            let print = Print {
                format,
                mask: self.mask,
                keep_variables,
            };
            if self.output.is_none() {
                context
                    .console
                    .write_data(|out| config::write_document(&resolved, print, out));
                std::mem::forget(resolved);
                return Ok(Exit::OK);
            }
            config::document(&resolved, print)
        };
        match &self.output {
            Some(file) => std::fs::write(file, text).map_err(|error| {
                Failure::Usage(format!("cannot write `{}`: {error}", file.display()))
            })?,
            None => context.console.raw_data(text.as_bytes()),
        }
        // The process ends here; taking a large document apart value by value would only delay that.
        std::mem::forget(resolved);
        Ok(Exit::OK)
    }
}

fn layers(resolved: &Resolved) -> String {
    resolved
        .layers
        .iter()
        .map(|layer| {
            let known = resolved.remotes.show(&layer.path);
            let shown = known.unwrap_or_else(|| layer.path.display().to_string());
            format!("{shown}: {}\n", layer.rule)
        })
        .collect()
}

/// What registries have under the names of the project's images, by the names as they are written. As Compose does, every
/// name is completed; one with a digest needs no registry.
pub(super) async fn digests(
    context: &Context,
    resolved: &Resolved,
) -> Result<IndexMap<String, String>, Failure> {
    let mut digests = IndexMap::new();
    let mut asked = Vec::new();
    for image in config::named_images(resolved) {
        let name = ImageName::normal(&image);
        match name.digest() {
            Some(digest) => {
                digests.insert(image, name.pinned(digest));
            }
            None => asked.push((image, name)),
        }
    }
    if asked.is_empty() {
        return Ok(digests);
    }
    let engine = context.engine().await?;
    let engine = engine.as_ref();
    let environment = &context.environment;
    let answers = stream::iter(asked).map(|(image, name)| async move {
        let reference = name.to_string();
        let credentials = credentials_for_reference(environment, &reference).await?;
        let digest = engine
            .registry_digest(&reference, credentials.as_ref())
            .await?;
        match digest {
            Some(digest) => Ok((image, name.pinned(&digest))),
            None => Err(Failure::Apply(format!(
                "the registry knows no image `{}`\nhelp: push it first, or correct its name; the digest of an image is known once a registry has it",
                name.familiar()
            ))),
        }
    });
    let answers: Vec<(String, String)> = answers.buffered(QUESTIONS).try_collect().await?;
    digests.extend(answers);
    Ok(digests)
}
