use std::sync::Arc;

use clap::Args;

use super::attended::{Attended, Ending};
use super::build::{self, BuildMode};
use super::carry_out::{bring_up, carry_out, observe, planning};
use super::context::{Context, Purpose};
use super::{Exit, Failure, compose_words, interrupt};
use crate::apply::{Cancel, CancelLevel};
use crate::build::ignore::Patterns;
use crate::engine::Engine;
use crate::engine::docker::DockerEngine;
use crate::plan::{self, ChangedVolumes, Policy};
use crate::resolve::Resolved;
use crate::watch::{
    Action, Batch, Changes, Root, Rule, WatchError, Watcher, deliver, everything, rules, run,
};

/// Bring files into the containers as they change (`develop.watch`)
#[derive(Args, Debug)]
pub struct Watch {
    /// Do not build and start the services first
    #[arg(long)]
    pub no_up: bool,
    /// Remove images that a rebuild has replaced
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub prune: Option<bool>,
    /// Show no progress of builds
    #[arg(long)]
    pub quiet: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Watch {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.project(&self.words, Purpose::Run)?;
        let services = scope.services()?;
        let resolved = scope.into_resolved()?;
        let cancel = interrupt::listen();
        let docker = context.docker().await?;
        let mut watching = Watching::of(context, &resolved, &services, self.quiet)?;
        watching.prune = self.prune.unwrap_or(context.globals.as_compose);
        if !self.no_up {
            watching
                .bring_up(context, &docker, &services, &cancel)
                .await?;
        }
        watching.begin(context, &docker).await?;
        tokio::select! {
            failed = watching.run(context, &docker, &cancel) => failed.map(|()| Exit::OK),
            () = cancel.reached(CancelLevel::Finish) => match context.globals.as_compose {
                true => Err(Failure::Interrupted),
                false => Ok(Exit::OK),
            },
        }
    }
}

/// What is watched for a project's services.
pub struct Watching<'r> {
    resolved: &'r Resolved,
    services: Vec<Watched>,
    watcher: Watcher,
    quiet: bool,
    prune: bool,
    /// Whether changes are being acted upon.
    acting: tokio::sync::watch::Sender<bool>,
}

struct Watched {
    name: String,
    rules: Vec<(Rule, Root)>,
}

impl<'r> Watching<'r> {
    /// Begins to watch; changes from here on are acted upon by [`Watching::run`].
    pub fn of(
        context: &Context,
        resolved: &'r Resolved,
        services: &[String],
        quiet: bool,
    ) -> Result<Self, Failure> {
        let project = &resolved.project;
        let graph = build::graph_of(project, context, resolved)?;
        let mut watched = Vec::new();
        for (name, service) in &project.services {
            if !services.is_empty() && !services.contains(name) {
                continue;
            }
            let refused = |error: &dyn std::fmt::Display| Failure::Usage(error.to_string());
            let found = rules(name, service).map_err(|error| refused(&error))?;
            let image = graph.of_service(name).filter(|_| service.build.is_some());
            let context_of = image.and_then(|image| {
                let directory = image.context_directory()?;
                let ignore = image
                    .dockerfile
                    .as_ref()
                    .and_then(|file| file.ignore.as_ref());
                let patterns = match ignore {
                    Some(ignore) => Patterns::from_file(&ignore.text).unwrap_or_default(),
                    None => Patterns::default(),
                };
                Some((directory, patterns))
            });
            let mut own = Vec::new();
            for rule in found {
                if rule.former_initial_sync {
                    say_former(context, name);
                }
                if rule.action == Action::Rebuild && service.build.is_none() {
                    return Err(Failure::Usage(format!(
                        "a watch rule of service `{name}` rebuilds, but the service has no `build`"
                    )));
                }
                let context_of = context_of
                    .as_ref()
                    .map(|(directory, patterns)| (*directory, patterns));
                let root = rule
                    .root(name, context_of)
                    .map_err(|error| refused(&error))?;
                own.push((rule, root));
            }
            if !own.is_empty() {
                watched.push(Watched {
                    name: name.clone(),
                    rules: own,
                });
            }
        }
        if watched.is_empty() {
            return Err(Failure::Worded {
                message: "no service has a `develop.watch` section that says what to watch".into(),
                compose:
                    "none of the selected services is configured for watch, consider setting a 'develop' section"
                        .into(),
                exit: Exit::USAGE,
            });
        }
        let roots = watched
            .iter()
            .flat_map(|service| service.rules.iter().map(|(_, root)| root.clone()))
            .collect();
        Ok(Watching {
            resolved,
            services: watched,
            watcher: Watcher::start(roots).map_err(unwatched)?,
            quiet,
            prune: false,
            acting: tokio::sync::watch::Sender::new(false),
        })
    }

    async fn bring_up(
        &self,
        context: &Context,
        docker: &DockerEngine,
        services: &[String],
        cancel: &Cancel,
    ) -> Result<(), Failure> {
        let policy = Policy {
            services: services.to_vec(),
            changed_volumes: ChangedVolumes::Keep,
            wait: !context.globals.as_compose,
            ..Policy::default()
        };
        self.make(context, docker, &policy, cancel).await
    }

    /// Builds what has changed and replaces what stands on it.
    async fn make(
        &self,
        context: &Context,
        docker: &DockerEngine,
        policy: &Policy,
        cancel: &Cancel,
    ) -> Result<(), Failure> {
        let project = &self.resolved.project;
        let shown = context.with_progress(self.quiet, None);
        build::for_services(
            &shown,
            docker,
            project,
            self.resolved,
            policy,
            BuildMode::Changed,
            cancel,
        )
        .await?;
        let engine: Arc<dyn Engine> = Arc::new(docker.clone());
        let options = context.apply_options();
        bring_up(
            context,
            &engine,
            self.resolved,
            policy,
            options,
            cancel,
            false,
        )
        .await?;
        Ok(())
    }

    /// Says that it watches, and does what `initial_sync` asks for.
    pub async fn begin(&self, context: &Context, docker: &DockerEngine) -> Result<(), Failure> {
        match context.globals.as_compose {
            true => context.console.say("Watch enabled"),
            false => {
                let names: Vec<&str> = self.services.iter().map(|one| one.name.as_str()).collect();
                context
                    .console
                    .say(&format!("watching for {}", names.join(", ")));
            }
        }
        if context.globals.verbose {
            context.console.say("watching");
        }
        for service in &self.services {
            let mut batch = Batch::default();
            for (rule, root) in service.rules.iter().filter(|(rule, _)| rule.syncs_first()) {
                batch.write.extend(everything(rule, root));
            }
            if !batch.is_empty() {
                self.sync(context, docker, service, &batch).await?;
            }
        }
        Ok(())
    }

    /// Acts upon changes until there is nothing to watch any more.
    pub async fn run(
        &mut self,
        context: &Context,
        docker: &DockerEngine,
        cancel: &Cancel,
    ) -> Result<(), Failure> {
        while let Some(changes) = self.watcher.next().await.map_err(unwatched)? {
            self.acting.send_replace(true);
            let acted = self.act(context, docker, &changes, cancel).await;
            self.acting.send_replace(false);
            if let Err(failure) = acted {
                match failure {
                    Failure::Interrupted => return Err(failure),
                    // The next change may mend it.
                    Failure::Told => {}
                    other => context.console.error(&other.to_string()),
                }
            }
        }
        Ok(())
    }

    async fn act(
        &self,
        context: &Context,
        docker: &DockerEngine,
        changes: &Changes,
        cancel: &Cancel,
    ) -> Result<(), Failure> {
        let mut rebuild = Vec::new();
        for service in &self.services {
            let batch = Batch::of(&service.rules, changes);
            if batch.rebuild {
                rebuild.push(service.name.clone());
            } else if !batch.is_empty() {
                self.sync(context, docker, service, &batch).await?;
                if batch.restart {
                    self.restart(context, docker, &service.name, cancel).await?;
                    let line = format!("service(s) [{:?}] restarted", service.name);
                    context.console.say(&line);
                }
                for hook in &batch.exec {
                    for id in self.running(docker, &service.name).await? {
                        let said = run(docker, &id, hook).await?;
                        context.console.raw_data(&said);
                    }
                }
                if context.globals.verbose {
                    let line = format!("batch complete: service[{}]", service.name);
                    context.console.say(&line);
                }
            }
        }
        if !rebuild.is_empty() {
            context.console.say(&format!(
                "Rebuilding service(s) {rebuild:?} after changes were detected..."
            ));
            let before = self.images(docker, &rebuild).await?;
            let policy = Policy {
                services: rebuild.clone(),
                no_deps: true,
                changed_volumes: ChangedVolumes::Keep,
                wait: !context.globals.as_compose,
                ..Policy::default()
            };
            self.make(context, docker, &policy, cancel).await?;
            if self.prune {
                let after = self.images(docker, &rebuild).await?;
                for image in before.iter().filter(|image| !after.contains(image)) {
                    // Another container may still stand on it.
                    if let Err(error) = docker.remove_image(image, false).await {
                        tracing::debug!(%error, image, "the image stays");
                    }
                }
            }
            context
                .console
                .say(&format!("service(s) {rebuild:?} successfully built"));
            for name in &rebuild {
                if context.globals.verbose {
                    context
                        .console
                        .say(&format!("batch complete: service[{name}]"));
                }
            }
        }
        Ok(())
    }

    async fn images(
        &self,
        docker: &DockerEngine,
        services: &[String],
    ) -> Result<Vec<String>, Failure> {
        let engine: Arc<dyn Engine> = Arc::new(docker.clone());
        let snapshot = observe(&engine, &self.resolved.project).await?;
        let containers = snapshot.containers.iter();
        Ok(containers
            .filter(|one| !one.one_off && services.contains(&one.service))
            .map(|one| one.image_id.clone())
            .collect())
    }

    async fn running(&self, docker: &DockerEngine, name: &str) -> Result<Vec<String>, Failure> {
        let engine: Arc<dyn Engine> = Arc::new(docker.clone());
        let snapshot = observe(&engine, &self.resolved.project).await?;
        let containers = snapshot.of_service(name).filter(|one| one.is_running());
        Ok(containers.map(|one| one.id.clone()).collect())
    }

    async fn sync(
        &self,
        context: &Context,
        docker: &DockerEngine,
        service: &Watched,
        batch: &Batch,
    ) -> Result<(), Failure> {
        let count = batch.write.len() + batch.remove.len();
        if count == 0 {
            return Ok(());
        }
        let name = &service.name;
        context.console.say(&format!(
            "Syncing service {name:?} after {count} changes were detected"
        ));
        for id in self.running(docker, name).await? {
            deliver(docker, &id, batch).await?;
        }
        Ok(())
    }

    async fn restart(
        &self,
        context: &Context,
        docker: &DockerEngine,
        name: &str,
        cancel: &Cancel,
    ) -> Result<(), Failure> {
        let engine: Arc<dyn Engine> = Arc::new(docker.clone());
        let project = &self.resolved.project;
        let snapshot = observe(&engine, project).await?;
        let services = [name.to_owned()];
        let plan = plan::restart(project, &snapshot, &services, None, false).map_err(planning)?;
        let options = context.apply_options();
        carry_out(
            context,
            &engine,
            Some(self.resolved),
            &plan,
            options,
            cancel,
        )
        .await?;
        Ok(())
    }
}

fn say_former(context: &Context, service: &str) {
    match context.globals.as_compose {
        true => context.console.insist(&compose_words::warning(
            "x-initialSync is DEPRECATED, please use the official `initial_sync` attribute\n",
        )),
        false => context.console.warn(&format!(
            "a watch rule of service `{service}` has `x-initialSync`, which is now called `initial_sync`"
        )),
    }
}

fn unwatched(error: WatchError) -> Failure {
    Failure::Apply(error.to_string())
}

/// Watches while an `up` stays. Containers that end because they are replaced or restarted end nothing.
pub async fn watch_alongside(
    mut watching: Watching<'_>,
    context: &Context,
    docker: &DockerEngine,
    attended: &mut Attended,
    cancel: &Cancel,
) -> Result<Ending, Failure> {
    watching.begin(context, docker).await?;
    let engine: Arc<dyn Engine> = Arc::new(docker.clone());
    let project = &watching.resolved.project;
    let mut acting = watching.acting.subscribe();
    let running = watching.run(context, docker, cancel);
    tokio::pin!(running);
    loop {
        let ended = tokio::select! {
            ending = attended.watch_it_end(cancel) => match ending {
                Ending::AllEnded => None,
                ending => return Ok(ending),
            },
            ended = &mut running => Some(ended),
        };
        let ended = match ended {
            Some(ended) => Some(ended),
            None => {
                let done = attended.during(acting.wait_for(|acting| !acting));
                tokio::select! {
                    _ = done => None,
                    ended = &mut running => Some(ended),
                }
            }
        };
        match ended {
            None => {
                // The engine's events come later than its answers.
                if !attended.meet(&observe(&engine, project).await?) {
                    return Ok(Ending::AllEnded);
                }
            }
            Some(Ok(()) | Err(Failure::Interrupted)) => return Ok(Ending::Interrupted),
            Some(Err(failure)) => return Err(failure),
        }
    }
}
