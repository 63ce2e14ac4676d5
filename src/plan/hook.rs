use super::containers::project_labels;
use super::pairing::{Instance, existing};
use super::{Cause, HookMoment, NewContainer, Operation, Plan, Risk, container_target};
use crate::engine::{ContainerStatus, HealthcheckSpec};
use crate::model::{Project, Service};
use crate::observe::{ObservedContainer, labels};

/// Adds the hooks that run before a container stops; returns what the stop has to follow.
pub(super) fn push_pre_stop(
    plan: &mut Plan,
    service: &Service,
    container: &ObservedContainer,
    cause: &Cause,
    after: Vec<usize>,
) -> Vec<usize> {
    let mut after = after;
    if container.status != ContainerStatus::Running {
        return after;
    }
    for hook in &service.pre_stop {
        let step = plan.push(
            container_target(container),
            Operation::RunHook {
                container: existing(container, &container.name),
                moment: HookMoment::PreStop,
                hook: hook.clone(),
            },
            cause.clone(),
            Risk::Safe,
            after,
        );
        after = vec![step];
    }
    after
}

/// The container of a `pre_start` hook: the service's own description with the hook's command, sharing the volumes of the
/// service's container.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#pre_start>
pub(super) fn init_container(
    project: &Project,
    name: &str,
    service: &Service,
    instance: &Instance,
    index: usize,
) -> NewContainer {
    let hook = &service.pre_start[index];
    let mut spec = instance.wanted.spec.clone();
    spec.name = format!("{}-{name}-pre_start-{index}", project.name);
    spec.command = Some(hook.command.clone());
    spec.user = hook.user.clone().or(spec.user);
    spec.working_dir = hook.working_dir.clone().or(spec.working_dir);
    spec.privileged |= hook.privileged;
    spec.environment.extend(hook.environment.clone());
    spec.healthcheck = Some(HealthcheckSpec {
        test: vec!["NONE".to_string()],
        ..HealthcheckSpec::default()
    });
    spec.restart = None;
    spec.port_bindings.clear();
    spec.mounts.clear();
    spec.binds.clear();
    spec.tmpfs.clear();
    spec.volumes_from.push(format!("service:{name}"));
    for endpoint in spec.endpoints.values_mut() {
        // The name and the address are the service's.
        endpoint.aliases.clear();
        endpoint.ipv4_address = None;
        endpoint.ipv6_address = None;
        endpoint.mac_address = None;
    }
    spec.mac_address = None;
    spec.labels.extend(project_labels(project));
    spec.labels
        .insert(labels::SERVICE.to_string(), name.to_string());
    spec.labels
        .insert(labels::ONE_OFF.to_string(), "True".to_string());
    spec.labels
        .insert(labels::HOOK.to_string(), "pre_start".to_string());
    NewContainer {
        service: name.to_string(),
        number: 0,
        name: spec.name.clone(),
        spec,
        references: [(name.to_string(), instance.reference(name))].into(),
        inherited: Vec::new(),
        start_probe: None,
    }
}
