use std::time::{SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use clap::Args;
use serde_json::{Value, json};

use super::context::Context;
use super::listing::Listing;
use super::ls::word;
use super::{Exit, Failure};
use crate::engine::{ContainerStatus, ContainerSummary, PublishedPort};
use crate::observe::labels;
use crate::report::gotemplate::{Format, Row};
use crate::report::{Table, prose};

/// List the containers of the project
#[derive(Args, Debug)]
pub struct Ps {
    /// Stopped ones and those of `run` too
    #[arg(short, long)]
    pub all: bool,
    /// Only with this property (`status=running`)
    #[arg(long, value_name = "PROPERTY=VALUE")]
    pub filter: Option<String>,
    /// `table`, `json`, or a Go template: `{{.Name}}`, `table {{.Name}}\t{{.Status}}`
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub format: String,
    /// Do not shorten what is long, and leave no column out
    #[arg(long)]
    pub no_trunc: bool,
    /// Containers of services that the project does not have
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pub orphans: bool,
    /// Only ids
    #[arg(short, long)]
    pub quiet: bool,
    /// Only names of services
    #[arg(long)]
    pub services: bool,
    /// Only with this state
    #[arg(long, value_name = "STATE")]
    pub status: Vec<String>,
    #[arg(value_name = "[ENV] [SERVICE]")]
    pub words: Vec<String>,
}

impl Ps {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let wanted = self.states()?;
        let format = Format::parse(&self.format)?;
        let scope = context.identify(&self.words)?;
        let services = scope.services()?;
        let engine = context.engine().await?;
        let mut containers = engine
            .list_containers(&[(labels::PROJECT, scope.name())])
            .await?;
        let label =
            |one: &ContainerSummary, key: &str| one.labels.get(key).cloned().unwrap_or_default();
        containers.retain(|one| {
            let service = label(one, labels::SERVICE);
            let orphan = scope
                .project()
                .is_some_and(|project| !project.services.contains_key(&service));
            let running = matches!(
                one.status,
                ContainerStatus::Running | ContainerStatus::Paused | ContainerStatus::Restarting
            );
            (services.is_empty() || services.contains(&service))
                && (self.orphans || !orphan)
                && (self.all || label(one, labels::ONE_OFF) != "True")
                && if wanted.is_empty() {
                    self.all || running
                } else {
                    wanted.contains(&one.status)
                }
        });
        containers.sort_by(|a, b| a.name.cmp(&b.name));
        let console = &context.console;
        if self.quiet {
            containers.iter().for_each(|one| console.data(&one.id));
        } else if self.services {
            let mut names: Vec<String> = containers
                .iter()
                .map(|one| label(one, labels::SERVICE))
                .collect();
            names.dedup();
            names.iter().for_each(|name| console.data(name));
        } else {
            let listing = Listing {
                format,
                rows: containers
                    .iter()
                    .map(|one| row(one, self.no_trunc))
                    .collect(),
                titles: &TITLES,
                as_list: false,
            };
            if listing.show(console, &row(&ContainerSummary::default(), false))? {
                return Ok(Exit::OK);
            }
            let width = if self.no_trunc {
                None
            } else {
                context.table_width()
            };
            let mut table = Table::new(
                [
                    "NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS",
                ],
                width,
            );
            table.can_spare(&["COMMAND", "CREATED", "IMAGE"]);
            if context.globals.as_compose {
                table.at_least(10);
            }
            for one in &containers {
                table.row([
                    one.name.clone(),
                    one.image.clone(),
                    shorten(&one.command, if self.no_trunc { usize::MAX } else { 20 }),
                    label(one, labels::SERVICE),
                    age(one.created),
                    one.status_text.clone(),
                    ports(&one.ports),
                ]);
            }
            console.data(&table.render());
        }
        Ok(Exit::OK)
    }

    fn states(&self) -> Result<Vec<ContainerStatus>, Failure> {
        let filter = match self.filter.as_deref().map(|filter| filter.split_once('=')) {
            None => None,
            Some(Some(("status", state))) => Some(state.to_owned()),
            Some(_) => {
                return Err(Failure::Usage(
                    "`--filter` knows only `status`: `--filter status=running`".into(),
                ));
            }
        };
        self.status
            .iter()
            .chain(&filter)
            .map(|state| parse_state(state))
            .collect()
    }
}

fn parse_state(text: &str) -> Result<ContainerStatus, Failure> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|_| {
        Failure::Usage(format!(
            "`{text}` is not a state; states are paused, restarting, removing, running, dead, created and exited"
        ))
    })
}

/// The fields of `docker compose ps`.
fn row(one: &ContainerSummary, no_trunc: bool) -> Row {
    let label = |key: &str| one.labels.get(key).cloned().unwrap_or_default();
    let mounts: Vec<&str> = one
        .mounts
        .iter()
        .map(|mount| match mount.name.is_empty() {
            true => mount.source.as_str(),
            false => mount.name.as_str(),
        })
        .collect();
    let volumes = one.mounts.iter().filter(|mount| !mount.name.is_empty());
    let labels: Vec<String> = one
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let mut by_port: Vec<&PublishedPort> = one.ports.iter().collect();
    by_port.sort_by_key(|port| (port.container_port, &port.host_ip, port.host_port));
    let publishers: Vec<Value> = by_port
        .into_iter()
        .map(|port| {
            json!({
                "URL": port.host_ip,
                "TargetPort": port.container_port,
                "PublishedPort": port.host_port.unwrap_or(0),
                "Protocol": port.protocol,
            })
        })
        .collect();
    let created = DateTime::from_timestamp(one.created, 0).unwrap_or_default();
    let mut row = Row::default();
    row.set(
        "ID",
        if no_trunc {
            one.id.as_str()
        } else {
            one.id.get(..12).unwrap_or(&one.id)
        },
    );
    row.set("Name", one.name.as_str());
    row.set("Service", label(labels::SERVICE));
    row.set("State", word(one.status));
    row.set("Health", health(&one.status_text));
    row.set("ExitCode", exit_code(&one.status_text));
    row.set("Status", one.status_text.as_str());
    row.set("Ports", ports(&one.ports));
    row.set("Publishers", publishers);
    row.set("Image", one.image.as_str());
    row.set(
        "Command",
        shorten(&one.command, if no_trunc { usize::MAX } else { 20 }),
    );
    row.set("Project", label(labels::PROJECT));
    row.set("Names", one.name.as_str());
    row.set(
        "CreatedAt",
        created.format("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
    );
    row.set("RunningFor", age(one.created));
    row.set("Mounts", mounts.join(","));
    row.set("LocalVolumes", volumes.count().to_string());
    row.set("Networks", one.networks.join(","));
    row.set("Labels", labels.join(","));
    row.set("Size", "0B");
    row.labels = one.labels.clone();
    row
}

const TITLES: [(&str, &str); 3] = [
    ("ID", "CONTAINER ID"),
    ("RunningFor", "CREATED"),
    ("CreatedAt", "CREATED AT"),
];

/// The list of containers tells health and exit code only in words: `Up 2 hours (healthy)`, `Exited (1) 3 days ago`.
fn in_parentheses(status: &str) -> &str {
    status
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .map_or("", |(inside, _)| inside)
}

fn exit_code(status: &str) -> i64 {
    in_parentheses(status).parse().unwrap_or(0)
}

pub fn health(status: &str) -> &'static str {
    match in_parentheses(status) {
        "healthy" => "healthy",
        "unhealthy" => "unhealthy",
        "health: starting" => "starting",
        _ => "",
    }
}

/// `80/tcp, 8000-8002/tcp, 127.0.0.1:5000->5001/tcp`: as the Docker tools order and group them, what has another number outside
/// last.
pub fn ports(ports: &[PublishedPort]) -> String {
    /// Ports that follow each other, with the address that they have outside.
    struct Group {
        outside: String,
        protocol: String,
        first: u16,
        last: u16,
    }
    let shown = |group: &Group| {
        let range = match group.first == group.last {
            true => group.first.to_string(),
            false => format!("{}-{}", group.first, group.last),
        };
        match group.outside.is_empty() {
            true => format!("{range}/{}", group.protocol),
            false => format!("{}:{range}->{range}/{}", group.outside, group.protocol),
        }
    };
    let mut sorted: Vec<&PublishedPort> = ports.iter().collect();
    sorted.sort_by_key(|port| {
        (
            port.container_port,
            &port.host_ip,
            port.host_port,
            &port.protocol,
        )
    });
    let mut groups: Vec<Group> = Vec::new();
    let (mut texts, mut mapped): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for port in sorted {
        let outside = match port.host_ip.contains(':') {
            true => format!("[{}]", port.host_ip),
            false => port.host_ip.clone(),
        };
        if let Some(host) = port.host_port
            && host != port.container_port
        {
            mapped.push(format!(
                "{outside}:{host}->{}/{}",
                port.container_port, port.protocol
            ));
            continue;
        }
        let outside = match port.host_port {
            Some(_) => outside,
            None => String::new(),
        };
        let group = groups
            .iter_mut()
            .find(|group| group.outside == outside && group.protocol == port.protocol);
        match group {
            Some(group) if group.last == port.container_port => {}
            Some(group) if group.last.checked_add(1) == Some(port.container_port) => {
                group.last = port.container_port;
            }
            Some(group) => {
                texts.push(shown(group));
                group.first = port.container_port;
                group.last = port.container_port;
            }
            None => groups.push(Group {
                outside,
                protocol: port.protocol.clone(),
                first: port.container_port,
                last: port.container_port,
            }),
        }
    }
    texts.extend(groups.iter().map(shown));
    texts.extend(mapped);
    texts.join(", ")
}

fn shorten(command: &str, limit: usize) -> String {
    if command.chars().count() <= limit {
        return format!("\"{command}\"");
    }
    let head: String = command.chars().take(limit.saturating_sub(1)).collect();
    format!("\"{head}…\"")
}

/// How long ago, in words.
pub fn age(created: i64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let seconds = now.saturating_sub(u64::try_from(created).unwrap_or(0));
    format!("{} ago", prose::span(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engines_words_tell_health_and_exit_code() {
        assert_eq!(health("Up 2 hours (healthy)"), "healthy");
        assert_eq!(health("Up 2 hours (health: starting)"), "starting");
        assert_eq!(health("Up 2 hours"), "");
        assert_eq!(exit_code("Exited (137) 3 days ago"), 137);
        assert_eq!(exit_code("Up 2 hours (healthy)"), 0);
    }

    #[test]
    fn addresses_of_both_families_are_told_apart() {
        let port = |host_ip: &str, host_port| PublishedPort {
            host_ip: host_ip.into(),
            container_port: 80,
            host_port,
            protocol: "tcp".into(),
        };
        assert_eq!(
            ports(&[
                port("::", Some(8080)),
                port("0.0.0.0", Some(8080)),
                port("", None)
            ]),
            "80/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"
        );
        let plain = |container_port| PublishedPort {
            container_port,
            protocol: "tcp".into(),
            ..PublishedPort::default()
        };
        assert_eq!(
            ports(&[plain(8080), plain(80), plain(443), plain(81)]),
            "80-81/tcp, 443/tcp, 8080/tcp"
        );
    }
}
