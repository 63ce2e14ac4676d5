use std::collections::HashMap;

use super::decide::decide;
use super::emit::Emission;
use super::names::check_names;
use super::objects::Objects;
use super::order::{check_known, referred};
use super::pairing::States;
use super::{Plan, PlanError, Policy, RunRequest, Verb, service_order};
use crate::model::{Project, Service};
use crate::observe::{ObservedContainer, Snapshot};

/// The steps that make the engine's state the project's.
///
/// One-shots (services that another awaits with `service_completed_successfully`) that ended well are left alone, unless
/// something that they depend on, or that waits for them, starts in this plan; Compose runs them again every time.
pub fn reconcile(
    project: &Project,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Result<Plan, PlanError> {
    let order = service_order(project, &policy.services, !policy.no_deps)?;
    check_known(project, policy.scale.keys())?;
    let verb = if policy.start { Verb::Up } else { Verb::Create };
    plan(project, snapshot, policy, &order, verb, None)
}

/// The steps for the services in `order`, and those that make a container of `run` ready to be started.
pub(super) fn plan(
    project: &Project,
    snapshot: &Snapshot,
    policy: &Policy,
    order: &[String],
    verb: Verb,
    one_off: Option<&RunRequest>,
) -> Result<Plan, PlanError> {
    if !policy.take_over {
        check_directory(project, snapshot)?;
    }
    let mut plan = Plan::new(verb, snapshot);
    let needed: Vec<&Service> = order
        .iter()
        .map(|name| &project.services[name])
        .chain(one_off.map(|request| &request.service))
        .collect();
    let mut notes = Vec::new();
    let mut objects = Objects::decide(project, snapshot, policy, order, &[], &needed, &mut notes)?;
    let mut services = decide(project, snapshot, policy, order, &objects, &mut notes)?;
    // Those outside of the selection that are made anew hold nothing back either; losing a volume asks for a yes all the same.
    let moving = followers(&services, order);
    if !moving.is_empty() {
        notes.clear();
        objects = Objects::decide(
            project, snapshot, policy, order, &moving, &needed, &mut notes,
        )?;
        services = decide(project, snapshot, policy, order, &objects, &mut notes)?;
    }
    check_references(project, snapshot, order, &services)?;
    let orphans_go = policy.remove_orphans && one_off.is_none();
    check_names(project, snapshot, &services, orphans_go)?;
    plan.notes.append(&mut notes);
    let moving = followers(&services, order);
    let needing: Vec<&Service> = moving.iter().map(|name| &project.services[name]).collect();
    let theirs = Objects::decide(
        project,
        snapshot,
        policy,
        order,
        &moving,
        &needing,
        &mut Vec::new(),
    )?;
    objects.add_missing(theirs);
    for instance in services.values().flat_map(|service| &service.instances) {
        if instance.is_unchanged()
            && let Some(observed) = instance.observed.filter(|one| one.is_running())
        {
            plan.unchanged.push(observed.name.clone());
        }
    }
    Emission {
        project,
        snapshot,
        policy,
        services: &services,
        objects: &objects,
        plan,
        pulls: HashMap::new(),
        networks: HashMap::new(),
        volumes: HashMap::new(),
        creates: HashMap::new(),
        fillers: HashMap::new(),
        removals: HashMap::new(),
        renames: HashMap::new(),
        leaves: HashMap::new(),
        stops: HashMap::new(),
        ready: HashMap::new(),
        waits: HashMap::new(),
    }
    .emit(one_off)
}

/// Also what stays as it is cannot go on without the container whose namespace or volumes it shares.
fn check_references(
    project: &Project,
    snapshot: &Snapshot,
    order: &[String],
    services: &States,
) -> Result<(), PlanError> {
    for name in order {
        for (other, attribute) in referred(&project.services[name]) {
            let is_made = services
                .get(&other)
                .is_some_and(|state| !state.instances.is_empty());
            if !is_made && snapshot.of_service(&other).next().is_none() {
                return Err(PlanError::ReferenceNotRunning {
                    service: name.clone(),
                    attribute: attribute.to_owned(),
                    other,
                    why: "has no container".to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// The services outside of the selection whose containers are made anew.
fn followers(services: &States, order: &[String]) -> Vec<String> {
    let made = services.iter().filter(|(name, state)| {
        !order.contains(name) && state.instances.iter().any(|one| one.make.is_some())
    });
    made.map(|(name, _)| name.clone()).collect()
}

/// A project of this name that belongs to another directory is somebody else's.
///
/// # Errors
/// [`PlanError::OtherDirectory`] names both.
pub fn check_directory(project: &Project, snapshot: &Snapshot) -> Result<(), PlanError> {
    let own = project.directory.display().to_string();
    let other = snapshot
        .containers
        .iter()
        .filter(|container| !container.one_off)
        .filter_map(ObservedContainer::working_directory)
        .find(|directory| !directory.is_empty() && *directory != own);
    match other {
        Some(other) => Err(PlanError::OtherDirectory {
            project: project.name.clone(),
            own,
            other: other.to_string(),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_services_that_there_are_can_be_scaled() {
        let mut project = Project::default();
        project.services.insert("web".into(), Service::default());
        let scaled = |name: &str| {
            let mut policy = Policy::default();
            policy.scale.insert(name.into(), 0);
            reconcile(&project, &Snapshot::default(), &policy)
        };
        assert!(scaled("web").is_ok());
        let unknown = scaled("wbe").unwrap_err();
        assert!(matches!(unknown, PlanError::UnknownService { name, .. } if name == "wbe"));
    }
}
