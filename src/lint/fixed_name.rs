use super::Subject;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{Change, Node};

/// Volumes and networks with a name of their own: all envs, and every test run, share them.
///
/// Only told of envs; a project whose files are named one by one may be the only one that there is.
pub(super) fn check(subject: &Subject, found: &mut Diagnostics) {
    let project = &subject.resolved.project;
    if project.env.is_none() {
        return;
    }
    let volumes = project.volumes.iter();
    let networks = project.networks.iter();
    let volumes = volumes.map(|(key, volume)| ("volumes", "volume", key, volume.external));
    let networks = networks.map(|(key, network)| ("networks", "network", key, network.external));
    for (section, what, key, external) in volumes.chain(networks) {
        let Some(name) = subject.node(&[section, key, "name"]) else {
            continue;
        };
        if external || !name.span.is_some() || is_interpolated(name) {
            continue;
        }
        found.push(
            Diagnostic::warning(
                "name-fixed",
                format!("all envs share the {what} `{key}`, because its name is fixed"),
            )
            .at(name.span, "not the env's own")
            .help(format!(
                "remove `name`: the {what} is then called `{}_{key}`; or write `external: true` if it is meant to be shared",
                project.name
            )),
        );
    }
}

fn is_interpolated(node: &Node) -> bool {
    node.history
        .as_deref()
        .into_iter()
        .flatten()
        .any(|change| matches!(change, Change::Interpolated { .. }))
}

#[cfg(test)]
mod tests {
    use crate::lint::advice;

    #[test]
    fn names_that_envs_share() {
        let dev = "services: {a: {image: x, volumes: ['dd:/d', 'ee:/e', 'ff:/f']}}\nvolumes: {dd: {name: data}, ee: , ff: {name: '${COMPOSE_PROJECT_NAME}_f'}}\n";
        let found = advice(&[("docker-compose.dev.yml", dev)]);
        assert_eq!(
            found,
            [(
                "name-fixed: all envs share the volume `dd`, because its name is fixed".to_owned(),
                Some("data".to_owned())
            )]
        );
        assert_eq!(advice(&[("compose.yaml", dev)]), []);
    }
}
