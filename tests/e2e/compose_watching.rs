//! `docker-compose up --watch` stays while it replaces and restarts what it watches.

use std::time::Duration;

use crate::stage::{Stage, eventually, finish as run, on_each_engine};

fn content(stage: &Stage, path: &str) -> String {
    run(stage.compose(&["exec", "app", "cat", path])).stdout
}

/// The only container ends when it is replaced; `up` has to see that another one comes.
#[test]
fn an_up_that_watches_must_outlive_the_containers_that_it_replaces() {
    on_each_engine(|stage| {
        stage.write_project(
            r#"
name: PROJECT
services:
  app:
    build:
      context: .
      dockerfile_inline: |
        FROM debian:bookworm-slim
        COPY built /built
        CMD ["sleep", "infinity"]
    init: true
    develop:
      watch:
        - {action: rebuild, path: built}
        - {action: sync+restart, path: synced, target: /synced}
"#,
        );
        stage.write("built", "one");
        stage.write("synced", "one");
        let mut up = stage.compose(&["up", "--watch"]).spawn().expect("an up");
        let limit = Duration::from_secs(60);
        eventually("the first container", limit, || {
            (content(stage, "/built") == "one").then_some(())
        });
        stage.write("built", "two");
        eventually("the rebuilt container", limit, || {
            (content(stage, "/built") == "two").then_some(())
        });
        stage.write("synced", "two");
        eventually("the synced file", limit, || {
            (content(stage, "/synced") == "two").then_some(())
        });
        // A while after the restart.
        std::thread::sleep(Duration::from_secs(3));
        assert!(
            up.try_wait().expect("its state").is_none(),
            "the up has ended"
        );
        let killed = run(stage.compose(&["kill"]));
        assert_eq!(killed.code, 0, "{}", killed.talk());
        let ended = eventually("the end", limit, || up.try_wait().expect("its state"));
        assert_eq!(ended.code(), Some(0));
        let down = run(stage.compose(&["down", "--rmi", "local"]));
        assert_eq!(down.code, 0, "{}", down.talk());
    });
}
