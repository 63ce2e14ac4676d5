use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use indexmap::IndexMap;

use super::look::record_path;
use super::{Release, shown, with_env};
use crate::apply::{Cancel, CancelLevel};
use crate::build::{BuildOptions, ImageGraph, Overrides};
use crate::cli::building::{Building, Outcomes, graph_of, options};
use crate::cli::configured;
use crate::cli::context::{Context, Purpose};
use crate::cli::{Exit, Failure, interrupt};
use crate::diagnostic::{Diagnostic, render};
use crate::engine::docker::{DockerEngine, credentials_for_reference};
use crate::engine::{Credentials, Engine, EngineError};
use crate::image::read_layers;
use crate::layer::{self, LayerError, holds_secrets};
use crate::model::{Project, ReleaseDeclaration};
use crate::release::{
    Checked, Component, ComponentError, ComponentRecord, Difference, Digests, Naming, PINNED, Push,
    PushEvent, Record, Releases, Revision, TagError, Target, Verdict, base_of, candidate, compare,
    components, covering, inspect, labels, megabytes, pinned, read_revision, sbom_document, scan,
    secret_values,
};
use crate::report::{Board, Tone, short_id};
use crate::source::Sources;
use crate::suite;

/// What one release is made from.
struct Making<'m> {
    context: &'m Context,
    docker: &'m DockerEngine,
    project: &'m Project,
    graph: &'m ImageGraph,
    revision: &'m Revision,
    declaration: &'m ReleaseDeclaration,
    cancel: &'m Cancel,
}

pub async fn make(release: &Release, context: &Context) -> Result<Exit, Failure> {
    let scope = context.project(&with_env(context, &release.words), Purpose::Build)?;
    let wanted = scope.words.clone();
    let resolved = scope.into_resolved()?;
    let project = &resolved.project;
    let mut sources = resolved.sources.clone();
    let declaration = project.wharf.release.clone().unwrap_or_default();
    let console = &context.console;

    let copy = record_path(project, release.output.as_deref());
    let own = [
        Path::new(PINNED),
        copy.strip_prefix(&project.directory).unwrap_or(&copy),
    ];
    let revision = read_revision(&project.directory, &context.environment, &own)
        .await
        .map_err(|error| Failure::Apply(error.to_string()))?;
    let naming = Naming {
        declared: &declaration.tags,
        main_branch: declaration.main_branch.as_deref(),
        revision: &revision,
        env: project.env.as_deref(),
        project: &project.name,
    };
    let tags = naming.tags(&mut sources).map_err(|error| match &error {
        TagError::Template(finding) => template(context, &sources, finding),
        other => Failure::Apply(other.to_string()),
    })?;
    tags.notes.iter().for_each(|note| console.note(note));

    let graph = graph_of(project, context)?;
    let found = components(project, &graph, &declaration, &mut sources);
    let found = found.map_err(|error| match &error {
        ComponentError::Template(finding) => template(context, &sources, finding),
        other => Failure::Usage(other.to_string()),
    })?;
    let mut components = choose(found, &wanted)?;
    if release.push {
        for repository in components.iter().flat_map(|one| &one.repositories) {
            if !repository.contains('/') {
                return Err(Failure::Usage(format!(
                    "`{repository}` names no registry that one can push to\nhelp: say where with `x-wharf: {{release: {{repositories: [\"registry.example/team/{{{{ component }}}}\"]}}}}`"
                )));
            }
        }
    }

    let cancel = interrupt::listen();
    let docker = context.docker().await?;
    let making = Making {
        context,
        docker: &docker,
        project,
        graph: &graph,
        revision: &revision,
        declaration: &declaration,
        cancel: &cancel,
    };
    making
        .build(&components, release.verify_reproducible)
        .await?;
    // Coverage is about the image that tests run; its configuration comes after.
    let mut tested = IndexMap::new();
    let runs = suite::green_runs(&project.directory).unwrap_or_default();
    for component in &components {
        let candidate = candidate(&docker, component, &graph).await?;
        let covered = covering(&candidate, component.covered_by, &revision, &runs);
        tested.insert(component.name.clone(), covered);
    }
    making.configure(&mut components, &sources).await?;

    let now = chrono::Utc::now();
    let mut record = Record {
        version: Record::VERSION,
        id: Record::id_of(now, revision.short()),
        project: project.name.clone(),
        env: project.env.clone(),
        created: now.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        revision: revision.sha.clone(),
        branch: revision.branch.clone(),
        release: revision.version.as_ref().map(ToString::to_string),
        dirty: revision.dirty,
        components: IndexMap::new(),
    };
    let releases = Releases::of(&project.directory);
    let former = releases.read("current").ok();
    let directory = releases.prepare(&record.id).map_err(|error| {
        Failure::Apply(format!("cannot make a directory for the release: {error}"))
    })?;
    let mut untested = Vec::new();
    for component in &components {
        let before = former
            .as_ref()
            .and_then(|one| one.components.get(&component.name));
        let mut one = tokio::select! {
            one = making.look(component, before, &directory) => one?,
            () = cancel.reached(CancelLevel::Finish) => {
                let _ = std::fs::remove_dir_all(&directory);
                return Err(Failure::Interrupted);
            }
        };
        match tested.swap_remove(&component.name) {
            Some(Ok(by)) => one.tested_by = Some(by),
            Some(Err(missing)) => untested.push(format!("{}: {missing}", component.name)),
            None => {}
        }
        one.tags = tags.names.clone();
        record.components.insert(component.name.clone(), one);
    }
    let discard = || {
        let _ = std::fs::remove_dir_all(&directory);
    };
    let mut refused = refusals(&record);
    if release.require_tested {
        refused.extend(untested);
    } else {
        untested.iter().for_each(|missing| console.note(missing));
    }
    if !refused.is_empty() || release.dry_run {
        discard();
        show(context, release, &record)?;
        if refused.is_empty() {
            console.say(&format!(
                "would be tagged {}; nothing was written, tagged or pushed",
                tags.names.join(" ")
            ));
            return Ok(Exit::OK);
        }
        for why in &refused {
            console.error(why);
        }
        return Err(Failure::Told);
    }

    let published = making
        .publish(release, &components, &mut record, &tags.names)
        .await;
    if let Err(failure) = published {
        discard();
        return Err(failure);
    }
    releases
        .keep(&record, &pinned(&record), &copy)
        .map_err(|error| Failure::Apply(format!("cannot write the record: {error}")))?;
    show(context, release, &record)?;
    let shown = copy.strip_prefix(&project.directory).unwrap_or(&copy);
    console.say(&format!(
        "recorded in {}; {PINNED} pins it",
        shown.display()
    ));
    Ok(Exit::OK)
}

fn show(context: &Context, release: &Release, record: &Record) -> Result<(), Failure> {
    let text = match release.format.as_str() {
        "json" => serde_json::to_string_pretty(record).map_err(anyhow::Error::from)?,
        _ => shown::release(&context.console, record),
    };
    context.console.data(&text);
    Ok(())
}

fn template(context: &Context, sources: &Sources, finding: &Diagnostic) -> Failure {
    let console = &context.console;
    let shown = render(finding, sources, console.talk_has_colour(), console.width());
    console.insist(&shown);
    Failure::Project
}

fn choose(found: Vec<Component>, wanted: &[String]) -> Result<Vec<Component>, Failure> {
    for word in wanted {
        if !found.iter().any(|one| one.name == *word) {
            let known: Vec<String> = found.iter().map(|one| format!("`{}`", one.name)).collect();
            return Err(Failure::Usage(format!(
                "the release has no component `{word}`\nhelp: its components are {}",
                known.join(", ")
            )));
        }
    }
    let is_wanted = |one: &Component| wanted.is_empty() || wanted.contains(&one.name);
    Ok(found.into_iter().filter(is_wanted).collect())
}

/// Why checks keep a release back, one sentence for each that failed.
fn refusals(record: &Record) -> Vec<String> {
    let mut refused = Vec::new();
    for (name, component) in &record.components {
        let failed = component
            .checks
            .iter()
            .filter(|checked| checked.verdict == Verdict::Failed);
        refused.extend(failed.map(|checked| {
            format!(
                "{name} is not released: {}: {}",
                checked.check, checked.message
            )
        }));
    }
    refused
}

impl Making<'_> {
    fn engine(&self) -> &dyn Engine {
        self.docker
    }

    /// Builds what the components need; with `twice`, two times without cache.
    async fn build(&self, components: &[Component], twice: bool) -> Result<(), Failure> {
        let keys: Vec<String> = components
            .iter()
            .filter_map(|component| component.image.clone())
            .collect();
        let wanted = self.graph.dag.closure(&keys);
        if wanted.is_empty() {
            return Ok(());
        }
        let marks = components
            .iter()
            .filter_map(|component| {
                let title = format!("{} {}", self.title(), component.name);
                let labels = labels(self.revision, &title, &self.declaration.labels);
                Some((component.image.clone()?, labels))
            })
            .collect();
        let build_options = BuildOptions {
            overrides: Overrides {
                source_date_epoch: Some(self.revision.committed),
                no_cache: twice,
                marks,
                ..Overrides::default()
            },
            skip_unchanged: !twice,
            ..options(self.context)
        };
        let run = || {
            let building = Building {
                project: self.project,
                graph: self.graph,
                options: build_options.clone(),
                name_unchanged: true,
            };
            building.run(self.context, self.docker, &wanted, self.cancel)
        };
        let first = run().await?;
        if !twice {
            return Ok(());
        }
        let second = run().await?;
        let mut different = Vec::new();
        for key in &wanted {
            let id = |outcomes: &Outcomes| {
                let outcome = outcomes.get(key);
                outcome.and_then(|outcome| outcome.id()).map(str::to_owned)
            };
            if let (Some(first), Some(second)) = (id(&first), id(&second))
                && first != second
            {
                different.push((key.clone(), first, second));
            }
        }
        let verdict = self.judge(&different).await;
        for (_, first, _) in &different {
            // It has lost its name to the second build.
            if let Err(error) = self.engine().remove_image(first, false).await {
                tracing::debug!(%error, "the first build stays");
            }
        }
        verdict
    }

    fn title(&self) -> &str {
        let name = &self.project.name;
        let env = self.project.env.as_deref().unwrap_or_default();
        name.strip_suffix(&format!("-{env}")).unwrap_or(name)
    }

    /// Says which images two builds made differently, and in what. Content that differs is an error; times are one where
    /// the engine could have made them the same.
    async fn judge(&self, different: &[(String, String, String)]) -> Result<(), Failure> {
        let console = &self.context.console;
        if different.is_empty() {
            console.say("reproducible: two builds without cache gave the same images");
            return Ok(());
        }
        let can_rewrite = self.engine().info().containerd_store;
        let mut failures = Vec::new();
        for (key, first, second) in different {
            let first = read_layers(self.engine(), first, Digests).await?;
            let second = read_layers(self.engine(), second, Digests).await?;
            match compare(&first, &second) {
                Difference::File { layer, path, what } => failures.push(format!(
                    "image `{key}` is not reproducible: `/{path}` of layer {}: {what}",
                    layer + 1
                )),
                Difference::Layers { first, second } => failures.push(format!(
                    "image `{key}` is not reproducible: it has {first} layers once and {second} the other time"
                )),
                Difference::Times { layer, path } if can_rewrite => failures.push(format!(
                    "image `{key}` is not reproducible: `/{path}` of layer {} has another time",
                    layer + 1
                )),
                Difference::Times { layer, path } => console.warn(&format!(
                    "image `{key}` has the same content twice, but not the same id: `/{path}` of layer {} was written at another time, and this engine's image store keeps that; with a containerd store wharf sets all times to the commit's",
                    layer + 1
                )),
                Difference::Form if can_rewrite => failures.push(format!(
                    "image `{key}` is not reproducible: its files are the same, their order or the configuration is not"
                )),
                Difference::Form => console.warn(&format!(
                    "image `{key}` has the same files twice, but not the same id: what it stands on has another one, or this engine's image store lists the files in another order"
                )),
            }
        }
        match failures.is_empty() {
            true => Ok(()),
            false => Err(Failure::Apply(failures.join("\n"))),
        }
    }

    /// Puts the configuration of components that have one on top of their images.
    async fn configure(
        &self,
        components: &mut [Component],
        sources: &Sources,
    ) -> Result<(), Failure> {
        for component in components {
            let services = [vec![component.service.clone()], component.services.clone()].concat();
            let layers = configured::layers(self.context, self.project, sources, &services, None)?;
            let of = |service: &str| layers.iter().find(|(name, _)| name == service);
            let Some((_, config)) = of(&component.service) else {
                if let Some((other, _)) = layers.first() {
                    return Err(self.differs(component, other));
                }
                continue;
            };
            let other = component
                .services
                .iter()
                .find(|name| of(name).is_none_or(|(_, other)| other.digest() != config.digest()));
            if let Some(other) = other {
                return Err(self.differs(component, other));
            }
            let name = layer::image_name(&self.project.name, &component.service);
            let base = &component.reference;
            let added = match layer::add(self.engine(), base, config, &name).await {
                Err(LayerError::Refused) => {
                    let builder = self.docker.builder(&self.context.environment);
                    layer::add_by_build(self.engine(), &builder, base, config, &name).await
                }
                added => added,
            };
            added.map_err(|error| configured::failure(self.context, sources, &error))?;
            component.reference = name;
        }
        Ok(())
    }

    fn differs(&self, component: &Component, other: &str) -> Failure {
        Failure::Usage(format!(
            "services `{}` and `{other}` run from one image with different configuration, so that component `{}` would be two images\nhelp: release it without `x-wharf.config`, and let `wharf ship` or `wharf up` add the configuration",
            component.service, component.name
        ))
    }

    /// Checks an image and describes it; its SBOM is written into the release's directory.
    async fn look(
        &self,
        component: &Component,
        former: Option<&ComponentRecord>,
        directory: &Path,
    ) -> Result<ComponentRecord, Failure> {
        let console = &self.context.console;
        console.say(&format!("checking {}", component.reference));
        let secrets = secret_values(self.project, &self.context.environment, &self.context.disk);
        let found = inspect(self.engine(), component, self.graph, &secrets).await?;
        let mut record = found.record(component);
        record.base = base_of(self.engine(), component, self.graph).await?;
        let file = format!("sbom-{}.cdx.json", component.name);
        let created = chrono::DateTime::from_timestamp(self.revision.committed, 0)
            .unwrap_or_default()
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let sbom = sbom_document(&found.tree(), &component.name, &found.image.id, &created);
        let text = serde_json::to_string_pretty(&sbom).map_err(anyhow::Error::from)?;
        let path = directory.join(&file);
        std::fs::write(&path, text + "\n").map_err(|error| {
            Failure::Apply(format!("cannot write `{}`: {error}", path.display()))
        })?;
        record.sbom = Some(file);
        record.checks = found.checks(self.project, component, &secrets, former);
        let limit = component.limits.vulnerabilities;
        record
            .checks
            .push(scan(&path, limit, &self.context.environment).await);
        note_skipped(self.context, &component.name, &record.checks);
        Ok(record)
    }

    /// Tags the images, here or on their registries.
    async fn publish(
        &self,
        release: &Release,
        components: &[Component],
        record: &mut Record,
        tags: &[String],
    ) -> Result<(), Failure> {
        let mut targets = Vec::new();
        for component in components {
            let Some(one) = record.components.get(&component.name) else {
                continue;
            };
            let image = self.engine().inspect_image(&one.image_id).await?;
            if release.push && image.as_ref().is_some_and(holds_secrets) {
                return Err(Failure::Apply(format!(
                    "{} is not pushed: its configuration layer may hold secrets (`allow-secrets`); send it to its server with `wharf ship`",
                    component.name
                )));
            }
            targets.extend(component.repositories.iter().map(|repository| Target {
                component: component.name.clone(),
                image_id: one.image_id.clone(),
                repository: repository.clone(),
            }));
        }
        if !release.push {
            for target in &targets {
                for tag in tags {
                    let reference = format!("{}:{tag}", target.repository);
                    self.engine()
                        .tag_image(&target.image_id, &reference)
                        .await?;
                }
            }
            return Ok(());
        }
        let find = credentials(self.context);
        let immutable = format!("release-{}", record.id);
        let push = Push {
            engine: self.engine(),
            credentials: &find,
            immutable: &immutable,
            tags,
        };
        let mut view = push_view(self.context);
        let pushed = tokio::select! {
            pushed = push.run(&targets, &mut view) => pushed,
            () = self.cancel.reached(CancelLevel::Finish) => return Err(Failure::Interrupted),
        };
        let digests = pushed.map_err(|error| Failure::Apply(error.to_string()))?;
        for component in record.components.values_mut() {
            for (repository, pushed) in &mut component.repositories {
                pushed.digest = digests.get(repository).cloned();
            }
        }
        Ok(())
    }
}

/// What was not checked for want of a program is said at once.
fn note_skipped(context: &Context, component: &str, checks: &[Checked]) {
    for checked in checks {
        if checked.verdict == Verdict::Skipped && checked.message.starts_with("not ") {
            context.console.note(&format!(
                "{component}: {}: {}",
                checked.check, checked.message
            ));
        }
    }
}

type Found<'c> =
    Pin<Box<dyn Future<Output = Result<Option<Credentials>, EngineError>> + Send + 'c>>;

/// The credentials of `docker login` for a reference.
pub fn credentials<'c>(context: &'c Context) -> impl Fn(&str) -> Found<'c> + Sync + 'c {
    let environment = &context.environment;
    move |reference: &str| {
        let reference = reference.to_owned();
        Box::pin(async move { credentials_for_reference(environment, &reference).await })
    }
}

/// Shows pushes layer by layer in a terminal, and what is done everywhere.
pub fn push_view(context: &Context) -> impl FnMut(PushEvent) + Send {
    let console = context.console.clone();
    let live = !console.is_quiet() && console.talks_to_terminal();
    let mut board = Board::new(console.clone(), live);
    let mut layers: IndexMap<String, Vec<String>> = IndexMap::new();
    move |event| match event {
        PushEvent::Layer {
            reference,
            progress,
        } => {
            let of = match (progress.current, progress.total) {
                (Some(current), Some(total)) => {
                    format!(" {} of {}", megabytes(current), megabytes(total))
                }
                _ => String::new(),
            };
            let known = layers.entry(reference.clone()).or_default();
            if !known.contains(&progress.layer) {
                known.push(progress.layer.clone());
            }
            let label = format!("image {reference}");
            let doing = format!("{} {}{of}", progress.layer, progress.status);
            board.work(&reference, &label, &doing);
        }
        PushEvent::Again {
            reference,
            why,
            pause,
        } => console.warn(&format!(
            "{reference}: {why}; trying again in {:.1} s",
            pause.as_secs_f64()
        )),
        PushEvent::Pushed { reference, digest } => {
            let count = layers.get(&reference).map_or(0, Vec::len);
            let said = format!("pushed {}, {count} layers", short_id(&digest));
            board.settle(&reference, &format!("image {reference}"), Tone::Good, &said);
        }
    }
}
