use std::sync::Arc;

use clap::Args;

use super::attended::{Attendance, Attended, Ending, code_of};
use super::build;
use super::carry_out::bring_up;
use super::consent::{Yes, ask_for_remote};
use super::context::{Context, Purpose};
use super::making::{Making, limit, something_to_make};
use super::providing::provide;
use super::watch::{Watching, watch_alongside};
use super::{Exit, Failure, compose_words, interrupt};
use crate::apply::{Applied, Options, Outcome};
use crate::engine::Engine;
use crate::follow::{Cascade, Chosen};
use crate::model::Project;
use crate::observe::collect_containers;
use crate::plan::{self, Plan, Policy, Recreate};
use crate::report::{outcome_table, waterfall};
use crate::resolve::Resolved;

/// Build what is missing, start, return when every service is healthy
#[derive(Args, Debug)]
pub struct Up {
    #[command(flatten)]
    pub making: Making,
    /// Stop everything as soon as one container ends, and end with its exit code
    #[arg(long, conflicts_with = "detach")]
    pub abort_on_container_exit: bool,
    /// Stop everything as soon as one container fails, and end with its exit code
    #[arg(long, conflicts_with_all = ["detach", "abort_on_container_exit"])]
    pub abort_on_container_failure: bool,
    /// End with this service's exit code; everything stops as soon as one container ends
    #[arg(long, value_name = "SERVICE", conflicts_with = "detach")]
    pub exit_code_from: Option<String>,
    /// Stay, and follow the logs of these services (without a name: of all) until Ctrl-C
    #[arg(long, num_args = 0..=1, require_equals = true, value_name = "SERVICE", default_missing_value = "", conflicts_with = "detach")]
    pub attach: Vec<String>,
    /// Follow the logs of what the services depend on too
    #[arg(long, conflicts_with_all = ["attach", "detach"])]
    pub attach_dependencies: bool,
    /// Leave the logs of these services out
    #[arg(long, value_name = "SERVICE")]
    pub no_attach: Vec<String>,
    /// No names in front of the lines
    #[arg(long)]
    pub no_log_prefix: bool,
    /// No colours in front of the lines
    #[arg(long)]
    pub no_color: bool,
    /// Show the engine's times in front of the lines
    #[arg(long)]
    pub timestamps: bool,
    /// Keys to press while it stays (wharf has none; for docker compose's sake)
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub menu: Option<bool>,
    /// Stay, and bring files into the containers as they change (`develop.watch`)
    #[arg(short, long, conflicts_with = "detach")]
    pub watch: bool,
    /// Return when everything is ready (the default; for docker compose's sake)
    #[arg(short, long)]
    pub detach: bool,
    /// Wait until everything is running or healthy (the default; for docker compose's sake)
    #[arg(long)]
    pub wait: bool,
    /// Give up waiting after that many seconds
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub wait_timeout: Option<i64>,
    /// Do not wait for health beyond what services wait for among themselves
    #[arg(long, conflicts_with = "wait")]
    pub no_wait: bool,
    /// Replace the containers of dependencies too
    #[arg(long, conflicts_with = "no_recreate")]
    pub always_recreate_deps: bool,
    /// Leave dependencies alone
    #[arg(long)]
    pub no_deps: bool,
    /// Create, and start nothing
    #[arg(long)]
    pub no_start: bool,
    /// New anonymous volumes instead of those of the containers that are replaced
    #[arg(short = 'V', long)]
    pub renew_anon_volumes: bool,
    /// Seconds until a container that does not stop is killed; -1: never
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub timeout: Option<i64>,
    /// Show who waited for whom
    #[arg(long)]
    pub timings: bool,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Up {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.project(&self.words, Purpose::Run)?;
        let services = scope.services()?;
        let mut resolved = scope.into_resolved()?;
        let yes = match self.making.yes {
            true => Yes::Said,
            false => Yes::FromInput,
        };
        ask_for_remote(context, &resolved, yes).await?;
        provide(context, &mut resolved.project, &services, !self.no_deps).await?;
        let named = !services.is_empty();
        let services = existing(services, &resolved.project);
        if named && services.is_empty() {
            return Ok(Exit::OK);
        }
        let project = &resolved.project;
        something_to_make(context, project)?;
        if context.globals.as_compose {
            check_start_intervals(project, &services)?;
        }
        let stays = self.stays(context);
        let policy = self.policy(context, &resolved, services.clone(), stays)?;
        let attendance = match stays {
            true => Some(self.attendance(context, project, &services)?),
            false => None,
        };
        let cancel = interrupt::listen();
        let docker = context.docker().await?;
        let mode = self.making.build_mode(context);
        let shown = self.making.building(context);
        build::for_services(&shown, &docker, project, &resolved, &policy, mode, &cancel).await?;
        let engine: Arc<dyn Engine> = Arc::new(docker.clone());
        let options = Options {
            wait_timeout: limit(self.wait_timeout),
            allow_data_loss: self.making.yes,
            ..context.apply_options()
        };
        let quiet = self.making.quiet_pull;
        let Some(attendance) = attendance else {
            let bringing = bring_up(
                context, &engine, &resolved, &policy, options, &cancel, quiet,
            );
            let (plan, applied) = bringing.await.map_err(|failure| self.in_time(failure))?;
            self.tell(context, &engine, project, &plan, &applied)
                .await?;
            let would_stay = !(self.detach || self.wait || self.no_start);
            if context.globals.as_compose && context.globals.dry_run && would_stay {
                context.console.data(
                    "end of 'compose up' output, interactive run is not supported in dry-run mode",
                );
            }
            return Ok(Exit::OK);
        };
        let cascade = attendance.cascade.clone();
        let context = &context.attended();
        let bringing = bring_up(
            context, &engine, &resolved, &policy, options, &cancel, quiet,
        );
        let mut attended = Attended::begin(context, &engine, project, &policy, attendance).await?;
        let ending = match attended.during(bringing).await {
            Ok((plan, applied)) => {
                if !context.globals.as_compose {
                    self.tell(context, &engine, project, &plan, &applied)
                        .await?;
                }
                attended.expect(&plan);
                if self.watch {
                    let watching = Watching::of(context, &resolved, &services, false)?;
                    watch_alongside(watching, context, &docker, &mut attended, &cancel).await?
                } else {
                    attended.watch_it_end(&cancel).await
                }
            }
            Err(Failure::Interrupted) if context.globals.as_compose => Ending::Interrupted,
            Err(failure) => return Err(self.in_time(failure)),
        };
        let console = &context.console;
        let stop = attended.stop(context, &engine, &resolved, &services, self.timeout);
        match ending {
            Ending::AllEnded => Ok(Exit::OK),
            Ending::SetOff { code } => {
                console.say("Aborting on container exit...");
                stop.await?;
                match cascade.code_of() {
                    Some(service) => code_of(&engine, project, service).await,
                    None => Ok(Exit::of_command(code)),
                }
            }
            Ending::Interrupted if context.globals.as_compose => {
                console.data("Gracefully Stopping... press Ctrl+C again to force");
                stop.await?;
                Err(Failure::Interrupted)
            }
            Ending::Interrupted => {
                console.say("the services go on; `wharf down` stops them");
                Ok(Exit::OK)
            }
        }
    }

    /// Whether it shows what the containers write once they run. Under Compose's name people expect that.
    fn stays(&self, context: &Context) -> bool {
        let asked = !self.attach.is_empty()
            || self.attach_dependencies
            || self.watch
            || self.cascade() != Cascade::Never;
        let by_name = context.globals.as_compose && !self.detach && !self.wait;
        (asked || by_name) && !self.no_start && !context.globals.dry_run
    }

    fn cascade(&self) -> Cascade {
        match (&self.exit_code_from, self.abort_on_container_failure) {
            (Some(service), _) => Cascade::OnExit {
                code_of: Some(service.clone()),
            },
            (None, true) => Cascade::OnFailure,
            (None, false) if self.abort_on_container_exit => Cascade::OnExit { code_of: None },
            (None, false) => Cascade::Never,
        }
    }

    fn attendance(
        &self,
        context: &Context,
        project: &Project,
        services: &[String],
    ) -> Result<Attendance, Failure> {
        let named: Vec<&String> = self
            .attach
            .iter()
            .filter(|name| !name.is_empty())
            .chain(&self.no_attach)
            .chain(&self.exit_code_from)
            .collect();
        for name in named {
            if !project.services.contains_key(name) {
                return Err(Failure::Worded {
                    message: format!("no service `{name}` in project `{}`", project.name),
                    compose: compose_words::of_service(name),
                    exit: Exit::USAGE,
                });
            }
        }
        let explicit: Vec<String> = self
            .attach
            .iter()
            .filter(|name| !name.is_empty())
            .cloned()
            .collect();
        let base = match explicit.is_empty() {
            true => plan::service_order(project, services, self.attach_dependencies)
                .map_err(super::carry_out::planning)?
                .into_iter()
                .filter(|name| {
                    let is_named = services.contains(name) && !context.globals.as_compose;
                    is_named || project.services[name].attach != Some(false)
                })
                .collect(),
            false => explicit,
        };
        let attached = base
            .into_iter()
            .filter(|name| !self.no_attach.contains(name))
            .collect();
        let watched =
            plan::service_order(project, services, false).map_err(super::carry_out::planning)?;
        Ok(Attendance {
            chosen: Chosen {
                attached,
                watched: watched.into_iter().collect(),
            },
            cascade: self.cascade(),
            no_color: self.no_color,
            no_prefix: self.no_log_prefix,
            timestamps: self.timestamps,
        })
    }

    async fn tell(
        &self,
        context: &Context,
        engine: &Arc<dyn Engine>,
        project: &Project,
        plan: &Plan,
        applied: &Applied,
    ) -> Result<(), Failure> {
        if context.globals.as_compose || context.globals.dry_run {
            return Ok(());
        }
        let containers = collect_containers(engine.as_ref(), &project.name, None).await?;
        let outcome = Outcome::of(&project.name, &containers, Some(applied));
        let console = &context.console;
        console.data(&outcome_table(&outcome, console));
        if self.timings {
            console.insist(&waterfall(&applied.timings, applied.took, console));
        }
        if !plan.has_changes() {
            console.say("nothing to do: everything is as described");
        }
        Ok(())
    }

    /// Compose tells of the time that was given for `--wait`, not of what was waited for.
    fn in_time(&self, failure: Failure) -> Failure {
        match (failure, self.wait_timeout) {
            (
                Failure::Worded {
                    message,
                    compose,
                    exit,
                },
                Some(limit),
            ) if self.wait && compose.starts_with("timeout waiting") => Failure::Worded {
                compose: format!("application not healthy after {limit}s\n{message}"),
                message,
                exit,
            },
            (failure, _) => failure,
        }
    }

    fn policy(
        &self,
        context: &Context,
        resolved: &Resolved,
        services: Vec<String>,
        stays: bool,
    ) -> Result<Policy, Failure> {
        let policy = self.making.policy(resolved, services)?;
        // Who is to end with the first container does not wait for all of them.
        let waits = match context.globals.as_compose {
            true => self.wait,
            false => !(self.no_wait || stays && self.cascade() != Cascade::Never),
        };
        Ok(Policy {
            no_deps: self.no_deps,
            recreate_dependencies: if self.always_recreate_deps {
                Recreate::Force
            } else {
                policy.recreate_dependencies
            },
            renew_anonymous_volumes: self.renew_anon_volumes,
            timeout: self.timeout,
            start: !self.no_start,
            wait: waits && !self.no_start,
            ..policy
        })
    }
}

/// Compose takes no `start_interval` without a `start_period`; wharf knows what to do with one.
fn check_start_intervals(project: &Project, services: &[String]) -> Result<(), Failure> {
    for name in plan::service_order(project, services, true).map_err(super::carry_out::planning)? {
        let health = project.services[&name].healthcheck.as_ref();
        if health.is_some_and(|one| one.start_interval.is_some() && one.start_period.is_none()) {
            return Err(Failure::Apply(
                "healthcheck.start_interval requires healthcheck.start_period to be set".into(),
            ));
        }
    }
    Ok(())
}

/// Those of the named services that have containers; what another program provides has none.
fn existing(services: Vec<String>, project: &Project) -> Vec<String> {
    let kept = services.into_iter();
    kept.filter(|name| project.services.contains_key(name))
        .collect()
}
