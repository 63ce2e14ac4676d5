use super::{Snapshot, labels};
use crate::model::{Project, Service};

impl Snapshot {
    /// The project as the labels of its containers tell of it, where no file is at hand: its services, their images, and what
    /// they depend on.
    pub fn recovered_project(&self) -> Project {
        let mut project = Project {
            name: self.project.clone(),
            ..Project::default()
        };
        for container in self.containers.iter().filter(|one| !one.one_off) {
            let dependencies = container.labels.get(labels::DEPENDS_ON);
            project
                .services
                .entry(container.service.clone())
                .or_insert_with(|| Service {
                    image: Some(container.image.clone()),
                    depends_on: dependencies
                        .map(|text| labels::parse_depends_on(text))
                        .unwrap_or_default(),
                    ..Service::default()
                });
        }
        // What is not there cannot be waited for.
        let known: Vec<String> = project.services.keys().cloned().collect();
        for service in project.services.values_mut() {
            service.depends_on.retain(|name, _| known.contains(name));
        }
        project
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::ObservedContainer;

    #[test]
    fn labels_tell_what_depends_on_what() {
        let container = |service: &str, needs: &str, one_off| ObservedContainer {
            service: service.into(),
            image: "debian".into(),
            one_off,
            labels: [(labels::DEPENDS_ON.to_owned(), needs.to_owned())].into(),
            ..ObservedContainer::default()
        };
        let snapshot = Snapshot {
            project: "p".into(),
            containers: vec![
                container("db", "", false),
                container(
                    "web",
                    "db:service_healthy:true,gone:service_started:false",
                    false,
                ),
                container("once", "", true),
            ],
            ..Snapshot::default()
        };
        let project = snapshot.recovered_project();
        assert_eq!(project.services.keys().collect::<Vec<_>>(), ["db", "web"]);
        let needs = &project.services["web"].depends_on;
        assert_eq!(needs.keys().collect::<Vec<_>>(), ["db"]);
        assert!(needs["db"].restart);
    }
}
