//! Plans applied to the in-memory engine.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::engine::memory::{Behaviour, Exit, MemoryEngine};
use crate::engine::{ApiVersion, Engine, LogStream};
use crate::model::Project;
use crate::observe::{Snapshot, collect};
use crate::plan::{DownPolicy, Operation, Plan, Policy, down, laws, reconcile};

fn project(services: Value) -> Project {
    let mut project: Project = serde_json::from_value(json!({
        "name": "p",
        "services": services,
        "networks": {"default": {"name": "p_default"}},
    }))
    .expect("a project");
    project.directory = "/project".into();
    project
}

/// An engine without quick probes, so that wharf's own count.
fn engine(images: &[(&str, Behaviour)]) -> Arc<MemoryEngine> {
    let engine = MemoryEngine::new(ApiVersion(1, 41));
    for (name, behaviour) in images {
        engine.add_image(name, behaviour.clone());
    }
    Arc::new(engine)
}

async fn observe(engine: &Arc<MemoryEngine>, project: &Project) -> Snapshot {
    collect(engine.as_ref(), project).await.expect("a snapshot")
}

async fn plan(engine: &Arc<MemoryEngine>, project: &Project) -> Plan {
    let policy = Policy {
        remove_orphans: true,
        ..Policy::default()
    };
    reconcile(project, &observe(engine, project).await, &policy).expect("a plan")
}

async fn run(engine: &Arc<MemoryEngine>, plan: &Plan, options: &Options) -> (Applied, Vec<Event>) {
    let (events, mut heard) = Events::channel();
    let engine: Arc<dyn Engine> = engine.clone();
    let applied = apply(plan, engine, options, &events, &Cancel::never()).await;
    drop(events);
    let mut all = Vec::new();
    while let Some(event) = heard.recv().await {
        all.push(event);
    }
    (applied, all)
}

async fn up(engine: &Arc<MemoryEngine>, project: &Project) -> Applied {
    let plan = plan(engine, project).await;
    let options = Options {
        allow_data_loss: true,
        ..Options::default()
    };
    run(engine, &plan, &options).await.0
}

fn gate_error(applied: Applied) -> GateError {
    match applied.into_result() {
        Err(ApplyError::Gate(error)) => *error,
        other => panic!("no gate has failed: {other:?}"),
    }
}

/// A service with a health check that fails in wharf's own probes too.
fn failing(probe_interval: Duration, probes: Option<u32>) -> Behaviour {
    Behaviour {
        failing_probes: probes,
        probe_interval,
        commands: vec![(vec!["check".into()], 3, "not yet".into())],
        output: vec![(LogStream::Stdout, "started".into())],
        ..Behaviour::default()
    }
}

fn checked(image: &str) -> Value {
    json!({"image": image, "healthcheck": {"test": ["CMD", "check"], "interval": "2s", "retries": 2}})
}

#[tokio::test]
async fn a_name_that_another_project_holds_is_seen_before_anything_is_made() {
    let engine = engine(&[("web", Behaviour::default())]);
    let first = project(json!({"web": {"image": "web", "container_name": "x"}}));
    up(&engine, &first).await.into_result().expect("is up");
    let mut second = first.clone();
    second.name = "q".into();
    second.networks["default"].name = "q_default".into();
    let snapshot = observe(&engine, &second).await;
    assert_eq!(snapshot.strangers["x"].project.as_deref(), Some("p"));
    let error = reconcile(&second, &snapshot, &Policy::default()).unwrap_err();
    assert!(
        error.to_string().contains("project `p` has the name"),
        "{error}"
    );
    assert!(observe(&engine, &first).await.strangers.is_empty());
}

#[tokio::test]
async fn a_dependent_starts_when_the_engine_says_healthy() {
    let engine = engine(&[
        ("db", failing(Duration::from_millis(20), Some(1))),
        ("app", Behaviour::default()),
    ]);
    let project = project(json!({
        "app": {"image": "app", "depends_on": {"db": {"condition": "service_healthy"}}},
        "db": checked("db"),
    }));
    let plan = plan(&engine, &project).await;
    let (applied, events) = run(&engine, &plan, &Options::default()).await;
    assert!(applied.is_ok(), "{:?}", applied.failures);
    assert!(applied.by_own_probe.is_empty());
    let passed = events
        .iter()
        .position(
            |event| matches!(&event.kind, EventKind::Passed { service, .. } if service == "db"),
        )
        .expect("db is past its gate");
    let started = events
        .iter()
        .position(|event| {
            matches!(&event.kind, EventKind::StepStarted { target, verb: "start", .. }
                if target.service() == Some("app"))
        })
        .expect("app starts");
    assert!(passed < started);
}

#[tokio::test]
async fn an_own_probe_opens_the_gate_before_the_engine_probes() {
    let slow = Behaviour {
        probe_interval: Duration::from_secs(30),
        ..Behaviour::default()
    };
    let engine = engine(&[("db", slow)]);
    let project = project(json!({"db": checked("db")}));
    let applied = up(&engine, &project).await;
    assert!(applied.is_ok(), "{:?}", applied.failures);
    assert_eq!(applied.by_own_probe, ["p-db-1"]);
    assert!(applied.took < Duration::from_secs(1), "{:?}", applied.took);
}

#[tokio::test]
async fn an_unhealthy_service_ends_the_wait_with_its_last_words() {
    let engine = engine(&[
        ("db", failing(Duration::from_millis(20), None)),
        ("app", Behaviour::default()),
    ]);
    let project = project(json!({
        "web": {"image": "app", "depends_on": {"app": {"condition": "service_started"}}},
        "app": {"image": "app", "depends_on": {"db": {"condition": "service_healthy"}}},
        "db": checked("db"),
    }));
    let applied = up(&engine, &project).await;
    assert!(applied.took < Duration::from_secs(60), "{:?}", applied.took);
    let error = gate_error(applied);
    assert_eq!(error.failure, GateFailure::Unhealthy);
    assert_eq!(error.waited_for_by, ["app", "web"]);
    assert_eq!(error.log, ["started"]);
    assert!(error.last_probe.is_some());
    let text = error.to_string();
    assert!(
        text.starts_with(
            "service `db` is unhealthy (container `p-db-1`); `app`, `web` waited for it"
        ),
        "{text}"
    );
}

#[tokio::test]
async fn what_took_longest_the_last_time_is_started_first_and_alone() {
    let engine = engine(&[
        ("fast", Behaviour::default()),
        ("slow", Behaviour::default()),
    ]);
    let project = project(json!({
        "a": checked("fast"),
        "b": checked("fast"),
        "z": checked("slow"),
        "tests": {"image": "fast", "depends_on": {
            "a": {"condition": "service_healthy"},
            "b": {"condition": "service_healthy"},
            "z": {"condition": "service_healthy"},
        }},
    }));
    let directory = tempfile::tempdir().expect("a directory");
    let options = || Options {
        readiness: Readiness::within(Some(directory.path())),
        ..Options::default()
    };
    // Of each step of a container: its service, and whether it begins or ends.
    let steps = |events: &[Event]| -> Vec<(String, &'static str, bool)> {
        let told = events.iter().filter_map(|event| match &event.kind {
            EventKind::StepStarted { target, verb, .. } => Some((target, *verb, true)),
            EventKind::StepFinished { target, verb, .. } => Some((target, *verb, false)),
            _ => None,
        });
        told.filter_map(|(target, verb, begins)| Some((target.service()?.to_owned(), verb, begins)))
            .filter(|(_, verb, _)| ["create", "start"].contains(verb))
            .collect()
    };
    let first = plan(&engine, &project).await;
    let (_, events) = run(&engine, &first, &options()).await;
    assert_eq!(steps(&events)[0].0, "a");
    let kept = directory.path().join("readiness.json");
    let text = std::fs::read_to_string(&kept).expect("what was learnt");
    let learnt: Value = serde_json::from_str(&text).expect("JSON");
    assert!(
        learnt["z /project"].is_u64() && learnt["a /project"].is_u64(),
        "{text}"
    );

    std::fs::write(&kept, r#"{"z /project": 5000, "a /project": 20}"#).expect("a file");
    let snapshot = observe(&engine, &project).await;
    let down = down(Some(&project), &snapshot, &DownPolicy::default());
    run(&engine, &down, &options()).await;
    let second = plan(&engine, &project).await;
    let (applied, events) = run(&engine, &second, &options()).await;
    assert!(applied.is_ok(), "{:?}", applied.failures);
    let steps = steps(&events);
    let alone = [
        ("create", true),
        ("create", false),
        ("start", true),
        ("start", false),
    ];
    let alone = alone.map(|(verb, begins)| ("z".to_owned(), verb, begins));
    assert_eq!(steps[..4], alone, "{steps:?}");
    assert_eq!(steps[4].0, "a");
}

#[tokio::test]
async fn a_one_shot_is_done_with_zero_and_not_run_again() {
    let engine = engine(&[("once", Behaviour::exits(0)), ("app", Behaviour::default())]);
    let project = project(json!({
        "app": {"image": "app", "depends_on": {"once": {"condition": "service_completed_successfully"}}},
        "once": {"image": "once"},
    }));
    assert!(up(&engine, &project).await.is_ok());
    let again = plan(&engine, &project).await;
    assert!(again.is_empty(), "{again}");
}

#[tokio::test]
async fn a_one_shot_that_fails_is_a_failure_with_its_code() {
    let slow = Behaviour {
        exit: Some(Exit {
            after: Duration::from_millis(50),
            code: 7,
        }),
        ..Behaviour::default()
    };
    let engine = engine(&[("once", slow), ("app", Behaviour::default())]);
    let project = project(json!({
        "app": {"image": "app", "depends_on": {"once": {"condition": "service_completed_successfully"}}},
        "once": {"image": "once"},
    }));
    let error = gate_error(up(&engine, &project).await);
    assert_eq!(error.failure, GateFailure::Failed);
    assert_eq!(error.exit_code, Some(7));
    assert_eq!(error.waited_for_by, ["app"]);
    let snapshot = observe(&engine, &project).await;
    let app = snapshot.of_service("app").next().expect("app is created");
    assert!(!app.is_running());
}

/// The engine finishes the call of a wharf that was killed; the next one may have observed before that.
#[tokio::test]
async fn a_container_that_appears_late_is_taken() {
    let engine = engine(&[("app", Behaviour::default())]);
    let said = |command: &str| {
        project(json!({"app": {"image": "app", "network_mode": "none", "command": [command]}}))
    };
    let early = plan(&engine, &said("serve")).await;
    let another = plan(&engine, &said("work")).await;
    let policy = Policy {
        start: false,
        ..Policy::default()
    };
    let project = said("serve");
    let create = reconcile(&project, &observe(&engine, &project).await, &policy).expect("a plan");
    let (made, _) = run(&engine, &create, &Options::default()).await;
    assert!(made.is_ok());
    let (other, _) = run(&engine, &another, &Options::default()).await;
    assert!(!other.is_ok(), "a container made from other words is taken");
    let (applied, _) = run(&engine, &early, &Options::default()).await;
    assert!(applied.is_ok());
    assert!(plan(&engine, &project).await.is_empty());
}

#[tokio::test]
async fn a_network_that_appears_late_is_taken() {
    let engine = engine(&[("app", Behaviour::default())]);
    let said = |driver: &str| {
        let mut project = project(json!({"app": {"image": "app", "networks": {"back": null}}}));
        project.networks = serde_json::from_value(json!({
            "back": {"name": "p_back", "driver_opts": {"mode": driver}}
        }))
        .expect("networks");
        project
    };
    let early = plan(&engine, &said("one")).await;
    let another = plan(&engine, &said("two")).await;
    let creation = early.steps.iter().find_map(|step| match &step.operation {
        Operation::CreateNetwork { spec } => Some(spec.clone()),
        _ => None,
    });
    let creation = creation.expect("the network is missing");
    engine.create_network(&creation).await.expect("it is made");
    let (other, _) = run(&engine, &another, &Options::default()).await;
    assert!(!other.is_ok(), "a network made from other words is taken");
    let (applied, _) = run(&engine, &early, &Options::default()).await;
    assert!(applied.is_ok(), "{:?}", applied.failures);
    assert!(plan(&engine, &said("one")).await.is_empty());
}

#[tokio::test]
async fn an_optional_dependency_may_fail() {
    let engine = engine(&[("once", Behaviour::exits(1)), ("app", Behaviour::default())]);
    let project = project(json!({
        "app": {"image": "app", "depends_on": {"once": {"condition": "service_completed_successfully", "required": false}}},
        "once": {"image": "once"},
    }));
    let plan = plan(&engine, &project).await;
    let (applied, events) = run(&engine, &plan, &Options::default()).await;
    assert!(applied.is_ok(), "{:?}", applied.failures);
    assert!(events.iter().any(
        |event| matches!(&event.kind, EventKind::Skipped { service, .. } if service == "once")
    ));
}

#[tokio::test]
async fn waiting_ends_with_its_time() {
    let engine = engine(&[("db", failing(Duration::from_secs(3600), None))]);
    let project = project(json!({"db": checked("db")}));
    let plan = plan(&engine, &project).await;
    let options = Options {
        wait_timeout: Some(Duration::from_millis(300)),
        ..Options::default()
    };
    let (applied, _) = run(&engine, &plan, &options).await;
    assert!(applied.took >= Duration::from_millis(300));
    let error = gate_error(applied);
    assert_eq!(error.failure, GateFailure::TimedOut);
    assert_eq!(
        error.last_probe,
        Some(LastProbe {
            exit_code: 3,
            output: "not yet".into()
        })
    );
}

#[tokio::test]
async fn an_interrupt_ends_waiting_and_leaves_what_is_done() {
    let engine = engine(&[("db", failing(Duration::from_secs(3600), None))]);
    let project = project(json!({"db": checked("db")}));
    let plan = plan(&engine, &project).await;
    let (canceller, cancel) = Canceller::new();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        canceller.raise();
        // It has to be kept alive: a second one may come.
        std::future::pending::<()>().await;
    });
    let shared: Arc<dyn Engine> = engine.clone();
    let applied = apply(
        &plan,
        shared,
        &Options::default(),
        &Events::silent(),
        &cancel,
    )
    .await;
    assert!(applied.interrupted);
    assert!(applied.failures.is_empty());
    assert!(applied.took >= Duration::from_millis(100));
    assert!(applied.took < Duration::from_secs(60));
    let snapshot = observe(&engine, &project).await;
    assert!(snapshot.containers[0].is_running());
}

#[tokio::test]
async fn a_taken_port_names_its_holder() {
    let engine = engine(&[("app", Behaviour::default())]);
    let service = json!({"app": {"image": "app", "ports": [{"target": 80, "published": "8080"}]}});
    let mut first = project(service.clone());
    first.name = "first".into();
    first.networks.clear();
    assert!(up(&engine, &first).await.is_ok());
    let error = up(&engine, &project(service))
        .await
        .into_result()
        .expect_err("the port is taken");
    assert_eq!(
        error.to_string(),
        "cannot start `p-app-1`: port 0.0.0.0:8080/tcp is taken by container `first-app-1` of project `first`; publish another port, or stop what holds it"
    );
}

#[tokio::test]
async fn data_is_not_lost_without_a_yes() {
    let engine = engine(&[("app", Behaviour::default())]);
    let mut project = project(json!({
        "app": {"image": "app", "volumes": [{"type": "volume", "source": "data", "target": "/data"}]},
    }));
    project.volumes.insert(
        "data".into(),
        serde_json::from_value(json!({"name": "p_data"})).expect("a volume"),
    );
    assert!(up(&engine, &project).await.is_ok());
    let policy = DownPolicy {
        volumes: true,
        ..DownPolicy::default()
    };
    let plan = down(Some(&project), &observe(&engine, &project).await, &policy);
    let (applied, _) = run(&engine, &plan, &Options::default()).await;
    assert!(matches!(
        applied.failures.as_slice(),
        [ApplyError::DataLossRefused { .. }]
    ));
    assert_eq!(observe(&engine, &project).await.containers.len(), 1);
    let options = Options {
        allow_data_loss: true,
        ..Options::default()
    };
    let (applied, _) = run(&engine, &plan, &options).await;
    assert!(applied.is_ok(), "{:?}", applied.failures);
    let left = observe(&engine, &project).await;
    assert!(left.containers.is_empty() && left.volumes.is_empty() && left.networks.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_was_applied_needs_nothing_more(first in laws::project(), second in laws::project()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let engine = engine(&[
                ("image0", Behaviour::default()),
                ("image1", Behaviour::default()),
                ("oneshot", Behaviour::exits(0)),
            ]);
            for project in [&first, &second] {
                let steps = plan(&engine, project).await;
                let applied = up(&engine, project).await;
                assert!(applied.is_ok(), "{steps}\n{:?}", applied.failures);
                let again = plan(&engine, project).await;
                assert!(!again.has_changes(), "{steps}\nthen {again}");
            }
        });
    }
}

#[tokio::test]
async fn what_ends_at_once_or_while_others_start_is_not_ready() {
    let late = Behaviour {
        exit: Some(Exit {
            after: Duration::from_millis(200),
            code: 6,
        }),
        ..Behaviour::default()
    };
    let engine = engine(&[
        ("early", Behaviour::exits(5)),
        ("late", late),
        ("db", failing(Duration::from_millis(300), Some(1))),
    ]);
    let applied = up(&engine, &project(json!({"a": {"image": "early"}}))).await;
    let error = gate_error(applied);
    assert_eq!(
        (error.failure, error.exit_code),
        (GateFailure::Exited, Some(5))
    );
    // It has been running for long enough when it is looked at first.
    let both = project(json!({"b": {"image": "late"}, "db": checked("db")}));
    let plan = plan(&engine, &both).await;
    let applied = run(&engine, &plan, &Options::default()).await.0;
    assert!(
        applied.by_own_probe.is_empty(),
        "{:?}",
        applied.by_own_probe
    );
    assert_eq!(gate_error(applied).exit_code, Some(6));
}

#[tokio::test]
async fn who_is_asked_for_a_password_keeps_nobody_waiting() {
    let engine = engine(&[]);
    let (app, db) = ("registry.example/app:1", "other.example/db:1");
    engine.publish(app, Behaviour::default());
    engine.publish(db, Behaviour::default());
    let project = project(json!({"db": {"image": db}, "app": {"image": app}}));
    let plan = plan(&engine, &project).await;
    let (canceller, cancel) = Canceller::new();
    let looking = engine.clone();
    let options = Options {
        // For one of them it never answers: once the other one is pulled, somebody asks twice for the end.
        credentials: Some(Arc::new(move |reference| {
            let (canceller, looking) = (canceller.clone(), looking.clone());
            let is_asking = reference == db;
            Box::pin(async move {
                if !is_asking {
                    return Ok(None);
                }
                while looking.journal() != [format!("pull image {app}")] {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                canceller.raise();
                canceller.raise();
                std::future::pending().await
            })
        })),
        ..Options::default()
    };
    let (events, _heard) = Events::channel();
    let engine: Arc<dyn Engine> = engine.clone();
    let applying = apply(&plan, engine, &options, &events, &cancel);
    let ended = tokio::time::timeout(Duration::from_secs(10), applying).await;
    assert!(!ended.expect("an end").is_ok());
}
