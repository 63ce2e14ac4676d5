//! What is asked before files leave the machine. The words are those of docker compose, because programs that call it look for them.

use super::check::{BindMounts, Declared, Environment};
use crate::model::Project;
use crate::secret::{Detected, MASK};

pub fn refusal_of_builds(services: &[String]) -> String {
    let mut text = "your Compose stack cannot be published as it only contains a build section for service(s):\n".to_owned();
    for service in services {
        text.push_str(&format!("- {service:?}\n"));
    }
    text
}

pub fn about_bind_mounts(mounts: &BindMounts) -> String {
    let mut text = "you are about to publish bind mounts declaration within your OCI artifact.\n\
                    only the bind mount declarations will be added to the OCI artifact (not content)\n\
                    please double check that you are not mounting potential user's sensitive directories or data\n"
        .to_owned();
    for (service, mounts) in mounts {
        for mount in mounts {
            text.push_str(&format!("{service}  {mount}\n"));
        }
    }
    text + "Are you ok to publish these bind mount declarations?"
}

/// `in_full`: show the secrets themselves; otherwise only how they begin.
pub fn about_secrets(found: &[Detected], in_full: bool) -> String {
    let mut text = "you are about to publish sensitive data within your OCI artifact.\n\
                    please double check that you are not leaking sensitive data\n"
        .to_owned();
    for one in found {
        let value = match in_full {
            true => one.value.clone(),
            false => {
                let beginning: String = one.value.chars().take(4).collect();
                format!("{beginning}{MASK}")
            }
        };
        text.push_str(&format!("{}\n{:?}: {value}\n", one.what, one.key));
    }
    text + "Are you ok to publish these sensitive data?"
}

pub fn about_environment(declared: &Declared) -> String {
    let mut text = "you are about to publish env-related declarations within your OCI artifact.\n\
                    names of env files and values that are written out stand in it as they are; `${VAR}` stays a variable\n"
        .to_owned();
    let listed = |names: &mut dyn Iterator<Item = &String>| {
        names
            .map(|name| format!("{name:?}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    for (name, service) in &declared.services {
        let Environment {
            has_env_files,
            secrets,
            others,
        } = service;
        if *has_env_files {
            text.push_str(&format!("  service {name:?}: env_file declared\n"));
        }
        for names in [secrets, others] {
            if !names.is_empty() {
                let names = listed(&mut names.iter());
                text.push_str(&format!("  service {name:?}: literal value for {names}\n"));
            }
        }
    }
    text.push_str("Use --with-env to silence this prompt and always publish env declarations.\n");
    text + "Are you ok to publish these env declarations?"
}

/// Where nobody answers [`about_environment`].
pub fn refusal_of_environment(declared: &Declared) -> String {
    let mut text = String::new();
    for (name, service) in &declared.services {
        if service.has_env_files {
            text.push_str(&format!("service {name:?} has env_file declared.\n"));
        }
        text.push_str(&format!(
            "service {name:?} has environment variable(s) declared.\n"
        ));
    }
    text + "To avoid leaking sensitive data, you must either explicitly allow the sending of environment variables by using the --with-env flag,\n\
            or remove sensitive data from your Compose configuration"
}

/// The environment of every service as containers get it. `None`: there is none.
pub fn about_values(project: &Project) -> Option<String> {
    let mut text = "you are about to publish environment variables within your OCI artifact.\n\
                    please double check that you are not leaking sensitive data\n"
        .to_owned();
    let mut is_empty = true;
    for (name, service) in project.services.iter().chain(&project.inactive) {
        if service.environment.is_empty() {
            continue;
        }
        is_empty = false;
        text.push_str(&format!("Service/Config  {name}\n"));
        for (variable, value) in &service.environment {
            let value = value.as_deref().unwrap_or_default();
            text.push_str(&format!("{variable}={value}\n"));
        }
    }
    (!is_empty).then(|| text + "Are you ok to publish these environment variables?")
}

pub fn about_configs(declared: &Declared) -> String {
    let mut text =
        "you are about to publish literal inline config content within your OCI artifact.\n"
            .to_owned();
    for name in &declared.configs {
        text.push_str(&format!("  config {name:?}\n"));
    }
    text + "Are you ok to publish these config contents?"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_shown_in_full_only_where_programs_look_for_them() {
        let found = [Detected {
            what: "Github authentication",
            key: "TOKEN".into(),
            value: "ghp_1234567890".into(),
        }];
        let line = "Github authentication\n\"TOKEN\": ";
        assert!(about_secrets(&found, true).contains(&format!("{line}ghp_1234567890\n")));
        let masked = about_secrets(&found, false);
        assert!(masked.contains(&format!("{line}ghp_{MASK}\n")), "{masked}");
    }

    #[test]
    fn secrets_come_before_other_variables() {
        let mut declared = Declared::default();
        let service = declared.services.entry("web".into()).or_default();
        service.has_env_files = true;
        service.others.insert("A".into());
        service
            .secrets
            .extend(["DB_PASSWORD".into(), "API_KEY".into()]);
        let question = about_environment(&declared);
        let lines: Vec<&str> = question
            .lines()
            .filter(|line| line.starts_with("  service"))
            .collect();
        assert_eq!(
            lines,
            [
                "  service \"web\": env_file declared",
                "  service \"web\": literal value for \"API_KEY\", \"DB_PASSWORD\"",
                "  service \"web\": literal value for \"A\"",
            ]
        );
        let refusal = refusal_of_environment(&declared);
        assert!(refusal.starts_with(
            "service \"web\" has env_file declared.\nservice \"web\" has environment variable(s) declared.\nTo avoid"
        ));
    }
}
