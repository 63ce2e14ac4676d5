use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use tokio::time::sleep;

use super::artifacts::collect_artifacts;
use super::crash::crash;
use super::evidence::Evidence;
use super::failure::Failure;
use super::follow::follow;
use super::job::Job;
use super::junit;
use super::last_words::LastWords;
use super::limit::{unless_now, within};
use super::outcome::{Attempt, JobOutcome, Verdict};
use super::ports::{self, OpenPort, open_ports};
use super::reset::container_of;
use super::told::Told;
use crate::apply::{self, Cancel, CancelLevel, EventKind, Events, Options};
use crate::engine::Engine;
use crate::model::Project;
use crate::observe::collect;
use crate::plan::{self, Plan, Policy, RunRequest};

/// One job of a test run: a project of its own, and what to run in it.
pub struct TestRun<'r> {
    pub engine: Arc<dyn Engine>,
    /// Already isolated: see [`super::isolate`].
    pub project: &'r Project,
    pub job: &'r Job,
    /// Appended to the declared command.
    pub arguments: &'r [String],
    /// Of the run.
    pub id: &'r str,
    pub policy: Policy,
    pub options: Options,
    /// Where artifacts and logs go; exists.
    pub output: &'r Path,
    /// Tells the containers of one round from those of the next in the same stack; counted from one.
    pub round: u32,
}

/// How long a start-up may take where nobody says: images may have to come a long way.
const START_LIMIT: Duration = Duration::from_secs(30 * 60);

/// The exit code of a process that a SIGKILL has ended.
const KILLED: i64 = 128 + 9;

impl TestRun<'_> {
    /// Brings up what the tests need, runs them and collects what they leave; `hear` is told what happens.
    ///
    /// Whatever the verdict, the project is still there afterwards: see [`super::tear_down`].
    pub async fn run(&self, hear: &dyn Fn(Told<'_>), cancel: &Cancel) -> JobOutcome {
        let (events, mut heard) = Events::channel();
        let evidence = RefCell::new(Evidence::default());
        let listening = async {
            while let Some(event) = heard.recv().await {
                evidence.borrow_mut().note(&event);
                let ends = matches!(event.kind, EventKind::Interrupted);
                // A start-up that takes too long is ended by nobody who could be told what to press.
                if !ends || cancel.level() != CancelLevel::None {
                    hear(Told::Applying(&event));
                }
            }
        };
        let working = async {
            let outcome = self.work(&events, hear, cancel, &evidence).await;
            // The listener ends when nobody can send any more.
            drop(events);
            outcome
        };
        let (mut outcome, ()) = tokio::join!(working, listening);
        let began = Instant::now();
        let evidence = evidence.into_inner();
        let collecting = unless_now(cancel, evidence.collect(self)).await;
        for problem in collecting.unwrap_or_default() {
            hear(Told::Warning(problem));
        }
        outcome.phases.collect += began.elapsed().as_secs_f64();
        outcome
    }

    async fn work(
        &self,
        events: &Events,
        hear: &dyn Fn(Told<'_>),
        cancel: &Cancel,
        evidence: &RefCell<Evidence>,
    ) -> JobOutcome {
        let began = Instant::now();
        let mut outcome = JobOutcome::new(Verdict::Interrupted);
        let ports = &mut outcome.ports;
        let started = within(self.start_limit(), cancel, async |cancel| {
            self.start(events, hear, cancel, evidence, ports).await
        });
        let mut container = match started.await {
            Ok(Some(container)) => container,
            Ok(None) => return outcome,
            Err(failure) => {
                outcome.verdict = Verdict::Infrastructure(failure);
                outcome.phases.start_up = began.elapsed().as_secs_f64();
                return outcome;
            }
        };
        outcome.phases.start_up = began.elapsed().as_secs_f64();
        let attempts = self.job.declaration.retries.unwrap_or(0).saturating_add(1);
        let mut reports = Vec::new();
        for attempt in 1..=attempts {
            let began = Instant::now();
            let engine = self.engine.as_ref();
            let service = self.project.services.get(self.job.service());
            let limit = self.job.declaration.timeout.map(|timeout| timeout.std());
            let last_words = RefCell::new(LastWords::default());
            let listen = |told: Told<'_>| {
                if let Told::Output(chunk) = &told {
                    last_words.borrow_mut().add(&chunk.bytes);
                }
                hear(told);
            };
            let verdict = match follow(engine, &container, service, limit, &listen, cancel).await {
                Ok(verdict) => verdict,
                Err(error) => Verdict::Infrastructure(error.into()),
            };
            let seconds = began.elapsed().as_secs_f64();
            let exit_code = match verdict {
                Verdict::Ended(code) => Some(code),
                _ => None,
            };
            outcome.attempts.push(Attempt { exit_code, seconds });
            outcome.phases.tests += seconds;
            let failed_with = exit_code.filter(|code| *code != 0);
            // Tests that wait for a backend that is gone take too long for that reason.
            let bad = failed_with.is_some() || matches!(verdict, Verdict::TimedOut(_));
            let crashed = match bad {
                true => {
                    let project = &self.project.name;
                    let looking = crash(engine, project, &container, failed_with);
                    let found = unless_now(cancel, looking).await;
                    found.and_then(|found| found.ok().flatten())
                }
                false => None,
            };
            outcome.verdict = verdict;
            outcome.last_words = match failed_with {
                Some(_) => last_words.into_inner().lines(),
                None => Vec::new(),
            };
            let again = attempt < attempts
                && failed_with.is_some()
                && crashed.is_none()
                && cancel.level() == CancelLevel::None;
            let began = Instant::now();
            let target = if again {
                self.output.join(format!("attempt-{attempt}"))
            } else {
                self.output.to_path_buf()
            };
            let declared = &self.job.declaration.artifacts;
            let collecting = async {
                let collected =
                    collect_artifacts(engine, &container, service, declared, &target).await;
                let out_of_memory = self.ran_out_of_memory(&container, exit_code).await;
                (collected, out_of_memory)
            };
            if let Some((collected, out_of_memory)) = unless_now(cancel, collecting).await {
                reports.push(collected.report);
                outcome.out_of_memory = out_of_memory;
                outcome.missing = collected.missing;
                // Tests that were stopped need not have got that far.
                outcome.no_report = collected.no_report.filter(|_| exit_code.is_some());
                let problems = collected.problems.into_iter();
                for problem in problems.chain(outcome.no_report.clone()) {
                    hear(Told::Warning(problem));
                }
            }
            outcome.phases.collect += began.elapsed().as_secs_f64();
            if let Some(crash) = crashed {
                outcome.verdict = Verdict::Infrastructure(Failure::Crashed(crash));
            }
            if !again {
                break;
            }
            hear(Told::Again {
                exit_code: failed_with.unwrap_or_default(),
                attempt: attempt + 1,
                of: attempts,
            });
            let ports = &outcome.ports;
            let prepared = self.prepare_again(events, hear, cancel, evidence, attempt + 1, ports);
            match prepared.await {
                Ok(Some(next)) => container = next,
                Ok(None) => {
                    outcome.verdict = Verdict::Interrupted;
                    break;
                }
                Err(failure) => {
                    outcome.verdict = Verdict::Infrastructure(failure);
                    break;
                }
            }
        }
        if !outcome.missing.is_empty() && matches!(outcome.verdict, Verdict::Ended(_)) {
            hear(Told::Missing(&outcome.missing));
        }
        let passed = matches!(outcome.verdict, Verdict::Ended(0));
        outcome.report = junit::fold_attempts(reports, passed);
        outcome
    }

    /// How long the stack may take to be ready, at the start and when it is reset.
    pub(super) fn start_limit(&self) -> Duration {
        let declared = self.job.declaration.start_timeout;
        declared.map_or(START_LIMIT, |limit| limit.std())
    }

    /// Whether the kernel has killed the tests for want of memory. The engine hears of that beside their end, and perhaps
    /// after it.
    async fn ran_out_of_memory(&self, container: &str, exit_code: Option<i64>) -> bool {
        let looks = if exit_code == Some(KILLED) { 10 } else { 1 };
        for look in 0..looks {
            if look > 0 {
                sleep(Duration::from_millis(100)).await;
            }
            let seen = self.engine.inspect_container(container).await;
            let exit = seen.ok().flatten().and_then(|seen| seen.state.exit);
            if exit.is_some_and(|exit| exit.out_of_memory) {
                return true;
            }
        }
        false
    }

    /// The container of the tests, created and not started. `None`: interrupted.
    async fn start(
        &self,
        events: &Events,
        hear: &dyn Fn(Told<'_>),
        cancel: &Cancel,
        evidence: &RefCell<Evidence>,
        ports: &mut Vec<OpenPort>,
    ) -> Result<Option<String>, Failure> {
        if !self.bring_up(events, hear, cancel, evidence).await? {
            return Ok(None);
        }
        *ports = open_ports(self.engine.as_ref(), &self.project.name).await?;
        if !ports.is_empty() {
            hear(Told::Ports(ports));
        }
        for name in ports::variables(ports).1 {
            hear(Told::Warning(format!(
                "`{name}` is the variable of several services' ports and holds the first one's; rename a service"
            )));
        }
        self.create(events, hear, cancel, evidence, 1, ports).await
    }

    /// Pulls what is missing, and starts what the tests need where somebody has to know its ports before the tests are
    /// created; else the tests' own plan does it. `false`: interrupted.
    pub(super) async fn bring_up(
        &self,
        events: &Events,
        hear: &dyn Fn(Told<'_>),
        cancel: &Cancel,
        evidence: &RefCell<Evidence>,
    ) -> Result<bool, Failure> {
        let engine = self.engine.as_ref();
        let mut snapshot = collect(engine, self.project).await?;
        let needed = self.job.needed(self.project);
        let order = plan::service_order(self.project, &needed, true)?;
        let mut wanted = order.clone();
        wanted.push(self.job.service().to_owned());
        let policy = Policy {
            services: wanted,
            no_deps: true,
            ..self.policy.clone()
        };
        let pulling = plan::pulls(self.project, &snapshot, &policy)?;
        if !pulling.is_empty() {
            if !self
                .carry_out(&pulling, events, hear, cancel, evidence)
                .await?
            {
                return Ok(false);
            }
            snapshot = collect(engine, self.project).await?;
        }
        let publishes = order.iter().any(|name| {
            let service = self.project.services.get(name);
            service.is_some_and(|service| !service.ports.is_empty())
        });
        if needed.is_empty() || !publishes {
            return Ok(true);
        }
        let policy = Policy {
            services: needed,
            ..self.policy.clone()
        };
        let plan = plan::reconcile(self.project, &snapshot, &policy)?;
        self.carry_out(&plan, events, hear, cancel, evidence).await
    }

    /// `false`: interrupted.
    pub(super) async fn carry_out(
        &self,
        plan: &Plan,
        events: &Events,
        hear: &dyn Fn(Told<'_>),
        cancel: &Cancel,
        evidence: &RefCell<Evidence>,
    ) -> Result<bool, Failure> {
        if plan.is_empty() {
            return Ok(true);
        }
        evidence.borrow_mut().plan(plan);
        hear(Told::Plan(plan));
        let applied = apply::apply(plan, self.engine.clone(), &self.options, events, cancel).await;
        evidence.borrow_mut().timings(&applied.timings);
        if applied.interrupted {
            return Ok(false);
        }
        applied.into_result()?;
        Ok(true)
    }

    async fn prepare_again(
        &self,
        events: &Events,
        hear: &dyn Fn(Told<'_>),
        cancel: &Cancel,
        evidence: &RefCell<Evidence>,
        attempt: u32,
        ports: &[OpenPort],
    ) -> Result<Option<String>, Failure> {
        if let Some(declared) = self.project.wharf.test.as_ref()
            && let Some(reset) = &declared.reset
            && container_of(self.engine.as_ref(), &self.project.name, reset)
                .await?
                .is_some()
            && !self.reset(reset, cancel).await?
        {
            return Ok(None);
        }
        let creating = within(self.start_limit(), cancel, async |cancel| {
            self.create(events, hear, cancel, evidence, attempt, ports)
                .await
        });
        creating.await
    }

    /// Creates the container of the tests, with what it depends on up and ready. `None`: interrupted.
    async fn create(
        &self,
        events: &Events,
        hear: &dyn Fn(Told<'_>),
        cancel: &Cancel,
        evidence: &RefCell<Evidence>,
        attempt: u32,
        ports: &[OpenPort],
    ) -> Result<Option<String>, Failure> {
        let mut variables = IndexMap::from([
            ("WHARF_RUN".to_owned(), self.id.to_owned()),
            ("WHARF_SUITE".to_owned(), self.job.suite.clone()),
            ("WHARF_ATTEMPT".to_owned(), attempt.to_string()),
        ]);
        variables.extend(ports::variables(ports).0);
        let slug = format!("{}-{attempt}", self.round);
        let request = self.request(self.arguments, &variables, &slug)?;
        let snapshot = collect(self.engine.as_ref(), self.project).await?;
        let (plan, container) = plan::run(self.project, &snapshot, &self.policy, &request)?;
        evidence.borrow_mut().plan(&plan);
        hear(Told::Plan(&plan));
        let applied = apply::apply(&plan, self.engine.clone(), &self.options, events, cancel).await;
        evidence.borrow_mut().timings(&applied.timings);
        if applied.interrupted {
            return Ok(None);
        }
        let applied = applied.into_result()?;
        let id = applied
            .created
            .iter()
            .find(|(created, _)| *created == container.name)
            .map_or(container.name.clone(), |(_, id)| id.clone());
        Ok(Some(id))
    }

    pub(super) fn request(
        &self,
        arguments: &[String],
        variables: &IndexMap<String, String>,
        slug: &str,
    ) -> Result<RunRequest, Failure> {
        let service = self
            .job
            .test_service(self.project, arguments, variables)
            .ok_or_else(|| Failure::NoService(self.job.service().to_owned()))?;
        let name = format!("{}-{}-tests-{slug}", self.project.name, self.job.service());
        Ok(RunRequest {
            service_name: self.job.service().to_owned(),
            service,
            name: Some(name),
            slug: slug.to_owned(),
            attached: true,
            ..RunRequest::default()
        })
    }
}
