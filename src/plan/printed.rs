//! Plans as people read them.

use serde_json::{Value, json};

use super::simulate::simulate;
use super::{ChangedVolumes, DownPolicy, Plan, PlanError, Policy, reconcile};
use crate::engine::{ContainerStatus, HealthStatus};
use crate::model::Project;
use crate::observe::{ObservedImage, Snapshot};

fn project(services: Value) -> Project {
    let mut project: Project = serde_json::from_value(json!({
        "name": "shop",
        "services": services,
        "networks": {"default": {"name": "shop_default"}},
        "volumes": {"data": {"name": "shop_data"}},
    }))
    .expect("a project");
    project.directory = "/shop".into();
    project
}

fn shop(level: &str) -> Project {
    project(json!({
        "app": {
            "image": "app", "environment": {"LEVEL": level},
            "depends_on": {"db": {"condition": "service_healthy"}},
        },
        "db": {
            "image": "db", "healthcheck": {"test": ["CMD", "true"]},
            "volumes": [{"type": "volume", "source": "data", "target": "/data"}],
        },
        "base": {"image": "base", "build": {"context": "/shop"}, "entrypoint": [], "command": ["/bin/true"]},
    }))
}

fn empty() -> Snapshot {
    let mut world = Snapshot {
        project: "shop".into(),
        ..Snapshot::default()
    };
    for name in ["app", "db"] {
        world.images.insert(
            name.into(),
            ObservedImage {
                id: format!("sha256:{name}-1"),
                ..ObservedImage::default()
            },
        );
    }
    world
}

fn plan(project: &Project, world: &Snapshot) -> Plan {
    reconcile(project, world, &Policy::default()).expect("a plan")
}

/// What is there after `up`.
fn after(project: &Project) -> Snapshot {
    let plan = plan(project, &empty());
    let all: Vec<usize> = (0..plan.steps.len()).collect();
    simulate(&empty(), &plan, &all, &mut 0)
}

#[track_caller]
fn reads(plan: &Plan, expected: &str) {
    assert_eq!(plan.to_string().trim(), expected.trim(), "\n{plan}");
}

#[test]
fn the_first_up_makes_everything() {
    reads(
        &plan(&shop("one"), &empty()),
        "\
up shop:
1. create network shop_default: missing
2. create volume shop_data: missing
3. create container shop-db-1: missing [after 1, 2]
4. create container shop-app-1: missing [after 1]
5. start container shop-db-1 [after 3]
6. wait until healthy service db: for app [after 5]
7. start container shop-app-1 [after 4, 6]
8. wait until ready service app: wanted [after 7]",
    );
}

#[test]
fn the_second_up_has_nothing_to_do() {
    let world = after(&shop("one"));
    reads(&plan(&shop("one"), &world), "up shop: nothing to do");
}

#[test]
fn a_changed_variable_replaces_one_container_and_is_named() {
    let world = after(&shop("one"));
    reads(
        &plan(&shop("two"), &world),
        "\
up shop:
1. create container shop-app-1: environment.LEVEL: one -> two
2. stop container shop-app-1 (interrupts) [after 1]
3. remove container shop-app-1 [after 2]
4. rename container shop-app-1 [after 3]
5. start container shop-app-1 [after 4]
6. wait until ready service app: wanted [after 5]",
    );
}

#[test]
fn a_rebuilt_image_replaces_its_containers() {
    let mut world = after(&shop("one"));
    world.images["app"].id = "sha256:app-2".into();
    let plan = plan(&shop("one"), &world);
    assert!(
        plan.to_string().starts_with(
            "up shop:\n1. create container shop-app-1: image changed: app-1 -> app-2\n"
        ),
        "{plan}"
    );
}

#[test]
fn orphans_are_told_and_removed_only_when_asked() {
    let world = after(&shop("one"));
    let mut less = shop("one");
    less.services.shift_remove("app");
    reads(
        &plan(&less, &world),
        "\
up shop: nothing to do
note: `shop-app-1` belongs to no service of this project; `--remove-orphans` removes it",
    );
    let policy = Policy {
        remove_orphans: true,
        ..Policy::default()
    };
    reads(
        &reconcile(&less, &world, &policy).expect("a plan"),
        "\
up shop:
1. stop container shop-app-1: orphan (interrupts)
2. remove container shop-app-1 [after 1]",
    );
}

#[test]
fn a_changed_volume_says_that_it_loses_data() {
    let world = after(&shop("one"));
    let mut changed = shop("one");
    changed.volumes["data"].driver_opts = [("type".to_string(), "tmpfs".to_string())].into();
    reads(
        &plan(&changed, &world),
        "\
up shop:
1. stop container shop-db-1: volume `shop_data` is replaced (interrupts)
2. remove container shop-db-1 [after 1]
3. remove volume shop_data: driver_opts.type: (none) -> tmpfs (loses data) [after 2]
4. create volume shop_data [after 3]
5. create container shop-db-1 [after 2, 4]
6. start container shop-db-1 [after 5]
7. wait until healthy service db: for app [after 6]",
    );
    let policy = Policy {
        changed_volumes: ChangedVolumes::Keep,
        ..Policy::default()
    };
    reads(
        &reconcile(&changed, &world, &policy).expect("a plan"),
        "\
up shop: nothing to do
note: volume `shop_data` is kept as it is although its description has changed (driver_opts.type: (none) -> tmpfs), because its data would be lost; `--yes` replaces it",
    );
}

#[test]
fn containers_stay_when_only_their_network_is_replaced() {
    let world = after(&shop("one"));
    let mut changed = shop("one");
    changed.networks["default"].labels = [("tier".to_string(), "gold".to_string())].into();
    reads(
        &plan(&changed, &world),
        "\
up shop:
 1. stop container shop-app-1: network `shop_default` is replaced (interrupts)
 2. disconnect container shop-app-1 [after 1]
 3. stop container shop-db-1: network `shop_default` is replaced (interrupts) [after 1]
 4. disconnect container shop-db-1 [after 3]
 5. remove network shop_default: labels.tier: (none) -> gold (interrupts) [after 2, 4]
 6. create network shop_default [after 5]
 7. connect container shop-db-1 [after 6]
 8. connect container shop-app-1 [after 6]
 9. start container shop-db-1 [after 7]
10. wait until healthy service db: for app [after 9]
11. start container shop-app-1 [after 8, 10]
12. wait until ready service app: wanted [after 11]",
    );
    let mut lost = world;
    lost.containers[0].networks.clear();
    reads(
        &plan(&shop("one"), &lost),
        "\
up shop:
1. connect container shop-app-1: it is not in network `shop_default`",
    );
}

#[test]
fn other_labels_replace_a_volume_only_as_compose_does_it() {
    let world = after(&shop("one"));
    let mut changed = shop("one");
    changed.volumes["data"].labels = [("tier".to_string(), "gold".to_string())].into();
    let with = |changed_volumes| {
        let policy = Policy {
            changed_volumes,
            ..Policy::default()
        };
        reconcile(&changed, &world, &policy)
            .expect("a plan")
            .to_string()
    };
    reads(&plan(&changed, &world), "up shop: nothing to do");
    let replaced = with(ChangedVolumes::ReplaceRelabelled);
    assert!(
        replaced.contains("remove volume shop_data: labels.tier: (none) -> gold (loses data)"),
        "{replaced}"
    );
    assert!(with(ChangedVolumes::Keep).contains("nothing to do"));
}

#[test]
fn a_project_from_another_directory_is_not_taken_over() {
    let world = after(&shop("one"));
    let mut clone = shop("one");
    clone.directory = "/clone".into();
    assert_eq!(
        reconcile(&clone, &world, &Policy::default()),
        Err(PlanError::OtherDirectory {
            project: "shop".into(),
            own: "/clone".into(),
            other: "/shop".into()
        })
    );
    let policy = Policy {
        take_over: true,
        ..Policy::default()
    };
    assert!(reconcile(&clone, &world, &policy).is_ok_and(|plan| plan.is_empty()));
}

#[test]
fn more_and_fewer_containers() {
    let world = after(&shop("one"));
    let policy = |count| Policy {
        scale: [("app".to_string(), count)].into(),
        ..Policy::default()
    };
    reads(
        &reconcile(&shop("one"), &world, &policy(2)).expect("a plan"),
        "\
up shop:
1. create container shop-app-2: missing
2. start container shop-app-2 [after 1]
3. wait until ready service app: wanted [after 2]",
    );
    reads(
        &reconcile(&shop("one"), &world, &policy(0)).expect("a plan"),
        "\
up shop:
1. stop container shop-app-1: more than wanted (interrupts)
2. remove container shop-app-1 [after 1]",
    );
}

#[test]
fn a_plan_survives_its_file() {
    let plan = plan(&shop("one"), &empty());
    let text = serde_json::to_string(&plan).expect("JSON");
    assert_eq!(Plan::from_json(&text), Ok(plan));
    let backwards = text.replacen("\"after\":[]", "\"after\":[5]", 1);
    assert!(Plan::from_json(&backwards).is_err());
}

/// An engine before 25 makes a network twice when a killed call and the next one meet.
#[test]
fn a_network_that_was_made_twice_is_made_one() {
    let shop = shop("one");
    let mut world = after(&shop);
    world
        .network_twins
        .push(("shop_default".into(), "twin".into()));
    let healing = plan(&shop, &world);
    assert!(
        healing
            .to_string()
            .contains("remove network shop_default: left by an interrupted run"),
        "{healing}"
    );
    let down = crate::plan::down(Some(&shop), &world, &DownPolicy::default());
    assert_eq!(
        down.to_string()
            .matches("remove network shop_default")
            .count(),
        2,
        "{down}"
    );
}

/// The engine fills an empty volume from the image when a container is created; two at once would fill it in part, or fail.
#[test]
fn who_shares_a_volume_is_created_after_the_first() {
    let mount = json!([{"type": "volume", "source": "data", "target": "/data"}]);
    let sharing = project(json!({
        "app": {"image": "app", "volumes": mount},
        "db": {"image": "db", "volumes": mount},
    }));
    let text = plan(&sharing, &empty()).to_string();
    assert!(
        text.contains("3. create container shop-app-1: missing [after 1, 2]")
            && text.contains("4. create container shop-db-1: missing [after 1, 2, 3]"),
        "{text}"
    );
}

#[test]
fn those_that_run_wait_for_a_migration_that_is_made_anew() {
    let shop = |code: &str| {
        project(json!({
            "app": {"image": "app", "depends_on": {"migration": {"condition": "service_completed_successfully"}}},
            "migration": {"image": "db", "environment": {"CODE": code}},
        }))
    };
    let world = after(&shop("0"));
    let policy = Policy {
        wait: false,
        ..Policy::default()
    };
    let text = reconcile(&shop("4"), &world, &policy)
        .expect("a plan")
        .to_string();
    assert!(
        text.contains("wait until completed service migration: for app"),
        "{text}"
    );
    assert!(!text.contains("container shop-app-1"), "{text}");
}

#[test]
fn down_removes_the_volumes_that_the_files_describe() {
    let shop = shop("one");
    let mut world = after(&shop);
    let mut other = world.volumes["shop_data"].clone();
    other.name = "shop_other".into();
    world.volumes.insert("shop_other".into(), other);
    let down = |policy: DownPolicy| {
        let policy = DownPolicy {
            volumes: true,
            ..policy
        };
        crate::plan::down(Some(&shop), &world, &policy).to_string()
    };
    let text = down(DownPolicy::default());
    assert!(
        text.contains("remove volume shop_data")
            && !text.contains("remove volume shop_other")
            && text.contains("kept, because the files do not describe it: `shop_other`"),
        "{text}"
    );
    let text = down(DownPolicy {
        remove_orphans: true,
        ..DownPolicy::default()
    });
    assert!(text.contains("remove volume shop_other"), "{text}");
    let of = |service: &str| {
        down(DownPolicy {
            services: vec![service.into()],
            ..DownPolicy::default()
        })
    };
    assert!(of("db").contains("remove volume shop_data"));
    assert!(!of("app").contains("remove volume"));
}

#[test]
fn what_is_started_waits_for_what_runs_and_is_not_ready() {
    let shop = shop("one");
    let mut world = after(&shop);
    for container in &mut world.containers {
        match container.service.as_str() {
            "db" => container.health = Some(HealthStatus::Unhealthy),
            _ => container.status = ContainerStatus::Exited,
        }
    }
    let text = crate::plan::start(&shop, &world, &["app".to_owned()], false)
        .expect("a plan")
        .to_string();
    assert!(
        text.contains("wait until healthy service db: for app"),
        "{text}"
    );
}
