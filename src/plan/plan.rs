use std::fmt;

use indexmap::IndexMap;

use serde::{Deserialize, Serialize};

use super::{Cause, Operation, Place, PlanError, Risk, Target};
use crate::observe::{Fingerprint, Snapshot};

/// What a plan was made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    #[default]
    Up,
    Create,
    Down,
    Start,
    Stop,
    Restart,
    Kill,
    Pause,
    Unpause,
    Remove,
    Pull,
    Run,
}

impl Verb {
    /// Whether a failed step leaves the steps that do not need it to go on: taking things away is worth finishing.
    pub fn goes_on_after_failure(self) -> bool {
        !matches!(self, Verb::Up | Verb::Create | Verb::Start | Verb::Run)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Up => "up",
            Verb::Create => "create",
            Verb::Down => "down",
            Verb::Start => "start",
            Verb::Stop => "stop",
            Verb::Restart => "restart",
            Verb::Kill => "kill",
            Verb::Pause => "pause",
            Verb::Unpause => "unpause",
            Verb::Remove => "rm",
            Verb::Pull => "pull",
            Verb::Run => "run",
        })
    }
}

/// Steps and what each has to wait for. A step only follows steps before it, so a plan has no circles and its own order
/// is one in which it can be run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub verb: Verb,
    /// The Compose project name.
    pub project: String,
    /// What it was made against.
    pub world: Fingerprint,
    pub steps: Vec<Step>,
    /// For the user: what is left alone and why.
    pub notes: Vec<String>,
    /// Names of containers that are as they should be.
    pub unchanged: Vec<String>,
    /// Images that the engine had, by reference: the ids that the plan relies on. Others may be made meanwhile.
    #[serde(default)]
    pub images: IndexMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub target: Target,
    pub operation: Operation,
    pub cause: Cause,
    pub risk: Risk,
    /// Indices of the steps that must have succeeded.
    pub after: Vec<usize>,
}

impl Plan {
    /// A plan without steps, made against this.
    pub fn new(verb: Verb, snapshot: &Snapshot) -> Self {
        let real = snapshot
            .images
            .iter()
            .filter(|(_, image)| !image.is_pretended());
        Plan {
            verb,
            project: snapshot.project.clone(),
            world: snapshot.fingerprint(),
            images: real
                .map(|(reference, image)| (reference.clone(), image.id.clone()))
                .collect(),
            ..Plan::default()
        }
    }

    /// Images of containers that the plan makes, which the engine did not have and no step pulls: to be built first.
    pub fn unbuilt_images(&self) -> Vec<&str> {
        let mut unbuilt = Vec::new();
        for step in &self.steps {
            let Operation::CreateContainer { container } = &step.operation else {
                continue;
            };
            let image = container.spec.image.as_str();
            let is_pulled = self.steps.iter().any(|step| {
                matches!(&step.operation, Operation::PullImage { reference, .. } if reference == image)
            });
            if !is_pulled && !self.images.contains_key(image) && !unbuilt.contains(&image) {
                unbuilt.push(image);
            }
        }
        unbuilt
    }

    /// Services of which the plan makes containers.
    pub fn made_services(&self) -> Vec<String> {
        let mut services: Vec<String> = Vec::new();
        for step in &self.steps {
            if let Operation::CreateContainer { container } = &step.operation
                && !services.contains(&container.service)
            {
                services.push(container.service.clone());
            }
        }
        services
    }

    /// Notes for each changed field where its new value is written, as far as `find` knows it.
    pub fn locate(&mut self, find: impl Fn(&Target, &str) -> Option<Place>) {
        for step in &mut self.steps {
            if let Cause::SpecChanged { fields } = &mut step.cause {
                for field in fields.iter_mut().filter(|field| field.new.is_some()) {
                    field.place = find(&step.target, &field.path);
                }
            }
        }
    }

    /// Adds a step and returns its index. `after` holds indices of earlier steps, in any order.
    pub fn push(
        &mut self,
        target: Target,
        operation: Operation,
        cause: Cause,
        risk: Risk,
        after: impl IntoIterator<Item = usize>,
    ) -> usize {
        let index = self.steps.len();
        let mut after: Vec<usize> = after.into_iter().filter(|step| *step < index).collect();
        after.sort_unstable();
        after.dedup();
        self.steps.push(Step {
            target,
            operation,
            cause,
            risk,
            after,
        });
        index
    }

    /// Nothing to do and nothing to wait for.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether it changes something; a plan without changes may still wait.
    pub fn has_changes(&self) -> bool {
        self.steps.iter().any(|step| !step.operation.only_waits())
    }

    /// The greatest risk of a step.
    pub fn risk(&self) -> Risk {
        self.steps
            .iter()
            .map(|step| step.risk)
            .max()
            .unwrap_or_default()
    }

    /// Reads a plan that was written as JSON.
    pub fn from_json(text: &str) -> Result<Plan, PlanError> {
        let plan: Plan = serde_json::from_str(text)
            .map_err(|error| PlanError::Plan(format!("this is not a plan of wharf: {error}")))?;
        for (index, step) in plan.steps.iter().enumerate() {
            if step.after.iter().any(|earlier| *earlier >= index) {
                return Err(PlanError::Plan(format!(
                    "step {} of the plan follows a later step; plans are written by `wharf plan --out`",
                    index + 1
                )));
            }
        }
        Ok(plan)
    }
}

/// One line a step: number, verb, target, cause (once for each target), risk, and the steps that it follows.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            writeln!(f, "{} {}: nothing to do", self.verb, self.project)?;
        } else {
            writeln!(f, "{} {}:", self.verb, self.project)?;
        }
        let width = self.steps.len().to_string().len();
        for (index, step) in self.steps.iter().enumerate() {
            write!(
                f,
                "{:>width$}. {} {}",
                index + 1,
                step.operation.verb(),
                step.target,
            )?;
            let is_told = self.steps[..index]
                .iter()
                .any(|earlier| earlier.target == step.target && earlier.cause == step.cause);
            if !is_told {
                write!(f, ": {}", step.cause)?;
            }
            if step.risk > Risk::Safe {
                write!(f, " ({})", step.risk)?;
            }
            if !step.after.is_empty() {
                let after: Vec<String> = step
                    .after
                    .iter()
                    .map(|step| (step + 1).to_string())
                    .collect();
                write!(f, " [after {}]", after.join(", "))?;
            }
            writeln!(f)?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        Ok(())
    }
}
