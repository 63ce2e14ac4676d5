//! Envs on servers.

use std::process::Stdio;
use std::time::Duration;

use crate::bundled::bundled;
use crate::server::Server;
use crate::stage::{Run, Stage, eventually, finish, on_each_engine};

/// Bytes of the layer that a first shipment brings.
const NOISE: u64 = 3_000_000;
/// Bytes to a server before a layer is sent, and after it, at least.
const GREETING: u64 = 6_000;
/// Bytes that opening another connection and looking again take at most.
const AGAIN: u64 = 100_000;

#[track_caller]
fn ship(server: &Server<'_>) -> Run {
    let run = server.wharf(&["-f", "app.yml", "ship", &server.address()]);
    assert_eq!(run.code, 0, "{}", run.talk());
    run
}

/// What the application on the server says.
fn answer(server: &Server<'_>) -> String {
    let container = format!("{}-web-1", server.stage.project);
    server.on_server(&["docker", "exec", &container, "cat", "/answer"])
}

/// A small application, because each shipment goes through every byte, whose answer is in its uppermost layer; `healthy`: what its health check says.
fn write_app(stage: &Stage, answer: &str, healthy: &str) {
    write_app_of(
        stage,
        answer,
        healthy,
        &format!("head -c {NOISE} /dev/urandom > /noise"),
    );
}

/// `noise`: makes the file `/noise`, which no compression makes smaller, in the layer below the answer's.
fn write_app_of(stage: &Stage, answer: &str, healthy: &str, noise: &str) {
    stage.write(
        "app.yml",
        &format!(
            "name: {project}\nservices:\n  web:\n    image: {project}-web\n    build:\n      context: .\n      dockerfile_inline: |\n        FROM debian:bookworm-slim AS debian\n        RUN mkdir /min && cp --parents -L /bin/sh /bin/cat /bin/sleep /bin/true /bin/false /usr/bin/head /lib*/ld-linux*.so.* /lib/*-linux-gnu/libc.so.6 /min/\n        FROM scratch\n        COPY --from=debian /min /\n        RUN {noise}\n        RUN echo {answer} > /answer\n    command: [sleep, infinity]\n    stop_signal: SIGKILL\n    healthcheck: {{test: [CMD, \"{healthy}\"], interval: 1s, retries: 2}}\n",
            project = stage.project
        ),
    );
    // What is there is shipped as it is.
    stage.wharf_ok(&["-f", "app.yml", "build"]);
}

/// The application of [`write_app`] with a configuration that names the server.
fn add_config(stage: &Stage, words: &str) {
    let app = stage.directory.path().join("app.yml");
    let text = std::fs::read_to_string(&app).expect("the application");
    let config = "x-wharf: {config: [{template: app.conf, target: /etc/app.conf}]}\n";
    stage.write("app.yml", &format!("{text}{config}"));
    stage.write("app.conf", &format!("{words} on {{{{ host }}}}\n"));
}

/// A configuration is part of the image on the server, rendered for it, and a change of it alone is a few kilobytes.
#[test]
fn a_configuration_is_shipped_with_the_image_and_changes_alone() {
    on_each_engine(|stage| {
        let server = Server::start(stage, "server");
        let config = || {
            let name = format!("{}-web-1", stage.project);
            server.on_server(&["docker", "exec", &name, "cat", "/etc/app.conf"])
        };
        write_app(stage, "one", "true");
        add_config(stage, "first");
        ship(&server);
        assert_eq!(config(), "first on 127.0.0.1");
        assert_eq!(answer(&server), "one");

        write_app(stage, "one", "true");
        add_config(stage, "second");
        server.door.sent();
        ship(&server);
        assert_eq!(config(), "second on 127.0.0.1");
        let sent = server.door.sent();
        assert!(sent < 100_000, "a configuration is small: {sent}");
        let again = ship(&server);
        assert!(again.stdout.contains("unchanged"), "{}", again.talk());

        // What is prepared is all there, and what runs does not hear of it.
        write_app(stage, "one", "true");
        add_config(stage, "third");
        let address = server.address();
        let words = ["-f", "app.yml", "ship", "--prepare", &address];
        for _ in 0..2 {
            let prepared = server.wharf(&words);
            assert_eq!(prepared.code, 0, "{}", prepared.talk());
            assert!(prepared.stdout.contains("prepared"), "{}", prepared.talk());
        }
        assert_eq!(config(), "second on 127.0.0.1");
        let started = ship(&server);
        // The third release is the one that was prepared, however often that was.
        assert!(started.stdout.contains("   3   "), "{}", started.talk());
        assert_eq!(config(), "third on 127.0.0.1");
    });
}

/// Several servers are served at once, and one that cannot be reached does not keep the others waiting. A shipment that is under way keeps other clients away.
#[test]
fn other_servers_and_other_clients_are_left_alone() {
    on_each_engine(|stage| {
        let server = Server::start(stage, "server");
        let second = Server::start(stage, "second");
        write_app(stage, "one", "true");
        let all = server.wharf(&[
            "-f",
            "app.yml",
            "ship",
            "ssh://root@127.0.0.1:1",
            &server.address(),
            &second.address(),
        ]);
        assert_eq!(all.code, 5, "{}", all.talk());
        assert!(all.stderr.contains("127.0.0.1:1"), "{}", all.talk());
        assert_eq!(answer(&server), "one");
        assert_eq!(answer(&second), "one");
        drop(second);

        let lock = format!("/root/.cache/wharf-ship-{}.lock", stage.project);
        let script = format!(
            "mkdir -p /root/.cache; exec 9>>{lock}; flock 9; echo other from 192.0.2.7 since noon >{lock}; cat"
        );
        let mut other = stage
            .command(&[
                "-f",
                "server.yml",
                "exec",
                "-T",
                "server",
                "sh",
                "-c",
                &script,
            ])
            .stdin(Stdio::piped())
            .spawn()
            .expect("it starts");
        eventually("the lock is held", Duration::from_secs(60), || {
            let said = server.on_server(&["sh", "-c", &format!("cat {lock} || true")]);
            said.contains("noon").then_some(())
        });
        write_app(stage, "two", "true");
        let refused = server.wharf(&["-f", "app.yml", "ship", &server.address()]);
        assert_eq!(refused.code, 5, "{}", refused.talk());
        assert!(
            refused.stderr.contains("from 192.0.2.7 since noon"),
            "{}",
            refused.talk()
        );
        assert_eq!(answer(&server), "one");
        drop(other.stdin.take());
        other.wait().expect("it ends");
        ship(&server);
        assert_eq!(answer(&server), "two");
    });
}

/// A first shipment brings everything, a second one only what is new, a third one nothing; a release that does not come
/// up is replaced by the former one; a rollback goes one back; a wrong host key is refused.
#[test]
fn a_server_gets_what_it_lacks_and_keeps_running_what_works() {
    on_each_engine(|stage| {
        let server = Server::start(stage, "server");
        write_app(stage, "one", "true");
        ship(&server);
        assert_eq!(answer(&server), "one");
        let first = server.door.sent();
        assert!(
            first > NOISE,
            "the first shipment brings all layers: {first}"
        );

        let again = ship(&server);
        assert!(again.stdout.contains("unchanged"), "{}", again.talk());

        server.door.sent();
        write_app(stage, "two", "true");
        ship(&server);
        assert_eq!(answer(&server), "two");
        let second = server.door.sent();
        assert!(second < 200_000, "only the new layer is sent: {second}");

        write_app(stage, "three", "false");
        let broken = server.wharf(&["-f", "app.yml", "ship", &server.address()]);
        assert_eq!(broken.code, 5, "{}", broken.talk());
        assert!(
            broken.stderr.contains("is back and runs"),
            "{}",
            broken.talk()
        );
        assert_eq!(answer(&server), "two");

        let back = server.wharf(&["-f", "app.yml", "ship", "rollback", &server.address()]);
        assert_eq!(back.code, 0, "{}", back.talk());
        assert_eq!(answer(&server), "one");
        assert_eq!(
            server.on_server(&["sh", "-c", "ls -A /root/.cache 2>/dev/null"]),
            ""
        );

        let known = server.directory.join("known_hosts");
        let other = std::fs::read_to_string(server.directory.join("key.pub")).expect("a key");
        let mut words = other.split_whitespace();
        let (kind, key) = (words.next().expect("a kind"), words.next().expect("a key"));
        let line = format!("[127.0.0.1]:{} {kind} {key}\n", server.door.port);
        std::fs::write(known, line).expect("known_hosts");
        // The connection that is kept would not look at the host's key again.
        server.hang_up();
        let refused = server.wharf(&["-f", "app.yml", "ship", &server.address()]);
        assert_eq!(refused.code, 7, "{}", refused.talk());
        assert!(
            refused.stderr.contains("another host key"),
            "{}",
            refused.talk()
        );
    });
}

/// Ships while the door breaks the connection after so many bytes. `drained`: not before the server has taken all of them.
fn ship_cut(server: &Server<'_>, after: u64, drained: bool) -> Run {
    let ship = || server.wharf(&["-f", "app.yml", "ship", &server.address()]);
    if !drained {
        server.door.cut_after(after);
        return ship();
    }
    server.door.stand_still_after(after);
    std::thread::scope(|scope| {
        let shipping = scope.spawn(ship);
        while !server.door.stands_still() && !shipping.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let size = || {
            let count = "cat /root/.cache/wharf-ship/* 2>/dev/null | wc -c";
            server.on_server(&["sh", "-c", count])
        };
        let mut taken = size();
        eventually("the server takes it", Duration::from_secs(120), || {
            let before = std::mem::replace(&mut taken, size());
            (before == taken).then_some(())
        });
        server.door.cut();
        shipping.join().expect("wharf ends")
    })
}

/// Wherever the connection breaks, the same command ends as if it had not: what has arrived is not sent again, and nothing
/// is left behind. `WHARF_SHIP_CUTS` says how often it is broken (4), `WHARF_SHIP_SEED` repeats the places of a failure.
#[test]
fn a_connection_that_breaks_costs_nothing_but_time() {
    let number = |name: &str| {
        let text = std::env::var(name).ok()?;
        Some(text.parse::<u64>().expect("a number"))
    };
    let cuts = number("WHARF_SHIP_CUTS").unwrap_or(4);
    let seed = number("WHARF_SHIP_SEED").unwrap_or(u64::from(std::process::id()));
    on_each_engine(|stage| {
        let server = Server::start(stage, "server");
        let write = |number: u64| {
            let noise = format!(": {number}; head -c {NOISE} /dev/urandom > /noise");
            write_app_of(stage, &number.to_string(), "true", &noise);
        };
        write(0);
        ship(&server);
        server.hang_up();
        write(1);
        server.door.sent();
        server.door.connections();
        ship(&server);
        let whole = server.door.sent();
        assert_eq!(server.door.connections(), 1, "one connection does it all");
        assert!(whole > NOISE, "the layer is sent: {whole}");
        let mut random = seed | 1;
        for cut in 0..cuts {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // While it is greeted, while the layer is sent, and while it is loaded and brought up.
            let after = match cut % 4 {
                0 => 1 + (random >> 33) % GREETING,
                3 => whole - (random >> 33) % GREETING,
                _ => GREETING + (random >> 33) % NOISE,
            };
            // What a server has not read yet is lost with a connection, so that only then it can be counted.
            let is_drained = cut % 2 == 1;
            let expected = cut + 2;
            write(expected);
            server.hang_up();
            server.door.sent();
            server.door.connections();
            let run = ship_cut(&server, after, is_drained);
            let was_cut = server.door.was_cut();
            let (sent, connections) = (server.door.sent(), server.door.connections());
            let place = format!(
                "seed {seed}, cut {cut} after {after} of {whole} bytes, drained: {is_drained}; {sent} sent over {connections} connections"
            );
            eprintln!("{place}");
            assert_eq!(run.code, 0, "{place}\n{}", run.talk());
            assert_eq!(was_cut, connections > 1, "{place}\n{}", run.talk());
            // The end of the way may be shorter than last time.
            assert!(was_cut || cut % 4 == 3, "{place}");
            assert_eq!(answer(&server), expected.to_string(), "{place}");
            if is_drained {
                let most = whole + AGAIN;
                assert!(sent < most, "what had arrived was sent again: {place}");
            }
            let left = server.on_server(&["sh", "-c", "ls -A /root/.cache 2>/dev/null || true"]);
            assert_eq!(left, "", "{place}");
        }
    });
}

/// The bundled application with its database, directory and queue must run on a server that has nothing but an engine, from
/// the images that were built here, and answer there.
#[test]
fn the_bundled_stack_runs_on_a_server() {
    on_each_engine(|stage| {
        let server = Server::start(stage, "server");
        let tree = bundled(stage);
        let backend = |name: &str, more: &str| {
            format!(
                "  {name}:\n    extends: {{file: stacks/pycroft/backends.yml, service: {name}}}\n    network_mode: !reset null\n{more}"
            )
        };
        let schema = "    volumes: !reset []\n    x-wharf: {config: [{file: stacks/pycroft/schema/resident.ldif, target: /etc/ldap/schema/custom/resident.ldif}]}\n";
        let healthy = "{condition: service_healthy}";
        std::fs::write(
            tree.join("docker-compose.server.yml"),
            format!(
                "services:\n{}{}{}  migrate: {{depends_on: {{db: {healthy}, ldap: {healthy}, mq: {healthy}}}}}\n",
                backend("db", ""),
                backend("ldap", schema),
                backend("mq", ""),
            ),
        )
        .expect("the layer of the server");
        let wharf = |arguments: &[&str]| {
            let files = ["base", "prod", "server"]
                .map(|layer| ["-f".to_owned(), format!("docker-compose.{layer}.yml")])
                .concat();
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            let words = [&files[..], &["-p", &stage.project], arguments].concat();
            let mut command = stage.command_in(&tree, &words);
            server.let_in(&mut command);
            command.envs([
                (
                    "PYCROFT_DB_URI",
                    "postgresql+psycopg://pycroft:password@db:5432/pycroft",
                ),
                ("PYCROFT_LDAP_URI", "ldap://ldap:389"),
                ("PYCROFT_LDAP_BIND_DN", "cn=admin,dc=pycroft,dc=test"),
                ("PYCROFT_LDAP_BIND_PASSWORD", "password"),
                ("PYCROFT_LDAP_BASE_DN", "ou=residents,dc=pycroft,dc=test"),
                ("PYCROFT_BROKER_URI", "amqp://celery:celery@mq:5672//"),
            ]);
            finish(command)
        };
        let run = wharf(&["ship", &server.address()]);
        assert_eq!(run.code, 0, "{}", run.talk());
        let app = format!("{}-app-1", stage.project);
        server.on_server(&["docker", "exec", &app, "http-ok", "5000", "/health"]);
        let images = server.on_server(&["docker", "images", "--format", "{{.Repository}}"]);
        assert!(!images.contains("pycroft-dev"), "{images}");
        let again = wharf(&["ship", &server.address()]);
        assert!(again.stdout.contains("unchanged"), "{}", again.talk());
    });
}
