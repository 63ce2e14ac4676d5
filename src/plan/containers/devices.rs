use crate::engine::{DeviceMapping, DeviceRequestSpec};
use crate::model::{DeviceRequest, Service};

/// Devices of the host.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#devices>
pub fn device_mappings(service: &Service) -> Vec<DeviceMapping> {
    service
        .devices
        .iter()
        .filter(|device| !is_cdi(&device.source))
        .map(|device| DeviceMapping {
            source: device.source.clone(),
            target: if device.target.is_empty() {
                device.source.clone()
            } else {
                device.target.clone()
            },
            permissions: if device.permissions.is_empty() {
                "rwm".to_string()
            } else {
                device.permissions.clone()
            },
        })
        .collect()
}

/// Devices of the Container Device Interface are named `vendor.com/class=name`.
fn is_cdi(source: &str) -> bool {
    !source.starts_with('/') && source.contains('/') && source.contains('=')
}

/// Devices that the engine finds by what they can do: reservations of `deploy`, `gpus`, and those of the Container Device Interface.
/// <https://github.com/compose-spec/compose-spec/blob/main/deploy.md#devices>
pub fn device_requests(service: &Service) -> Vec<DeviceRequestSpec> {
    let request = |device: &DeviceRequest, extra: Option<&str>| {
        let mut capabilities = device.capabilities.clone();
        if let Some(extra) = extra
            && !capabilities.iter().any(|capability| capability == extra)
        {
            capabilities.push(extra.to_string());
        }
        DeviceRequestSpec {
            driver: device.driver.clone().unwrap_or_default(),
            count: match device.count {
                None if device.device_ids.is_empty() => Some(-1),
                count => count,
            },
            device_ids: device.device_ids.clone(),
            capabilities,
            options: device.options.clone(),
        }
    };
    let cdi: Vec<String> = service
        .devices
        .iter()
        .map(|device| device.source.clone())
        .filter(|source| is_cdi(source))
        .collect();
    let reserved = service
        .deploy
        .iter()
        .filter_map(|deploy| deploy.resources.reservations.as_ref())
        .flat_map(|reservation| &reservation.devices);
    let mut requests: Vec<DeviceRequestSpec> = reserved
        .map(|device| request(device, None))
        .chain(service.gpus.iter().map(|gpu| request(gpu, Some("gpu"))))
        .collect();
    if !cdi.is_empty() {
        requests.push(DeviceRequestSpec {
            driver: "cdi".to_string(),
            device_ids: cdi,
            ..DeviceRequestSpec::default()
        });
    }
    requests
}
