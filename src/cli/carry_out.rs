//! What the verbs share: images, then a plan, shown while it happens.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use super::compose_words;
use super::context::Context;
use super::scope::Scope;
use super::{Exit, Failure, configured, interrupt};
use crate::apply::{
    self, Applied, ApplyError, Cancel, CancelLevel, Event, EventKind, Events, Options,
};
use crate::diagnostic::{Diagnostic, render};
use crate::engine::Engine;
use crate::load::is_remote;
use crate::model::Project;
use crate::observe::{Snapshot, collect};
use crate::plan::{
    ChangedVolumes, Operation, Place, Plan, PlanError, Policy, Target, check_directory, orphans,
    pulls, reconcile, service_order,
};
use crate::report::Progress;
use crate::resolve::{Owner, Resolved};
use crate::source::{Node, Path};

/// Applies a plan and shows it; the first failure ends the verb. `resolved`: the files that a failure may have to do with.
pub async fn carry_out(
    context: &Context,
    engine: &Arc<dyn Engine>,
    resolved: Option<&Resolved>,
    plan: &Plan,
    options: Options,
    cancel: &Cancel,
) -> Result<Applied, Failure> {
    let mut progress = context.progress();
    if let Some(resolved) = resolved {
        progress.name_images(services_by_image(&resolved.project));
    }
    progress.expect(plan);
    for note in &plan.notes {
        context.console.note(note);
    }
    if context.globals.dry_run {
        rehearse(plan, &mut progress);
        return Ok(Applied::default());
    }
    let (events, mut heard) = Events::channel();
    let showing = async {
        while let Some(event) = heard.recv().await {
            progress.applying(&event);
        }
        progress.end();
    };
    let working = async {
        let applied = apply::apply(plan, engine.clone(), &options, &events, cancel).await;
        // The view ends when nobody can send any more.
        drop(events);
        applied
    };
    let (applied, ()) = tokio::join!(working, showing);
    if applied.interrupted {
        if !context.globals.as_compose {
            context
                .console
                .say("what is done stays; run the same command again to go on from here");
        }
        return Err(Failure::Interrupted);
    }
    applied.into_result().map_err(|error| match resolved {
        Some(resolved) if !context.globals.as_compose => explain_at(context, resolved, &error),
        _ => explain(&error),
    })
}

/// Shows every step as if it were done: `--dry-run`.
fn rehearse(plan: &Plan, progress: &mut Progress) {
    let mut show = |kind| {
        progress.applying(&Event {
            at: Duration::ZERO,
            kind,
        });
    };
    for (step, planned) in plan.steps.iter().enumerate() {
        let (target, verb) = (planned.target.clone(), planned.operation.verb());
        if let Operation::Wait {
            service,
            containers,
            gate,
            ..
        } = &planned.operation
        {
            for container in containers {
                show(EventKind::Passed {
                    step,
                    service: service.clone(),
                    container: container.name.clone(),
                    gate: *gate,
                    by_own_probe: false,
                });
            }
            continue;
        }
        show(EventKind::StepStarted {
            step,
            target: target.clone(),
            verb,
        });
        show(EventKind::StepFinished {
            step,
            target,
            verb,
            took: Duration::ZERO,
        });
    }
    progress.end();
}

fn services_by_image(project: &Project) -> HashMap<String, Vec<String>> {
    let mut services: HashMap<String, Vec<String>> = HashMap::new();
    for (name, service) in &project.services {
        let image = service.image_name(&project.name, name);
        services.entry(image).or_default().push(name.clone());
    }
    services
}

/// Brings what the policy asks for into being: missing images are pulled (without progress if `quiet_pull`), then the rest is planned against what is there.
pub async fn bring_up(
    context: &Context,
    engine: &Arc<dyn Engine>,
    resolved: &Resolved,
    policy: &Policy,
    options: Options,
    cancel: &Cancel,
    quiet_pull: bool,
) -> Result<(Plan, Applied), Failure> {
    let project = &resolved.project;
    let asked = policy;
    let policy = &context.policy(policy.clone());
    let _lock = context.lock(engine, &project.name, cancel).await?;
    let mut snapshot = collect(engine.as_ref(), project).await?;
    context.say_orphans(project, &snapshot, asked);
    let pulling = pulls(project, &snapshot, policy).map_err(planning)?;
    if !pulling.is_empty() && !context.globals.dry_run {
        carry_out(
            &context.with_progress(quiet_pull, None),
            engine,
            Some(resolved),
            &pulling,
            options.clone(),
            cancel,
        )
        .await?;
        snapshot = collect(engine.as_ref(), project).await?;
    }
    let services = service_order(project, &policy.services, !policy.no_deps).map_err(planning)?;
    context.say_what_is_for_windows(engine, project, &services);
    let configured = configured::apply(context, engine, project, &resolved.sources, &services);
    let configured = configured.await?;
    if configured != *project {
        snapshot = collect(engine.as_ref(), &configured).await?;
    }
    let plan = reconcile(&configured, &snapshot, policy)
        .map_err(|error| planning_at(context, resolved, error))?;
    let applied = carry_out(context, engine, Some(resolved), &plan, options, cancel).await?;
    Ok((plan, applied))
}

impl Context {
    /// A policy with what the global options say; under Compose's name as Compose does it.
    pub fn policy(&self, policy: Policy) -> Policy {
        Policy {
            take_over: policy.take_over || !self.directory_tells(),
            follow_outsiders: policy.follow_outsiders && !self.globals.as_compose,
            // Compose tells of orphans in its own words, and starts again what has ended.
            ignore_orphans: policy.ignore_orphans || self.globals.as_compose,
            skip_done_one_shots: policy.skip_done_one_shots && !self.globals.as_compose,
            changed_volumes: match policy.changed_volumes {
                ChangedVolumes::Replace if self.globals.as_compose => {
                    ChangedVolumes::ReplaceRelabelled
                }
                other => other,
            },
            all_resources: policy.all_resources || self.globals.all_resources,
            ..policy
        }
    }

    /// Under Compose's name: which orphans are left alone.
    pub fn say_orphans(&self, project: &Project, snapshot: &Snapshot, asked: &Policy) {
        if !self.globals.as_compose || asked.ignore_orphans || asked.remove_orphans {
            return;
        }
        let orphans = orphans(project, snapshot);
        let names: Vec<&str> = orphans.iter().map(|one| one.name.as_str()).collect();
        if !names.is_empty() {
            self.console.say(&compose_words::of_orphans(&names));
        }
    }

    /// Says what the engine knows for Windows containers only, and does not get.
    fn say_what_is_for_windows(
        &self,
        engine: &Arc<dyn Engine>,
        project: &Project,
        services: &[String],
    ) {
        if engine.info().operating_system == "windows" {
            return;
        }
        for name in services {
            if project.services[name].credential_spec.is_some() {
                self.console.warn(&format!(
                    "service `{name}` has a `credential_spec`, which only Windows containers know; this engine does without"
                ));
            }
        }
    }

    /// Whether a project that runs from another directory is somebody else's. A copy of remote files has another one with each of
    /// their versions.
    fn directory_tells(&self) -> bool {
        let first = self.globals.files.first();
        let is_copy = first.is_some_and(|file| is_remote(file));
        !is_copy && !self.globals.take_over && !self.globals.as_compose
    }

    /// Refuses a project that another directory's files have started, unless it is named with `-p`.
    pub fn check_directory(&self, scope: &Scope, snapshot: &Snapshot) -> Result<(), Failure> {
        let is_meant = !self.directory_tells() || self.globals.project_name.is_some();
        match scope.project() {
            Some(project) if !is_meant => check_directory(project, snapshot).map_err(planning),
            _ => Ok(()),
        }
    }
}

/// Notes in a plan where the values that have changed are written.
pub fn locate(plan: &mut Plan, resolved: &Resolved) {
    plan.locate(|target, field| {
        let owner = match target {
            Target::Container { service, .. } => Owner::Service(service),
            Target::Network { name } => Owner::Network(name),
            Target::Volume { name } => Owner::Volume(name),
            Target::Image { .. } | Target::Service { .. } => return None,
        };
        let span = resolved.field(owner, field)?;
        let file = resolved.sources.get(span.source)?;
        let (line, column) = file.line_column(span.start);
        Some(Place {
            file: file.display.to_string(),
            line,
            column,
        })
    });
}

/// The current state of a project.
pub async fn observe(engine: &Arc<dyn Engine>, project: &Project) -> Result<Snapshot, Failure> {
    Ok(collect(engine.as_ref(), project).await?)
}

pub fn planning(error: PlanError) -> Failure {
    let exit = match error {
        PlanError::UnknownService { .. } => Exit::USAGE,
        _ => Exit::APPLY,
    };
    Failure::Worded {
        message: error.to_string(),
        compose: compose_words::of_plan(&error),
        exit,
    }
}

/// As [`planning`], with the line of the project's files that it is about, where there is one.
pub fn planning_at(context: &Context, resolved: &Resolved, error: PlanError) -> Failure {
    let project = &resolved.project;
    let declared = |section: &str, key: Option<&String>| {
        let members = resolved.document.get(section)?.as_mapping()?;
        Some(members.get_key_value(key?)?.0.span)
    };
    let named = |service: &str| {
        let path = Path::keys(["services", service, "container_name"]);
        Some(resolved.document.at(&path)?.span)
    };
    let (place, code, label) = match &error {
        PlanError::ExternalNetworkMissing { name } => {
            let mut networks = project.networks.iter();
            let found = networks.find(|(_, one)| one.external && one.name == *name);
            let place = declared("networks", found.map(|(key, _)| key));
            (place, "external-missing", "declared here")
        }
        PlanError::ExternalVolumeMissing { name } => {
            let mut volumes = project.volumes.iter();
            let found = volumes.find(|(_, one)| one.external && one.name == *name);
            let place = declared("volumes", found.map(|(key, _)| key));
            (place, "external-missing", "declared here")
        }
        PlanError::NameHeld { service, .. } => {
            let place = named(service).or_else(|| declared("services", Some(service)));
            (place, "container-name-taken", "its container's name")
        }
        PlanError::NamesInACircle { services } => {
            let place = services.iter().find_map(|service| named(service));
            (place, "container-name-taken", "one of them")
        }
        _ => return planning(error),
    };
    let Some(place) = place.filter(|place| place.is_some() && !context.globals.as_compose) else {
        return planning(error);
    };
    let text = error.to_string();
    let (message, advice) = text.split_once("; ").unwrap_or((&text, ""));
    let advice = match code {
        "external-missing" => format!("{advice}, or remove `external`"),
        _ => advice.to_owned(),
    };
    let finding = Diagnostic::error(code, message)
        .at(place, label)
        .help(advice);
    context.tell(&finding.into(), &resolved.sources);
    Failure::Told
}

/// An error with what caused it, in one message.
pub fn explain(error: &ApplyError) -> Failure {
    let said = |message| Failure::Worded {
        message,
        compose: compose_words::of_step(error),
        exit: Exit::APPLY,
    };
    let mut text = error.to_string();
    // These say all there is to say; what the engine said is in the log.
    if matches!(
        error,
        ApplyError::PortTaken { .. } | ApplyError::Gate(_) | ApplyError::NetworkInUse { .. }
    ) {
        tracing::debug!(cause = ?error.source(), "the step failed");
        return said(text);
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        // Both may name the call: once is enough.
        let is_same_call = text.split(' ').take(3).eq(words.split(' ').take(3));
        let more = match (is_same_call, words.split_once(": ")) {
            (true, Some((_, rest))) => rest,
            (true, None) => "",
            (false, _) => &words,
        };
        let essence = words.split_once(": ").map_or(more, |(_, rest)| rest);
        if !text.contains(essence) {
            text.push_str(": ");
            text.push_str(more);
        }
        cause = inner.source();
    }
    said(text)
}

/// As [`explain`], with the line of the project's files that it is about, where there is one.
fn explain_at(context: &Context, resolved: &Resolved, error: &ApplyError) -> Failure {
    let (service, attributes, code, label) = match error {
        ApplyError::PortTaken { service, .. } => {
            (service, &["ports"][..], "port-taken", "published here")
        }
        ApplyError::Gate(gate) => (
            &gate.service,
            &["healthcheck", "command", "image", "build"][..],
            "not-ready",
            "this is what was waited for",
        ),
        _ => return explain(error),
    };
    let place = attributes.iter().find_map(|attribute| {
        let node = resolved
            .document
            .at(&Path::keys(["services", service, attribute]))?;
        let span = match (error, node.as_sequence()) {
            (ApplyError::PortTaken { port, .. }, Some(ports)) => {
                ports
                    .iter()
                    .find(|entry| {
                        let published = entry.get("published").and_then(Node::as_str);
                        published.is_some_and(|published| port.contains(&format!(":{published}/")))
                    })
                    .or(ports.first())?
                    .span
            }
            _ => node.span,
        };
        span.is_some().then_some(span)
    });
    let Some(place) = place else {
        return explain(error);
    };
    let text = error.to_string();
    let (message, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let (message, advice) = match message.rsplit_once("; ") {
        Some((message, advice)) if matches!(error, ApplyError::PortTaken { .. }) => {
            (message, Some(advice))
        }
        _ => (message, None),
    };
    let mut finding = Diagnostic::error(code, message).at(place, label);
    if let Some(advice) = advice {
        finding = finding.help(advice);
    }
    let console = &context.console;
    let shown = render(
        &finding,
        &resolved.sources,
        console.talk_has_colour(),
        console.width(),
    );
    console.insist(&shown);
    if !rest.is_empty() {
        console.insist(rest);
    }
    Failure::Told
}

/// What becomes of a service that nothing is known of, where the project is only named. Elsewhere it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    Refuse,
    /// Under Compose's name, with this line where nothing else is left; wharf refuses it.
    PassOver(&'static str),
}

/// Plans for what the engine has of a project, applies the plan, and says so when there is nothing to do.
pub async fn on_what_is_there(
    context: &Context,
    words: &[String],
    unknown: Unknown,
    make: impl FnOnce(&Project, &Snapshot, &[String]) -> Result<Plan, PlanError>,
) -> Result<Exit, Failure> {
    let options = context.apply_options();
    with_consent(context, words, unknown, options, make, async |_: &Plan| {
        true
    })
    .await
}

/// As [`on_what_is_there`], if `consent` is given to the plan.
pub async fn with_consent(
    context: &Context,
    words: &[String],
    unknown: Unknown,
    options: Options,
    make: impl FnOnce(&Project, &Snapshot, &[String]) -> Result<Plan, PlanError>,
    consent: impl AsyncFnOnce(&Plan) -> bool,
) -> Result<Exit, Failure> {
    let scope = context.identify_with(words)?;
    let services = scope.services()?;
    let cancel = interrupt::listen();
    let engine = context.engine().await?;
    let _lock = context.lock(&engine, scope.name(), &cancel).await?;
    let (project, snapshot) = scope.observe(&engine).await?;
    context.check_directory(&scope, &snapshot)?;
    let known = |name: &String| project.services.contains_key(name);
    let is_only_named = context.globals.as_compose && scope.project().is_none();
    let services = match unknown {
        Unknown::PassOver(line) if is_only_named && !services.is_empty() => {
            let services: Vec<String> = services.into_iter().filter(known).collect();
            if services.is_empty() {
                if !line.is_empty() {
                    context.console.say(line);
                }
                return Ok(Exit::OK);
            }
            services
        }
        _ => services,
    };
    let plan = make(&project, &snapshot, &services).map_err(planning)?;
    if plan.is_empty() {
        if !context.globals.as_compose {
            for note in &plan.notes {
                context.console.note(note);
            }
            context.console.say("nothing to do");
        }
        return Ok(Exit::OK);
    }
    let consents = tokio::select! {
        consents = consent(&plan) => consents,
        () = cancel.reached(CancelLevel::Finish) => return Err(Failure::Interrupted),
    };
    if !consents {
        return Ok(Exit::OK);
    }
    carry_out(context, &engine, scope.resolved(), &plan, options, &cancel).await?;
    Ok(Exit::OK)
}

/// Compose tells of containers that have ended by themselves as if it stopped them; those who read it wait for that.
pub fn say_stopped(context: &Context, snapshot: &Snapshot, services: &[String]) {
    if !context.globals.as_compose {
        return;
    }
    let ended = snapshot.containers.iter().filter(|one| {
        !one.one_off
            && !one.is_running()
            && (services.is_empty() || services.contains(&one.service))
    });
    for container in ended {
        for state in ["Stopping", "Stopped"] {
            let line = format!(" Container {}  {state}", container.name);
            context.console.say(&line);
        }
    }
}
