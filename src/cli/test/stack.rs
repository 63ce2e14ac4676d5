use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::chosen::Chosen;
use super::sources;
use crate::apply::Cancel;
use crate::build::own_inputs;
use crate::cli::carry_out::{carry_out, planning};
use crate::cli::context::Context;
use crate::cli::providing::refuse_models;
use crate::cli::{Failure, build, configured};
use crate::config::{self, Format, Print};
use crate::engine::Engine;
use crate::engine::docker::DockerEngine;
use crate::model::Project;
use crate::observe::collect;
use crate::plan::{self, Policy, image_of};
use crate::resolve::Resolved;
use crate::suite::{self, CoveredImage, Job, Lease, isolate, mark};

/// After which others may take away what a run on another machine has left, beside the time that its tests may take.
const LEASE_LIFETIME: Duration = Duration::from_secs(6 * 3600);

fn lifetime(job: &Job) -> Duration {
    let declared = &job.declaration;
    let timeout = declared
        .timeout
        .map_or(Duration::ZERO, |timeout| timeout.std());
    let attempts = declared.retries.unwrap_or(0).saturating_add(1);
    LEASE_LIFETIME.saturating_add(timeout.saturating_mul(attempts))
}

/// Makes stacks for jobs.
pub struct Maker<'m> {
    pub context: &'m Context,
    pub docker: &'m DockerEngine,
    pub engine: &'m Arc<dyn Engine>,
    pub chosen: &'m Chosen,
    /// Build images that have changed.
    pub build: bool,
    pub cancel: &'m Cancel,
}

/// What a stack is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackUse {
    /// One run: nobody compares it with others, and the files that it sees are not looked at.
    Once,
    /// To be compared with others.
    Compared,
    /// One run, for which a stack that stands ready is taken where there is one.
    Warm,
}

/// A copy of an env of its own, not started yet, or standing ready.
pub struct Stack {
    /// By which everything of it is found on the engine.
    pub id: String,
    /// The Compose project's name.
    pub name: String,
    /// As the files say, under this copy's name.
    pub resolved: Resolved,
    /// Isolated and marked.
    pub project: Project,
    pub policy: Policy,
    /// What was changed so that it meets nobody.
    pub notes: Vec<String>,
    /// Of all that it is made from: two stacks with the same one are the same. Empty: see [`StackUse::Once`].
    pub digest: String,
    pub images: Vec<CoveredImage>,
    /// It stood ready.
    pub warm: bool,
    /// What its objects are made under.
    pub lease: Lease,
}

impl Stack {
    /// Lets services run from images that are there.
    fn run_from(&mut self, images: &[(String, String)]) {
        for (service, image) in images {
            configured::run_from(&mut self.project, service, image.clone());
        }
    }

    /// The merged project for people, without secrets.
    pub fn document(&self) -> String {
        let print = Print {
            format: Format::Yaml,
            mask: true,
            keep_variables: false,
        };
        config::document(&self.resolved, print)
    }
}

impl Maker<'_> {
    /// A stack for a job, with its images built. `id` tells it from all others.
    pub async fn make(&self, job: &Job, id: &str, usage: StackUse) -> Result<Stack, Failure> {
        let mut stack = self.load(job, id)?;
        let made = self.make_images(job, &mut stack).await?;
        stack.run_from(&made);
        if usage != StackUse::Once {
            let sources = sources::fingerprint(&mounted_before(&stack.project, job));
            // Where nobody knows whether it is as it was, it is like no other.
            let sources = sources.as_deref().unwrap_or(id);
            stack.digest = made_from(&stack.project, job, &stack.images, sources);
        }
        let own = stack.lease.clone();
        if usage == StackUse::Warm
            && let Some(ready) = suite::take_warm(self.engine.as_ref(), &stack.digest, &own).await?
        {
            let (digest, images) = (stack.digest, stack.images);
            stack = self.load_as(job, &ready.project, &ready.run)?;
            stack.run_from(&made);
            stack.digest = digest;
            stack.images = images;
            stack.warm = true;
            stack.lease = ready.lease;
        }
        mark(&mut stack.project, &stack.lease.labels(&stack.id));
        Ok(stack)
    }

    fn load(&self, job: &Job, id: &str) -> Result<Stack, Failure> {
        self.load_as(job, &format!("{}-{id}", self.chosen.name), id)
    }

    fn load_as(&self, job: &Job, name: &str, id: &str) -> Result<Stack, Failure> {
        let with_values;
        let context = if job.values.is_empty() {
            self.context
        } else {
            with_values = self.context.with_variables(&job.values);
            &with_values
        };
        let named = job.named_services();
        let resolved = context.project_named(self.chosen.env.clone(), name, &named)?;
        let mut project = resolved.project.clone();
        let notes = isolate(&mut project, &self.chosen.name);
        Ok(Stack {
            id: id.to_owned(),
            name: name.to_owned(),
            policy: Policy {
                ..Policy::default()
            },
            resolved,
            project,
            notes,
            digest: String::new(),
            images: Vec::new(),
            warm: false,
            lease: Lease::of_this_process(lifetime(job)),
        })
    }

    /// Makes the images that the job's services run, and returns them by service. One run at a time does: those that are
    /// built have the same names in every run, from whatever checkout, so that a name may mean something else a moment
    /// later. An id never does.
    async fn make_images(
        &self,
        job: &Job,
        stack: &mut Stack,
    ) -> Result<Vec<(String, String)>, Failure> {
        let engine = self.engine;
        let _turn = self
            .context
            .lock_images(engine, &self.chosen.name, self.cancel)
            .await?;
        let services = self.images(job, stack).await?;
        let mut made = Vec::new();
        let graph = build::graph_of(&stack.project, self.context, &stack.resolved)?;
        let built = |name: &String| {
            graph
                .images
                .values()
                .any(|image| image.names.contains(name))
        };
        for covered in stack.images.iter().filter(|covered| !covered.id.is_empty()) {
            if built(&covered.name) {
                let service = |name: &String| (name.clone(), covered.id.clone());
                made.extend(covered.services.iter().map(service));
            }
        }
        for (service, name) in self.configure(job, stack, &services).await? {
            let image = engine.inspect_image(&name).await?;
            made.push((service, image.map_or(name, |image| image.id)));
        }
        Ok(made)
    }

    /// Builds what the job's services run, and notes what they run. Returns these services.
    async fn images(&self, job: &Job, stack: &mut Stack) -> Result<Vec<String>, Failure> {
        let project = &stack.project;
        let needed = job.needed(project);
        let mut services = if needed.is_empty() {
            Vec::new()
        } else {
            plan::service_order(project, &needed, true).map_err(planning)?
        };
        if !services.iter().any(|name| name == job.service()) {
            services.push(job.service().to_owned());
        }
        if let Some(why) = provided(project, &services) {
            return Err(Failure::Usage(why));
        }
        refuse_models(project, &services)?;
        if self.build {
            let policy = Policy {
                services: services.clone(),
                no_deps: true,
                ..stack.policy.clone()
            };
            build::for_services(
                self.context,
                self.docker,
                project,
                &stack.resolved,
                &policy,
                build::BuildMode::Changed,
                self.cancel,
            )
            .await?;
        }
        let graph = build::graph_of(project, self.context, &stack.resolved)?;
        let mut images: Vec<CoveredImage> = Vec::new();
        for name in &services {
            let Some(service) = project.services.get(name) else {
                continue;
            };
            let image = image_of(project, name, service);
            match images.iter_mut().find(|known| known.name == image) {
                Some(known) => known.services.push(name.clone()),
                None => images.push(CoveredImage {
                    name: image,
                    services: vec![name.clone()],
                    ..CoveredImage::default()
                }),
            }
        }
        for key in graph.needed_by(project, services.iter().map(String::as_str)) {
            let Some(name) = graph.images.get(&key).and_then(|image| image.names.first()) else {
                continue;
            };
            if !images.iter().any(|known| known.name == *name) {
                images.push(CoveredImage {
                    name: name.clone(),
                    ..CoveredImage::default()
                });
            }
        }
        for covered in &mut images {
            if let Some(image) = self.engine.inspect_image(&covered.name).await? {
                let cache = self.context.cache_directory();
                covered.inputs = own_inputs(
                    &graph,
                    cache.as_deref(),
                    &covered.name,
                    &image.labels,
                    &image.id,
                );
                covered.id = image.id;
            }
        }
        stack.images = images;
        Ok(services)
    }

    /// Adds their configuration to the images of these services, and returns the images' names by service. All runs share
    /// them, so that the templates see the env's own project and not this copy of it.
    async fn configure(
        &self,
        job: &Job,
        stack: &Stack,
        services: &[String],
    ) -> Result<Vec<(String, String)>, Failure> {
        let with_values = self.context.with_variables(&job.values);
        let mut shared = stack.project.clone();
        shared.name.clone_from(&self.chosen.name);
        let sources = &stack.resolved.sources;
        let layers = configured::layers(&with_values, &shared, sources, services, None)?;
        if layers.is_empty() {
            return Ok(Vec::new());
        }
        // An image that is not built here has to be there before something can be added to it.
        let policy = Policy {
            services: layers.iter().map(|(service, _)| service.clone()).collect(),
            no_deps: true,
            ..stack.policy.clone()
        };
        let snapshot = collect(self.engine.as_ref(), &stack.project).await?;
        let missing = plan::pulls(&stack.project, &snapshot, &policy).map_err(planning)?;
        if !missing.is_empty() {
            let options = self.context.apply_options();
            let resolved = Some(&stack.resolved);
            carry_out(
                self.context,
                self.engine,
                resolved,
                &missing,
                options,
                self.cancel,
            )
            .await?;
        }
        // Jobs that differ in their values run beside each other.
        let suffix = match job.values.is_empty() {
            true => String::new(),
            false => format!("-{}", job.directory()),
        };
        configured::add(
            self.context,
            self.engine,
            &shared,
            sources,
            &layers,
            &suffix,
        )
        .await
    }
}

/// Why these services cannot be part of a test run: what another program provides carries no lease, so that nobody would take
/// it away after a run that was killed. `None`: they can be.
fn provided(project: &Project, services: &[String]) -> Option<String> {
    let given = |name: &&String| {
        let service = project.services.get(*name);
        service.is_some_and(|service| service.provider.is_some())
    };
    let name = services.iter().find(given)?;
    Some(format!(
        "service `{name}` is provided by another program, which a test run cannot isolate or clean up\nhelp: give it an image in the test layer (`provider: !reset null`), or leave it out of the suite's `needs`"
    ))
}

/// What containers that stand before the tests begin see of this machine's files. What the tests alone see may change
/// until then.
fn mounted_before(project: &Project, job: &Job) -> Vec<PathBuf> {
    let needed = job.needed(project);
    if needed.is_empty() {
        return Vec::new();
    }
    let started = plan::service_order(project, &needed, true).unwrap_or(needed);
    sources::mounted(project, &started)
}

/// A digest of the project as the job runs it, whatever this copy of it is called, of its images, and of the files that it
/// has read when it stands.
fn made_from(project: &Project, job: &Job, images: &[CoveredImage], sources: &str) -> String {
    let text = serde_json::to_string(project).unwrap_or_default();
    let mut hasher = Sha256::new();
    hasher.update(text.replace(&project.name, "\u{0}"));
    hasher.update(project.directory.display().to_string());
    hasher.update(job.needed(project).join(" "));
    hasher.update(job.service());
    hasher.update(sources);
    for image in images {
        hasher.update(&image.id);
    }
    hasher.update(env!("CARGO_PKG_VERSION"));
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_program_provides_is_no_part_of_a_test_run() {
        let project: Project = serde_yaml::from_str(
            "name: p\nservices:\n  far: {provider: {type: tunnel}}\n  app: {image: a}\n",
        )
        .unwrap();
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let why = provided(&project, &names(&["app", "far"])).unwrap();
        assert!(why.contains("`far`"), "{why}");
        assert_eq!(provided(&project, &names(&["app"])), None);
    }
}
