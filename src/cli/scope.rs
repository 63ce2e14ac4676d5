use std::path::PathBuf;
use std::sync::Arc;

use super::{Exit, Failure, compose_words};
use crate::diagnostic::closest;
use crate::engine::{ContainerStatus, ContainerSummary, Engine};
use crate::model::{Project, is_image_only};
use crate::observe::{
    ObservedContainer, Snapshot, collect, collect_by_name, collect_containers, labels,
};
use crate::resolve::Resolved;

/// The project that a verb works on, and the words after it.
pub struct Scope {
    resolved: Option<Resolved>,
    name: String,
    /// What follows the env: services, or a service and a command.
    pub words: Vec<String>,
    /// The envs that a word could have named. Empty where words name none.
    envs: Vec<String>,
}

/// A word that is no service of the project, and what it may have meant.
pub struct Unknown<'u> {
    pub name: &'u str,
    pub project: &'u str,
    pub files: &'u [PathBuf],
    pub services: Vec<&'u str>,
    /// The profile of which the service is, if it is only not active.
    pub profile: Option<&'u str>,
    /// The envs at hand. Empty where words name none.
    pub envs: &'u [String],
}

/// So many services are named where none is like the one that is asked for.
const NAMED: usize = 20;

impl Unknown<'_> {
    /// `place`: where a service is written, for people.
    pub fn failure(self, place: impl Fn(&str) -> Option<String>) -> Failure {
        let name = self.name;
        let files: Vec<String> = self
            .files
            .iter()
            .filter_map(|file| Some(format!("`{}`", file.file_name()?.to_str()?)))
            .collect();
        let is_env = self.envs.iter().any(|env| env == name);
        let what = match self.envs.is_empty() || is_env {
            true => "service",
            false => "env or service",
        };
        let near_service = closest(name, self.services.iter().copied());
        let near_env = closest(name, self.envs.iter().map(String::as_str));
        let help = if let Some(profile) = self.profile {
            format!("`{name}` belongs to a profile; add `--profile {profile}`")
        } else if is_env {
            format!("`{name}` is an env; one env can be named, in front of the services")
        } else if let Some(like) = near_service {
            let place = place(like);
            let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
            format!("did you mean `{like}`{place}?")
        } else if let Some(like) = near_env {
            format!("did you mean the env `{like}`?")
        } else {
            let named = |names: &mut dyn Iterator<Item = &str>| {
                let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
                names.join(", ")
            };
            let services = named(&mut self.services.iter().copied().take(NAMED));
            let more = match self.services.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!(" and {more} more; `wharf config --services` names them all"),
            };
            let envs = match self.envs.is_empty() {
                true => String::new(),
                false => {
                    let envs = named(&mut self.envs.iter().map(String::as_str));
                    format!("\nhelp: the envs are {envs}")
                }
            };
            format!("its services are {services}{more}{envs}")
        };
        Failure::Worded {
            message: format!(
                "no {what} `{name}` in project `{}` (from {})\nhelp: {help}",
                self.project,
                files.join(" and ")
            ),
            compose: compose_words::of_service(name),
            exit: Exit::USAGE,
        }
    }
}

impl Scope {
    /// `envs`: what a word could have named besides services.
    pub fn of(resolved: Resolved, words: Vec<String>, envs: Vec<String>) -> Self {
        Scope {
            envs,
            name: resolved.project.name.clone(),
            resolved: Some(resolved),
            words,
        }
    }

    /// A project of which only the name is known.
    pub fn by_name(name: &str, words: &[String]) -> Self {
        Scope {
            envs: Vec::new(),
            resolved: None,
            name: name.to_owned(),
            words: words.to_vec(),
        }
    }

    /// The Compose project's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `None` when only the name is known.
    pub fn project(&self) -> Option<&Project> {
        self.resolved.as_ref().map(|resolved| &resolved.project)
    }

    /// Whether somebody who says `word` may mean a service. One that is an image only can be meant where images are built.
    pub fn takes_for_service(&self, word: &str, building: bool) -> bool {
        self.project()
            .and_then(|project| project.services.get(word))
            .is_some_and(|service| building || !is_image_only(service))
    }

    /// The loaded project; `None` when only the name is known.
    pub fn resolved(&self) -> Option<&Resolved> {
        self.resolved.as_ref()
    }

    /// The loaded project; an error where only the name is known.
    pub fn into_resolved(self) -> Result<Resolved, Failure> {
        let name = self.name;
        self.resolved.ok_or_else(|| {
            Failure::Usage(format!(
                "project `{name}` has no Compose file here; go to its directory or name the files with `-f`"
            ))
        })
    }

    /// The project and what the engine has of it; a project that is only named is what its containers tell of it.
    pub async fn observe(&self, engine: &Arc<dyn Engine>) -> Result<(Project, Snapshot), Failure> {
        match self.project() {
            Some(project) => Ok((project.clone(), collect(engine.as_ref(), project).await?)),
            None => {
                let snapshot = collect_by_name(engine.as_ref(), &self.name).await?;
                Ok((snapshot.recovered_project(), snapshot))
            }
        }
    }

    pub fn env(&self) -> Option<&str> {
        self.project()?.env.as_deref()
    }

    /// The words as names of services; a name that the project does not have is an error with its like.
    pub fn services(&self) -> Result<Vec<String>, Failure> {
        for word in &self.words {
            self.check_service(word)?;
        }
        Ok(self.words.clone())
    }

    fn check_service(&self, name: &str) -> Result<(), Failure> {
        let Some(project) = self.project() else {
            return Ok(());
        };
        if project.services.contains_key(name) {
            return Ok(());
        }
        let document = self.resolved.as_ref();
        let spans = document.and_then(|resolved| resolved.document.get("services")?.as_mapping());
        let profiles = project.inactive.get(name).map(|service| &service.profiles);
        Err(Unknown {
            name,
            project: &project.name,
            files: &project.files,
            services: project.services.keys().map(String::as_str).collect(),
            profile: profiles.map(|names| names.first().map_or("NAME", String::as_str)),
            envs: &self.envs,
        }
        .failure(|like| {
            let (key, _) = spans?.get_key_value(like)?;
            document?.sources.locate(key.span)
        }))
    }

    /// `SERVICE COMMAND..` of `exec` and `run`.
    pub fn service_and_command(&self, verb: &str) -> Result<(String, Vec<String>), Failure> {
        let Some((service, command)) = self.words.split_first() else {
            return Err(Failure::Usage(format!(
                "`{verb}` needs a service: `wharf {verb} [ENV] SERVICE [COMMAND..]`"
            )));
        };
        self.check_service(service)
            .map_err(|failure| match failure {
                // Compose asks the engine, and finds none that runs. `run` needs none.
                Failure::Worded { message, exit, .. } if verb != "run" => Failure::Worded {
                    message,
                    compose: not_running(service, None),
                    exit,
                },
                other => other,
            })?;
        Ok((service.clone(), command.to_vec()))
    }

    /// The project's containers of these services (none: of all), without those of `run`.
    pub async fn containers(
        &self,
        engine: &Arc<dyn Engine>,
        services: &[String],
    ) -> Result<Vec<ObservedContainer>, Failure> {
        for service in services {
            self.check_service(service)?;
        }
        self.containers_of(engine, services).await
    }

    /// As [`Scope::containers`]; a name that is no service's has none.
    async fn containers_of(
        &self,
        engine: &Arc<dyn Engine>,
        services: &[String],
    ) -> Result<Vec<ObservedContainer>, Failure> {
        let only = match services {
            [service] => Some(service.as_str()),
            _ => None,
        };
        let found = collect_containers(engine.as_ref(), &self.name, only).await?;
        Ok(found
            .into_iter()
            .filter(|one| !one.one_off && (services.is_empty() || services.contains(&one.service)))
            .collect())
    }

    /// The containers of the services that the words name, of all without words, for a list of them. As Compose does under its name,
    /// `as_compose` passes over words that name no service.
    pub async fn listed(
        &self,
        engine: &Arc<dyn Engine>,
        as_compose: bool,
    ) -> Result<Vec<ObservedContainer>, Failure> {
        match as_compose {
            true => self.containers_of(engine, &self.words).await,
            false => self.containers(engine, &self.words).await,
        }
    }

    /// One container of a service, running or not: the first, or the one with this number.
    pub async fn container(
        &self,
        engine: &Arc<dyn Engine>,
        service: &str,
        index: Option<u32>,
    ) -> Result<ObservedContainer, Failure> {
        let index = index.filter(|index| *index > 0);
        let all = self.containers(engine, &[service.to_owned()]).await?;
        let count = all.len();
        all.into_iter()
            .find(|one| index.is_none_or(|index| one.number == index))
            .ok_or_else(|| match index {
                Some(index) if count > 0 => Failure::Worded {
                    message: format!(
                        "service `{service}` has no container number {index}; it has {count}"
                    ),
                    compose: not_running(service, Some(index)),
                    exit: Exit::USAGE,
                },
                _ => Failure::Worded {
                    message: format!(
                        "service `{service}` has no container\nhelp: `wharf up {}{service}` makes one",
                        self.env().map(|env| format!("{env} ")).unwrap_or_default()
                    ),
                    compose: not_running(service, index),
                    exit: Exit::APPLY,
                },
            })
    }

    /// The id of a running container: all that most verbs need.
    pub async fn running_id(
        &self,
        engine: &Arc<dyn Engine>,
        service: &str,
        index: Option<u32>,
    ) -> Result<String, Failure> {
        match self.listed_as_running(engine, service, index).await? {
            Some(id) => Ok(id),
            None => Ok(self.running_container(engine, service, index).await?.id),
        }
    }

    /// As [`Scope::container`], for those that need it to run.
    pub async fn running_container(
        &self,
        engine: &Arc<dyn Engine>,
        service: &str,
        index: Option<u32>,
    ) -> Result<ObservedContainer, Failure> {
        let container = match self.container(engine, service, index).await {
            Ok(container) if container.is_running() => return Ok(container),
            // Where nothing else of a service runs, what `run` has started stands for it.
            other => match (index, self.one_off(engine, service).await?) {
                (None, Some(one_off)) => return Ok(one_off),
                _ => other?,
            },
        };
        Err(Failure::Worded {
            message: format!(
                "service `{service}` is not running{}\nhelp: `wharf up {}{service}` starts it",
                container
                    .exit_code
                    .map(|code| format!("; it ended with exit code {code}"))
                    .unwrap_or_default(),
                self.env().map(|env| format!("{env} ")).unwrap_or_default()
            ),
            compose: not_running(service, index),
            exit: Exit::APPLY,
        })
    }

    /// The container as the list alone tells it, which is all that is needed where it runs. `None`: it takes a closer look.
    async fn listed_as_running(
        &self,
        engine: &Arc<dyn Engine>,
        service: &str,
        index: Option<u32>,
    ) -> Result<Option<String>, Failure> {
        self.check_service(service)?;
        let filter = [(labels::PROJECT, &*self.name), (labels::SERVICE, service)];
        let listed = engine.list_containers(&filter).await?;
        let number = |one: &ContainerSummary| {
            let number = one.labels.get(labels::CONTAINER_NUMBER);
            number.and_then(|number| number.parse::<u32>().ok())
        };
        let is_meant = |one: &&ContainerSummary| {
            let one_off = one.labels.get(labels::ONE_OFF);
            one_off.is_some_and(|one_off| one_off.eq_ignore_ascii_case("false"))
                && index.is_none_or(|index| number(one) == Some(index))
        };
        let first = listed.iter().filter(is_meant).min_by_key(|one| number(one));
        Ok(first
            .filter(|one| one.status == ContainerStatus::Running)
            .map(|one| one.id.clone()))
    }

    /// A running container of `run`.
    async fn one_off(
        &self,
        engine: &Arc<dyn Engine>,
        service: &str,
    ) -> Result<Option<ObservedContainer>, Failure> {
        let found = collect_containers(engine.as_ref(), &self.name, Some(service)).await?;
        Ok(found
            .into_iter()
            .find(|one| one.one_off && one.service == service && one.is_running()))
    }

    /// The container's name without the project's, as in front of log lines: `app-1`.
    pub fn short_name(&self, container: &ObservedContainer) -> String {
        self.short(&container.name).to_owned()
    }

    /// As [`Scope::short_name`], of a name.
    pub fn short<'n>(&self, name: &'n str) -> &'n str {
        name.strip_prefix(&self.name)
            .and_then(|rest| rest.strip_prefix(['-', '_']))
            .unwrap_or(name)
    }
}

fn not_running(service: &str, index: Option<u32>) -> String {
    match index {
        Some(index) => format!("service {service:?} is not running container #{index}"),
        None => format!("service {service:?} is not running"),
    }
}
