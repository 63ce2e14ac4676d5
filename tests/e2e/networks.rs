//! What happens to containers when the networks that they are in change.

use crate::stage::{Stage, on_each_engine};

fn write(stage: &Stage, label: &str) {
    let project = &stage.project;
    stage.write(
        "compose.yml",
        &format!(
            "name: {project}
services:
  app:
    image: debian:bookworm-slim
    init: true
    command: [sleep, infinity]
    networks: [front, back]
    depends_on: [db]
  db:
    image: debian:bookworm-slim
    init: true
    command: [sleep, infinity]
    networks: [back]
networks:
  front: {{}}
  back: {{labels: {{tier: '{label}'}}}}
"
        ),
    );
}

fn inspected(stage: &Stage, service: &str) -> serde_json::Value {
    stage.get(&format!("/containers/{}-{service}-1/json", stage.project))
}

#[test]
fn a_replaced_network_must_not_cost_what_containers_have_written() {
    on_each_engine(|stage| {
        write(stage, "one");
        stage.wharf_ok(&["up"]);
        stage.wharf_ok(&["exec", "app", "sh", "-c", "echo kept > /kept"]);
        let before = inspected(stage, "app");
        write(stage, "two");
        let plan = stage.wharf_ok(&["plan"]);
        assert!(
            plan.stdout.contains("stop, disconnect, connect, start"),
            "{}",
            plan.stdout
        );
        stage.wharf_ok(&["up"]);
        let after = inspected(stage, "app");
        assert_eq!(before["Id"], after["Id"]);
        assert_eq!(
            stage.wharf_ok(&["exec", "app", "cat", "/kept"]).stdout,
            "kept\n"
        );
        let network = |of: &serde_json::Value, name: &str| {
            let name = format!("{}_{name}", stage.project);
            of["NetworkSettings"]["Networks"][name]["NetworkID"].clone()
        };
        assert_eq!(network(&before, "front"), network(&after, "front"));
        assert_ne!(network(&before, "back"), network(&after, "back"));
        // Names are known in the new network, as they were in the old one.
        stage.wharf_ok(&["exec", "app", "getent", "hosts", "db"]);
        assert!(stage.wharf_ok(&["up"]).talk().contains("nothing to do"));

        let name = format!("{}_back", stage.project);
        let container = format!("{}-db-1", stage.project);
        stage.post(
            &format!("/networks/{name}/disconnect"),
            &format!(r#"{{"Container": "{container}", "Force": true}}"#),
        );
        stage.wharf_ok(&["up"]);
        stage.wharf_ok(&["exec", "app", "getent", "hosts", "db"]);
    });
}

#[test]
fn links_must_name_others_on_the_engines_own_bridge() {
    on_each_engine(|stage| {
        stage.write(
            "compose.yml",
            &format!(
                "name: {}
services:
  app:
    image: debian:bookworm-slim
    init: true
    command: [sleep, infinity]
    network_mode: bridge
    links: ['db:base']
  db:
    image: debian:bookworm-slim
    init: true
    command: [sleep, infinity]
    network_mode: bridge
",
                stage.project
            ),
        );
        stage.wharf_ok(&["up"]);
        stage.wharf_ok(&["exec", "app", "getent", "hosts", "base"]);
        assert!(stage.wharf_ok(&["up"]).talk().contains("nothing to do"));
    });
}
