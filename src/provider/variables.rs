use indexmap::IndexMap;

use crate::model::Project;

/// Gives a provider's variables to the services that depend on it, the service's name in front of each: `URL` of `my-db` becomes
/// `MY_DB_URL`. What a service sets itself stays.
pub fn hand_over(project: &mut Project, provided: &str, variables: &IndexMap<String, String>) {
    let prefix = provided.to_uppercase().replace(['-', '.'], "_");
    for service in project.services.values_mut() {
        if !service.depends_on.contains_key(provided) {
            continue;
        }
        for (name, value) in variables {
            service
                .environment
                .entry(format!("{prefix}_{name}"))
                .or_insert_with(|| Some(value.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Condition, Dependency, Service};

    #[test]
    fn only_dependents_get_the_variables() {
        let mut project = Project::default();
        let mut web = Service::default();
        let dependency = Dependency {
            condition: Condition::Started,
            restart: false,
            required: true,
        };
        web.depends_on.insert("my-db".into(), dependency);
        project.services.insert("web".into(), web);
        project.services.insert("other".into(), Service::default());
        let variables = [("URL".to_owned(), "x".to_owned())].into();
        hand_over(&mut project, "my-db", &variables);
        assert_eq!(
            project.services["web"].environment["MY_DB_URL"],
            Some("x".to_owned())
        );
        assert!(project.services["other"].environment.is_empty());
    }
}
