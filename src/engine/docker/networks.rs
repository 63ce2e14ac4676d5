use bollard::errors::Error;
use bollard::models::{self, NetworkConnectRequest, NetworkDisconnectRequest};
use bollard::query_parameters::{InspectNetworkOptions, ListNetworksOptions};
use serde_json::json;

use super::containers::is_meant;
use super::create::{endpoint_settings, map};
use super::failure::engine_error;
use super::inspect::sorted;
use super::wire::{Call, segment};
use super::{DockerEngine, label_filter};
use crate::engine::{
    EndpointSpec, EngineNetwork, EngineResult, LabelFilter, NetworkSpec, PoolSpec,
};

impl DockerEngine {
    pub(super) async fn networks(
        &self,
        labels: LabelFilter<'_>,
    ) -> EngineResult<Vec<EngineNetwork>> {
        let options = ListNetworksOptions {
            filters: label_filter(labels),
        };
        let rows = self
            .docker
            .list_networks(Some(options))
            .await
            .map_err(|error| engine_error("list networks", error))?;
        Ok(rows.into_iter().map(row).collect())
    }

    pub(super) async fn network(&self, name: &str) -> EngineResult<Option<EngineNetwork>> {
        let answer = self
            .docker
            .inspect_network(&segment(name), None::<InspectNetworkOptions>)
            .await;
        match answer {
            Ok(answer) => {
                Ok(Some(inspected(answer)).filter(|found| is_meant(name, &found.name, &found.id)))
            }
            Err(Error::DockerResponseServerError {
                status_code: 404, ..
            }) => Ok(None),
            // Engines before 25 can make a name twice when two ask for it at the same moment.
            Err(Error::DockerResponseServerError {
                status_code: 400,
                message,
            }) if message.contains("ambiguous") => self.network_in_use(name).await,
            Err(error) => Err(engine_error(&format!("inspect network `{name}`"), error)),
        }
    }

    /// Of several networks with one name, one that containers are connected to; else any.
    async fn network_in_use(&self, name: &str) -> EngineResult<Option<EngineNetwork>> {
        let mut found = None;
        for twin in self.networks(&[]).await? {
            if twin.name != name {
                continue;
            }
            let answer = self
                .docker
                .inspect_network(&segment(&twin.id), None::<InspectNetworkOptions>)
                .await
                .map_err(|error| engine_error(&format!("inspect network `{name}`"), error))?;
            let twin = inspected(answer);
            if found.is_none() || !twin.containers.is_empty() {
                found = Some(twin);
            }
        }
        Ok(found)
    }

    pub(super) async fn make_network(&self, spec: &NetworkSpec) -> EngineResult<String> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Created {
            id: String,
        }
        let call = Call::post("/networks/create").json(request(spec));
        let action = format!("create network `{}`", spec.name);
        let Created { id } = self.wire.value(&action, call).await?;
        Ok(id)
    }

    pub(super) async fn drop_network(&self, name: &str) -> EngineResult<()> {
        self.docker
            .remove_network(&segment(name))
            .await
            .map_err(|error| engine_error(&format!("remove network `{name}`"), error))
    }

    pub(super) async fn connect_endpoint(
        &self,
        network: &str,
        container: &str,
        endpoint: &EndpointSpec,
    ) -> EngineResult<()> {
        let request = NetworkConnectRequest {
            container: container.to_owned(),
            endpoint_config: Some(endpoint_settings(endpoint)),
        };
        self.docker
            .connect_network(&segment(network), request)
            .await
            .map_err(|error| {
                let action = format!("connect container `{container}` to network `{network}`");
                engine_error(&action, error)
            })
    }

    pub(super) async fn disconnect_endpoint(
        &self,
        network: &str,
        container: &str,
        force: bool,
    ) -> EngineResult<()> {
        let request = NetworkDisconnectRequest {
            container: container.to_owned(),
            force: Some(force),
        };
        self.docker
            .disconnect_network(&segment(network), request)
            .await
            .map_err(|error| {
                let action = format!("disconnect container `{container}` from network `{network}`");
                engine_error(&action, error)
            })
    }
}

/// The body of `POST /networks/create`. bollard's type lacks `CheckDuplicate`, without which engines before 25.0 make
/// a second network of the same name.
fn request(spec: &NetworkSpec) -> serde_json::Value {
    let mut body = json!({
        "Name": spec.name,
        "CheckDuplicate": true,
        "Driver": spec.driver.as_deref().unwrap_or("bridge"),
        "Internal": spec.internal,
        "Attachable": spec.attachable,
        "Options": map(&spec.driver_opts),
        "Labels": map(&spec.labels),
    });
    if let Some(enabled) = spec.enable_ipv4 {
        body["EnableIPv4"] = enabled.into();
    }
    if let Some(enabled) = spec.enable_ipv6 {
        body["EnableIPv6"] = enabled.into();
    }
    if spec.ipam_driver.is_some() || !spec.ipam_options.is_empty() || !spec.pools.is_empty() {
        body["IPAM"] = json!({
            "Driver": spec.ipam_driver.as_deref().unwrap_or("default"),
            "Options": map(&spec.ipam_options),
            "Config": spec.pools.iter().map(pool_request).collect::<Vec<_>>(),
        });
    }
    body
}

fn pool_request(pool: &PoolSpec) -> serde_json::Value {
    let mut body = serde_json::Map::new();
    let fields = [
        ("Subnet", &pool.subnet),
        ("IPRange", &pool.ip_range),
        ("Gateway", &pool.gateway),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            body.insert(name.to_owned(), value.as_str().into());
        }
    }
    if !pool.aux_addresses.is_empty() {
        body.insert(
            "AuxiliaryAddresses".to_owned(),
            json!(map(&pool.aux_addresses)),
        );
    }
    body.into()
}

fn row(network: models::Network) -> EngineNetwork {
    EngineNetwork {
        id: network.id.unwrap_or_default(),
        name: network.name.unwrap_or_default(),
        driver: network.driver.unwrap_or_default(),
        internal: network.internal.unwrap_or_default(),
        attachable: network.attachable.unwrap_or_default(),
        enable_ipv6: network.enable_ipv6.unwrap_or_default(),
        driver_opts: sorted(network.options),
        pools: pools(network.ipam),
        labels: sorted(network.labels),
        containers: Vec::new(),
    }
}

fn inspected(network: models::NetworkInspect) -> EngineNetwork {
    EngineNetwork {
        id: network.id.unwrap_or_default(),
        name: network.name.unwrap_or_default(),
        driver: network.driver.unwrap_or_default(),
        internal: network.internal.unwrap_or_default(),
        attachable: network.attachable.unwrap_or_default(),
        enable_ipv6: network.enable_ipv6.unwrap_or_default(),
        driver_opts: sorted(network.options),
        pools: pools(network.ipam),
        labels: sorted(network.labels),
        containers: sorted(network.containers).into_keys().collect(),
    }
}

fn pools(ipam: Option<models::Ipam>) -> Vec<PoolSpec> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    ipam.and_then(|ipam| ipam.config)
        .unwrap_or_default()
        .into_iter()
        .map(|pool| PoolSpec {
            subnet: given(pool.subnet),
            gateway: given(pool.gateway),
            ip_range: given(pool.ip_range),
            aux_addresses: sorted(pool.auxiliary_addresses),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_holds_what_is_asked_for_and_no_more() {
        let plain = request(&NetworkSpec {
            name: "n".into(),
            ..NetworkSpec::default()
        });
        assert_eq!(plain["Driver"], "bridge");
        assert_eq!(plain["CheckDuplicate"], true);
        assert_eq!(plain.get("IPAM"), None);
        assert_eq!(plain.get("EnableIPv6"), None);

        let full = request(&NetworkSpec {
            name: "n".into(),
            enable_ipv6: Some(true),
            pools: vec![PoolSpec {
                subnet: Some("10.9.0.0/16".into()),
                aux_addresses: [("a".to_owned(), "10.9.0.9".to_owned())]
                    .into_iter()
                    .collect(),
                ..PoolSpec::default()
            }],
            ..NetworkSpec::default()
        });
        assert_eq!(full["IPAM"]["Driver"], "default");
        assert_eq!(
            full["IPAM"]["Config"],
            json!([{"Subnet": "10.9.0.0/16", "AuxiliaryAddresses": {"a": "10.9.0.9"}}])
        );
        assert_eq!(full["EnableIPv6"], true);
    }

    #[test]
    fn an_answer_is_read_as_it_was_asked_for() {
        let network = inspected(
            serde_json::from_str(
                r#"{"Name":"n","Id":"1","Driver":"bridge","Internal":true,"Attachable":false,
                    "IPAM":{"Driver":"default","Options":null,"Config":[{"Subnet":"10.9.0.0/16","Gateway":""}]},
                    "Containers":{"c2":{},"c1":{}},"Options":{},"Labels":{"a":"b"}}"#,
            )
            .unwrap(),
        );
        assert_eq!(network.containers, ["c1", "c2"]);
        assert_eq!(network.pools[0].subnet.as_deref(), Some("10.9.0.0/16"));
        assert_eq!(network.pools[0].gateway, None);
        assert!(network.internal);
    }
}
