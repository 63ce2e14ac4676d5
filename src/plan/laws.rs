//! What holds for every project, on the pure stand-in for an engine.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::simulate::simulate;
use super::{DownPolicy, Plan, Policy, Recreate, Risk, down, reconcile};
use crate::engine::ContainerStatus;
use crate::model::Project;
use crate::observe::{ObservedImage, Snapshot};

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// What one service of a random project is like.
#[derive(Clone, Debug)]
struct Draft {
    present: bool,
    image: u8,
    variable: u8,
    networks: u8,
    volumes: u8,
    anonymous: bool,
    scale: u32,
    named: bool,
    healthy: bool,
    memory: u8,
    cpus: u8,
    restart: u8,
    /// Without networks of its own: of the machine, or none at all.
    mode: u8,
    /// For each service before it: none, started, healthy, completed, restarting, shared network, volumes, IPC, processes.
    ties: [u8; 4],
}

fn draft() -> impl Strategy<Value = Draft> {
    (
        (any::<bool>(), 0..2u8, 0..2u8, 0..4u8, 0..4u8, any::<bool>()),
        (0..4u32, any::<bool>(), any::<bool>()),
        (0..3u8, 0..3u8, 0..3u8, 0..8u8),
        prop::array::uniform4(0..11u8),
    )
        .prop_map(
            |(
                (present, image, variable, networks, volumes, anonymous),
                (scale, named, healthy),
                (memory, cpus, restart, mode),
                ties,
            )| Draft {
                present,
                image,
                variable,
                networks,
                volumes,
                anonymous,
                scale,
                named,
                healthy,
                memory,
                cpus,
                restart,
                mode,
                ties,
            },
        )
}

/// What the networks and volumes of a random project are like.
#[derive(Clone, Debug)]
struct Objects {
    internal: bool,
    options: u8,
    renamed: bool,
}

/// A random project of up to five services.
pub(crate) fn project() -> impl Strategy<Value = Project> {
    let objects = (any::<bool>(), 0..2u8, any::<bool>());
    (prop::array::uniform5(draft()), objects).prop_map(|(drafts, (internal, options, renamed))| {
        let objects = Objects {
            internal,
            options,
            renamed,
        };
        build(&drafts, &objects)
    })
}

fn build(drafts: &[Draft; 5], objects: &Objects) -> Project {
    let mut services = serde_json::Map::new();
    for (index, draft) in drafts.iter().enumerate() {
        if !draft.present {
            continue;
        }
        let mut service = json!({
            "image": format!("image{}", draft.image),
            "environment": {"X": draft.variable.to_string()},
            "healthcheck": if draft.healthy { json!({"test": ["CMD", "true"]}) } else { Value::Null },
        });
        let mut networks = serde_json::Map::new();
        let mut volumes = Vec::new();
        for bit in 0..2 {
            if draft.networks & (1 << bit) != 0 {
                networks.insert(format!("n{bit}"), Value::Null);
            }
            if draft.volumes & (1 << bit) != 0 {
                volumes.push(json!({"type": "volume", "source": format!("v{bit}"), "target": format!("/v{bit}")}));
            }
        }
        if draft.anonymous {
            volumes.push(json!({"type": "volume", "target": "/anonymous"}));
        }
        if draft.memory > 0 {
            service["mem_limit"] = json!(format!("{}m", u32::from(draft.memory) * 64));
        }
        if draft.cpus > 0 {
            service["cpus"] = json!(f64::from(draft.cpus) / 2.0);
        }
        if draft.restart > 0 {
            service["restart"] =
                json!(["no", "always", "unless-stopped"][usize::from(draft.restart)]);
        }
        let mut depends_on = serde_json::Map::new();
        let mut shared = false;
        for (earlier, tie) in draft.ties.iter().enumerate().take(index) {
            if !drafts[earlier].present || drafts[earlier].scale == 0 {
                continue;
            }
            let other = NAMES[earlier];
            let dependency = |condition: &str, restart: bool| json!({"condition": condition, "restart": restart, "required": true});
            match tie {
                1 => _ = depends_on.insert(other.into(), dependency("service_started", false)),
                2 if drafts[earlier].healthy => {
                    depends_on.insert(other.into(), dependency("service_healthy", false));
                }
                3 => {
                    depends_on.insert(
                        other.into(),
                        dependency("service_completed_successfully", false),
                    );
                }
                4 => _ = depends_on.insert(other.into(), dependency("service_started", true)),
                5 if !shared => {
                    shared = true;
                    service["network_mode"] = json!(format!("service:{other}"));
                }
                6 => service["volumes_from"] = json!([other]),
                7 => service["ipc"] = json!(format!("service:{other}")),
                8 => service["pid"] = json!(format!("service:{other}")),
                _ => {}
            }
        }
        match (shared, draft.mode) {
            (true, _) => {}
            (false, 0) => service["network_mode"] = json!("host"),
            (false, 1) => service["network_mode"] = json!("none"),
            (false, _) => service["networks"] = Value::Object(networks),
        }
        service["depends_on"] = Value::Object(depends_on);
        service["volumes"] = Value::Array(volumes);
        if draft.named && draft.scale <= 1 {
            service["container_name"] = json!(format!("fixed-{}", NAMES[index]));
        }
        service["scale"] = json!(draft.scale);
        services.insert(NAMES[index].into(), service);
    }
    // Who is awaited to its end cannot also lend its namespaces.
    let awaited: Vec<String> = services
        .values()
        .flat_map(|service| {
            service["depends_on"]
                .as_object()
                .cloned()
                .unwrap_or_default()
        })
        .filter(|(_, dependency)| dependency["condition"] == "service_completed_successfully")
        .map(|(name, _)| name)
        .collect();
    for name in &awaited {
        services[name]["image"] = json!("oneshot");
        // One that starts again and again is never done.
        services[name]["restart"] = json!("no");
    }
    for service in services.values_mut() {
        for attribute in ["network_mode", "ipc", "pid"] {
            let lends = service[attribute]
                .as_str()
                .and_then(|mode| mode.strip_prefix("service:"))
                .is_some_and(|other| awaited.iter().any(|name| name == other));
            if lends {
                service
                    .as_object_mut()
                    .map(|service| service.remove(attribute));
            }
        }
        if let Some(dependencies) = service["depends_on"].as_object_mut() {
            for (name, dependency) in dependencies {
                if awaited.contains(name) {
                    dependency["condition"] = json!("service_completed_successfully");
                }
            }
        }
    }
    let name = |name: &str| match objects.renamed {
        true => format!("p_{name}_renamed"),
        false => format!("p_{name}"),
    };
    let mut project: Project = serde_json::from_value(json!({
        "name": "p",
        "services": services,
        "networks": {
            "default": {"name": "p_default"},
            "n0": {"name": "p_n0", "internal": objects.internal},
            "n1": {"name": name("n1")},
        },
        "volumes": {
            "v0": {"name": "p_v0", "driver_opts": {"x": objects.options.to_string()}},
            "v1": {"name": name("v1")},
        },
    }))
    .expect("a project");
    project.directory = "/project".into();
    project
}

fn empty() -> Snapshot {
    let mut world = Snapshot {
        project: "p".into(),
        ..Snapshot::default()
    };
    for (number, name) in ["image0", "image1", "oneshot"].into_iter().enumerate() {
        world.images.insert(
            name.into(),
            ObservedImage {
                id: format!("sha256:{number:064}"),
                ..ObservedImage::default()
            },
        );
    }
    world
}

fn policy() -> Policy {
    Policy {
        remove_orphans: true,
        ..Policy::default()
    }
}

fn plan(project: &Project, world: &Snapshot) -> Plan {
    reconcile(project, world, &policy()).expect("a plan")
}

/// An order of the steps, and how many of them are done: `choices` picks among those that are ready.
fn order(plan: &Plan, choices: &[u16]) -> Vec<usize> {
    let mut left: Vec<usize> = (0..plan.steps.len()).collect();
    let mut done: Vec<usize> = Vec::new();
    let mut choices = choices.iter().cycle();
    while !left.is_empty() {
        let ready: Vec<usize> = left
            .iter()
            .copied()
            .filter(|step| {
                plan.steps[*step]
                    .after
                    .iter()
                    .all(|earlier| done.contains(earlier))
            })
            .collect();
        let choice = choices.next().map_or(0, |choice| usize::from(*choice));
        let next = ready[choice % ready.len()];
        left.retain(|step| *step != next);
        done.push(next);
    }
    done
}

/// What people and crashes do to a container.
fn meddle(world: &mut Snapshot, which: &prop::sample::Index, deed: u8) {
    if world.containers.is_empty() {
        return;
    }
    let index = which.index(world.containers.len());
    let one = &mut world.containers[index];
    match deed {
        0 => {
            world.containers.remove(index);
        }
        1 => {
            one.status = ContainerStatus::Exited;
            one.exit_code = Some(137);
        }
        2 if one.status == ContainerStatus::Running => one.status = ContainerStatus::Paused,
        3 => {
            one.networks.pop();
        }
        _ => one.name = format!("by-hand-{}", one.name),
    }
}

/// What is there, without what differs from run to run.
fn gist(world: &Snapshot) -> Vec<String> {
    let mut lines: Vec<String> = world
        .containers
        .iter()
        .map(|one| {
            let owners: Vec<&str> = one
                .namespace_owners()
                .filter_map(|id| Some(world.container(id)?.name.as_str()))
                .collect();
            let mut networks: Vec<&String> = one.networks.keys().collect();
            networks.sort();
            format!(
                "{} {:?} {networks:?} {} {owners:?} {:?} {:?} {:?}",
                one.name, one.status, one.image_id, one.spec, one.limits, one.restart
            )
        })
        .collect();
    lines.extend(
        world
            .networks
            .values()
            .map(|one| format!("{} {:?}", one.name, one.spec)),
    );
    lines.extend(
        world
            .volumes
            .values()
            .map(|one| format!("{} {:?}", one.name, one.spec)),
    );
    lines.sort();
    lines
}

proptest! {
    // `PROPTEST_CASES` in the environment asks for thousands.
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn after_a_plan_nothing_is_left_to_do(first in project(), second in project()) {
        let mut serial = 0;
        let mut world = empty();
        for project in [&first, &second] {
            let steps = plan(project, &world);
            let all: Vec<usize> = (0..steps.steps.len()).collect();
            world = simulate(&world, &steps, &all, &mut serial);
            let again = plan(project, &world);
            prop_assert!(again.is_empty(), "{steps}\nthen {again}");
        }
    }

    /// Those that keep orphans, and images that were built anew meanwhile.
    #[test]
    fn what_is_left_alone_does_not_hold_up_the_rest(
        first in project(),
        second in project(),
        image in 0..3usize,
        force in any::<bool>(),
    ) {
        let mut serial = 0;
        let steps = plan(&first, &empty());
        let all: Vec<usize> = (0..steps.steps.len()).collect();
        let mut world = simulate(&empty(), &steps, &all, &mut serial);
        world.images[image].id = format!("sha256:{:064}", 77);
        let keeping = Policy::default();
        let forcing = Policy {
            recreate: if force { Recreate::Force } else { Recreate::Diverged },
            ..Policy::default()
        };
        let steps = reconcile(&second, &world, &forcing).expect("a plan");
        let all: Vec<usize> = (0..steps.steps.len()).collect();
        let settled = simulate(&world, &steps, &all, &mut serial);
        let again = reconcile(&second, &settled, &keeping).expect("a plan");
        prop_assert!(again.is_empty(), "{steps}\nthen {again}");
        for orphan in world.containers.iter().filter(|one| !second.services.contains_key(&one.service)) {
            prop_assert!(settled.container(&orphan.id).is_some(), "{} is gone\n{steps}", orphan.name);
        }
    }

    #[test]
    fn every_order_ends_the_same(
        first in project(),
        second in project(),
        choices in prop::collection::vec(any::<u16>(), 1..40),
    ) {
        let mut serial = 0;
        let steps = plan(&first, &empty());
        let world = simulate(&empty(), &steps, &order(&steps, &choices), &mut serial);
        let steps = plan(&second, &world);
        let all: Vec<usize> = (0..steps.steps.len()).collect();
        let straight = simulate(&world, &steps, &all, &mut serial);
        let shuffled = simulate(&world, &steps, &order(&steps, &choices), &mut serial);
        prop_assert_eq!(gist(&straight), gist(&shuffled), "{}", steps);
    }

    #[test]
    fn killed_anywhere_the_next_run_heals(
        first in project(),
        second in project(),
        choices in prop::collection::vec(any::<u16>(), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut serial = 0;
        let steps = plan(&first, &empty());
        let all: Vec<usize> = (0..steps.steps.len()).collect();
        let world = simulate(&empty(), &steps, &all, &mut serial);
        let steps = plan(&second, &world);
        let mut some = order(&steps, &choices);
        some.truncate(cut.index(some.len() + 1));
        let torn = simulate(&world, &steps, &some, &mut serial);
        let rest = plan(&second, &torn);
        let all: Vec<usize> = (0..rest.steps.len()).collect();
        let healed = simulate(&torn, &rest, &all, &mut serial);
        let again = plan(&second, &healed);
        prop_assert!(again.is_empty(), "{steps}\ncut after {some:?}\n{rest}\nthen {again}");
    }

    #[test]
    fn whatever_was_done_by_hand_the_next_run_heals(
        first in project(),
        second in project(),
        deeds in prop::collection::vec((any::<prop::sample::Index>(), 0..5u8), 1..4),
    ) {
        let mut serial = 0;
        let steps = plan(&first, &empty());
        let all: Vec<usize> = (0..steps.steps.len()).collect();
        let mut world = simulate(&empty(), &steps, &all, &mut serial);
        for (which, deed) in &deeds {
            meddle(&mut world, which, *deed);
        }
        let rest = plan(&second, &world);
        let all: Vec<usize> = (0..rest.steps.len()).collect();
        let healed = simulate(&world, &rest, &all, &mut serial);
        let again = plan(&second, &healed);
        prop_assert!(again.is_empty(), "{deeds:?}\n{rest}\nthen {again}");
    }

    #[test]
    fn a_selection_settles_and_those_tied_to_it_live(
        first in project(),
        second in project(),
        chosen in any::<prop::sample::Index>(),
    ) {
        let mut serial = 0;
        let steps = plan(&first, &empty());
        let all: Vec<usize> = (0..steps.steps.len()).collect();
        let world = simulate(&empty(), &steps, &all, &mut serial);
        prop_assume!(!second.services.is_empty());
        let name = second.services.keys().nth(chosen.index(second.services.len()));
        let policy = Policy {
            services: name.cloned().into_iter().collect(),
            ..Policy::default()
        };
        let steps = reconcile(&second, &world, &policy).expect("a plan");
        let all: Vec<usize> = (0..steps.steps.len()).collect();
        let world = simulate(&world, &steps, &all, &mut serial);
        let again = reconcile(&second, &world, &policy).expect("a plan");
        prop_assert!(again.is_empty(), "{steps}\nthen {again}");
    }

    #[test]
    fn down_leaves_nothing_but_volumes(first in project(), volumes in any::<bool>()) {
        let mut serial = 0;
        let steps = plan(&first, &empty());
        let all: Vec<usize> = (0..steps.steps.len()).collect();
        let world = simulate(&empty(), &steps, &all, &mut serial);
        let steps = down(Some(&first), &world, &DownPolicy { volumes, ..DownPolicy::default() });
        let all: Vec<usize> = (0..steps.steps.len()).collect();
        let left = simulate(&world, &steps, &all, &mut serial);
        prop_assert!(left.containers.is_empty() && left.networks.is_empty(), "{steps}");
        prop_assert_eq!(left.volumes.is_empty(), volumes || world.volumes.is_empty());
        if !volumes {
            prop_assert!(steps.risk() < Risk::LosesData);
        }
    }
}
