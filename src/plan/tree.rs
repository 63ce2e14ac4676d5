use std::fmt::Write as _;

use indexmap::{IndexMap, IndexSet};

use super::{Cause, Plan, Risk, Step, Target};

impl Plan {
    /// The plan by what it is about: each target once, with what happens to it, why, and at what risk.
    pub fn tree(&self) -> String {
        let mut targets: IndexMap<&Target, Vec<&Step>> = IndexMap::new();
        for step in &self.steps {
            targets.entry(&step.target).or_default().push(step);
        }
        let mut text = format!("{} {}", self.verb, self.project);
        if targets.is_empty() {
            text.push_str(": nothing to do");
        }
        text.push('\n');
        let count = targets.len();
        for (index, (target, steps)) in targets.into_iter().enumerate() {
            let (branch, trunk) = if index + 1 == count {
                ("└─", "  ")
            } else {
                ("├─", "│ ")
            };
            let verbs: Vec<&str> = steps.iter().map(|step| step.operation.verb()).collect();
            let _ = write!(text, "{branch} {target}: {}", verbs.join(", "));
            let risk = steps.iter().map(|step| step.risk).max().unwrap_or_default();
            if risk > Risk::Safe {
                let _ = write!(text, " ({risk})");
            }
            text.push('\n');
            let reasons: IndexSet<String> =
                steps.iter().flat_map(|step| reasons(&step.cause)).collect();
            for reason in reasons {
                let _ = writeln!(text, "{trunk}     {reason}");
            }
        }
        for note in &self.notes {
            let _ = writeln!(text, "note: {note}");
        }
        text
    }
}

/// One line a field, or one for everything else.
fn reasons(cause: &Cause) -> Vec<String> {
    match cause {
        Cause::SpecChanged { fields } => fields.iter().map(ToString::to_string).collect(),
        // The verb says it.
        Cause::Wanted => Vec::new(),
        other => vec![other.to_string()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Snapshot;
    use crate::plan::{FieldChange, Operation, Place, Verb};

    #[test]
    fn each_target_stands_once_with_its_reasons() {
        let world = Snapshot {
            project: "shop".into(),
            ..Snapshot::default()
        };
        let mut plan = Plan::new(Verb::Up, &world);
        let field = |path: &str, line| FieldChange {
            path: path.into(),
            old: Some("a".into()),
            new: Some("b".into()),
            place: Some(Place {
                file: "compose.yml".into(),
                line,
                column: 1,
            }),
        };
        let target = Target::Volume {
            name: "shop_data".into(),
        };
        let cause = Cause::SpecChanged {
            fields: vec![field("driver_opts.x", 3), field("driver_opts.y", 4)],
        };
        let remove = Operation::RemoveVolume {
            name: "shop_data".into(),
        };
        let first = plan.push(target.clone(), remove, cause.clone(), Risk::LosesData, []);
        let create = Operation::CreateVolume {
            spec: crate::engine::VolumeSpec::default(),
        };
        plan.push(target, create, cause, Risk::Safe, [first]);
        let image = Operation::RemoveImage {
            reference: "x".into(),
        };
        let target = Target::Image {
            reference: "x".into(),
        };
        plan.push(target, image, Cause::Requested, Risk::Safe, []);
        assert_eq!(
            plan.tree(),
            "up shop\n\
             ├─ volume shop_data: remove, create (loses data)\n\
             │      driver_opts.x: a -> b (compose.yml:3)\n\
             │      driver_opts.y: a -> b (compose.yml:4)\n\
             └─ image x: remove\n       requested\n"
        );
    }
}
