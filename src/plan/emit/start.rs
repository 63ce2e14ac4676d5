use super::Emission;
use crate::engine::{ContainerStatus, HealthStatus};
use crate::model::{Condition, Service};
use crate::observe::ObservedContainer;
use crate::plan::hook::init_container;
use crate::plan::order::tied_to;
use crate::plan::pairing::{Instance, ServiceState};
use crate::plan::{Cause, Gate, HookMoment, Operation, Risk, Target, dependencies};

impl Emission<'_> {
    pub(super) fn stop(&mut self, name: &str, instance: &Instance) {
        let Some(old) = instance.observed else {
            return;
        };
        if instance.early {
            return;
        }
        if let Some(cause) = &instance.make {
            let create = self.creates.get(&instance.name).copied();
            let removal =
                self.take_away(name, old, cause.clone(), true, create.into_iter().collect());
            let mut after = self.name_is_free(&instance.name);
            after.push(removal);
            let rename = self.plan.push(
                Target::Container {
                    service: name.to_string(),
                    name: instance.name.clone(),
                },
                Operation::RenameContainer {
                    container: instance.reference(name),
                    name: instance.name.clone(),
                },
                cause.clone(),
                Risk::Safe,
                after,
            );
            self.creates.insert(instance.name.clone(), rename);
        } else if let Some(cause) = &instance.restart {
            self.stop_container(name, old, cause.clone(), true, Vec::new());
        }
    }

    pub(super) fn start(&mut self, name: &str, state: &ServiceState) {
        let starting: Vec<&Instance> = state
            .instances
            .iter()
            .filter(|instance| instance.starts())
            .collect();
        if starting.is_empty() {
            return;
        }
        let gates = self.gates(name, state.service);
        // Ports of those that go are free only then.
        let holders = self.removals_of(|container| !container.ports.is_empty());
        for instance in starting {
            let steps = self.start_instance(name, state, instance, &gates, &holders);
            self.ready
                .entry(name.to_string())
                .or_default()
                .extend(steps);
        }
    }

    /// The steps after which everything that a service depends on is as it has to be.
    pub(super) fn gates(&mut self, name: &str, service: &Service) -> Vec<usize> {
        let mut gates = Vec::new();
        for (other, dependency) in dependencies(service) {
            if !self.services.contains_key(&other) {
                continue;
            }
            let gate = match dependency.condition {
                Condition::Started => None,
                Condition::Healthy => Some(Gate::Healthy),
                Condition::CompletedSuccessfully => Some(Gate::Completed),
            };
            let cause = Cause::AwaitedBy {
                services: vec![name.to_string()],
            };
            match gate {
                None => gates.extend(self.ready.get(&other).into_iter().flatten().copied()),
                Some(gate) => gates.extend(self.wait(&other, gate, dependency.required, cause)),
            }
        }
        // A namespace has to be alive before it is entered.
        for (other, _) in tied_to(service) {
            gates.extend(self.ready.get(&other).into_iter().flatten().copied());
        }
        gates
    }

    /// Services that go on running depend on what others become, too: on a migration that is made anew.
    pub(super) fn wait_for_those_that_run(&mut self) {
        let services = self.services;
        for (name, state) in services {
            let starts = state.instances.iter().any(Instance::starts);
            if !starts && !state.instances.is_empty() {
                self.gates(name, state.service);
            }
        }
    }

    fn start_instance(
        &mut self,
        name: &str,
        state: &ServiceState,
        instance: &Instance,
        gates: &[usize],
        holders: &[usize],
    ) -> Option<usize> {
        let cause = instance
            .restart
            .clone()
            .or_else(|| instance.start.clone())?;
        let target = Target::Container {
            service: name.to_string(),
            name: instance.name.clone(),
        };
        let container = instance.reference(name);
        let made = self.creates.get(&instance.name).copied();
        let leaves = instance.observed.is_some_and(|observed| {
            instance.rejoin.is_some() && self.objects.network_under(observed).is_some()
        });
        let is_paused = instance.restart.is_none()
            && instance.make.is_none()
            && !leaves
            && instance
                .observed
                .is_some_and(|observed| observed.status == ContainerStatus::Paused);
        if is_paused {
            return Some(self.plan.push(
                target,
                Operation::UnpauseContainer { container },
                cause,
                Risk::Safe,
                made,
            ));
        }
        let mut after: Vec<usize> = gates.to_vec();
        after.extend(made);
        after.extend(holders);
        if instance.restart.is_some() {
            after.extend(self.stops.get(name).into_iter().flatten());
        }
        let is_new = instance.make.is_some()
            || instance
                .observed
                .is_some_and(|observed| observed.started_at.is_empty());
        if is_new && !instance.wanted.files.is_empty() {
            let upload = self.plan.push(
                target.clone(),
                Operation::UploadFiles {
                    container: container.clone(),
                    files: instance.wanted.files.clone(),
                },
                cause.clone(),
                Risk::Safe,
                made,
            );
            after.push(upload);
        }
        if instance.number == 1 {
            for index in 0..state.service.pre_start.len() {
                let mut init = init_container(self.project, name, state.service, instance, index);
                let mut step_after = after.clone();
                // What cannot be referred to has been refused when the container itself was planned.
                if let Ok(others) = self.references(name, state.service, &mut step_after) {
                    init.references.extend(others);
                }
                let step = self.plan.push(
                    target.clone(),
                    Operation::RunInit {
                        container: container.clone(),
                        init: Box::new(init),
                    },
                    cause.clone(),
                    Risk::Safe,
                    step_after,
                );
                after.push(step);
            }
        }
        let mut step = self.plan.push(
            target.clone(),
            Operation::StartContainer {
                container: container.clone(),
            },
            cause.clone(),
            Risk::Safe,
            after,
        );
        for hook in &state.service.post_start {
            step = self.plan.push(
                target.clone(),
                Operation::RunHook {
                    container: container.clone(),
                    moment: HookMoment::PostStart,
                    hook: hook.clone(),
                },
                cause.clone(),
                Risk::Safe,
                [step],
            );
        }
        Some(step)
    }

    /// The step that waits for a service, unless it is as it should be already.
    pub(super) fn wait(
        &mut self,
        name: &str,
        gate: Gate,
        required: bool,
        cause: Cause,
    ) -> Option<usize> {
        let key = (name.to_string(), gate);
        if let Some(known) = self.waits.get(&key).copied() {
            if let (Some(step), Cause::AwaitedBy { services: more }) = (known, &cause) {
                let step = &mut self.plan.steps[step];
                if let Cause::AwaitedBy { services } = &mut step.cause {
                    services.extend(more.iter().cloned());
                }
                if let (
                    Operation::Wait {
                        required: known, ..
                    },
                    true,
                ) = (&mut step.operation, required)
                {
                    *known = true;
                }
            }
            return known;
        }
        let state = self.services.get(name)?;
        let is_settled = |instance: &Instance| {
            !instance.starts()
                && instance
                    .observed
                    .is_some_and(|observed| is_satisfied(observed, gate))
        };
        let step = if state.instances.iter().all(is_settled) {
            None
        } else {
            let containers = state
                .instances
                .iter()
                .map(|instance| instance.reference(name))
                .collect();
            let after = self.ready.get(name).cloned().unwrap_or_default();
            Some(self.plan.push(
                Target::Service {
                    name: name.to_string(),
                },
                Operation::Wait {
                    service: name.to_string(),
                    containers,
                    gate,
                    required,
                },
                cause,
                Risk::Safe,
                after,
            ))
        };
        self.waits.insert(key, step);
        step
    }
}

/// Whether a container that nothing happens to is past the gate.
pub(in crate::plan) fn is_satisfied(observed: &ObservedContainer, gate: Gate) -> bool {
    let is_done = observed.status == ContainerStatus::Exited && observed.exit_code == Some(0);
    let runs = observed.status == ContainerStatus::Running;
    match gate {
        Gate::Healthy => runs && observed.health == Some(HealthStatus::Healthy),
        Gate::Completed => is_done,
        Gate::Ready => {
            is_done
                || runs
                    && observed
                        .health
                        .is_none_or(|health| health == HealthStatus::Healthy)
        }
    }
}
