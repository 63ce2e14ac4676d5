use crate::engine::{ResourceLimits, UlimitSpec};
use crate::model::{Duration, Service, StringOrNumber, ThrottleDevice, Ulimit};
use crate::plan::PlanError;

/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#ulimits>
pub fn ulimits(service: &Service) -> Vec<UlimitSpec> {
    service
        .ulimits
        .iter()
        .map(|(name, limit)| {
            let (soft, hard) = match *limit {
                Ulimit::Single(both) => (both, both),
                Ulimit::Pair { soft, hard } => (soft, hard),
            };
            UlimitSpec {
                name: name.clone(),
                soft,
                hard,
            }
        })
        .collect()
}

/// Limits of `deploy` win over those of the service itself.
pub fn limits(name: &str, service: &Service) -> Result<ResourceLimits, PlanError> {
    let number = |value: &Option<StringOrNumber>, field: &str| match value {
        None => Ok(None),
        Some(value) => value.number().map(Some).ok_or_else(|| PlanError::BadValue {
            service: name.to_string(),
            reason: format!("`{field}` is not a whole number"),
        }),
    };
    // `cpu_period` and its like may be durations; the engine wants microseconds.
    let micros = |value: &Option<StringOrNumber>, field: &str| match value {
        Some(StringOrNumber::Text(text)) if text.parse::<i64>().is_err() => text
            .parse::<Duration>()
            .map(|time| Some(time.nanos() / 1000))
            .map_err(|reason| PlanError::BadValue {
                service: name.to_string(),
                reason: format!("`{field}`: {reason}"),
            }),
        other => number(other, field),
    };
    let nano = |cpus: f64| (cpus * 1e9).round() as i64;
    let deploy = service.deploy.clone().unwrap_or_default();
    let most = deploy.resources.limits.unwrap_or_default();
    let least = deploy.resources.reservations.unwrap_or_default();
    let blkio = service.blkio_config.clone().unwrap_or_default();
    let rates = |devices: Vec<ThrottleDevice>| {
        devices
            .into_iter()
            .map(|device| (device.path, device.rate.0))
            .collect()
    };
    Ok(ResourceLimits {
        nano_cpus: most.cpus.or(service.cpus).map(nano),
        cpu_shares: service.cpu_shares,
        cpu_period: micros(&service.cpu_period, "cpu_period")?,
        cpu_quota: micros(&service.cpu_quota, "cpu_quota")?,
        cpu_rt_period: micros(&service.cpu_rt_period, "cpu_rt_period")?,
        cpu_rt_runtime: micros(&service.cpu_rt_runtime, "cpu_rt_runtime")?,
        cpuset_cpus: service.cpuset.clone(),
        cpu_count: service.cpu_count,
        cpu_percent: service.cpu_percent.map(|percent| percent.round() as i64),
        memory: most.memory.or(service.mem_limit).map(|size| size.0),
        memory_reservation: least.memory.or(service.mem_reservation).map(|size| size.0),
        memory_swap: service.memswap_limit.map(|size| size.0),
        memory_swappiness: number(&service.mem_swappiness, "mem_swappiness")?,
        pids: most.pids.or(service.pids_limit),
        blkio_weight: blkio.weight,
        blkio_weight_device: blkio
            .weight_device
            .into_iter()
            .map(|device| (device.path, device.weight))
            .collect(),
        blkio_read_bps: rates(blkio.device_read_bps),
        blkio_write_bps: rates(blkio.device_write_bps),
        blkio_read_iops: rates(blkio.device_read_iops),
        blkio_write_iops: rates(blkio.device_write_iops),
    })
}
