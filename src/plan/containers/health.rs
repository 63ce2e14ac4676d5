use crate::engine::HealthcheckSpec;
use crate::model::Service;
use crate::observe::EngineTraits;

/// What the engine honours of it. `None`: the image's own check stands.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#healthcheck>
pub fn healthcheck(service: &Service, engine: EngineTraits) -> Option<HealthcheckSpec> {
    let check = service.healthcheck.as_ref()?;
    if check.is_disabled() {
        return Some(HealthcheckSpec {
            test: vec!["NONE".to_string()],
            ..HealthcheckSpec::default()
        });
    }
    Some(HealthcheckSpec {
        test: check.test.clone(),
        interval: check.interval.map(|time| time.nanos()),
        timeout: check.timeout.map(|time| time.nanos()),
        retries: check
            .retries
            .map(|count| i64::try_from(count).unwrap_or(i64::MAX)),
        start_period: check.start_period.map(|time| time.nanos()),
        start_interval: check
            .start_interval
            .filter(|_| engine.start_interval)
            .map(|time| time.nanos()),
    })
}
