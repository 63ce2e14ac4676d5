use super::Emission;
use crate::plan::networks::NetworkAction;
use crate::plan::volumes::VolumeAction;
use crate::plan::{Cause, Operation, Risk, Target};

impl Emission<'_> {
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
                    [],
                ),
                NetworkAction::Replace { id, spec, cause } => {
                    let holders =
                        self.removals_of(|container| container.networks.contains_key(name));
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
                    [],
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
