use std::path::PathBuf;

use indexmap::IndexMap;

use super::environment::EnvFiles;
use super::{check, defaults, profiles, selection, unused};
use crate::diagnostic::Diagnostics;
use crate::grammar::{self, Anchor};
use crate::load::{
    Disk, Environment, LayerInfo, Loaded, ProjectName, RemoteCopies, SuppliedSecrets, Variables,
};
use crate::model::{Hidden, Project, Service};
use crate::source::{DecodeError, Mapping, Node, Sources, from_node};

/// Which steps of resolving are left out, as the flags of `docker compose config` say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `--no-interpolate`: `${..}` stands in the document, so that values stay as written.
    pub keep_variables: bool,
    /// With `keep_variables`: only active services and what they use, as everywhere else.
    pub leave_out_unused: bool,
    /// `--no-normalize`: no default network, no names, no implied dependencies.
    pub keep_short: bool,
    /// `--no-path-resolution`.
    pub keep_paths: bool,
    /// `--no-consistency`.
    pub skip_checks: bool,
    /// `--no-env-resolution`: env files stay listed, and are not read.
    pub keep_env_files: bool,
    /// Env files are read, and stay listed beside what they say.
    pub list_env_files: bool,
    /// Only the document is wanted: the typed project is checked, service by service, and not kept.
    pub document_only: bool,
    /// What no service uses stays in the document.
    pub keep_unused: bool,
    /// Only these services and what they depend on. Empty: all.
    pub services: Vec<String>,
    /// The services that are to run, with what they depend on; others may name their containers as these do, and lack their env files.
    /// `None`: all.
    pub meant: Option<Vec<String>>,
}

/// A project that is ready to be planned, and the document that it was read from.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// Of no use while [`Resolved::diagnostics`] has errors.
    pub project: Project,
    /// The canonical form, as `docker compose config` prints it; every value knows where it was written.
    pub document: Node,
    /// Services of which no profile is active.
    pub inactive: Mapping,
    /// By section: networks, volumes, secrets, configs and models that no service uses, active or not. They are not part of the document.
    pub unused: Vec<(&'static str, Mapping)>,
    pub sources: Sources,
    pub diagnostics: Diagnostics,
    pub name: ProjectName,
    pub layers: Vec<LayerInfo>,
    pub variables: Variables,
    /// Decisions that people should know of, one line each.
    pub notes: Vec<String>,
    pub directory: PathBuf,
    /// The copies of what the files, or those who named them, took from elsewhere.
    pub remotes: RemoteCopies,
}

/// Makes a project out of what was loaded. Findings are added to those of loading.
pub fn resolve(
    loaded: Loaded,
    disk: &dyn Disk,
    environment: &Environment,
    options: &Options,
) -> Resolved {
    let Loaded {
        mut root,
        mut sources,
        mut diagnostics,
        name,
        env,
        directory,
        files,
        layers,
        variables,
        supplied,
        profiles: active,
        notes,
        remotes,
        wanted: _,
    } = loaded;
    let mut inactive = Mapping::new();
    let mut unused = Vec::new();
    let mut project = Project::default();
    if !diagnostics.has_errors() {
        grammar::default_contexts(&mut root);
        check::structure(&root, &mut diagnostics);
        if !options.keep_paths {
            let anchor = Anchor {
                directory: &directory,
                home: environment.home.as_deref(),
            };
            grammar::absolute(&mut root, anchor);
        }
        if !(options.keep_short && options.keep_variables) {
            defaults::name(&mut root, &name.text);
        }
        if !options.keep_short {
            let variable = |name: &str| variables.value(name).map(str::to_owned);
            defaults::fill(&mut root, &name.text, &variable);
        }
        if options.keep_variables && options.leave_out_unused {
            inactive = profiles::deactivate(&mut root, &active);
            selection::activate(&mut root, &mut inactive, &options.services);
            selection::keep(&mut root, &options.services);
            unused = unused::remove(&mut root, &inactive);
        }
        if !options.keep_variables {
            grammar::canonicalise(&mut root, &mut diagnostics);
            inactive = profiles::deactivate(&mut root, &active);
            selection::activate(&mut root, &mut inactive, &options.services);
            if !options.skip_checks {
                check::consistency(
                    &root,
                    &inactive,
                    &sources,
                    options.meant.as_deref(),
                    &mut diagnostics,
                );
            }
            let services = root.get("services").and_then(Node::as_mapping);
            let meant = options.meant.as_ref().zip(services);
            let meant = meant.map(|(names, all)| selection::with_dependencies(all, names));
            selection::keep(&mut root, &options.services);
            defaults::replicas(&mut root);
            let mut service_files = EnvFiles {
                disk,
                working_directory: &environment.working_directory,
                remotes: &remotes,
                variables: &variables,
                sources: &mut sources,
                diagnostics: &mut diagnostics,
                meant,
                read: IndexMap::new(),
                stay_listed: options.list_env_files,
            };
            let label_files = service_files.apply_labels(&mut root);
            let unread = match options.keep_env_files {
                true => IndexMap::new(),
                false => service_files.apply_environments(&mut root),
            };
            if !options.keep_unused {
                unused = unused::remove(&mut root, &inactive);
            }
            if !diagnostics.has_errors() {
                if options.document_only && is_readable(&root, &inactive) {
                    project.name.clone_from(&name.text);
                } else {
                    match decode(&root, &inactive) {
                        Ok(decoded) => {
                            project = decoded;
                            supply(&mut project, &variables, &supplied);
                            for (name, files) in label_files {
                                if let Some(service) = project.services.get_mut(&name) {
                                    service.label_files = files;
                                }
                            }
                            for (name, why) in unread {
                                if let Some(service) = project.services.get_mut(&name) {
                                    service.unread = Some(why);
                                }
                            }
                        }
                        Err(error) => diagnostics.push(error.diagnostic()),
                    }
                }
            }
        }
    }
    diagnostics.collapse();
    project.directory.clone_from(&directory);
    project.files = files;
    project.env = env;
    Resolved {
        project,
        document: root,
        inactive,
        unused,
        sources,
        diagnostics,
        name,
        layers,
        variables,
        notes,
        directory,
        remotes,
    }
}

/// Gives secrets and configs what the variables that they name hold.
fn supply(project: &mut Project, variables: &Variables, supplied: &SuppliedSecrets) {
    for (key, object) in project.secrets.iter_mut().chain(&mut project.configs) {
        if let Some(name) = &object.environment {
            let value = supplied.get(key, name).or_else(|| variables.value(name));
            object.value = value.map(Hidden::from);
        }
    }
}

/// Whether the typed project can be read, without more than one service of it at a time in memory. A typed service is many times
/// larger than what was written of it.
fn is_readable(root: &Node, inactive: &Mapping) -> bool {
    let Some(members) = root.as_mapping() else {
        return false;
    };
    let mut rest = Mapping::new();
    for (key, member) in members {
        if &*key.text != "services" {
            rest.insert(key.clone(), member.clone());
        }
    }
    let services = root.get("services").and_then(Node::as_mapping);
    from_node::<Project>(&Node::mapping(rest, root.span)).is_ok()
        && services
            .into_iter()
            .flatten()
            .chain(inactive)
            .all(|(_, service)| from_node::<Service>(service).is_ok())
}

/// Reads the typed project from the canonical document.
fn decode(root: &Node, inactive: &Mapping) -> Result<Project, DecodeError> {
    let mut project: Project = from_node(root)?;
    for (name, service) in inactive {
        project
            .inactive
            .insert(name.text.to_string(), from_node(service)?);
    }
    Ok(project)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{LoadRequest, MemoryDisk, load};
    use crate::model::{Condition, MountKind};

    fn resolved(text: &str, options: &Options) -> Resolved {
        let disk = MemoryDisk::default()
            .with("/p/compose.yaml", text)
            .with("/p/app.env", "A=file\nB=${A}x\n");
        resolved_from(&disk, options)
    }

    fn resolved_from(disk: &MemoryDisk, options: &Options) -> Resolved {
        let environment = Environment {
            working_directory: "/p".into(),
            home: Some("/home/u".into()),
            ..Environment::default()
        };
        let request = LoadRequest {
            files: vec!["compose.yaml".into()],
            keep_variables: options.keep_variables,
            ..LoadRequest::default()
        };
        resolve(
            load(&request, disk, &environment),
            disk,
            &environment,
            options,
        )
    }

    fn project(text: &str) -> Project {
        let resolved = resolved(text, &Options::default());
        assert!(!resolved.diagnostics.has_errors(), "{resolved:#?}");
        resolved.project
    }

    #[test]
    fn short_forms_become_a_typed_project() {
        let project = project(
            "services:\n  app:\n    build: .\n    command: run --it\n    ports: ['8080:80/udp']\n    volumes: ['~/x:/x:ro', 'data:/d/']\n    links: [db]\n  db: {image: postgres}\nvolumes: {data: }\n",
        );
        assert_eq!(project.name, "p");
        let app = &project.services["app"];
        let build = app.build.as_ref().unwrap();
        assert_eq!(build.context.as_deref(), Some("/p"));
        assert_eq!(build.dockerfile.as_deref(), Some("Dockerfile"));
        assert_eq!(app.command.as_deref().unwrap(), ["run", "--it"]);
        assert_eq!(app.ports[0].published.as_deref(), Some("8080"));
        assert_eq!(app.volumes[0].kind, MountKind::Bind);
        assert_eq!(app.volumes[0].source.as_deref(), Some("/home/u/x"));
        assert!(app.volumes[0].read_only);
        assert_eq!(app.volumes[1].target, "/d");
        let db = &app.depends_on["db"];
        assert_eq!(db.condition, Condition::Started);
        assert!(db.restart && db.required);
        assert_eq!(project.networks["default"].name, "p_default");
        assert_eq!(project.volumes["data"].name, "p_data");
    }

    #[test]
    fn env_files_lie_below_the_environment() {
        let project = project(
            "services:\n  app:\n    image: i\n    env_file: app.env\n    environment: {A: own}\n",
        );
        let environment = &project.services["app"].environment;
        assert_eq!(environment["A"].as_deref(), Some("own"));
        assert_eq!(environment["B"].as_deref(), Some("ownx"));
    }

    #[test]
    fn env_files_of_what_is_not_to_run_may_be_missing() {
        let text = "services:\n  app: {image: i, env_file: app.env}\n  other: {image: i, env_file: absent.env}\n";
        let with = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let options = Options {
                meant: Some(names),
                ..Options::default()
            };
            resolved(text, &options)
        };
        let one = with(&["app"]);
        assert!(!one.diagnostics.has_errors(), "{:?}", one.diagnostics);
        let services = &one.project.services;
        assert_eq!(services["app"].environment["A"].as_deref(), Some("file"));
        assert_eq!(services["app"].unread, None);
        let why = services["other"].unread.as_deref().unwrap_or_default();
        assert!(why.contains("absent.env"), "{why}");
        assert!(with(&["other"]).diagnostics.has_errors());
        assert!(!with(&[]).diagnostics.has_errors());
    }

    #[test]
    fn a_secrets_variable_may_stand_in_an_env_file() {
        let disk = MemoryDisk::default()
            .with("/p/.env", "OWN=own\n")
            .with("/p/sub/.env", "THEIRS=theirs\nOWN=hidden\n")
            .with(
                "/p/sub/compose.yaml",
                "services: {b: {image: i, secrets: [theirs, both]}}\nsecrets: {theirs: {environment: THEIRS}, both: {environment: OWN}}\n",
            )
            .with(
                "/p/compose.yaml",
                "include: [sub/compose.yaml]\nservices: {a: {image: i, secrets: [own, none]}}\nsecrets: {own: {environment: OWN}, none: {environment: THEIRS}}\n",
            );
        let found = resolved_from(&disk, &Options::default());
        assert!(!found.diagnostics.has_errors(), "{:?}", found.diagnostics);
        let value = |key: &str| {
            found.project.secrets[key]
                .value
                .as_ref()
                .map(Hidden::as_str)
        };
        let values = ["own", "theirs", "both", "none"].map(value);
        assert_eq!(values, [Some("own"), Some("theirs"), Some("own"), None]);
    }

    #[test]
    fn unused_resources_and_inactive_services_are_left_out() {
        let project = project(
            "services:\n  app: {image: i, network_mode: host}\n  debug: {image: i, profiles: [debug], volumes: ['data:/d']}\nvolumes: {data: }\nnetworks: {back: }\n",
        );
        assert!(project.volumes.is_empty() && project.networks.is_empty());
        assert_eq!(project.inactive.keys().collect::<Vec<_>>(), ["debug"]);
    }

    #[test]
    fn a_configuration_layer_may_use_every_secret() {
        let with = |allowed: &str| {
            let text = format!(
                "services:\n  app: {{image: i, network_mode: host, x-wharf: {{config: [{{file: ./f, target: /f{allowed}}}]}}}}\nsecrets: {{key: {{file: ./k}}}}\n"
            );
            project(&text).secrets.len()
        };
        assert_eq!(with(", allow-secrets: true"), 1);
        assert_eq!(with(""), 0);
    }

    #[test]
    fn a_named_service_brings_its_dependencies_whatever_its_profiles() {
        let options = Options {
            services: vec!["debug".into()],
            ..Options::default()
        };
        let resolved = resolved(
            "services:\n  app: {image: i}\n  db: {image: i}\n  debug: {image: i, profiles: [debug], depends_on: [db]}\n",
            &options,
        );
        let mut names: Vec<&str> = resolved
            .project
            .services
            .keys()
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["db", "debug"]);
    }

    #[test]
    fn variables_stay_where_they_are_kept() {
        let options = Options {
            keep_variables: true,
            ..Options::default()
        };
        let resolved = resolved(
            "services:\n  app: {image: 'i:${TAG}', ports: ['${PORT}:80']}\n",
            &options,
        );
        assert!(!resolved.diagnostics.has_errors());
        let app = resolved.document.get("services").and_then(|s| s.get("app"));
        let image = app.and_then(|app| app.get("image")).and_then(Node::as_str);
        assert_eq!(image, Some("i:${TAG}"));
    }

    #[test]
    fn every_finding_of_a_phase_comes_at_once() {
        let found = resolved(
            "services:\n  a: {}\n  b: {image: i, networks: [x], depends_on: [c]}\n",
            &Options::default(),
        )
        .diagnostics;
        let codes: Vec<&str> = found.iter().map(|finding| finding.code).collect();
        assert_eq!(
            codes,
            ["image-missing", "undefined-network", "undefined-service"]
        );
    }

    #[test]
    fn without_the_typed_project_its_mistakes_are_found_all_the_same() {
        let options = Options {
            document_only: true,
            ..Options::default()
        };
        let fine = resolved("services: {a: {image: i}}\n", &options);
        assert!(!fine.diagnostics.has_errors());
        assert!(fine.project.services.is_empty());
        assert_eq!(fine.project.name, "p");
        let text = "services: {a: {image: i, ports: [{target: 0}]}}\n";
        let wrong = resolved(text, &options);
        let message = wrong.diagnostics.iter().next().map(|found| &found.message);
        assert!(
            message.is_some_and(|text| text.contains("services.a.ports")),
            "{message:?}"
        );
    }
}
