//! What wharf asks of an engine is what it gets.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::io::AsyncWriteExt;
use wharf::engine::{ApiVersion, EngineError, docker};
use wharf::engine::{
    AttachOptions, Attached, ConsoleSize, ContainerStatus, EndpointSpec, Engine, EngineEvent,
    EngineMount, EngineMountKind, ErrorKind, EventKind, ExecSpec, HealthStatus, HealthcheckSpec,
    LogOptions, LogStream, NetworkSpec, PortBinding, ResourceLimits, VolumeSpec,
};

use crate::direct::{Direct, IMAGE, environment, eventually, on_every_engine};
use crate::overheard::Overheard;

const SECOND: i64 = 1_000_000_000;

/// Output and error output of something attached.
async fn read(attached: Attached) -> (String, String) {
    let Attached { mut output, input } = attached;
    drop(input);
    let mut texts = (String::new(), String::new());
    while let Some(chunk) = output.try_next().await.expect("output comes") {
        let text = String::from_utf8_lossy(&chunk.bytes).into_owned();
        match chunk.stream {
            LogStream::Stdout => texts.0.push_str(&text),
            LogStream::Stderr => texts.1.push_str(&text),
        }
    }
    texts
}

fn command(words: &[&str]) -> ExecSpec {
    ExecSpec {
        command: words.iter().map(|word| word.to_string()).collect(),
        attach_stdout: true,
        attach_stderr: true,
        ..ExecSpec::default()
    }
}

fn mount(kind: EngineMountKind, source: &str, target: &str) -> EngineMount {
    EngineMount {
        kind,
        source: Some(source.to_owned()),
        target: target.to_owned(),
        read_only: false,
        consistency: None,
        propagation: None,
        recursive: None,
        create_host_path: false,
        no_copy: false,
        subpath: None,
        volume_labels: Default::default(),
        tmpfs_size: None,
        tmpfs_mode: None,
    }
}

#[test]
fn connecting_takes_one_call_and_tells_what_the_engine_is() {
    on_every_engine("connect", |stage| async move {
        let overheard = Overheard::start(&stage.host);
        let engine = docker::connect(&environment(&overheard.address), None)
            .await
            .expect("connects");
        assert_eq!(overheard.calls(), ["GET /_ping"]);
        assert_eq!(engine.info().address, overheard.address);
        engine.inspect_volume("none").await.expect("asks");
        let asked = format!("GET /v{}/volumes/none", engine.info().api);
        assert_eq!(overheard.calls(), ["GET /_ping", asked.as_str()]);
        let version = stage.docker(&[
            "version",
            "--format",
            "{{.Server.Version}} {{.Server.APIVersion}}",
        ]);
        let info = stage.engine.info();
        assert_eq!(version, format!("{} {}", info.version, info.api));
        assert!(info.api >= ApiVersion::OLDEST);
        assert_eq!(info.operating_system, "linux");
        let detailed = stage.engine.clone().with_details().await.expect("details");
        assert_eq!(
            detailed.info().id,
            stage.docker(&["info", "--format", "{{.ID}}"])
        );
    });
}

#[test]
fn an_asked_for_version_is_spoken() {
    on_every_engine("version", |stage| async move {
        let mut environment = environment(&stage.host);
        environment
            .variables
            .insert("DOCKER_API_VERSION".into(), "1.41".into());
        let engine = docker::connect(&environment, None).await.expect("connects");
        assert_eq!(engine.info().api, ApiVersion(1, 41));
        engine
            .list_containers(&[stage.label()])
            .await
            .expect("lists");
        environment
            .variables
            .insert("DOCKER_API_VERSION".into(), "1.52".into());
        let engine = docker::connect(&environment, None).await.expect("connects");
        let error = engine
            .list_containers(&[stage.label()])
            .await
            .expect_err("is too new");
        assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
    });
}

#[test]
fn a_container_lives_is_probed_and_ends_with_its_code() {
    on_every_engine("life", |stage| async move {
        let engine = &stage.engine;
        let mut spec = stage.script(
            "web",
            "echo out; echo err >&2; trap 'echo bye; exit 3' TERM; touch /ready; while :; do sleep 0.05; done",
        );
        spec.init = None;
        spec.healthcheck = Some(HealthcheckSpec {
            test: vec!["CMD-SHELL".into(), "echo probing; test -e /ready".into()],
            interval: Some(SECOND / 5),
            timeout: Some(5 * SECOND),
            retries: Some(3),
            start_period: Some(SECOND),
            start_interval: Some(SECOND / 10),
        });
        spec.environment
            .insert("GREETING".into(), Some("hello".into()));
        spec.port_bindings = vec![PortBinding {
            container_port: 80,
            protocol: "tcp".into(),
            host_ip: "127.0.0.1".into(),
            host_port: String::new(),
        }];
        let id = engine.create_container(&spec).await.expect("creates").id;
        let created = engine
            .inspect_container(&spec.name)
            .await
            .expect("asks")
            .expect("is there");
        assert_eq!(created.id, id);
        assert_eq!(created.state.status, ContainerStatus::Created);
        assert_eq!(created.state.exit, None);
        assert!(created.environment.contains(&"GREETING=hello".to_owned()));

        engine.start_container(&id).await.expect("starts");
        engine
            .start_container(&id)
            .await
            .expect("a second start changes nothing");
        eventually("the container is healthy", || async {
            let found = engine
                .inspect_container(&id)
                .await
                .expect("asks")
                .expect("is there");
            found
                .state
                .health
                .is_some_and(|health| health.status == HealthStatus::Healthy)
        })
        .await;
        let running = engine
            .inspect_container(&id)
            .await
            .expect("asks")
            .expect("is there");
        let health = running.state.health.expect("has a check");
        assert_eq!(
            health.probes.last().expect("was probed").output,
            "probing\n"
        );
        assert!(running.state.pid > 0 && running.ports[0].host_port.is_some());

        let rows = engine
            .list_containers(&[stage.label()])
            .await
            .expect("lists");
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].name, spec.name);
        assert_eq!(rows[0].status, ContainerStatus::Running);
        assert!(rows[0].status_text.contains("healthy"));
        assert_eq!(rows[0].ports[0].host_port, running.ports[0].host_port);

        let waiting = {
            let (engine, id) = (engine.clone(), id.clone());
            tokio::spawn(async move { engine.wait_container(&id).await })
        };
        engine.stop_container(&id, Some(20)).await.expect("stops");
        assert_eq!(waiting.await.expect("waits").expect("has a code"), 3);
        let ended = engine
            .inspect_container(&id)
            .await
            .expect("asks")
            .expect("is there");
        assert_eq!(ended.state.status, ContainerStatus::Exited);
        assert_eq!(ended.state.exit.expect("has ended").code, 3);
        engine
            .stop_container(&id, None)
            .await
            .expect("a second stop changes nothing");

        engine
            .remove_container(&id, false, true)
            .await
            .expect("removes");
        assert!(engine.inspect_container(&id).await.expect("asks").is_none());
        let error = engine.start_container(&id).await.expect_err("is gone");
        assert_eq!(error.kind, ErrorKind::NotFound);
    });
}

#[test]
fn logs_have_streams_times_tails_and_an_end() {
    on_every_engine("logs", |stage| async move {
        let engine = &stage.engine;
        let long = "x".repeat(40_000);
        let script = format!("echo one; echo two >&2; printf '{long}'; echo; sleep 0.3; echo late");
        let id = stage.start(&stage.script("talker", &script)).await;
        let follow = LogOptions {
            follow: true,
            timestamps: true,
            ..LogOptions::default()
        };
        let lines: Vec<_> = engine
            .container_logs(&id, &follow)
            .await
            .expect("logs")
            .try_collect()
            .await
            .expect("the log ends with the container");
        let mut texts: Vec<_> = lines
            .iter()
            .map(|line| {
                (
                    line.stream,
                    String::from_utf8_lossy(&line.bytes).into_owned(),
                )
            })
            .collect();
        texts.sort_by_key(|(stream, text)| (*stream == LogStream::Stderr, text.clone()));
        let mut wanted = vec![
            (LogStream::Stdout, "late".to_owned()),
            (LogStream::Stdout, "one".to_owned()),
            (LogStream::Stdout, long.clone()),
            (LogStream::Stderr, "two".to_owned()),
        ];
        wanted.sort_by_key(|(stream, text)| (*stream == LogStream::Stderr, text.clone()));
        assert_eq!(texts, wanted);
        for line in &lines {
            let time = line.timestamp.as_deref().expect("has a time");
            assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
        }
        let tail = LogOptions {
            tail: Some(2),
            ..LogOptions::default()
        };
        let last: Vec<_> = engine
            .container_logs(&id, &tail)
            .await
            .expect("logs")
            .try_collect()
            .await
            .expect("ends");
        assert_eq!(last.len(), 2);
        assert_eq!(last[1].bytes, "late");
        assert_eq!(last[1].timestamp, None);

        let late = lines
            .iter()
            .find(|line| line.bytes == "late")
            .expect("was there");
        let since = LogOptions {
            since: late.timestamp.clone(),
            ..LogOptions::default()
        };
        let rest: Vec<_> = engine
            .container_logs(&id, &since)
            .await
            .expect("logs")
            .try_collect()
            .await
            .expect("ends");
        assert_eq!(
            rest.iter()
                .map(|line| line.bytes.clone())
                .collect::<Vec<_>>(),
            ["late"]
        );
    });
}

#[test]
fn a_last_line_without_an_end_is_not_lost() {
    on_every_engine("lastline", |stage| async move {
        let id = stage
            .start(&stage.script("talker", "echo one; printf 'no end'"))
            .await;
        assert_eq!(stage.engine.wait_container(&id).await.expect("ends"), 0);
        let lines: Vec<_> = stage
            .engine
            .container_logs(&id, &LogOptions::default())
            .await
            .expect("logs")
            .try_collect()
            .await
            .expect("ends");
        let texts: Vec<_> = lines.iter().map(|line| line.bytes.clone()).collect();
        assert_eq!(texts, ["one", "no end"]);
    });
}

#[test]
fn a_terminals_log_is_read_too() {
    on_every_engine("ttylog", |stage| async move {
        let mut spec = stage.script("tty", "printf '\\001first\\n'; echo second");
        spec.tty = true;
        let id = stage.start(&spec).await;
        assert_eq!(stage.engine.wait_container(&id).await.expect("ends"), 0);
        let options = LogOptions {
            tty: true,
            timestamps: true,
            ..LogOptions::default()
        };
        let lines: Vec<_> = stage
            .engine
            .container_logs(&id, &options)
            .await
            .expect("logs")
            .try_collect()
            .await
            .expect("ends");
        let texts: Vec<_> = lines.iter().map(|line| line.bytes.clone()).collect();
        assert_eq!(texts, ["\u{1}first", "second"]);
        assert!(lines.iter().all(|line| line.timestamp.is_some()));
    });
}

#[test]
fn a_command_in_a_container_reads_input_and_gives_its_code() {
    on_every_engine("exec", |stage| async move {
        let engine = &stage.engine;
        let id = stage.start(&stage.script("shell", "sleep 600")).await;

        let mut spec = command(&["sh", "-c", "echo $A in $PWD; echo bad >&2; exit 42"]);
        spec.environment.insert("A".into(), Some("a value".into()));
        spec.working_dir = Some("/tmp".into());
        let (exec, attached) = engine.exec(&id, &spec).await.expect("runs");
        assert_eq!(
            read(attached).await,
            ("a value in /tmp\n".to_owned(), "bad\n".to_owned())
        );
        let outcome = engine.exec_outcome(&exec).await.expect("has an outcome");
        assert_eq!((outcome.running, outcome.exit_code), (false, Some(42)));

        let mut spec = command(&["sha256sum"]);
        spec.attach_stdin = true;
        let (_, mut attached) = engine.exec(&id, &spec).await.expect("runs");
        let megabyte = vec![b'z'; 1 << 20];
        attached
            .input
            .write_all(&megabyte)
            .await
            .expect("takes input");
        let (output, _) = read(attached).await;
        assert_eq!(
            output,
            "3ac3338d67611f3edb444a8f730d5e3a6559d4640e7b1a2d5fa58bafbda3254a  -\n"
        );

        let mut detached = command(&["touch", "/done"]);
        detached.detach = true;
        engine.exec(&id, &detached).await.expect("starts");
        eventually("the detached command has run", || async {
            let (exec, attached) = engine
                .exec(&id, &command(&["test", "-e", "/done"]))
                .await
                .expect("runs");
            read(attached).await;
            engine
                .exec_outcome(&exec)
                .await
                .expect("has an outcome")
                .exit_code
                == Some(0)
        })
        .await;

        let error = engine
            .exec("wharf-e2e-nobody", &command(&["true"]))
            .await
            .err()
            .expect("fails");
        assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
    });
}

#[test]
fn a_terminal_has_its_size_from_the_start() {
    on_every_engine("ttysize", |stage| async move {
        let id = stage.start(&stage.script("shell", "sleep 600")).await;
        // The engine without a size at creation is told right after: the command gives it a moment.
        let mut spec = command(&["sh", "-c", "sleep 0.5; stty size; printf '\\001'"]);
        spec.tty = true;
        spec.attach_stdin = true;
        spec.console = Some(ConsoleSize {
            rows: 33,
            columns: 111,
        });
        let (exec, attached) = stage.engine.exec(&id, &spec).await.expect("runs");
        let Attached { output, input } = attached;
        let chunks: Vec<_> = output.try_collect().await.expect("output comes");
        drop(input);
        let text: String = chunks
            .iter()
            .map(|chunk| String::from_utf8_lossy(&chunk.bytes).into_owned())
            .collect();
        assert_eq!(text, "33 111\r\n\u{1}");
        let size = ConsoleSize {
            rows: 10,
            columns: 20,
        };
        let error = stage
            .engine
            .resize_exec(&exec, size)
            .await
            .expect_err("has ended");
        assert!(error.message.contains("terminal"), "{error}");
    });
}

#[test]
fn an_attached_container_talks_and_listens() {
    on_every_engine("attach", |stage| async move {
        let engine = &stage.engine;
        let mut spec = stage.script("cat", "cat; echo end >&2; exit 7");
        spec.open_stdin = true;
        spec.stdin_once = true;
        let id = engine.create_container(&spec).await.expect("creates").id;
        let options = AttachOptions {
            stdin: true,
            stdout: true,
            stderr: true,
            ..AttachOptions::default()
        };
        let mut attached = engine
            .attach_container(&id, &options)
            .await
            .expect("attaches");
        engine.start_container(&id).await.expect("starts");
        attached
            .input
            .write_all(b"to and fro\n")
            .await
            .expect("takes input");
        assert_eq!(
            read(attached).await,
            ("to and fro\n".to_owned(), "end\n".to_owned())
        );
        assert_eq!(engine.wait_container(&id).await.expect("ends"), 7);
    });
}

fn tar_of(name: &str, content: &[u8], owner: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o640);
    header.set_uid(owner);
    header.set_gid(owner);
    header.set_cksum();
    let mut builder = tar::Builder::new(Vec::new());
    builder
        .append_data(&mut header, name, content)
        .expect("packs");
    builder.into_inner().expect("packs")
}

fn first_file(tar: &[u8]) -> Vec<u8> {
    let mut archive = tar::Archive::new(tar);
    let mut entries = archive.entries().expect("is a tar");
    let mut entry = entries.next().expect("holds a file").expect("is a tar");
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut entry, &mut content).expect("reads");
    content
}

#[test]
fn archives_go_in_and_out() {
    on_every_engine("archive", |stage| async move {
        let engine = &stage.engine;
        let id = engine
            .create_container(&stage.script("box", "stat -c %u:%g:%a /srv/a.txt"))
            .await
            .expect("creates")
            .id;
        let content = vec![b'y'; 3 << 20];
        let pieces: Vec<Result<Bytes, EngineError>> = tar_of("a.txt", &content, 1234)
            .chunks(10_000)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        engine
            .upload_archive(&id, "/srv", Box::pin(stream::iter(pieces)), true)
            .await
            .expect("uploads");
        let down = engine
            .download_archive(&id, "/srv/a.txt")
            .await
            .expect("downloads");
        let bytes: Vec<Bytes> = down.try_collect().await.expect("downloads");
        let all = bytes.concat();
        let back = first_file(&all);
        assert_eq!(back, content);

        engine.start_container(&id).await.expect("starts");
        assert_eq!(engine.wait_container(&id).await.expect("ends"), 0);
        let log: Vec<_> = engine
            .container_logs(&id, &LogOptions::default())
            .await
            .expect("logs")
            .try_collect()
            .await
            .expect("ends");
        assert_eq!(log[0].bytes, "1234:1234:640");

        let error = engine
            .download_archive(&id, "/nowhere")
            .await
            .err()
            .expect("is not there");
        assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
        let broken: Vec<Result<Bytes, EngineError>> = vec![
            Ok(Bytes::from(tar_of("b.txt", &content, 0)[..2048].to_vec())),
            Err(EngineError::new(ErrorKind::Interrupted, "given up")),
        ];
        let error = engine
            .upload_archive(&id, "/srv", Box::pin(stream::iter(broken)), false)
            .await
            .expect_err("the source failed");
        assert!(error.message.contains("given up"), "{error}");
    });
}

#[test]
fn events_are_told_as_they_happen() {
    on_every_engine("events", |stage| async move {
        let engine = &stage.engine;
        let events = engine
            .events(&[stage.label()], None, None)
            .await
            .expect("listens");
        let id = stage.start(&stage.script("short", "exit 5")).await;
        engine.wait_container(&id).await.expect("ends");
        let seen: Vec<EngineEvent> = events
            .take_while(|event| {
                let last = event.as_ref().is_ok_and(|event| event.action == "die");
                async move { !last }
            })
            .try_collect()
            .await
            .expect("events come");
        let actions: Vec<_> = seen.iter().map(|event| event.action.as_str()).collect();
        assert_eq!(actions, ["create", "start"]);
        assert!(
            seen.iter()
                .all(|event| event.kind == EventKind::Container && event.actor == id)
        );
        assert_eq!(seen[0].attributes["name"], stage.name("short"));

        let past = seen[0].time_nanos / SECOND;
        let again: Vec<EngineEvent> = engine
            .events(&[stage.label()], Some(past), Some(past + 1))
            .await
            .expect("listens")
            .try_collect()
            .await
            .expect("the past has an end");
        assert!(
            again
                .iter()
                .any(|event| event.action == "create" && event.actor == id)
        );
    });
}

async fn networks(stage: &Direct, names: &[&str]) {
    for name in names {
        let spec = NetworkSpec {
            name: stage.name(name),
            labels: [(stage.label().0.to_owned(), stage.label().1.to_owned())]
                .into_iter()
                .collect(),
            ..NetworkSpec::default()
        };
        stage
            .engine
            .create_network(&spec)
            .await
            .expect("creates the network");
    }
}

#[test]
fn a_container_joins_all_its_networks_before_it_starts() {
    on_every_engine("networks", |stage: Arc<Direct>| async move {
        let engine = &stage.engine;
        networks(&stage, &["back", "front", "side"]).await;
        let twin = NetworkSpec {
            name: stage.name("back"),
            ..NetworkSpec::default()
        };
        let error = engine
            .create_network(&twin)
            .await
            .expect_err("the name is taken");
        assert_eq!(error.kind, ErrorKind::Conflict, "{error}");

        let mut spec = stage.script("web", "getent hosts me.front >/dev/null && sleep 600");
        for name in ["back", "front"] {
            let endpoint = EndpointSpec {
                aliases: vec![format!("me.{name}")],
                ..EndpointSpec::default()
            };
            spec.endpoints.insert(stage.name(name), endpoint);
        }
        let id = stage.start(&spec).await;
        let found = engine
            .inspect_container(&id)
            .await
            .expect("asks")
            .expect("is there");
        assert_eq!(found.state.status, ContainerStatus::Running);
        let names: Vec<_> = found.networks.keys().cloned().collect();
        assert_eq!(names, [stage.name("back"), stage.name("front")]);
        assert!(
            found.networks[&stage.name("front")]
                .aliases
                .contains(&"me.front".to_owned())
        );

        let side = stage.name("side");
        engine
            .connect_network(&side, &id, &EndpointSpec::default())
            .await
            .expect("connects");
        let network = engine
            .inspect_network(&side)
            .await
            .expect("asks")
            .expect("is there");
        assert_eq!(network.containers, std::slice::from_ref(&id));
        let error = engine.remove_network(&side).await.expect_err("is in use");
        assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
        engine
            .disconnect_network(&side, &id, false)
            .await
            .expect("disconnects");
        engine.remove_network(&side).await.expect("removes");
        assert!(engine.inspect_network(&side).await.expect("asks").is_none());

        let mut beside = stage.script("beside", "getent hosts me.back");
        beside.network_mode = Some(format!("container:{id}"));
        let beside = stage.start(&beside).await;
        assert_eq!(engine.wait_container(&beside).await.expect("ends"), 0);

        let mut lost = stage.script("lost", "true");
        lost.endpoints
            .insert(stage.name("back"), EndpointSpec::default());
        lost.endpoints
            .insert(stage.name("nowhere"), EndpointSpec::default());
        match engine.create_container(&lost).await {
            // An engine that takes all networks at once finds out at the start.
            Ok(lost) => {
                let error = engine
                    .start_container(&lost.id)
                    .await
                    .expect_err("has no network");
                assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
            }
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
                assert!(
                    engine
                        .inspect_container(&lost.name)
                        .await
                        .expect("asks")
                        .is_none()
                );
            }
        }
    });
}

#[test]
fn volumes_keep_data_and_are_not_removed_in_use() {
    on_every_engine("volumes", |stage| async move {
        let engine = &stage.engine;
        let volume = VolumeSpec {
            name: stage.name("data"),
            labels: [(stage.label().0.to_owned(), stage.label().1.to_owned())]
                .into_iter()
                .collect(),
            ..VolumeSpec::default()
        };
        engine.create_volume(&volume).await.expect("creates");
        engine
            .create_volume(&volume)
            .await
            .expect("a second time changes nothing");
        let mut writer = stage.script("writer", "echo kept > /data/file");
        writer.mounts = vec![mount(EngineMountKind::Volume, &volume.name, "/data")];
        let writer = stage.start(&writer).await;
        assert_eq!(engine.wait_container(&writer).await.expect("ends"), 0);
        let error = engine
            .remove_volume(&volume.name, false)
            .await
            .expect_err("is in use");
        assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
        engine
            .remove_container(&writer, false, true)
            .await
            .expect("removes");

        let mut reader = stage.script("reader", "cat /data/file");
        reader.mounts = vec![mount(EngineMountKind::Volume, &volume.name, "/data")];
        reader.mounts[0].read_only = true;
        let reader = stage.start(&reader).await;
        assert_eq!(engine.wait_container(&reader).await.expect("ends"), 0);
        engine
            .remove_container(&reader, true, true)
            .await
            .expect("removes");
        let listed = engine.list_volumes(&[stage.label()]).await.expect("lists");
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].driver, "local");
        engine
            .remove_volume(&volume.name, false)
            .await
            .expect("removes");
        assert!(
            engine
                .inspect_volume(&volume.name)
                .await
                .expect("asks")
                .is_none()
        );
        let error = engine
            .remove_volume(&volume.name, false)
            .await
            .expect_err("is gone");
        assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
    });
}

#[test]
fn a_part_of_a_volume_is_mounted_or_refused_but_never_all_of_it() {
    on_every_engine("subpath", |stage| async move {
        let engine = &stage.engine;
        let volume = VolumeSpec {
            name: stage.name("data"),
            labels: [(stage.label().0.to_owned(), stage.label().1.to_owned())]
                .into_iter()
                .collect(),
            ..VolumeSpec::default()
        };
        engine.create_volume(&volume).await.expect("creates");
        let mut filler = stage.script("filler", "mkdir /data/part; touch /data/secret");
        filler.mounts = vec![mount(EngineMountKind::Volume, &volume.name, "/data")];
        let filler = stage.start(&filler).await;
        assert_eq!(engine.wait_container(&filler).await.expect("ends"), 0);
        let mut part = stage.script("part", "test ! -e /data/secret");
        part.mounts = vec![mount(EngineMountKind::Volume, &volume.name, "/data")];
        part.mounts[0].subpath = Some("part".into());
        match engine.create_container(&part).await {
            Ok(created) => {
                let id = created.id;
                engine.start_container(&id).await.expect("starts");
                assert_eq!(engine.wait_container(&id).await.expect("ends"), 0);
            }
            Err(error) => {
                assert_eq!(error.kind, ErrorKind::Unsupported, "{error}");
                assert!(!engine.info().has_volume_subpath());
            }
        }
    });
}

#[test]
fn a_bind_mount_can_make_its_host_path() {
    on_every_engine("hostpath", |stage| async move {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("made/by/the/engine");
        let mut spec = stage.script("binder", "echo here > /mnt/file");
        spec.mounts = vec![mount(
            EngineMountKind::Bind,
            &path.to_string_lossy(),
            "/mnt",
        )];
        let error = match stage.engine.create_container(&spec).await {
            Ok(created) => stage
                .engine
                .start_container(&created.id)
                .await
                .expect_err("there is no such path"),
            Err(error) => error,
        };
        assert_eq!(error.kind, ErrorKind::BadRequest, "{error}");
        spec.name = stage.name("maker");
        spec.mounts[0].create_host_path = true;
        let id = stage.start(&spec).await;
        assert_eq!(stage.engine.wait_container(&id).await.expect("ends"), 0);
        assert_eq!(
            std::fs::read_to_string(path.join("file")).expect("was written"),
            "here\n"
        );
    });
}

#[test]
fn a_taken_port_is_told_apart() {
    on_every_engine("port", |stage| async move {
        let engine = &stage.engine;
        let mut first = stage.script("first", "sleep 600");
        first.port_bindings = vec![PortBinding {
            container_port: 80,
            protocol: "tcp".into(),
            host_ip: "127.0.0.1".into(),
            host_port: String::new(),
        }];
        let id = stage.start(&first).await;
        let running = engine
            .inspect_container(&id)
            .await
            .expect("asks")
            .expect("is there");
        let port = running.ports[0].host_port.expect("has a port").to_string();

        let mut second = stage.script("second", "sleep 600");
        second.port_bindings = first.port_bindings.clone();
        second.port_bindings[0].host_port = port.clone();
        let late = engine.create_container(&second).await.expect("creates").id;
        let error = engine
            .start_container(&late)
            .await
            .expect_err("the port is taken");
        assert_eq!(error.kind, ErrorKind::PortTaken, "{error}");
        assert!(
            error
                .message
                .contains(&format!("host port {port} is already taken")),
            "{error}"
        );
        let failed = engine
            .inspect_container(&late)
            .await
            .expect("asks")
            .expect("is there");
        assert!(failed.state.exit.is_some_and(|exit| !exit.error.is_empty()));
        engine
            .remove_container(&id, true, true)
            .await
            .expect("removes");
        engine
            .start_container(&late)
            .await
            .expect("the port is free now");
    });
}

#[test]
fn mistakes_have_their_kinds() {
    on_every_engine("mistakes", |stage| async move {
        let engine = &stage.engine;
        let spec = stage.script("one", "sleep 600");
        let id = engine.create_container(&spec).await.expect("creates").id;
        let kind = |error: EngineError| (error.kind, error.message);
        let taken = engine
            .create_container(&spec)
            .await
            .map_err(kind)
            .expect_err("is taken");
        assert_eq!(taken.0, ErrorKind::Conflict, "{taken:?}");
        let stopped = engine
            .kill_container(&id, "KILL")
            .await
            .map_err(kind)
            .expect_err("is stopped");
        assert!(
            matches!(stopped.0, ErrorKind::Conflict | ErrorKind::Other),
            "{stopped:?}"
        );
        let mut unknown = stage.script("two", "true");
        unknown.image = "wharf-e2e/no-such-image:1".into();
        let unknown = engine
            .create_container(&unknown)
            .await
            .map_err(kind)
            .expect_err("no image");
        assert_eq!(unknown.0, ErrorKind::NotFound, "{unknown:?}");
        assert!(
            unknown.1.contains("wharf-e2e/no-such-image:1"),
            "{unknown:?}"
        );
        let mut program = stage.script("three", "true");
        program.command = Some(vec!["/no/such/program".into()]);
        program.init = None;
        let program = engine.create_container(&program).await.expect("creates").id;
        let program = engine
            .start_container(&program)
            .await
            .map_err(kind)
            .expect_err("no program");
        assert!(program.1.contains("/no/such/program"), "{program:?}");
        // A name that climbs must not reach another part of the API.
        let climbing = format!("../containers/{id}");
        let climbed = engine.remove_volume(&climbing, true).await;
        assert!(climbed.is_err() || engine.inspect_container(&id).await.expect("asks").is_some());
        assert!(engine.inspect_container(&id).await.expect("asks").is_some());
        let short = &id[..6];
        assert!(
            engine
                .inspect_container(short)
                .await
                .expect("asks")
                .is_none()
        );
        assert!(
            engine
                .inspect_container(&id[..12])
                .await
                .expect("asks")
                .is_some()
        );
    });
}

#[test]
fn a_container_can_be_paused_renamed_limited_and_looked_into() {
    on_every_engine("verbs", |stage| async move {
        let engine = &stage.engine;
        let id = stage.start(&stage.script("one", "sleep 600")).await;
        let status = || async {
            engine
                .inspect_container(&id)
                .await
                .expect("asks")
                .expect("is there")
                .state
                .status
        };
        engine.pause_container(&id).await.expect("pauses");
        assert_eq!(status().await, ContainerStatus::Paused);
        engine.unpause_container(&id).await.expect("goes on");
        assert_eq!(status().await, ContainerStatus::Running);
        let limits = ResourceLimits {
            memory: Some(64 << 20),
            memory_swap: Some(128 << 20),
            ..ResourceLimits::default()
        };
        engine
            .update_container(&id, &limits, None)
            .await
            .expect("updates");
        assert_eq!(
            stage.docker(&["inspect", "-f", "{{.HostConfig.Memory}}", &id]),
            (64 << 20).to_string()
        );
        engine
            .rename_container(&id, &stage.name("other"))
            .await
            .expect("renames");
        let (titles, rows) = engine
            .container_top(&id, "")
            .await
            .expect("lists processes");
        let column = titles
            .iter()
            .position(|title| title == "CMD")
            .expect("has a title");
        assert!(rows.iter().any(|row| row[column].contains("sleep 600")));
        let stats: Vec<serde_json::Value> = engine
            .container_stats(&id, false)
            .await
            .expect("measures")
            .try_collect()
            .await
            .expect("measures");
        assert_eq!(stats.len(), 1);
        assert!(stats[0]["memory_stats"].is_object());
        engine
            .restart_container(&id, Some(0))
            .await
            .expect("restarts");
        assert_eq!(status().await, ContainerStatus::Running);
        engine.kill_container(&id, "KILL").await.expect("kills");
        eventually("the container has ended", || async {
            status().await == ContainerStatus::Exited
        })
        .await;
        assert_eq!(engine.wait_container(&id).await.expect("has ended"), 137);
    });
}

#[test]
fn an_ephemeral_container_is_gone_even_when_two_remove_it() {
    on_every_engine("ephemeral", |stage| async move {
        let engine = &stage.engine;
        let mut spec = stage.script("once", "sleep 600");
        spec.auto_remove = true;
        let id = stage.start(&spec).await;
        let (first, second) = tokio::join!(
            engine.remove_container(&id, true, true),
            engine.remove_container(&id, true, true)
        );
        for outcome in [first, second] {
            if let Err(error) = outcome {
                assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
            }
        }
        assert!(engine.inspect_container(&id).await.expect("asks").is_none());
    });
}

#[test]
fn images_are_tagged_committed_saved_and_loaded() {
    on_every_engine("images", |stage| async move {
        let engine = &stage.engine;
        let base = engine
            .inspect_image(IMAGE)
            .await
            .expect("asks")
            .expect("is there");
        assert!(base.tags.contains(&IMAGE.to_owned()) && !base.layers.is_empty());
        assert!(
            engine
                .inspect_image("wharf-e2e/none")
                .await
                .expect("asks")
                .is_none()
        );
        let id = stage
            .start(&stage.script("maker", "echo made > /made"))
            .await;
        engine.wait_container(&id).await.expect("ends");
        let made = "wharf-e2e/made:1";
        let label = format!("LABEL {}={}", stage.label().0, stage.label().1);
        let changes = [label, "CMD [\"cat\", \"/made\"]".to_owned()];
        let image = engine
            .commit_container(&id, Some(made), "why", "who", &changes, true)
            .await
            .expect("commits");
        let found = engine
            .inspect_image(made)
            .await
            .expect("asks")
            .expect("is there");
        assert_eq!(
            (found.id.as_str(), found.command.join(" ").as_str()),
            (image.as_str(), "cat /made")
        );
        assert_eq!(found.layers.len(), base.layers.len() + 1);
        let listed = engine.list_images(&[stage.label()]).await.expect("lists");
        assert_eq!(listed.len(), 1);
        assert_eq!(
            engine.image_history(made).await.expect("has one")[0].comment,
            "why"
        );

        // The command is the image's; cleared, there is nothing to run.
        let mut spec = stage.script("runner", "");
        spec.image = made.to_owned();
        spec.command = None;
        spec.init = None;
        let runner = stage.start(&spec).await;
        assert_eq!(engine.wait_container(&runner).await.expect("ends"), 0);

        engine
            .tag_image(made, "wharf-e2e/other")
            .await
            .expect("tags");
        let saved = engine
            .save_images(&["wharf-e2e/other:latest".to_owned()])
            .await
            .expect("saves");
        let bytes: Vec<Bytes> = saved.try_collect().await.expect("saves");
        for reference in ["wharf-e2e/other", made] {
            engine.remove_image(reference, true).await.expect("removes");
        }
        assert!(
            engine
                .inspect_image("wharf-e2e/other")
                .await
                .expect("asks")
                .is_none()
        );
        let bytes = bytes.into_iter().map(Ok::<_, EngineError>);
        let said = engine
            .load_images(Box::pin(stream::iter(bytes)))
            .await
            .expect("loads");
        assert!(
            said.iter()
                .any(|line| line.contains("wharf-e2e/other:latest")),
            "{said:?}"
        );
        let loaded = engine
            .inspect_image("wharf-e2e/other")
            .await
            .expect("asks")
            .expect("is there");
        assert_eq!(loaded.id, image);
        engine
            .remove_container(&runner, true, true)
            .await
            .expect("removes");
        engine
            .remove_image("wharf-e2e/other", true)
            .await
            .expect("removes");

        let pulled = engine
            .pull_image("localhost:1/wharf/none:1", None, None)
            .await;
        let error = match pulled {
            Ok(progress) => progress
                .try_collect::<Vec<_>>()
                .await
                .expect_err("no registry"),
            Err(error) => error,
        };
        assert!(
            error.message.contains("localhost:1/wharf/none:1"),
            "{error}"
        );
        let error = engine
            .load_images(Box::pin(stream::iter([Ok(Bytes::from("no tar"))])))
            .await;
        assert!(error.is_err());
    });
}

#[test]
fn a_filesystem_is_exported_as_a_stream() {
    on_every_engine("export", |stage| async move {
        let id = stage
            .engine
            .create_container(&stage.script("box", "true"))
            .await
            .expect("creates")
            .id;
        let mut stream = stage.engine.export_container(&id).await.expect("exports");
        let first = stream
            .try_next()
            .await
            .expect("exports")
            .expect("is not empty");
        assert!(!first.is_empty());
        // Leaving a stream early does no harm.
        drop(stream);
        stage
            .engine
            .remove_container(&id, true, true)
            .await
            .expect("removes");
    });
}

#[test]
fn an_engine_behind_ssh_is_as_good_as_one_here() {
    use std::os::unix::fs::PermissionsExt;
    on_every_engine("ssh", |stage| async move {
        // The other side of ssh is this machine: what stands after the host is run here, as sshd would.
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("ssh");
        let script = format!(
            "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nshift 2\n\
             DOCKER_HOST={} exec sh -c \"$*\"\n",
            stage.host
        );
        std::fs::write(&program, script).expect("writes");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("writes");
        let mut environment = environment("ssh://me@far");
        let path = format!(
            "{}:{}",
            folder.path().display(),
            environment.variables["PATH"]
        );
        environment.variables.insert("PATH".into(), path);
        let engine = docker::connect(&environment, None).await.expect("connects");
        assert_eq!(engine.info().address, "ssh://me@far");
        let id = stage.start(&stage.script("shell", "sleep 600")).await;
        let mut spec = command(&["sh", "-c", "cat; exit 4"]);
        spec.attach_stdin = true;
        let (exec, mut attached) = engine.exec(&id, &spec).await.expect("runs");
        attached
            .input
            .write_all(b"through the pipe")
            .await
            .expect("takes input");
        assert_eq!(read(attached).await.0, "through the pipe");
        assert_eq!(
            engine.exec_outcome(&exec).await.expect("ended").exit_code,
            Some(4)
        );

        std::fs::write(
            &program,
            "#!/bin/sh\necho 'far: Name or service not known' >&2; exit 255\n",
        )
        .expect("writes");
        let error = docker::connect(&environment, None)
            .await
            .err()
            .expect("fails");
        assert_eq!(error.kind, ErrorKind::Unreachable);
        assert!(
            error.message.contains("Name or service not known"),
            "{error}"
        );
    });
}
