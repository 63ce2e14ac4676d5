//! The verbs that act on containers that are there: `stop`, `start`, `restart`, `kill`, `pause`, `unpause`, `rm`.

use std::collections::HashMap;

use super::emit::is_satisfied;
use super::hook::push_pre_stop;
use super::inherit::has_anonymous_volume;
use super::operation::container_target;
use super::{
    Cause, ContainerRef, Gate, HookMoment, Operation, Plan, PlanError, Risk, Target, Verb,
    dependencies, service_order,
};
use crate::engine::ContainerStatus;
use crate::model::{Condition, Project, is_image_only};
use crate::observe::{ObservedContainer, Snapshot};

/// Stops the services' containers (all when `services` is empty), dependents first.
pub fn stop(
    project: &Project,
    snapshot: &Snapshot,
    services: &[String],
    timeout: Option<i64>,
) -> Result<Plan, PlanError> {
    let mut plan = new_plan(Verb::Stop, snapshot);
    stop_into(
        &mut plan,
        project,
        snapshot,
        services,
        timeout,
        |container| container.is_running(),
    )?;
    Ok(plan)
}

/// Starts the services' containers, dependencies first; those that do not exist are not made. With `wait`, it ends when
/// all are ready.
pub fn start(
    project: &Project,
    snapshot: &Snapshot,
    services: &[String],
    wait: bool,
) -> Result<Plan, PlanError> {
    let mut plan = new_plan(Verb::Start, snapshot);
    start_into(
        &mut plan,
        project,
        snapshot,
        services,
        wait,
        &HashMap::new(),
        |container| !container.is_running(),
    )?;
    Ok(plan)
}

/// Restarts the services' containers: stops them dependents first, starts them dependencies first. With `dependents`,
/// services that depend on them with `restart: true` follow.
pub fn restart(
    project: &Project,
    snapshot: &Snapshot,
    services: &[String],
    timeout: Option<i64>,
    dependents: bool,
) -> Result<Plan, PlanError> {
    let mut chosen: Vec<String> = service_order(project, services, false)?;
    let mut plan = new_plan(Verb::Restart, snapshot);
    chosen.retain(|name| {
        let is_there = snapshot.of_service(name).next().is_some();
        if !is_there && services.contains(name) {
            plan.notes.push(format!(
                "service `{name}` has no container; `wharf up` makes one"
            ));
        }
        is_there
    });
    if dependents {
        loop {
            let more: Vec<String> = project
                .services
                .iter()
                .filter(|(name, service)| {
                    !chosen.contains(name)
                        && !is_image_only(service)
                        && dependencies(service)
                            .iter()
                            .any(|(other, dependency)| dependency.restart && chosen.contains(other))
                })
                .map(|(name, _)| name.clone())
                .collect();
            if more.is_empty() {
                break;
            }
            chosen.extend(more);
        }
    }
    let stops = stop_into(
        &mut plan,
        project,
        snapshot,
        &chosen,
        timeout,
        |container| container.is_running(),
    )?;
    start_into(&mut plan, project, snapshot, &chosen, false, &stops, |_| {
        true
    })?;
    Ok(plan)
}

/// Sends a signal to the services' running containers.
pub fn kill(
    project: &Project,
    snapshot: &Snapshot,
    services: &[String],
    signal: &str,
) -> Result<Plan, PlanError> {
    each(
        Verb::Kill,
        project,
        snapshot,
        services,
        ObservedContainer::is_running,
        |container| Operation::KillContainer {
            container,
            signal: signal.to_string(),
        },
    )
}

/// Adds the running containers that belong to no service of the project.
pub fn kill_orphans(plan: &mut Plan, project: &Project, snapshot: &Snapshot, signal: &str) {
    for container in super::orphans(project, snapshot) {
        if container.is_running() {
            plan.push(
                container_target(container),
                Operation::KillContainer {
                    container: reference(container),
                    signal: signal.to_string(),
                },
                Cause::Orphan,
                Risk::Interrupts,
                [],
            );
        }
    }
}

pub fn pause(
    project: &Project,
    snapshot: &Snapshot,
    services: &[String],
) -> Result<Plan, PlanError> {
    each(
        Verb::Pause,
        project,
        snapshot,
        services,
        |container| container.status == ContainerStatus::Running,
        |container| Operation::PauseContainer { container },
    )
}

pub fn unpause(
    project: &Project,
    snapshot: &Snapshot,
    services: &[String],
) -> Result<Plan, PlanError> {
    each(
        Verb::Unpause,
        project,
        snapshot,
        services,
        |container| container.status == ContainerStatus::Paused,
        |container| Operation::UnpauseContainer { container },
    )
}

/// Removes the services' stopped containers; with `stop`, running ones are stopped first. `volumes`: their anonymous
/// volumes too, which loses data.
pub fn remove(
    project: &Project,
    snapshot: &Snapshot,
    services: &[String],
    stop: bool,
    volumes: bool,
) -> Result<Plan, PlanError> {
    let mut plan = new_plan(Verb::Remove, snapshot);
    let stops = if stop {
        stop_into(&mut plan, project, snapshot, services, None, |container| {
            container.is_running()
        })?
    } else {
        HashMap::new()
    };
    for name in service_order(project, services, false)? {
        let containers = snapshot
            .containers
            .iter()
            .filter(|container| container.service == name);
        for container in containers {
            if container.is_running() && !stop {
                continue;
            }
            let loses = volumes && has_anonymous_volume(container);
            plan.push(
                container_target(container),
                Operation::RemoveContainer {
                    container: reference(container),
                    force: stop,
                    volumes,
                },
                Cause::Requested,
                if loses { Risk::LosesData } else { Risk::Safe },
                stops.get(&container.id).copied(),
            );
        }
    }
    Ok(plan)
}

fn new_plan(verb: Verb, snapshot: &Snapshot) -> Plan {
    Plan::new(verb, snapshot)
}

fn reference(container: &ObservedContainer) -> ContainerRef {
    ContainerRef {
        service: container.service.clone(),
        name: container.name.clone(),
        id: Some(container.id.clone()),
        status: Some(container.status),
    }
}

fn each(
    verb: Verb,
    project: &Project,
    snapshot: &Snapshot,
    services: &[String],
    applies: impl Fn(&ObservedContainer) -> bool,
    operation: impl Fn(ContainerRef) -> Operation,
) -> Result<Plan, PlanError> {
    let mut plan = new_plan(verb, snapshot);
    for name in service_order(project, services, false)? {
        for container in snapshot.of_service(&name).filter(|one| applies(one)) {
            plan.push(
                container_target(container),
                operation(reference(container)),
                Cause::Requested,
                if verb == Verb::Unpause {
                    Risk::Safe
                } else {
                    Risk::Interrupts
                },
                [],
            );
        }
    }
    Ok(plan)
}

/// Adds the stops; returns the stop of each container by its id.
fn stop_into(
    plan: &mut Plan,
    project: &Project,
    snapshot: &Snapshot,
    services: &[String],
    timeout: Option<i64>,
    applies: impl Fn(&ObservedContainer) -> bool,
) -> Result<HashMap<String, usize>, PlanError> {
    let mut by_container = HashMap::new();
    let mut by_service: HashMap<String, Vec<usize>> = HashMap::new();
    let order = service_order(project, services, false)?;
    for name in order.iter().rev() {
        let service = &project.services[name];
        let mut before: Vec<usize> = Vec::new();
        for (other, steps) in &by_service {
            if dependencies(&project.services[other]).contains_key(name) {
                before.extend(steps);
            }
        }
        for container in snapshot.of_service(name).filter(|one| applies(one)) {
            let after = push_pre_stop(plan, service, container, &Cause::Requested, before.clone());
            let step = plan.push(
                container_target(container),
                Operation::StopContainer {
                    container: reference(container),
                    grace: timeout,
                },
                Cause::Requested,
                Risk::Interrupts,
                after,
            );
            by_container.insert(container.id.clone(), step);
            by_service.entry(name.clone()).or_default().push(step);
        }
    }
    Ok(by_container)
}

fn start_into(
    plan: &mut Plan,
    project: &Project,
    snapshot: &Snapshot,
    services: &[String],
    wait: bool,
    stops: &HashMap<String, usize>,
    applies: impl Fn(&ObservedContainer) -> bool,
) -> Result<(), PlanError> {
    let mut ready: HashMap<String, Vec<usize>> = HashMap::new();
    let mut waits: HashMap<(String, Gate), usize> = HashMap::new();
    let order = service_order(project, services, false)?;
    for name in &order {
        let service = &project.services[name];
        let starting: Vec<&ObservedContainer> = snapshot
            .of_service(name)
            .filter(|one| applies(one))
            .collect();
        if starting.is_empty() {
            continue;
        }
        let mut gates = Vec::new();
        for (other, dependency) in dependencies(service) {
            let steps = ready.get(&other).cloned().unwrap_or_default();
            let gate = match dependency.condition {
                Condition::Started => {
                    gates.extend(steps);
                    continue;
                }
                Condition::Healthy => Gate::Healthy,
                Condition::CompletedSuccessfully => Gate::Completed,
            };
            // One that is not started here may run already, and need not be past its gate.
            let is_open = |one: &ObservedContainer| !one.is_running() || is_satisfied(one, gate);
            if steps.is_empty() && snapshot.of_service(&other).all(is_open) {
                continue;
            }
            let cause = Cause::AwaitedBy {
                services: vec![name.clone()],
            };
            let step = *waits.entry((other.clone(), gate)).or_insert_with(|| {
                push_wait(
                    plan,
                    snapshot,
                    &other,
                    gate,
                    dependency.required,
                    cause,
                    steps,
                )
            });
            gates.push(step);
        }
        for container in starting {
            let mut after = gates.clone();
            after.extend(stops.get(&container.id));
            let target = container_target(container);
            let mut step = plan.push(
                target.clone(),
                Operation::StartContainer {
                    container: reference(container),
                },
                Cause::Requested,
                Risk::Safe,
                after,
            );
            for hook in &service.post_start {
                step = plan.push(
                    target.clone(),
                    Operation::RunHook {
                        container: reference(container),
                        moment: HookMoment::PostStart,
                        hook: hook.clone(),
                    },
                    Cause::Requested,
                    Risk::Safe,
                    [step],
                );
            }
            ready.entry(name.clone()).or_default().push(step);
        }
    }
    if wait {
        for name in &order {
            let is_waited = waits.keys().any(|(waited, _)| waited == name);
            if let (Some(steps), false) = (ready.get(name), is_waited) {
                let steps = steps.clone();
                push_wait(
                    plan,
                    snapshot,
                    name,
                    Gate::Ready,
                    true,
                    Cause::Wanted,
                    steps,
                );
            }
        }
    }
    Ok(())
}

fn push_wait(
    plan: &mut Plan,
    snapshot: &Snapshot,
    service: &str,
    gate: Gate,
    required: bool,
    cause: Cause,
    after: Vec<usize>,
) -> usize {
    plan.push(
        Target::Service {
            name: service.to_string(),
        },
        Operation::Wait {
            service: service.to_string(),
            containers: snapshot.of_service(service).map(reference).collect(),
            gate,
            required,
        },
        cause,
        Risk::Safe,
        after,
    )
}
