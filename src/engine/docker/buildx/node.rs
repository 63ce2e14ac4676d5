use std::sync::Arc;

use tokio::sync::OnceCell;

use super::super::buildkit::Access;
use super::super::connect::connect_to_endpoint;
use super::super::context::TlsFiles;
use super::super::{Address, Dialer, DockerEngine};
use super::container;
use super::options::{ContainerOptions, RemoteOptions};
use super::stdio::InContainer;
use super::store::StoredNode;
use crate::engine::{Engine, EngineError, EngineResult, ErrorKind};
use crate::load::Environment;

/// One BuildKit of a builder.
#[derive(Debug)]
pub(super) struct Node {
    pub name: String,
    /// What it is said to build for, `os/arch[/variant]`; empty: what it finds out itself.
    platforms: Vec<String>,
    place: Place,
    /// Set as soon as it is known to run.
    access: OnceCell<Access>,
}

#[derive(Debug)]
enum Place {
    /// A container of an engine, which is named as contexts and addresses name it.
    Container {
        endpoint: String,
        options: Box<ContainerOptions>,
    },
    Remote(RemoteOptions),
}

impl Node {
    /// Reads a record; the error is for people.
    pub(super) fn of(driver: &str, stored: &StoredNode) -> Result<Node, String> {
        let place = match driver {
            "docker-container" => Place::Container {
                endpoint: stored.endpoint.clone(),
                options: Box::new(ContainerOptions::of(stored)?),
            },
            "remote" => Place::Remote(RemoteOptions::of(stored)?),
            other => {
                return Err(format!(
                    "wharf does not build with the driver `{other}`\nhelp: name another builder, of the driver `docker-container` or `remote`; `default` is the engine's own. This one builds with `wharf build --print | docker buildx bake -f -`"
                ));
            }
        };
        let platforms = stored.platforms.iter().flatten();
        Ok(Node {
            name: stored.name.clone(),
            platforms: platforms.map(|platform| platform.text()).collect(),
            place,
            access: OnceCell::new(),
        })
    }

    /// Whether it is said to build for all of these.
    pub(super) fn is_for(&self, platforms: &[String]) -> bool {
        platforms.iter().all(|one| self.platforms.contains(one))
    }

    /// Whether it has been spoken to before.
    pub(super) fn is_known_to_run(&self) -> bool {
        self.access.initialized()
    }

    /// How to speak to it. The first call has it run, if it can.
    ///
    /// # Errors
    /// When it cannot be reached, or does not run and cannot be started.
    pub(super) async fn access(
        &self,
        engine: &Arc<DockerEngine>,
        environment: &Environment,
    ) -> EngineResult<&Access> {
        let reach = || async {
            match &self.place {
                Place::Container { endpoint, options } => {
                    let engine = match engine.info().address == *endpoint {
                        true => Arc::clone(engine),
                        false => Arc::new(connect_to_endpoint(environment, endpoint).await?),
                    };
                    container::run(&engine, options, environment).await?;
                    Ok(Access::Direct(Arc::new(InContainer {
                        engine,
                        container: options.spec.name.clone(),
                    })))
                }
                Place::Remote(options) => remote(options, environment),
            }
        };
        self.access.get_or_try_init(reach).await
    }
}

fn remote(options: &RemoteOptions, environment: &Environment) -> EngineResult<Access> {
    let address = match options.address.clone() {
        Address::Tcp { host, port, .. } => Address::Tcp {
            host,
            port,
            tls: options.tls.is_some(),
        },
        other => other,
    };
    let files = options.tls.clone().map(|files| TlsFiles {
        http2: true,
        ..files
    });
    let dialer = Dialer::at(&address, files.as_ref(), environment)
        .map_err(|message| EngineError::new(ErrorKind::Unreachable, message))?;
    Ok(Access::Direct(Arc::new(dialer)))
}

#[cfg(test)]
mod tests {
    use super::super::store::Instance;
    use super::super::store::tests::ONE;
    use super::*;

    #[test]
    fn a_node_knows_what_it_is_for() {
        let one: Instance = serde_json::from_str(ONE).unwrap();
        let node = Node::of(&one.driver, &one.nodes[0]).unwrap();
        assert!(node.is_for(&["linux/arm64".to_owned()]));
        assert!(!node.is_for(&["linux/arm64".to_owned(), "linux/amd64".to_owned()]));
        assert!(!node.is_known_to_run());
        let refused = Node::of("kubernetes", &one.nodes[0]).unwrap_err();
        assert!(refused.contains("driver `kubernetes`\nhelp: "), "{refused}");
    }
}
