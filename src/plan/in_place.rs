use super::FieldChange;
use super::diff::changes;
use crate::engine::{ContainerSpec, ResourceLimits, RestartPolicySpec};
use crate::observe::ObservedContainer;

/// What it takes to make a container as it is to be.
#[derive(Debug, PartialEq)]
pub(super) enum Difference {
    None,
    /// `docker update` can do it while the container runs.
    Update {
        fields: Vec<FieldChange>,
        limits: Box<ResourceLimits>,
        restart: Option<RestartPolicySpec>,
    },
    /// It has to be made anew.
    Replace {
        fields: Vec<FieldChange>,
    },
}

/// Compares a container with what is wanted. `recorded` is what it was made from; limits and restart policy may have been
/// changed on the running container since, so there the engine's word counts.
pub(super) fn difference(
    observed: &ObservedContainer,
    recorded: &ContainerSpec,
    wanted: &ContainerSpec,
) -> Difference {
    let mut now = recorded.clone();
    // A name is changed by renaming.
    now.name.clone_from(&wanted.name);
    take_over_limits(&mut now, observed);
    let fields = changes(&now, wanted);
    if fields.is_empty() {
        return Difference::None;
    }
    let mut updated = now.clone();
    update(&mut updated, wanted);
    if changes(&updated, wanted).is_empty() {
        return Difference::Update {
            fields,
            limits: Box::new(update_payload(&wanted.limits)),
            restart: wanted.restart.clone(),
        };
    }
    Difference::Replace { fields }
}

/// Limits as the engine has them, where they differ from the record in a way that matters.
fn take_over_limits(now: &mut ContainerSpec, observed: &ObservedContainer) {
    let Some(actual) = &observed.limits else {
        return;
    };
    let limits = &mut now.limits;
    let take = |recorded: &mut Option<i64>, actual: Option<i64>| {
        let actual = actual.filter(|value| *value != 0);
        if recorded.filter(|value| *value != 0) != actual {
            *recorded = actual;
        }
    };
    take(&mut limits.memory, actual.memory);
    take(&mut limits.memory_reservation, actual.memory_reservation);
    take(&mut limits.nano_cpus, actual.nano_cpus);
    take(&mut limits.cpu_shares, actual.cpu_shares);
    take(&mut limits.cpu_period, actual.cpu_period);
    take(&mut limits.cpu_quota, actual.cpu_quota);
    // The engine sets swap by itself when only memory is given.
    if limits.memory_swap.is_some() {
        take(&mut limits.memory_swap, actual.memory_swap);
    }
    let actual_cpuset = actual.cpuset_cpus.clone().filter(|set| !set.is_empty());
    if limits.cpuset_cpus.clone().filter(|set| !set.is_empty()) != actual_cpuset {
        limits.cpuset_cpus = actual_cpuset;
    }
    let plain = |policy: &Option<RestartPolicySpec>| {
        policy
            .clone()
            .filter(|policy| !policy.name.is_empty() && policy.name != "no")
    };
    if plain(&now.restart) != plain(&observed.restart) {
        now.restart = Some(observed.restart.clone().unwrap_or_default());
    }
}

/// Sets on `now` what an update can set: only values that are given, since an update cannot take a limit away.
fn update(now: &mut ContainerSpec, wanted: &ContainerSpec) {
    let limits = &mut now.limits;
    let set = |now: &mut Option<i64>, wanted: Option<i64>| {
        if let Some(value) = wanted.filter(|value| *value != 0) {
            *now = Some(value);
        }
    };
    set(&mut limits.memory, wanted.limits.memory);
    set(
        &mut limits.memory_reservation,
        wanted.limits.memory_reservation,
    );
    set(&mut limits.memory_swap, wanted.limits.memory_swap);
    set(&mut limits.nano_cpus, wanted.limits.nano_cpus);
    set(&mut limits.cpu_shares, wanted.limits.cpu_shares);
    set(&mut limits.cpu_period, wanted.limits.cpu_period);
    set(&mut limits.cpu_quota, wanted.limits.cpu_quota);
    if wanted.limits.cpuset_cpus.is_some() {
        limits.cpuset_cpus.clone_from(&wanted.limits.cpuset_cpus);
    }
    if wanted.restart.is_some() {
        now.restart.clone_from(&wanted.restart);
    }
}

/// A memory limit cannot go above the swap limit that stands, so both go together: the engine's own default is twice.
fn update_payload(wanted: &ResourceLimits) -> ResourceLimits {
    ResourceLimits {
        memory: wanted.memory,
        memory_reservation: wanted.memory_reservation,
        memory_swap: wanted
            .memory_swap
            .or_else(|| wanted.memory.map(|memory| memory.saturating_mul(2))),
        nano_cpus: wanted.nano_cpus,
        cpu_shares: wanted.cpu_shares,
        cpu_period: wanted.cpu_period,
        cpu_quota: wanted.cpu_quota,
        cpuset_cpus: wanted.cpuset_cpus.clone(),
        ..ResourceLimits::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(memory: Option<i64>) -> ContainerSpec {
        let mut spec = ContainerSpec::default();
        spec.limits.memory = memory;
        spec
    }

    fn observed(memory: Option<i64>) -> ObservedContainer {
        ObservedContainer {
            limits: Some(spec(memory).limits),
            ..ObservedContainer::default()
        }
    }

    #[test]
    fn a_limit_is_changed_in_place_and_then_settled() {
        let (small, large) = (Some(1 << 20), Some(1 << 21));
        let difference_from = |actual| difference(&observed(actual), &spec(small), &spec(large));
        assert!(matches!(difference_from(small), Difference::Update { .. }));
        assert_eq!(difference_from(large), Difference::None);
    }

    #[test]
    fn a_limit_that_goes_away_needs_a_new_container() {
        let some = Some(1 << 20);
        assert!(matches!(
            difference(&observed(some), &spec(some), &spec(None)),
            Difference::Replace { .. }
        ));
        // Set by an earlier update, not by the description.
        assert!(matches!(
            difference(&observed(some), &spec(None), &spec(None)),
            Difference::Replace { .. }
        ));
    }

    #[test]
    fn other_fields_need_a_new_container() {
        let mut wanted = spec(Some(1 << 20));
        wanted.user = Some("app".into());
        assert!(matches!(
            difference(&observed(None), &spec(None), &wanted),
            Difference::Replace { fields } if fields.len() == 2
        ));
    }
}
