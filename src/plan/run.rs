use indexmap::IndexMap;

use super::{ContainerRef, Plan, PlanError, Policy, Verb, dependencies, service_order};
use crate::engine::{ContainerSpec, HealthcheckSpec};
use crate::model::{Project, Service};
use crate::observe::Snapshot;

/// A container of `run`: one command in the surroundings of a service.
#[derive(Clone, Debug, Default)]
pub struct RunRequest {
    /// Key in the project's `services`.
    pub service_name: String,
    /// The service with the command line's changes: command, environment, volumes, ports, terminal.
    pub service: Service,
    /// `None`: `<project>-<service>-run-<slug>`.
    pub name: Option<String>,
    /// What tells it from others; a dozen random letters.
    pub slug: String,
    /// Answer to the service's name and aliases on its networks.
    pub use_aliases: bool,
    /// The engine removes the container when it ends.
    pub auto_remove: bool,
    /// Somebody is connected with it: its input ends when they leave.
    pub attached: bool,
    /// Labels on top of the service's.
    pub labels: IndexMap<String, String>,
}

impl RunRequest {
    fn container_name(&self, project: &Project) -> String {
        let dash = project.separator();
        let (name, service, slug) = (&project.name, &self.service_name, &self.slug);
        self.name
            .clone()
            .unwrap_or_else(|| format!("{name}{dash}{service}{dash}run{dash}{slug}"))
    }

    /// Makes the specification of a service that of a single run.
    pub(super) fn shape(&self, project: &Project, spec: &mut ContainerSpec) {
        spec.name = self.container_name(project);
        spec.restart = None;
        spec.auto_remove = self.auto_remove;
        spec.stdin_once = self.attached && spec.open_stdin;
        spec.labels.extend(self.labels.clone());
        // It ends by itself, and nobody waits for its health.
        spec.healthcheck = Some(HealthcheckSpec {
            test: vec!["NONE".to_string()],
            ..HealthcheckSpec::default()
        });
        for endpoint in spec.endpoints.values_mut() {
            endpoint.ipv4_address = None;
            endpoint.ipv6_address = None;
            if !self.use_aliases {
                endpoint.aliases.clear();
            }
        }
    }
}

/// The steps that bring up what the service depends on and then create the container, without starting it. Returns the
/// plan and the container, whose id is in [`crate::apply::Applied::created`] afterwards.
pub fn run(
    project: &Project,
    snapshot: &Snapshot,
    policy: &Policy,
    request: &RunRequest,
) -> Result<(Plan, ContainerRef), PlanError> {
    if !project.services.contains_key(&request.service_name)
        && !project.inactive.contains_key(&request.service_name)
    {
        return Err(PlanError::UnknownService {
            name: request.service_name.clone(),
            project: project.name.clone(),
            services: project.services.keys().cloned().collect(),
        });
    }
    let needed: Vec<String> = dependencies(&request.service)
        .into_keys()
        .filter(|name| project.services.contains_key(name))
        .collect();
    let order = if policy.no_deps || needed.is_empty() {
        Vec::new()
    } else {
        service_order(project, &needed, true)?
    };
    let policy = Policy {
        services: needed,
        wait: false,
        ..policy.clone()
    };
    let plan =
        super::reconcile::plan(project, snapshot, &policy, &order, Verb::Run, Some(request))?;
    let name = request.container_name(project);
    Ok((plan, ContainerRef::planned(&request.service_name, &name)))
}
