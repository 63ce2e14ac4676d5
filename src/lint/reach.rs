use std::collections::BTreeSet;

use super::Subject;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::model::{Condition, Project};
use crate::source::Span;

/// Services that need another and share no network with it: they wait for it and then cannot find it.
pub(super) fn check(subject: &Subject, found: &mut Diagnostics) {
    let project = &subject.resolved.project;
    for name in project.services.keys() {
        let Some(own) = networks(project, name) else {
            continue;
        };
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for (other, span, how) in needs(subject, name) {
            let Some(theirs) = networks(project, other) else {
                continue;
            };
            if other == name || !own.is_disjoint(&theirs) || !told.insert(other) {
                continue;
            }
            let joined = |service: &str| subject.place(&["services", service, "networks"]);
            found.push(
                Diagnostic::warning(
                    "network-unreachable",
                    format!("`{name}` cannot reach `{other}`: they share no network"),
                )
                .at(span, how)
                .because(joined(name), format!("networks of `{name}`"))
                .because(joined(other), format!("networks of `{other}`"))
                .help(match own.iter().next() {
                    Some(network) => format!("add `{network}` to the networks of `{other}`"),
                    None => format!("give `{name}` and `{other}` a network in common"),
                }),
            );
        }
    }
}

/// The services that one depends on or names as the host of an address in its environment, and where.
fn needs<'s>(subject: &'s Subject, name: &str) -> Vec<(&'s str, Span, &'static str)> {
    let services = &subject.resolved.project.services;
    let Some(service) = services.get(name) else {
        return Vec::new();
    };
    let depends_on = service
        .depends_on
        .iter()
        .filter(|(_, dependency)| dependency.condition != Condition::CompletedSuccessfully)
        .filter_map(|(other, _)| services.get_key_value(other))
        .map(|(other, _)| {
            let span = subject.place(&["services", name, "depends_on", other]);
            (other.as_str(), span, "needed here")
        });
    let addresses = service.environment.iter().flat_map(|(variable, value)| {
        let span = subject.place(&["services", name, "environment", variable]);
        hosts(value.as_deref().unwrap_or_default())
            .filter_map(|host| services.get_key_value(host))
            .map(move |(other, _)| (other.as_str(), span, "its address is used here"))
    });
    depends_on.chain(addresses).collect()
}

/// The hosts of all `scheme://user:password@host:port` in a text.
fn hosts(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("://").map(|(at, mark)| {
        let rest = &text[at + mark.len()..];
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | ','))
            .unwrap_or(rest.len());
        let authority = &rest[..end];
        let host = authority.rsplit('@').next().unwrap_or(authority);
        host.split(':').next().unwrap_or(host)
    })
}

/// The networks of a service, those of another whose namespace it shares included. `None`: it is on none of the project's.
fn networks<'p>(project: &'p Project, name: &str) -> Option<BTreeSet<&'p str>> {
    let mut service = project.services.get(name)?;
    // Ends even where namespaces are shared in a circle, which is an error of its own.
    for _ in 0..project.services.len() {
        match service.network_mode.as_deref() {
            None => return Some(service.networks.keys().map(String::as_str).collect()),
            Some(mode) => service = project.services.get(mode.strip_prefix("service:")?)?,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::hosts;
    use crate::lint::advice;

    #[test]
    fn services_without_a_common_network() {
        let text = "services:\n  app: {image: x, networks: [front], depends_on: [db]}\n  worker: {image: x, networks: [front], environment: {URI: 'pg://u:p@db:5432/x'}}\n  helper: {image: x, networks: [front, back], depends_on: [db]}\n  shared: {image: x, network_mode: 'service:helper', environment: {URI: 'pg://db'}}\n  db: {image: y, networks: [back]}\nnetworks: {front: , back: }\n";
        assert_eq!(
            advice(&[("compose.yaml", text)]),
            [
                (
                    "network-unreachable: `app` cannot reach `db`: they share no network"
                        .to_owned(),
                    Some("db".to_owned())
                ),
                (
                    "network-unreachable: `worker` cannot reach `db`: they share no network"
                        .to_owned(),
                    Some("'pg://u:p@db:5432/x'".to_owned())
                ),
            ]
        );
    }

    #[test]
    fn finds_hosts_in_addresses() {
        let found: Vec<&str> = hosts("amqp://u:p@mq:1/ http://web x://a,b://c").collect();
        assert_eq!(found, ["mq", "web", "a", "c"]);
        assert_eq!(hosts("db:5432").count(), 0);
    }
}
