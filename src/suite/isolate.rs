use indexmap::IndexMap;

use crate::model::Project;

/// Makes a project one of many of its kind: nothing in it can meet another copy. Returns what was changed, for people.
///
/// Fixed container names are dropped, host ports are left to the engine, and every object gets `labels`. What is external
/// stays: it belongs to somebody else.
pub fn isolate(project: &mut Project, labels: &IndexMap<String, String>) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, service) in &mut project.services {
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
        service.labels.extend(labels.clone());
    }
    for network in project
        .networks
        .values_mut()
        .filter(|network| !network.external)
    {
        network.labels.extend(labels.clone());
    }
    for volume in project
        .volumes
        .values_mut()
        .filter(|volume| !volume.external)
    {
        volume.labels.extend(labels.clone());
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Network, Port, Protocol, Service};

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

        let notes = isolate(&mut project, &labels);

        assert_eq!(notes.len(), 2);
        let db = &project.services["db"];
        assert_eq!(db.container_name, None);
        assert_eq!(db.ports[0].published, None);
        assert_eq!(db.ports[0].host_ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(db.labels["wharf.run"], "1");
        assert_eq!(project.networks["default"].labels["wharf.run"], "1");
        assert!(project.networks["office"].labels.is_empty());
    }
}
