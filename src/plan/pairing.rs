use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::{
    Cause, ContainerPlan, ContainerRef, PlanError, Policy, container_name, container_spec, replicas,
};
use crate::engine::{ResourceLimits, RestartPolicySpec};
use crate::model::{Project, Service};
use crate::observe::{ObservedContainer, Snapshot, labels};

/// One service with the containers it is to have.
pub(super) struct ServiceState<'a> {
    pub(super) service: &'a Service,
    pub(super) instances: Vec<Instance<'a>>,
    /// Containers that go.
    pub(super) surplus: Vec<(&'a ObservedContainer, Cause)>,
}

pub(super) struct Instance<'a> {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) observed: Option<&'a ObservedContainer>,
    pub(super) wanted: ContainerPlan,
    /// Create it, or replace what is there.
    pub(super) make: Option<Cause>,
    /// The old one goes before the new one is made.
    pub(super) early: bool,
    /// It stays, and is connected with networks that are replaced or that it has lost.
    pub(super) rejoin: Option<Cause>,
    pub(super) update: Option<(Cause, ResourceLimits, Option<RestartPolicySpec>)>,
    /// It does not run and is started (or unpaused).
    pub(super) start: Option<Cause>,
    /// It runs and starts anew.
    pub(super) restart: Option<Cause>,
}

impl Instance<'_> {
    pub(super) fn starts(&self) -> bool {
        self.start.is_some() || self.restart.is_some()
    }

    pub(super) fn is_unchanged(&self) -> bool {
        self.make.is_none()
            && self.rejoin.is_none()
            && self.update.is_none()
            && !self.starts()
            && !self.is_renamed()
    }

    pub(super) fn is_renamed(&self) -> bool {
        self.make.is_none()
            && self
                .observed
                .is_some_and(|observed| observed.name != self.name)
    }

    pub(super) fn reference(&self, service: &str) -> ContainerRef {
        match self.observed {
            Some(observed) if self.make.is_none() => existing(observed, &self.name),
            _ => ContainerRef::planned(service, &self.name),
        }
    }
}

pub(super) fn existing(observed: &ObservedContainer, name: &str) -> ContainerRef {
    ContainerRef {
        service: observed.service.clone(),
        name: name.to_string(),
        id: Some(observed.id.clone()),
        status: Some(observed.status),
    }
}

pub(super) type States<'a> = IndexMap<String, ServiceState<'a>>;

/// Pairs the containers that are with those that are to be.
pub(super) fn pair<'a>(
    project: &'a Project,
    snapshot: &'a Snapshot,
    policy: &Policy,
    name: &str,
    service: &'a Service,
    notes: &mut Vec<String>,
) -> Result<ServiceState<'a>, PlanError> {
    let count = replicas(name, service, policy);
    if let Some(fixed) = &service.container_name
        && count > 1
    {
        return Err(PlanError::NameTakenByScale {
            service: name.to_string(),
            name: fixed.clone(),
            count,
        });
    }
    let mut surplus = Vec::new();
    let mut kept: Vec<&ObservedContainer> = Vec::new();
    for container in snapshot.of_service(name) {
        let replaces_living = container
            .labels
            .get(labels::REPLACE)
            .is_some_and(|old| snapshot.container(old).is_some());
        let number_taken = kept.iter().any(|other| other.number == container.number);
        if replaces_living || number_taken || container.number == 0 {
            surplus.push((container, Cause::Leftover));
        } else if kept.len() < count as usize {
            kept.push(container);
        } else {
            surplus.push((container, Cause::Surplus));
        }
    }
    let mut numbers: BTreeSet<u32> = kept.iter().map(|container| container.number).collect();
    let mut slots: Vec<(u32, Option<&ObservedContainer>)> = kept
        .into_iter()
        .map(|container| (container.number, Some(container)))
        .collect();
    let mut next = 1;
    while slots.len() < count as usize {
        if numbers.insert(next) {
            slots.push((next, None));
        }
        next += 1;
    }
    slots.sort_by_key(|(number, _)| *number);
    let mut instances = Vec::new();
    for (number, observed) in slots {
        let wanted = container_spec(project, name, service, number, snapshot.engine, policy)?;
        for note in &wanted.notes {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
        instances.push(Instance {
            number,
            name: container_name(project, name, service, number),
            observed,
            wanted,
            make: None,
            early: false,
            rejoin: None,
            update: None,
            start: None,
            restart: None,
        });
    }
    Ok(ServiceState {
        service,
        instances,
        surplus,
    })
}

/// The service with its running containers, as many as there are.
pub(super) fn as_it_is<'a>(
    project: &'a Project,
    snapshot: &'a Snapshot,
    policy: &Policy,
    name: &str,
    service: &'a Service,
) -> Result<ServiceState<'a>, PlanError> {
    let mut instances = Vec::new();
    for observed in snapshot.of_service(name).filter(|one| one.is_running()) {
        let number = observed.number;
        instances.push(Instance {
            number,
            name: observed.name.clone(),
            observed: Some(observed),
            wanted: container_spec(project, name, service, number, snapshot.engine, policy)?,
            make: None,
            early: false,
            rejoin: None,
            update: None,
            start: None,
            restart: None,
        });
    }
    Ok(ServiceState {
        service,
        instances,
        surplus: Vec::new(),
    })
}
