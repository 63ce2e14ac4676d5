use super::StartProbe;
use crate::engine::{ContainerSpec, HealthcheckSpec};
use crate::observe::ObservedImage;

const SECOND: i64 = 1_000_000_000;
/// The engine's interval where none is given.
const DEFAULT_INTERVAL: i64 = 30 * SECOND;

/// Probes for the first second of a container's life, when most services become ready; slower ones are probed by wharf at
/// a pace that follows the probe's cost. The first failure that counts comes at most a second later than without.
pub(super) fn start_probe(
    spec: &ContainerSpec,
    image: Option<&ObservedImage>,
) -> Option<StartProbe> {
    let own = spec.healthcheck.clone().unwrap_or_default();
    let inherited = image
        .and_then(|image| image.healthcheck.clone())
        .unwrap_or_default();
    let test = if own.test.is_empty() {
        &inherited.test
    } else {
        &own.test
    };
    if test.is_empty() || test.first().is_some_and(|kind| kind == "NONE") {
        return None;
    }
    let value = |field: fn(&HealthcheckSpec) -> Option<i64>| {
        let set = |check: &HealthcheckSpec| field(check).filter(|time| *time > 0);
        set(&own).or_else(|| set(&inherited))
    };
    if value(|check| check.start_interval).is_some() {
        return None;
    }
    let interval = value(|check| check.interval).unwrap_or(DEFAULT_INTERVAL);
    match value(|check| check.start_period) {
        Some(start_period) => Some(StartProbe {
            start_period,
            start_interval: interval.min(SECOND),
        }),
        None if interval <= SECOND / 5 => None,
        None => Some(StartProbe {
            start_period: interval.min(SECOND),
            start_interval: SECOND / 10,
        }),
    }
}
