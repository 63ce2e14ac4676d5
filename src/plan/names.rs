use super::orphans::orphans;
use super::pairing::{Instance, States};
use super::{NameHolder, PlanError};
use crate::model::Project;
use crate::observe::{ObservedContainer, Snapshot};

/// No container is made or renamed under a name that another one still has by then: the engine would refuse it, with half of
/// the plan done. Those that go before anything is made hold nothing, nor do those that are only renamed.
pub(super) fn check_names(
    project: &Project,
    snapshot: &Snapshot,
    services: &States,
    orphans_go: bool,
) -> Result<(), PlanError> {
    let held = |service: &String, name: &str, id: &str, holder: NameHolder| {
        Err(PlanError::NameHeld {
            service: service.clone(),
            name: name.to_owned(),
            id: id.to_owned(),
            holder,
        })
    };
    for (service, state) in services {
        for Instance { name, observed, .. } in &state.instances {
            if observed.is_some_and(|one| one.name == *name) {
                continue;
            }
            if let Some(stranger) = snapshot.strangers.get(name) {
                let holder = match &stranger.project {
                    Some(project) => NameHolder::OtherProject(project.clone()),
                    None => NameHolder::Nobody,
                };
                return held(service, name, &stranger.id, holder);
            }
            let mut own = snapshot.containers.iter();
            let Some(holder) = own.find(|one| one.name == *name) else {
                continue;
            };
            let is_orphan = || {
                let mut orphans = orphans(project, snapshot).into_iter();
                orphans.any(|one| one.id == holder.id)
            };
            if gives_up_in_time(holder, services) || orphans_go && is_orphan() {
                continue;
            }
            let owner = holder.service.clone();
            let is_known =
                project.services.contains_key(&owner) || project.inactive.contains_key(&owner);
            let owner = match is_known {
                _ if holder.one_off => NameHolder::OneOff(owner),
                true => NameHolder::Service(owner),
                false => NameHolder::Orphan(owner),
            };
            return held(service, name, &holder.id, owner);
        }
    }
    Ok(())
}

/// Whether it goes, or has another name, before containers are made.
fn gives_up_in_time(holder: &ObservedContainer, services: &States) -> bool {
    let is_holder = |one: &ObservedContainer| one.id == holder.id;
    services.values().any(|state| {
        let mut instances = state.instances.iter();
        state.surplus.iter().any(|(one, _)| is_holder(one))
            || instances.any(|one| {
                let goes = one.early && one.make.is_some();
                one.observed.is_some_and(is_holder) && (goes || one.is_renamed())
            })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::observe::Stranger;
    use crate::plan::{Operation, Plan, Policy, reconcile};

    fn project(services: Value) -> Project {
        let project = json!({
            "name": "p", "services": services, "networks": {"default": {"name": "p_default"}},
        });
        serde_json::from_value(project).expect("a project")
    }

    fn container(service: &str, name: &str) -> ObservedContainer {
        ObservedContainer {
            id: format!("id-of-{name}"),
            name: name.into(),
            service: service.into(),
            number: 1,
            config_hash: "another".into(),
            ..ObservedContainer::default()
        }
    }

    fn plan_with(
        services: Value,
        containers: &[(&str, &str)],
        change: impl FnOnce(&mut Snapshot, &mut Policy),
    ) -> Result<Plan, PlanError> {
        let mut snapshot = Snapshot {
            containers: containers
                .iter()
                .map(|(service, name)| container(service, name))
                .collect(),
            ..Snapshot::default()
        };
        let mut policy = Policy {
            recreate: crate::plan::Recreate::Never,
            ..Policy::default()
        };
        change(&mut snapshot, &mut policy);
        reconcile(&project(services), &snapshot, &policy)
    }

    fn holder(plan: Result<Plan, PlanError>) -> NameHolder {
        match plan {
            Err(PlanError::NameHeld {
                service,
                name,
                id,
                holder,
            }) => {
                assert_eq!((service.as_str(), name.as_str()), ("web", "x"));
                assert_eq!(id, "id-of-x");
                holder
            }
            other => panic!("the name counts as free: {other:?}"),
        }
    }

    fn web() -> Value {
        json!({"web": {"image": "web", "container_name": "x"}})
    }

    #[test]
    fn a_strangers_name_is_taken() {
        for (owner, expected) in [
            (Some("other"), NameHolder::OtherProject("other".into())),
            (None, NameHolder::Nobody),
        ] {
            let plan = plan_with(web(), &[], |snapshot, _| {
                let stranger = Stranger {
                    id: "id-of-x".into(),
                    project: owner.map(str::to_owned),
                };
                snapshot.strangers.insert("x".into(), stranger);
            });
            assert_eq!(holder(plan), expected);
        }
    }

    #[test]
    fn an_orphans_name_is_taken_unless_it_goes() {
        let plan = plan_with(web(), &[("old", "x")], |_, _| ());
        assert_eq!(holder(plan), NameHolder::Orphan("old".into()));
        let plan = plan_with(web(), &[("old", "x")], |_, policy| {
            policy.remove_orphans = true;
        });
        assert!(plan.is_ok(), "{plan:?}");
    }

    #[test]
    fn what_run_has_made_holds_its_name() {
        let plan = plan_with(web(), &[("web", "x")], |snapshot, _| {
            snapshot.containers[0].one_off = true;
            snapshot.containers[0].status = crate::engine::ContainerStatus::Running;
        });
        assert_eq!(holder(plan), NameHolder::OneOff("web".into()));
    }

    #[test]
    fn a_service_holds_its_name_until_its_container_is_renamed() {
        let both = json!({
            "app": {"image": "app"}, "web": {"image": "web", "container_name": "x"},
        });
        let alone = plan_with(both.clone(), &[("app", "x")], |_, policy| {
            policy.services = vec!["web".into()];
        });
        assert_eq!(holder(alone), NameHolder::Service("app".into()));
        // Its container is made anew, and the old one stays until the new one is there.
        let replaced = plan_with(both.clone(), &[("app", "x")], |_, policy| {
            policy.recreate = crate::plan::Recreate::Force;
        });
        assert_eq!(holder(replaced), NameHolder::Service("app".into()));
        let plan = plan_with(both, &[("app", "x")], |_, _| ()).expect("a plan");
        let at = |wanted: fn(&Operation) -> bool| {
            let mut steps = plan.steps.iter();
            steps
                .position(|step| wanted(&step.operation))
                .expect("a step")
        };
        let rename = at(|step| matches!(step, Operation::RenameContainer { .. }));
        let create = at(|step| matches!(step, Operation::CreateContainer { .. }));
        assert!(plan.steps[create].after.contains(&rename), "{plan}");
    }

    #[test]
    fn a_service_of_another_profile_holds_its_name() {
        let mut project = project(web());
        let other = project.services["web"].clone();
        project.inactive.insert("other".into(), other);
        let snapshot = Snapshot {
            containers: vec![container("other", "x")],
            ..Snapshot::default()
        };
        let plan = reconcile(&project, &snapshot, &Policy::default());
        assert_eq!(holder(plan), NameHolder::Service("other".into()));
    }

    #[test]
    fn names_can_be_handed_on_but_not_in_a_circle() {
        let services = |third: &str| {
            json!({
                "a": {"image": "a", "container_name": "y"},
                "b": {"image": "b", "container_name": "z"},
                "c": {"image": "c", "container_name": third},
            })
        };
        let there = [("a", "x"), ("b", "y"), ("c", "z")];
        let plan = plan_with(services("w"), &there, |_, _| ()).expect("a plan");
        let renamed: Vec<&str> = plan
            .steps
            .iter()
            .filter_map(|step| match &step.operation {
                Operation::RenameContainer { name, .. } => Some(name.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(renamed, ["w", "z", "y"], "{plan}");
        let circle = plan_with(services("x"), &there, |_, _| ()).unwrap_err();
        let services = ["a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!(circle, PlanError::NamesInACircle { services });
    }
}
