use indexmap::IndexMap;

use crate::model::{Network, Project, Service, Volume};

/// Of the bridge driver: the name of the interface, of which a machine has one.
const BRIDGE: &str = "com.docker.network.bridge.name";

/// Makes a project one of many of its kind: nothing in it can meet another copy. Returns what was changed, for people.
///
/// `shared`: the project's own name, under which its images are built once for all copies. Fixed names are dropped, host
/// ports and addresses are left to the engine, and what is external is replaced by an object of this copy: what belongs to
/// somebody else must not meet a test.
pub fn isolate(project: &mut Project, shared: &str) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, service) in &mut project.services {
        if service.build.is_some() && service.image.is_none() {
            service.image = Some(format!("{shared}-{name}"));
        }
        if let Some(fixed) = service.container_name.take() {
            notes.push(format!(
                "service `{name}`: `container_name: {fixed}` does not apply to test runs"
            ));
        }
        for port in &mut service.ports {
            if let Some(fixed) = port.published.take().filter(|fixed| !fixed.is_empty()) {
                notes.push(format!(
                    "service `{name}`: host port {fixed} becomes a free one for container port {}/{}",
                    port.target, port.protocol
                ));
            }
        }
        for endpoint in service.networks.values_mut().flatten() {
            let fixed = endpoint
                .ipv4_address
                .take()
                .or(endpoint.ipv6_address.take());
            endpoint.ipv6_address = None;
            if let Some(fixed) = fixed {
                notes.push(format!(
                    "service `{name}`: the address {fixed} does not apply to test runs; use the service's name"
                ));
            }
        }
        for link in service.external_links.drain(..) {
            let container = link.split(':').next().unwrap_or(&link);
            notes.push(format!(
                "service `{name}`: container `{container}` of `external_links` is not part of this run and cannot be reached"
            ));
        }
        for container in foreign_containers(service) {
            notes.push(format!(
                "service `{name}`: it shares container `{container}` with every other run"
            ));
        }
        if service.network_mode.as_deref() == Some("host") {
            notes.push(format!(
                "service `{name}`: `network_mode: host` shares the machine's ports with every other run"
            ));
        }
    }
    for (key, network) in &mut project.networks {
        let own = format!("{}_{key}", project.name);
        if network.external {
            notes.push(format!(
                "network `{}` is external; this run has one of its own instead",
                network.name
            ));
            *network = Network {
                name: own,
                ..Network::default()
            };
            continue;
        }
        network.name = own;
        if let Some(bridge) = network.driver_opts.shift_remove(BRIDGE) {
            notes.push(format!(
                "network `{key}`: the bridge's name `{bridge}` does not apply to test runs"
            ));
        }
        if !network.ipam.config.is_empty() {
            network.ipam.config.clear();
            notes.push(format!(
                "network `{key}`: its addresses are the engine's choice in test runs"
            ));
        }
    }
    for (key, volume) in &mut project.volumes {
        let own = format!("{}_{key}", project.name);
        if volume.external {
            notes.push(format!(
                "volume `{}` is external; this run has an empty one of its own instead",
                volume.name
            ));
            *volume = Volume {
                name: own,
                ..Volume::default()
            };
            continue;
        }
        volume.name = own;
        if let Some(device) = volume.driver_opts.get("device") {
            notes.push(format!(
                "volume `{key}`: it lies on `{device}`, which it shares with every other run"
            ));
        }
    }
    notes
}

/// Containers outside of the project that a service lives on.
fn foreign_containers(service: &Service) -> Vec<String> {
    let namespaces = [&service.network_mode, &service.ipc, &service.pid];
    let mut containers: Vec<String> = namespaces
        .into_iter()
        .flatten()
        .chain(&service.volumes_from)
        .filter_map(|mode| mode.strip_prefix("container:"))
        .map(|container| container.split(':').next().unwrap_or(container).to_owned())
        .collect();
    containers.dedup();
    containers
}

/// Marks everything that is made for the project.
pub fn mark(project: &mut Project, labels: &IndexMap<String, String>) {
    for service in project.services.values_mut() {
        service.labels.extend(labels.clone());
    }
    for network in project.networks.values_mut() {
        network.labels.extend(labels.clone());
    }
    for volume in project.volumes.values_mut() {
        volume.labels.extend(labels.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Port, Protocol};

    #[test]
    fn names_and_host_ports_are_given_up_and_everything_is_marked() {
        let mut project = Project {
            name: "demo-test-1".into(),
            ..Project::default()
        };
        let service = Service {
            container_name: Some("db".into()),
            ports: vec![Port {
                name: None,
                mode: None,
                host_ip: Some("127.0.0.1".into()),
                target: 5432,
                published: Some("55432".into()),
                protocol: Protocol::Tcp,
                app_protocol: None,
            }],
            ..Service::default()
        };
        project.services.insert("db".into(), service);
        project
            .networks
            .insert("default".into(), Network::default());
        let external = Network {
            external: true,
            ..Network::default()
        };
        project.networks.insert("office".into(), external);
        let labels = IndexMap::from([("wharf.run".to_owned(), "1".to_owned())]);

        let notes = isolate(&mut project, "demo-test");
        mark(&mut project, &labels);

        assert_eq!(notes.len(), 3, "{notes:?}");
        let db = &project.services["db"];
        assert_eq!(db.container_name, None);
        assert_eq!(db.ports[0].published, None);
        assert_eq!(db.ports[0].host_ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(db.labels["wharf.run"], "1");
        assert_eq!(project.networks["default"].labels["wharf.run"], "1");
        let office = &project.networks["office"];
        assert!(!office.external, "nobody else's network");
        assert_eq!(office.name, "demo-test-1_office");
    }

    #[test]
    fn images_are_shared_and_fixed_names_and_addresses_are_not() {
        let mut project: Project = serde_yaml::from_str(
            "name: demo-test-1\nservices: {app: {build: {context: /p}}, db: {image: postgres}}\nnetworks: {default: {name: fixed, ipam: {config: [{subnet: 10.5.0.0/24}]}}}\nvolumes: {data: {name: cache}}\n",
        )
        .unwrap();
        isolate(&mut project, "demo-test");
        assert_eq!(
            project.services["app"].image.as_deref(),
            Some("demo-test-app")
        );
        assert_eq!(project.services["db"].image.as_deref(), Some("postgres"));
        assert_eq!(project.networks["default"].name, "demo-test-1_default");
        assert!(project.networks["default"].ipam.config.is_empty());
        assert_eq!(project.volumes["data"].name, "demo-test-1_data");
    }

    #[test]
    fn what_is_shared_all_the_same_is_said() {
        let mut project: Project = serde_yaml::from_str(
            "name: demo-test-1\nservices: {app: {image: a, external_links: ['old_db_1:db'], volumes_from: ['container:tools:ro'], network_mode: 'container:vpn'}}\nnetworks: {default: {driver_opts: {com.docker.network.bridge.name: br-demo}}}\nvolumes: {data: {driver_opts: {type: none, o: bind, device: /srv/data}}}\n",
        )
        .unwrap();
        let notes = isolate(&mut project, "demo-test").join("\n");
        for word in ["old_db_1", "`vpn`", "`tools`", "br-demo", "/srv/data"] {
            assert!(notes.contains(word), "{word}: {notes}");
        }
        assert!(project.services["app"].external_links.is_empty());
        assert!(project.networks["default"].driver_opts.is_empty());
        assert!(!project.volumes["data"].driver_opts.is_empty());
    }
}
