use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::files::unpacked;
use super::*;
use crate::engine::{
    AttachOptions, Container, ContainerSpec, EndpointSpec, Engine, EngineMount, EngineMountKind,
    ExecSpec, HealthStatus, HealthcheckSpec, LogLine, LogOptions, LogStream, NetworkSpec,
    PortBinding, RestartPolicySpec, StreamChunk,
};

fn spec(name: &str) -> ContainerSpec {
    ContainerSpec {
        name: name.to_owned(),
        image: "app".to_owned(),
        labels: [("project".to_owned(), "p".to_owned())]
            .into_iter()
            .collect(),
        ..ContainerSpec::default()
    }
}

fn engine(behaviour: Behaviour) -> MemoryEngine {
    let engine = MemoryEngine::default();
    engine.add_image("app", behaviour);
    engine
}

async fn run(engine: &MemoryEngine, spec: &ContainerSpec) -> String {
    let id = engine.create_container(spec).await.unwrap().id;
    engine.start_container(&id).await.unwrap();
    id
}

async fn container(engine: &MemoryEngine, id: &str) -> Container {
    engine.inspect_container(id).await.unwrap().unwrap()
}

fn kind<T>(result: EngineResult<T>) -> ErrorKind {
    result.map(|_| ()).unwrap_err().kind
}

fn checked(name: &str) -> ContainerSpec {
    ContainerSpec {
        healthcheck: Some(HealthcheckSpec {
            test: vec!["CMD-SHELL".into(), "check".into()],
            start_period: Some(1_000_000_000),
            ..HealthcheckSpec::default()
        }),
        ..spec(name)
    }
}

#[tokio::test]
async fn a_container_becomes_healthy_and_says_so() {
    let engine = engine(Behaviour::healthy_after(4));
    let events = engine
        .events(&[("project", "p")], None, None)
        .await
        .unwrap();
    let id = run(&engine, &checked("web")).await;
    assert_eq!(
        container(&engine, &id).await.state.health.unwrap().status,
        HealthStatus::Starting
    );
    let seen: Vec<String> = events
        .take(3)
        .map_ok(|event| event.action)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(seen, ["create", "start", "health_status: healthy"]);
    let health = container(&engine, &id).await.state.health.unwrap();
    assert_eq!(health.status, HealthStatus::Healthy);
    assert_eq!(health.probes.last().unwrap().exit_code, 0);
}

#[tokio::test]
async fn own_probes_count_as_the_engines() {
    let mut behaviour = Behaviour::healthy_after(1);
    behaviour.probe_interval = Duration::from_secs(60);
    let engine = engine(behaviour);
    let id = run(&engine, &checked("web")).await;
    let probe = ExecSpec {
        command: vec!["/bin/sh".into(), "-c".into(), "check".into()],
        ..ExecSpec::default()
    };
    let mut codes = Vec::new();
    for _ in 0..2 {
        let (exec, _) = engine.exec(&id, &probe).await.unwrap();
        codes.push(engine.exec_outcome(&exec).await.unwrap().exit_code.unwrap());
    }
    assert_eq!(codes, [1, 0]);
}

#[tokio::test]
async fn one_that_never_is_healthy_becomes_unhealthy() {
    let engine = engine(Behaviour::never_healthy());
    let mut events = engine.events(&[], None, None).await.unwrap();
    run(&engine, &checked("web")).await;
    while let Some(event) = events.try_next().await.unwrap() {
        if event.action == "health_status: unhealthy" {
            return;
        }
    }
    panic!("the events ended");
}

#[tokio::test]
async fn a_one_shot_ends_and_a_crash_is_restarted_by_policy() {
    let engine = engine(Behaviour::exits(3));
    let id = run(&engine, &spec("once")).await;
    assert_eq!(engine.wait_container(&id).await.unwrap(), 3);
    assert_eq!(
        container(&engine, &id).await.state.status,
        ContainerStatus::Exited
    );

    let mut again = spec("again");
    again.restart = Some(RestartPolicySpec {
        name: "on-failure".into(),
        maximum_retry_count: 2,
    });
    let id = run(&engine, &again).await;
    let shared = engine.shared.clone();
    until(&shared, |world| {
        let unit = &world.units[&id];
        (unit.status == ContainerStatus::Exited).then_some(())
    })
    .await;
    assert_eq!(container(&engine, &id).await.restart_count, 2);
}

#[tokio::test]
async fn names_ports_and_running_containers_are_guarded() {
    let engine = engine(Behaviour::default());
    let mut web = spec("web");
    web.port_bindings = vec![PortBinding {
        container_port: 80,
        host_port: "8080".into(),
        ..PortBinding::default()
    }];
    let id = run(&engine, &web).await;
    assert_eq!(
        kind(engine.create_container(&web).await),
        ErrorKind::Conflict
    );
    let mut other = spec("other");
    other.port_bindings = web.port_bindings.clone();
    other.port_bindings[0].host_ip = "127.0.0.1".into();
    let late = engine.create_container(&other).await.unwrap().id;
    assert_eq!(
        kind(engine.start_container(&late).await),
        ErrorKind::PortTaken
    );
    assert!(
        container(&engine, &late)
            .await
            .state
            .exit
            .unwrap()
            .error
            .contains("8080")
    );
    assert_eq!(
        kind(engine.remove_container(&id, false, false).await),
        ErrorKind::Conflict
    );
    engine.stop_container(&id, None).await.unwrap();
    assert_eq!(container(&engine, &id).await.state.exit.unwrap().code, 143);
    engine.start_container(&late).await.unwrap();
    assert_eq!(
        container(&engine, &late).await.ports[0].host_port,
        Some(8080)
    );
    let mut unknown = spec("unknown");
    unknown.image = "nothing".into();
    assert_eq!(
        kind(engine.create_container(&unknown).await),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn a_network_in_use_stays_and_another_of_its_name_is_another() {
    let engine = engine(Behaviour::default());
    let network = NetworkSpec {
        name: "net".into(),
        ..NetworkSpec::default()
    };
    engine.create_network(&network).await.unwrap();
    assert_eq!(
        kind(engine.create_network(&network).await),
        ErrorKind::Conflict
    );
    let mut web = spec("web");
    web.endpoints.insert("net".into(), EndpointSpec::default());
    let id = run(&engine, &web).await;
    assert_eq!(
        engine
            .inspect_network("net")
            .await
            .unwrap()
            .unwrap()
            .containers,
        std::slice::from_ref(&id)
    );
    assert_eq!(
        kind(engine.remove_network("net").await),
        ErrorKind::Conflict
    );
    engine.stop_container(&id, None).await.unwrap();
    engine.remove_network("net").await.unwrap();
    assert_eq!(kind(engine.start_container(&id).await), ErrorKind::NotFound);
    engine.create_network(&network).await.unwrap();
    assert_eq!(kind(engine.start_container(&id).await), ErrorKind::NotFound);
    engine.disconnect_network("net", &id, true).await.unwrap();
    engine
        .connect_network("net", &id, &EndpointSpec::default())
        .await
        .unwrap();
    engine.start_container(&id).await.unwrap();
}

#[tokio::test]
async fn a_shared_network_lives_and_dies_with_its_owner() {
    let engine = engine(Behaviour::default());
    let owner = run(&engine, &spec("owner")).await;
    let mut guest = spec("guest");
    guest.network_mode = Some(format!("container:{owner}"));
    let guest = run(&engine, &guest).await;
    for id in [&guest, &owner] {
        engine.stop_container(id, None).await.unwrap();
    }
    assert_eq!(
        kind(engine.start_container(&guest).await),
        ErrorKind::Conflict
    );
    engine.remove_container(&owner, false, false).await.unwrap();
    run(&engine, &spec("owner")).await;
    assert_eq!(
        kind(engine.start_container(&guest).await),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn volumes_come_with_their_first_mount_and_anonymous_ones_go_with_their_container() {
    let engine = MemoryEngine::default();
    let image = Image {
        tags: vec!["app:latest".into()],
        volumes: vec!["/cache".into(), "/data".into()],
        ..Image::default()
    };
    engine.add_whole_image(image, Behaviour::default());
    let mut db = spec("db");
    db.mounts = vec![EngineMount::new(
        EngineMountKind::Volume,
        Some("data".into()),
        "/data".into(),
    )];
    let id = run(&engine, &db).await;
    assert_eq!(engine.list_volumes(&[]).await.unwrap().len(), 2);
    assert_eq!(
        kind(engine.remove_volume("data", true).await),
        ErrorKind::Conflict
    );
    engine.remove_container(&id, true, true).await.unwrap();
    let left = engine.list_volumes(&[]).await.unwrap();
    assert_eq!(left.len(), 1);
    engine.remove_volume("data", false).await.unwrap();
    assert_eq!(
        kind(engine.remove_volume("data", false).await),
        ErrorKind::NotFound
    );
    engine.remove_volume("data", true).await.unwrap();
}

#[tokio::test]
async fn an_ephemeral_container_leaves_with_its_code_known() {
    let engine = engine(Behaviour::exits(7));
    let mut once = spec("once");
    once.auto_remove = true;
    let id = run(&engine, &once).await;
    assert_eq!(engine.wait_container(&id).await.unwrap(), 7);
    assert!(engine.inspect_container(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn the_journal_names_calls_and_faults_hit_them() {
    let engine = engine(Behaviour::default());
    engine.fail(Fault {
        call: 2,
        kind: ErrorKind::NoSpace,
        after_effect: false,
    });
    engine.fail(Fault {
        call: 4,
        kind: ErrorKind::Unreachable,
        after_effect: true,
    });
    let id = engine.create_container(&spec("web")).await.unwrap().id;
    assert_eq!(kind(engine.start_container(&id).await), ErrorKind::NoSpace);
    assert_eq!(
        container(&engine, &id).await.state.status,
        ContainerStatus::Created
    );
    engine.start_container(&id).await.unwrap();
    assert_eq!(
        kind(engine.stop_container(&id, None).await),
        ErrorKind::Unreachable
    );
    assert_eq!(
        container(&engine, &id).await.state.status,
        ContainerStatus::Exited
    );
    assert_eq!(
        engine.journal(),
        [
            "create container web",
            "start container web",
            "start container web",
            "stop container web"
        ]
    );
    assert_eq!(engine.calls(), 4);
}

#[tokio::test]
async fn logs_follow_until_the_end_and_files_come_back() {
    let mut behaviour = Behaviour::exits(0);
    behaviour.output = vec![
        (LogStream::Stdout, "one".into()),
        (LogStream::Stderr, "two".into()),
    ];
    let engine = engine(behaviour);
    let id = engine.create_container(&spec("web")).await.unwrap().id;
    let options = AttachOptions {
        stdout: true,
        stderr: true,
        ..AttachOptions::default()
    };
    let attached = engine.attach_container(&id, &options).await.unwrap();
    engine.start_container(&id).await.unwrap();
    let follow = LogOptions {
        follow: true,
        tail: Some(1),
        ..LogOptions::default()
    };
    let lines: Vec<LogLine> = engine
        .container_logs(&id, &follow)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (lines[0].stream, &lines[0].bytes[..]),
        (LogStream::Stderr, &b"two"[..])
    );
    let chunks: Vec<StreamChunk> = attached.output.try_collect().await.unwrap();
    assert_eq!(chunks[0].bytes, "one\n");

    let mut header = tar::Header::new_gnu();
    header.set_size(2);
    header.set_mode(0o644);
    let mut builder = tar::Builder::new(Vec::new());
    builder
        .append_data(&mut header, "a/b.xml", &b"hi"[..])
        .unwrap();
    let tar: EngineResult<Bytes> = Ok(builder.into_inner().unwrap().into());
    engine
        .upload_archive(&id, "/srv", Box::pin(stream::iter([tar])), false)
        .await
        .unwrap();
    let down = engine.download_archive(&id, "/srv/a").await.unwrap();
    let bytes: Vec<Bytes> = down.try_collect().await.unwrap();
    assert_eq!(
        unpacked("/out", &bytes.concat()).unwrap(),
        [("/out/a/b.xml".to_owned(), b"hi".to_vec())]
    );
    assert_eq!(
        kind(engine.download_archive(&id, "/none").await),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn images_are_pulled_by_reference_and_kept_while_used() {
    let engine = MemoryEngine::default();
    engine.publish("registry.example/app:1", Behaviour::default());
    assert_eq!(
        kind(engine.pull_image("app:1", None, None).await),
        ErrorKind::NotFound
    );
    let _progress = engine
        .pull_image("registry.example/app:1", None, None)
        .await
        .unwrap();
    engine
        .tag_image("registry.example/app:1", "app")
        .await
        .unwrap();
    let id = run(&engine, &spec("web")).await;
    engine
        .remove_image("registry.example/app:1", false)
        .await
        .unwrap();
    assert_eq!(
        kind(engine.remove_image("app", true).await),
        ErrorKind::Conflict
    );
    engine.remove_container(&id, true, false).await.unwrap();
    engine.remove_image("app", false).await.unwrap();
    assert!(engine.inspect_image("app").await.unwrap().is_none());
}

#[tokio::test]
async fn two_runs_are_alike() {
    let mut both = Vec::new();
    for _ in 0..2 {
        let engine = engine(Behaviour::healthy_after(2));
        let id = run(&engine, &checked("web")).await;
        let shared = engine.shared.clone();
        until(&shared, |world| {
            let health = world.units[&id].health.as_ref();
            health
                .is_some_and(|health| health.status == HealthStatus::Healthy)
                .then_some(())
        })
        .await;
        both.push((
            container(&engine, &id).await,
            engine.shared.world().events.clone(),
        ));
    }
    assert_eq!(both[0], both[1]);
}
