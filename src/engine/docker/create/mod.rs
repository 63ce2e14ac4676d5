//! The body of `POST /containers/create`.
//!
//! | file | what |
//! |---|---|
//! | this one | the container and its networks, as far as this engine takes them at once |
//! | `check` | what this engine would drop without a word |
//! | `host` | `HostConfig`: what the container gets from its host, and its limits |
//! | `mounts` | binds and mounts in the form that this engine takes |
//! | `fields` | fields of which other calls have the like |

mod check;
mod fields;
mod host;
mod mounts;

use std::collections::HashMap;

use bollard::models::{ContainerCreateBody, EndpointSettings, HealthConfig, NetworkingConfig};

use check::check;
pub(super) use fields::{endpoint_settings, map, restart_policy, throttles, variables, weights};
use fields::{protocol, some};
use host::host;

use crate::engine::{
    ContainerSpec, EndpointSpec, EngineError, EngineInfo, EngineResult, ErrorKind, HealthcheckSpec,
};

/// The body of `POST /containers/create`, and the networks that must be connected afterwards.
/// <https://docs.docker.com/reference/api/engine/version/v1.47/#tag/Container/operation/ContainerCreate>
pub(super) fn body<'a>(
    spec: &'a ContainerSpec,
    engine: &EngineInfo,
) -> EngineResult<(serde_json::Value, Vec<(&'a str, &'a EndpointSpec)>)> {
    check(spec, engine)?;
    let primary = spec
        .network_mode
        .as_deref()
        .or_else(|| spec.endpoints.keys().next().map(String::as_str));
    let mut now = HashMap::new();
    let mut later = Vec::new();
    for (network, endpoint) in &spec.endpoints {
        let is_primary = primary == Some(network.as_str());
        if is_primary || engine.has_many_endpoints_at_create() {
            let mut settings = endpoint_settings(endpoint);
            if is_primary && engine.has_endpoint_mac_address() && settings.mac_address.is_none() {
                settings.mac_address = spec.mac_address.clone();
            }
            now.insert(network.clone(), settings);
        } else {
            later.push((network.as_str(), endpoint));
        }
    }
    // The address needs an endpoint to stand on, also on a network that is not asked for more.
    if let (Some(address), Some(network)) = (&spec.mac_address, primary)
        && engine.has_endpoint_mac_address()
        && !now.contains_key(network)
        && !(matches!(network, "host" | "none") || network.starts_with("container:"))
    {
        let settings = EndpointSettings {
            mac_address: Some(address.clone()),
            ..EndpointSettings::default()
        };
        now.insert(network.to_owned(), settings);
    }
    let mut container = container(spec, engine);
    if let Some(host) = &mut container.host_config {
        host.network_mode = primary.map(str::to_owned);
    }
    container.networking_config = (!now.is_empty()).then_some(NetworkingConfig {
        endpoints_config: Some(now),
    });
    let mut body = serde_json::to_value(container).map_err(|error| {
        EngineError::new(
            ErrorKind::Other,
            format!(
                "cannot write the specification of container `{}`: {error}",
                spec.name
            ),
        )
    })?;
    // Before API 1.44 the address is a field of the container, which bollard's type lacks.
    if !engine.has_endpoint_mac_address() {
        let address = spec.mac_address.as_deref().or_else(|| {
            let endpoint = spec.endpoints.get(primary?)?;
            endpoint.mac_address.as_deref()
        });
        if let (Some(address), Some(fields)) = (address, body.as_object_mut()) {
            fields.insert("MacAddress".to_owned(), address.into());
        }
    }
    Ok((body, later))
}

fn container(spec: &ContainerSpec, engine: &EngineInfo) -> ContainerCreateBody {
    let mut exposed = spec.exposed_ports.clone();
    for port in &spec.port_bindings {
        let port = format!("{}/{}", port.container_port, protocol(&port.protocol));
        if !exposed.contains(&port) {
            exposed.push(port);
        }
    }
    ContainerCreateBody {
        hostname: spec.hostname.clone(),
        domainname: spec.domain_name.clone(),
        user: spec.user.clone(),
        exposed_ports: some(exposed),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(spec.tty),
        open_stdin: Some(spec.open_stdin),
        stdin_once: Some(spec.stdin_once),
        env: some(variables(&spec.environment)),
        cmd: spec.command.clone(),
        healthcheck: spec
            .healthcheck
            .as_ref()
            .map(|check| healthcheck(check, engine)),
        image: Some(spec.image.clone()),
        working_dir: spec.working_dir.clone(),
        entrypoint: spec.entrypoint.clone(),
        labels: Some(map(&spec.labels)),
        stop_signal: spec.stop_signal.clone(),
        stop_timeout: spec.stop_timeout,
        host_config: Some(host(spec, engine)),
        ..ContainerCreateBody::default()
    }
}

fn healthcheck(check: &HealthcheckSpec, engine: &EngineInfo) -> HealthConfig {
    HealthConfig {
        test: some(check.test.clone()),
        interval: check.interval,
        timeout: check.timeout,
        retries: check.retries,
        start_period: check.start_period,
        start_interval: check.start_interval.filter(|_| engine.has_start_interval()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{
        ApiVersion, BindMount, EngineMount, EngineMountKind, PortBinding as Port, RestartPolicySpec,
    };

    fn engine(minor: u16) -> EngineInfo {
        EngineInfo {
            address: "unix:///x".into(),
            version: "1".into(),
            api: ApiVersion(1, minor),
            operating_system: "linux".into(),
            architecture: "amd64".into(),
            id: String::new(),
            podman: false,
            containerd_store: false,
        }
    }

    fn on_two_networks() -> ContainerSpec {
        let mut spec = ContainerSpec {
            name: "web".into(),
            image: "i".into(),
            mac_address: Some("02:42:ac:11:00:02".into()),
            ..ContainerSpec::default()
        };
        for name in ["back", "front"] {
            spec.endpoints.insert(
                name.into(),
                EndpointSpec {
                    aliases: vec!["web".into()],
                    ipv4_address: Some("10.0.0.2".into()),
                    ..EndpointSpec::default()
                },
            );
        }
        spec
    }

    #[test]
    fn an_old_engine_gets_one_network_now_and_the_rest_later() {
        let spec = on_two_networks();
        let (old, later) = body(&spec, &engine(41)).unwrap();
        assert_eq!(old["HostConfig"]["NetworkMode"], "back");
        assert_eq!(
            old["NetworkingConfig"]["EndpointsConfig"]
                .as_object()
                .unwrap()
                .len(),
            1
        );
        assert_eq!(old["MacAddress"], "02:42:ac:11:00:02");
        assert_eq!(later.len(), 1);
        assert_eq!(later[0].0, "front");

        let (new, later) = body(&spec, &engine(45)).unwrap();
        let endpoints = &new["NetworkingConfig"]["EndpointsConfig"];
        assert_eq!(endpoints["back"]["MacAddress"], "02:42:ac:11:00:02");
        assert_eq!(endpoints["front"]["IPAMConfig"]["IPv4Address"], "10.0.0.2");
        assert_eq!(new.get("MacAddress"), None);
        assert!(later.is_empty());
    }

    #[test]
    fn start_interval_is_left_out_where_it_would_be_dropped() {
        let spec = ContainerSpec {
            healthcheck: Some(HealthcheckSpec {
                test: vec!["CMD".into(), "true".into()],
                interval: Some(2_000_000_000),
                start_interval: Some(100_000_000),
                ..HealthcheckSpec::default()
            }),
            ..ContainerSpec::default()
        };
        let check = |minor| body(&spec, &engine(minor)).unwrap().0["Healthcheck"].clone();
        assert_eq!(check(41).get("StartInterval"), None);
        assert_eq!(check(44)["StartInterval"], 100_000_000);
        assert_eq!(check(41)["Interval"], 2_000_000_000_i64);
    }

    #[test]
    fn what_would_be_dropped_in_silence_is_refused() {
        let volume = |kind, subpath: Option<&str>, recursive: Option<&str>| ContainerSpec {
            name: "web".into(),
            mounts: vec![EngineMount {
                read_only: true,
                recursive: recursive.map(str::to_owned),
                subpath: subpath.map(str::to_owned),
                ..EngineMount::new(kind, Some("v".into()), "/data".into())
            }],
            ..ContainerSpec::default()
        };
        let mut annotated = ContainerSpec::default();
        annotated.annotations.insert("a".into(), "b".into());
        let mut preferred = ContainerSpec::default();
        preferred.endpoints.insert(
            "n".into(),
            EndpointSpec {
                gw_priority: 1,
                ..EndpointSpec::default()
            },
        );
        for (spec, enough) in [
            (volume(EngineMountKind::Volume, Some("a"), None), 45),
            (volume(EngineMountKind::Image, None, None), 48),
            (volume(EngineMountKind::Bind, None, Some("readonly")), 44),
            (annotated, 43),
            (preferred, 48),
        ] {
            let error = body(&spec, &engine(enough - 1)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unsupported);
            assert!(
                error.message.contains(&format!("API 1.{enough}")),
                "{error}"
            );
            assert!(body(&spec, &engine(enough)).is_ok());
        }
    }

    #[test]
    fn fields_take_the_engines_form() {
        let spec = ContainerSpec {
            entrypoint: Some(Vec::new()),
            environment: [
                ("A".to_owned(), Some("1".to_owned())),
                ("B".to_owned(), None),
            ]
            .into_iter()
            .collect(),
            binds: vec![BindMount {
                source: "/src".into(),
                target: "/dst".into(),
                options: vec!["ro".into(), "z".into()],
            }],
            port_bindings: vec![
                Port {
                    container_port: 80,
                    protocol: "tcp".into(),
                    host_ip: "127.0.0.1".into(),
                    host_port: "8080".into(),
                },
                Port {
                    container_port: 80,
                    ..Port::default()
                },
            ],
            restart: Some(RestartPolicySpec {
                name: "on-failure".into(),
                maximum_retry_count: 3,
            }),
            cgroup: Some("host".into()),
            cap_add: vec!["net_admin".into(), "CAP_CHOWN".into(), "ALL".into()],
            security_opt: vec!["credentialspec=file://x".into(), "label:disable".into()],
            network_mode: Some("container:abc".into()),
            ..ContainerSpec::default()
        };
        let (body, _) = body(&spec, &engine(41)).unwrap();
        assert_eq!(body["Entrypoint"], serde_json::json!([]));
        assert_eq!(body.get("Cmd"), None);
        assert_eq!(body["Env"], serde_json::json!(["A=1", "B"]));
        assert_eq!(body["ExposedPorts"], serde_json::json!({"80/tcp": {}}));
        let host = &body["HostConfig"];
        assert_eq!(host["Binds"], serde_json::json!(["/src:/dst:ro,z"]));
        assert_eq!(host["PortBindings"]["80/tcp"][0]["HostPort"], "8080");
        assert_eq!(host["PortBindings"]["80/tcp"][1]["HostPort"], "");
        assert_eq!(host["RestartPolicy"]["Name"], "on-failure");
        assert_eq!(host["RestartPolicy"]["MaximumRetryCount"], 3);
        assert_eq!(host["CgroupnsMode"], "host");
        assert_eq!(host["NetworkMode"], "container:abc");
        let capabilities = serde_json::json!(["CAP_NET_ADMIN", "CAP_CHOWN", "ALL"]);
        assert_eq!(host["CapAdd"], capabilities);
        assert_eq!(host["SecurityOpt"], serde_json::json!(["label:disable"]));
        assert_eq!(host.get("Mounts"), None);
    }
}
