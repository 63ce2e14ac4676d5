//! What builds may do beyond the ordinary, where the engine grants it.

use std::net::TcpListener;

use crate::stage::{Stage, on_each_engine};

fn write(stage: &Stage, step: &str, build: &str) {
    let name = &stage.project;
    stage.write(
        "docker-compose.yml",
        &format!(
            "name: {name}
services:
  app:
    build:
      dockerfile_inline: \"FROM debian:bookworm-slim\\nRUN {step}\"
      {build}
"
        ),
    );
}

/// A build that is granted the host's network must be on it, and one that is not must not be.
#[test]
fn a_build_may_be_on_the_hosts_network() {
    on_each_engine(|stage| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let step = format!("bash -c ': < /dev/tcp/127.0.0.1/{port}'");
        for build in [
            "network: host",
            "network: host\n      entitlements: [network.host]",
        ] {
            write(stage, &step, build);
            stage.wharf_ok(&["build", "--no-cache"]);
        }
        for build in ["network: none", "entitlements: [network.host]"] {
            write(stage, &step, build);
            let run = stage.wharf(&["build", "--no-cache"]);
            assert_eq!(run.code, 5, "{build}\n{}", run.talk());
            assert!(run.stderr.contains(&step), "{build}\n{}", run.talk());
        }
        stage.remove_image(&format!("{}-app", stage.project));
    });
}

/// What the engine does not grant must be refused before anything is built, with the setting that would grant it.
#[test]
fn a_build_without_confinement_is_refused_with_the_setting_that_grants_it() {
    on_each_engine(|stage| {
        for build in ["privileged: true", "entitlements: [security.insecure]"] {
            write(stage, "echo built", build);
            let run = stage.wharf(&["build", "--no-cache"]);
            assert_eq!(run.code, 5, "{build}\n{}", run.talk());
            for words in [
                "security.insecure is not allowed",
                "\"security-insecure\": true",
            ] {
                assert!(run.stderr.contains(words), "{words}\n{}", run.talk());
            }
            let image = stage.get(&format!("/images/{}-app/json", stage.project));
            assert!(image["Id"].is_null(), "{image}");
        }
    });
}
