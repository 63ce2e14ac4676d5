use std::collections::BTreeSet;

use indexmap::IndexSet;

use super::perform::Failure;
use super::schedule::Execution;
use super::{ApplyError, EventKind, PortHolder};
use crate::engine::{EngineError, ErrorKind, PortBinding, chain};
use crate::observe::labels;
use crate::plan::{ContainerRef, NewContainer, Operation, Plan, Step};

impl Execution<'_> {
    pub(super) async fn cannot_create(
        &self,
        container: &NewContainer,
        error: EngineError,
    ) -> Failure {
        if error.kind == ErrorKind::NotFound {
            let image = self.engine.inspect_image(&container.spec.image).await;
            if let Ok(None) = image {
                return Failure::Explained(ApplyError::ImageGone {
                    service: container.service.clone(),
                    image: container.spec.image.clone(),
                    source: Box::new(error),
                });
            }
        }
        error.into()
    }

    /// Finds out who uses it.
    pub(super) async fn network_in_use(
        &self,
        step: &Step,
        name: &str,
        id: &str,
        source: EngineError,
    ) -> Result<(), ApplyError> {
        let ids = match self.engine.inspect_network(id).await {
            Ok(Some(network)) => network.containers,
            _ => Vec::new(),
        };
        let mut containers = Vec::new();
        for id in ids {
            let found = self.engine.inspect_container(&id).await;
            containers.push(match found {
                Ok(Some(container)) => container.name,
                _ => id,
            });
        }
        let error = ApplyError::NetworkInUse {
            network: name.to_string(),
            containers,
            source: Box::new(source),
        };
        if self.options.used_is_fine {
            self.events.send(EventKind::StillInUse {
                target: step.target.clone(),
                message: error.to_string(),
            });
            return Ok(());
        }
        Err(error)
    }

    /// Finds out which port it is and who has it.
    pub(super) async fn port_taken(
        &self,
        container: &ContainerRef,
        id: &str,
        source: EngineError,
    ) -> ApplyError {
        let wanted = self.wanted_ports(container);
        let named = wanted
            .iter()
            .find(|binding| mentions_port(&source, &binding.host_port))
            .or_else(|| wanted.first());
        let port = named.map(describe).unwrap_or_default();
        let host_port: Option<u16> = named.and_then(|binding| binding.host_port.parse().ok());
        let holder = match self.engine.list_containers(&[]).await {
            Ok(all) => all
                .into_iter()
                .find(|other| {
                    other.id != id
                        && host_port.is_some()
                        && other.ports.iter().any(|port| port.host_port == host_port)
                })
                .map(|other| PortHolder {
                    project: other.labels.get(labels::PROJECT).cloned(),
                    container: other.name,
                }),
            Err(_) => None,
        };
        ApplyError::PortTaken {
            service: container.service.clone(),
            container: container.name.clone(),
            port,
            holder: holder.map(Box::new),
            source: Box::new(source),
        }
    }

    fn wanted_ports(&self, container: &ContainerRef) -> Vec<PortBinding> {
        self.plan
            .steps
            .iter()
            .find_map(|step| match &step.operation {
                Operation::CreateContainer { container: new } if new.name == container.name => {
                    Some(new.spec.port_bindings.clone())
                }
                _ => None,
            })
            .unwrap_or_default()
    }
}

fn describe(binding: &PortBinding) -> String {
    let address = if binding.host_ip.is_empty() {
        "0.0.0.0"
    } else {
        &binding.host_ip
    };
    format!("{address}:{}/{}", binding.host_port, binding.protocol)
}

fn mentions_port(error: &EngineError, port: &str) -> bool {
    if port.is_empty() {
        return false;
    }
    let text = chain(error);
    text.match_indices(&format!(":{port}")).any(|(at, found)| {
        !text[at + found.len()..].starts_with(|next: char| next.is_ascii_digit())
    })
}

/// The engine says it in one code with other refusals.
pub(super) fn is_network_in_use(error: &EngineError) -> bool {
    chain(error).contains("active endpoints")
}

/// Services that cannot go on without this step, nearest first.
pub(super) fn waited_for_by(plan: &Plan, index: usize) -> Vec<String> {
    let mut reached: BTreeSet<usize> = [index].into();
    let mut services = IndexSet::new();
    let own = plan.steps[index].target.service().map(str::to_string);
    for (later, step) in plan.steps.iter().enumerate().skip(index + 1) {
        if step.after.iter().any(|earlier| reached.contains(earlier)) {
            reached.insert(later);
            if let Some(service) = step.target.service() {
                services.insert(service.to_string());
            }
        }
    }
    if let Some(own) = own {
        services.shift_remove(&own);
    }
    services.into_iter().collect()
}
