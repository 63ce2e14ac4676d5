//! An `up` that stays: what containers write is shown, until they have ended or somebody has seen enough.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::carry_out::{carry_out, observe, planning, say_stopped};
use super::context::Context;
use super::{Exit, Failure, interrupt};
use crate::apply::{Cancel, CancelLevel};
use crate::engine::Engine;
use crate::follow::{Cascade, Chosen, Follower, Seen};
use crate::model::Project;
use crate::observe::Snapshot;
use crate::plan::{self, Operation, Plan, Policy, Target};
use crate::report::{Console, LogView};
use crate::resolve::Resolved;

/// How long the ends of containers that were stopped are waited for.
const LAST_ENDS: Duration = Duration::from_secs(5);

/// What is shown, and what ends it.
pub struct Attendance {
    pub chosen: Chosen,
    pub cascade: Cascade,
    pub no_color: bool,
    pub no_prefix: bool,
    pub timestamps: bool,
}

/// How the attending came to its end.
pub enum Ending {
    /// Every container that was watched has ended.
    AllEnded,
    /// The end of this one is to end them all.
    SetOff { code: i64 },
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

pub struct Attended {
    follower: Follower,
    attendance: Attendance,
    view: LogView,
    console: Console,
    /// Columns of the view by the container's name.
    at: HashMap<String, usize>,
    prefix: String,
    announced: bool,
    as_compose: bool,
    /// Names of watched containers that run.
    live: HashSet<String>,
    /// Names of containers that have been seen to start.
    met: HashSet<String>,
    set_off: Option<i64>,
}

impl Attended {
    pub async fn begin(
        context: &Context,
        engine: &Arc<dyn Engine>,
        project: &Project,
        policy: &Policy,
        attendance: Attendance,
    ) -> Result<Attended, Failure> {
        let follower =
            Follower::begin(engine.clone(), &project.name, attendance.chosen.clone()).await?;
        let prefix = format!("{}-", project.name);
        let mut names = BTreeSet::new();
        for (name, service) in &project.services {
            if attendance.chosen.attached.contains(name) {
                for number in 1..=plan::replicas(name, service, policy) {
                    names.insert(plan::container_name(project, name, service, number));
                }
            }
        }
        let view = LogView {
            names: names.iter().map(|name| short(name, &prefix)).collect(),
            bare: attendance.no_prefix,
            timestamps: attendance.timestamps,
            separate: context.globals.as_compose,
            together: false,
        };
        let at = names.into_iter().enumerate().map(|(at, name)| (name, at));
        Ok(Attended {
            follower,
            view,
            console: match attendance.no_color {
                true => context.console.plain(),
                false => context.console.clone(),
            },
            at: at.collect(),
            prefix,
            announced: false,
            as_compose: context.globals.as_compose,
            live: HashSet::new(),
            met: HashSet::new(),
            set_off: None,
            attendance,
        })
    }

    /// Shows what comes while something else is done.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                Some(seen) = self.follower.next() => self.take(seen),
            }
        }
    }

    /// Learns which containers the plan has started: their ends are waited for even if they came at once.
    pub fn expect(&mut self, plan: &Plan) {
        for step in &plan.steps {
            if let (
                Operation::StartContainer { .. } | Operation::RestartContainer { .. },
                Target::Container { service, name },
            ) = (&step.operation, &step.target)
                && self.attendance.chosen.watched.contains(service)
                && !self.met.contains(name)
            {
                self.live.insert(name.clone());
            }
        }
        self.announce();
    }

    /// Learns what runs now: their ends are waited for. Whether there is any.
    pub fn meet(&mut self, snapshot: &Snapshot) -> bool {
        let watched = &self.attendance.chosen.watched;
        let running = snapshot
            .containers
            .iter()
            .filter(|one| !one.one_off && one.is_running() && watched.contains(&one.service));
        self.live = running.map(|one| one.name.clone()).collect();
        !self.live.is_empty()
    }

    /// Shows what comes until it ends.
    pub async fn watch_it_end(&mut self, cancel: &Cancel) -> Ending {
        loop {
            if let Some(code) = self.set_off.take() {
                return Ending::SetOff { code };
            }
            if self.live.is_empty() {
                return Ending::AllEnded;
            }
            tokio::select! {
                seen = self.follower.next() => match seen {
                    Some(seen) => self.take(seen),
                    None => return Ending::AllEnded,
                },
                () = cancel.reached(CancelLevel::Finish) => return Ending::Interrupted,
            }
        }
    }

    /// Stops the services, showing what they write meanwhile; a further Ctrl-C kills them.
    pub async fn stop(
        &mut self,
        context: &Context,
        engine: &Arc<dyn Engine>,
        resolved: &Resolved,
        services: &[String],
        timeout: Option<i64>,
    ) -> Result<(), Failure> {
        let project = &resolved.project;
        let snapshot = observe(engine, project).await?;
        let stop = plan::stop(project, &snapshot, services, timeout).map_err(planning)?;
        say_stopped(context, &snapshot, services);
        // The Ctrl-C that led here has been heard; another one ends the stopping.
        let cancel = interrupt::listen();
        let stopping = carry_out(
            context,
            engine,
            Some(resolved),
            &stop,
            context.apply_options(),
            &cancel,
        );
        let stopped = self
            .during(async {
                tokio::select! {
                    stopped = stopping => stopped.map(|_| true),
                    () = cancel.reached(CancelLevel::Finish) => Ok(false),
                }
            })
            .await?;
        if !stopped {
            let snapshot = observe(engine, project).await?;
            let kill = plan::kill(project, &snapshot, services, "SIGKILL").map_err(planning)?;
            let never = Cancel::never();
            let options = context.apply_options();
            let killing = carry_out(context, engine, Some(resolved), &kill, options, &never);
            self.during(killing).await?;
        }
        let ends = async {
            while !self.live.is_empty() {
                match self.follower.next().await {
                    Some(seen) => self.take(seen),
                    None => break,
                }
            }
        };
        let _ = tokio::time::timeout(LAST_ENDS, ends).await;
        Ok(())
    }

    fn announce(&mut self) {
        if std::mem::replace(&mut self.announced, true) || self.view.names.is_empty() {
            return;
        }
        let line = format!("Attaching to {}", self.view.names.join(", "));
        match self.as_compose {
            true => self.console.data(&line),
            false => self.console.say(&line),
        }
    }

    fn take(&mut self, seen: Seen) {
        self.announce();
        match seen {
            Seen::Started { service, name } => {
                if self.attendance.chosen.watched.contains(&service) {
                    self.live.insert(name.clone());
                }
                self.met.insert(name);
            }
            Seen::Line { name, line } => {
                let at = self.column(&name);
                self.view.print(&self.console, at, &line);
            }
            Seen::Ended {
                service,
                name,
                code,
                restarts,
            } => {
                if self.attendance.chosen.attached.contains(&service) {
                    let again = if restarts { " (restarting)" } else { "" };
                    let text = format!(
                        "{} exited with code {code}{again}",
                        short(&name, &self.prefix)
                    );
                    match self.as_compose {
                        true => self.console.data(&text),
                        false => self.console.say(&text),
                    }
                }
                if !restarts {
                    self.live.remove(&name);
                }
                self.met.insert(name);
                if !restarts
                    && self.set_off.is_none()
                    && self.attendance.chosen.watched.contains(&service)
                    && self.attendance.cascade.is_set_off_by(code)
                {
                    self.set_off = Some(code);
                }
            }
        }
    }

    fn column(&mut self, name: &str) -> usize {
        if let Some(at) = self.at.get(name) {
            return *at;
        }
        let at = self.view.names.len();
        self.view.names.push(short(name, &self.prefix));
        self.at.insert(name.to_owned(), at);
        at
    }
}

/// The container's name without the project's.
fn short(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_owned()
}

/// The exit code of a service's first container.
pub async fn code_of(
    engine: &Arc<dyn Engine>,
    project: &Project,
    service: &str,
) -> Result<Exit, Failure> {
    let snapshot = observe(engine, project).await?;
    let code = snapshot
        .of_service(service)
        .next()
        .and_then(|container| container.exit_code);
    Ok(code.map_or(Exit::OK, Exit::of_command))
}
