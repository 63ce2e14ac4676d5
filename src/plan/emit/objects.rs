use super::Emission;
use crate::plan::networks::NetworkAction;
use crate::plan::volumes::VolumeAction;
use crate::plan::{Cause, Operation, Risk, Target};

impl Emission<'_> {
    /// A pull that fails leaves nothing behind that only this plan would have used.
    fn all_pulls(&self) -> Vec<usize> {
        let mut pulls: Vec<usize> = self.pulls.values().copied().collect();
        pulls.sort_unstable();
        pulls
    }

    pub(super) fn make_networks(&mut self) {
        for (name, action) in &self.objects.networks {
            let target = Target::Network { name: name.clone() };
            let step = match action {
                NetworkAction::Keep => continue,
                NetworkAction::Create(spec) => self.plan.push(
                    target,
                    Operation::CreateNetwork { spec: spec.clone() },
                    Cause::Missing,
                    Risk::Safe,
                    self.all_pulls(),
                ),
                NetworkAction::Replace { id, spec, cause } => {
                    let mut holders =
                        self.removals_of(|container| container.networks.contains_key(name));
                    holders.extend(self.leaves.get(name).into_iter().flatten());
                    let removal = self.plan.push(
                        target.clone(),
                        Operation::RemoveNetwork {
                            name: name.clone(),
                            id: id.clone(),
                        },
                        cause.clone(),
                        Risk::Interrupts,
                        holders,
                    );
                    self.plan.push(
                        target,
                        Operation::CreateNetwork { spec: spec.clone() },
                        cause.clone(),
                        Risk::Safe,
                        [removal],
                    )
                }
            };
            self.networks.insert(name.clone(), step);
        }
        let unused = |id: &String| {
            let containers = &self.snapshot.containers;
            !containers
                .iter()
                .any(|one| one.networks.values().any(|network| network == id))
        };
        for (name, id) in self
            .snapshot
            .network_twins
            .iter()
            .filter(|(_, id)| unused(id))
        {
            let step = self.plan.push(
                Target::Network { name: name.clone() },
                Operation::RemoveNetwork {
                    name: name.clone(),
                    id: id.clone(),
                },
                Cause::Leftover,
                Risk::Safe,
                [],
            );
            // Until it is gone the engine does not know which of the two is meant.
            self.networks.entry(name.clone()).or_insert(step);
        }
    }

    pub(super) fn make_volumes(&mut self) {
        for (name, action) in &self.objects.volumes {
            let target = Target::Volume { name: name.clone() };
            let step = match action {
                VolumeAction::Keep => continue,
                VolumeAction::Create(spec) => self.plan.push(
                    target,
                    Operation::CreateVolume { spec: spec.clone() },
                    Cause::Missing,
                    Risk::Safe,
                    self.all_pulls(),
                ),
                VolumeAction::Replace { spec, cause } => {
                    let holders = self.removals_of(|container| {
                        container.mounts.iter().any(|mount| mount.name == *name)
                    });
                    let removal = self.plan.push(
                        target.clone(),
                        Operation::RemoveVolume { name: name.clone() },
                        cause.clone(),
                        Risk::LosesData,
                        holders,
                    );
                    self.plan.push(
                        target,
                        Operation::CreateVolume { spec: spec.clone() },
                        cause.clone(),
                        Risk::Safe,
                        [removal],
                    )
                }
            };
            self.volumes.insert(name.clone(), step);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::{Network, Project, Service};
    use crate::observe::Snapshot;
    use crate::plan::{Operation, Plan, Policy, reconcile};

    fn plan(project: &Project) -> Plan {
        reconcile(project, &Snapshot::default(), &Policy::default()).unwrap()
    }

    #[test]
    fn what_is_new_waits_until_every_image_is_there() {
        let mut project = Project {
            name: "p".into(),
            ..Project::default()
        };
        for name in ["web", "db"] {
            let service = Service {
                image: Some(name.into()),
                networks: [("default".to_owned(), None)].into_iter().collect(),
                ..Service::default()
            };
            project.services.insert(name.into(), service);
        }
        let network = Network {
            name: "p_default".into(),
            ..Network::default()
        };
        project.networks.insert("default".into(), network);
        let plan = plan(&project);
        let pulls: Vec<usize> = plan
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| matches!(step.operation, Operation::PullImage { .. }))
            .map(|(at, _)| at)
            .collect();
        assert_eq!(pulls.len(), 2);
        let network = plan
            .steps
            .iter()
            .find(|step| matches!(step.operation, Operation::CreateNetwork { .. }));
        assert_eq!(network.map(|step| step.after.clone()), Some(pulls));
    }
}
