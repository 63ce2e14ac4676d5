use std::collections::{HashMap, HashSet};

use crate::apply::EventKind;
use crate::plan::{Gate, Operation, Plan, Target, Verb};

/// The label of containers of `run`.
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// Progress in the lines of `docker compose` without a terminal: one when something begins, one when it is done. Programs
/// read them, so their words are Compose's.
#[derive(Debug, Default)]
pub(super) struct ComposeLines {
    /// Nothing is really done.
    dry_run: bool,
    verb: Verb,
    /// What the names of its containers begin with.
    project: String,
    /// Services by the reference of their image.
    services: HashMap<String, Vec<String>>,
    /// Steps that are left until a container that is replaced has its successor.
    replacing: HashMap<String, usize>,
    /// Those whose replacement has begun.
    begun: HashSet<String>,
    /// Containers of `run`, of which nobody wants to hear.
    one_off: HashSet<String>,
    /// What others use, and stays although its step is done.
    kept: HashSet<Target>,
    /// Names of the containers that a step waits for.
    waits: HashMap<usize, Vec<String>>,
}

impl ComposeLines {
    pub(super) fn new(dry_run: bool) -> Self {
        ComposeLines {
            dry_run,
            ..ComposeLines::default()
        }
    }

    /// Which services use which image: pulls are told by service.
    pub(super) fn name_images(&mut self, services: HashMap<String, Vec<String>>) {
        self.services = services;
    }

    /// Learns what is to come; returns the lines about what stays as it is.
    pub(super) fn expect(&mut self, plan: &Plan) -> Vec<String> {
        self.verb = plan.verb;
        self.project = format!("{}-", plan.project);
        self.replacing.clear();
        self.begun.clear();
        self.waits.clear();
        let mut made = HashSet::new();
        let mut gone = HashSet::new();
        for (index, step) in plan.steps.iter().enumerate() {
            match (&step.operation, &step.target) {
                (Operation::CreateContainer { container }, Target::Container { name, .. }) => {
                    if container
                        .spec
                        .labels
                        .get(ONE_OFF)
                        .is_some_and(|value| value == "True")
                    {
                        self.one_off.insert(name.clone());
                    }
                    made.insert(name.clone());
                }
                (Operation::RemoveContainer { .. }, Target::Container { name, .. }) => {
                    gone.insert(name.clone());
                }
                (Operation::Wait { containers, .. }, _) => {
                    let names = containers.iter().map(|one| one.name.clone()).collect();
                    self.waits.insert(index, names);
                }
                _ => {}
            }
        }
        for step in &plan.steps {
            if let Target::Container { name, .. } = &step.target
                && made.contains(name)
                && gone.contains(name)
                && is_part_of_replacing(&step.operation)
            {
                *self.replacing.entry(name.clone()).or_default() += 1;
            }
        }
        if !matches!(plan.verb, Verb::Up | Verb::Create | Verb::Run) {
            return Vec::new();
        }
        plan.unchanged
            .iter()
            .map(|name| self.line(&format!("Container {name}"), "Running"))
            .collect()
    }

    fn line(&self, subject: &str, state: &str) -> String {
        let mark = if self.dry_run { " DRY-RUN MODE - " } else { "" };
        format!("{mark} {subject}  {state}")
    }

    /// What stands in front of the lines that a container's hooks write.
    pub(super) fn hook_name(&self, container: &str) -> String {
        let short = container.strip_prefix(&self.project).unwrap_or(container);
        format!("{short} ->")
    }

    /// The lines that an event gives.
    pub(super) fn tell(&mut self, event: &EventKind) -> Vec<String> {
        match event {
            EventKind::StepStarted { target, verb, .. } => self.begins(target, verb),
            EventKind::StepFinished { target, verb, .. } => self.is_done(target, verb),
            EventKind::StepFailed { step, target, .. } => match target {
                Target::Service { .. } => self
                    .waits
                    .get(step)
                    .into_iter()
                    .flatten()
                    .map(|name| self.line(&format!("Container {name}"), "Error"))
                    .collect(),
                // Why is said last.
                Target::Image { .. } => self.of_image(target, "Error"),
                _ => vec![self.line(&subject(target), "Error")],
            },
            EventKind::Waiting {
                container, health, ..
            } if self.begun.insert(format!("wait {container}")) => {
                let _ = health;
                vec![self.line(&format!("Container {container}"), "Waiting")]
            }
            EventKind::Passed {
                container, gate, ..
            } => {
                let mut lines = Vec::new();
                if self.begun.insert(format!("wait {container}")) {
                    lines.push(self.line(&format!("Container {container}"), "Waiting"));
                }
                if self.begun.insert(format!("past {gate} {container}")) {
                    let state = match gate {
                        Gate::Completed => "Exited",
                        Gate::Healthy | Gate::Ready => "Healthy",
                    };
                    lines.push(self.line(&format!("Container {container}"), state));
                }
                lines
            }
            EventKind::Skipped {
                service,
                container,
                message,
            } => {
                let state = format!("Skipped: optional dependency {service:?} failed to start");
                vec![
                    self.line(&format!("Container {container}"), &state),
                    message.clone(),
                ]
            }
            EventKind::Warning {
                service, message, ..
            } => vec![format!(" {service} {message} ")],
            EventKind::StillInUse { target, message } => {
                self.kept.insert(target.clone());
                vec![
                    self.line(&subject(target), "Resource is still in use"),
                    message.clone(),
                ]
            }
            _ => Vec::new(),
        }
    }

    fn begins(&mut self, target: &Target, verb: &str) -> Vec<String> {
        let state = match (target, verb) {
            (Target::Service { .. }, _) => return Vec::new(),
            (Target::Container { name, .. }, "create") if self.one_off.contains(name) => {
                return Vec::new();
            }
            (Target::Image { .. }, "pull") => return self.of_image(target, "Pulling"),
            (
                Target::Container { name, .. },
                "create" | "stop" | "remove" | "rename" | "put files into",
            ) if self.replacing.contains_key(name) => {
                if !self.begun.insert(name.clone()) {
                    return Vec::new();
                }
                "Recreate"
            }
            // What did not run has nothing to be stopped first.
            (Target::Container { name, .. }, "stop" | "start" | "restart")
                if self.verb == Verb::Restart =>
            {
                if !self.begun.insert(format!("restart {name}")) {
                    return Vec::new();
                }
                "Restarting"
            }
            (Target::Container { name, .. }, "remove")
                if self.verb == Verb::Down && !self.begun.contains(&format!("stop {name}")) =>
            {
                let container = subject(target);
                return ["Stopping", "Stopped", "Removing"]
                    .map(|state| self.line(&container, state))
                    .into();
            }
            (Target::Container { name, .. }, "stop") => {
                self.begun.insert(format!("stop {name}"));
                "Stopping"
            }
            // Of a network that is replaced, only the end is told.
            (Target::Network { .. }, "remove") if self.verb != Verb::Down => return Vec::new(),
            (_, "create") => "Creating",
            (_, "start") => "Starting",
            (_, "stop") => "Stopping",
            (_, "restart") => "Restarting",
            (_, "kill") => "Killing",
            (_, "remove") => "Removing",
            _ => return Vec::new(),
        };
        vec![self.line(&subject(target), state)]
    }

    fn is_done(&mut self, target: &Target, verb: &str) -> Vec<String> {
        let state = match (target, verb) {
            (Target::Service { .. }, _) => return Vec::new(),
            _ if self.kept.contains(target) => return Vec::new(),
            (Target::Container { name, .. }, "create") if self.one_off.contains(name) => {
                return Vec::new();
            }
            (Target::Image { .. }, "pull") => return self.of_image(target, "Pulled"),
            (
                Target::Container { name, .. },
                "create" | "stop" | "remove" | "rename" | "put files into",
            ) if self.replacing.contains_key(name) => {
                let left = self.replacing.entry(name.clone()).or_default();
                *left = left.saturating_sub(1);
                if *left > 0 {
                    return Vec::new();
                }
                "Recreated"
            }
            (_, "stop") if self.verb == Verb::Restart => return Vec::new(),
            (_, "create") => "Created",
            (_, "start" | "restart") => "Started",
            (_, "stop") => "Stopped",
            (_, "kill") => "Killed",
            (_, "remove") => "Removed",
            (_, "pause") => "Paused",
            (_, "unpause") => "Unpaused",
            _ => return Vec::new(),
        };
        vec![self.line(&subject(target), state)]
    }

    /// A line for each service of an image; all but the first share the work.
    fn of_image(&self, target: &Target, state: &str) -> Vec<String> {
        let Target::Image { reference } = target else {
            return Vec::new();
        };
        let mark = if self.dry_run { " DRY-RUN MODE - " } else { "" };
        let names = match self.services.get(reference) {
            Some(names) => names.clone(),
            None => vec![reference.clone()],
        };
        let Some((first, others)) = names.split_first() else {
            return Vec::new();
        };
        let mut lines = vec![format!("{mark} {first} {state} ")];
        if state == "Pulled" {
            lines.extend(others.iter().map(|other| {
                format!("{mark} {other} Skipped - Image is already being pulled by {first} ")
            }));
        }
        lines
    }
}

/// Whether the step belongs to putting a new container in the place of an old one.
fn is_part_of_replacing(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::CreateContainer { .. }
            | Operation::UploadFiles { .. }
            | Operation::StopContainer { .. }
            | Operation::RemoveContainer { .. }
            | Operation::RenameContainer { .. }
    )
}

fn subject(target: &Target) -> String {
    match target {
        Target::Image { reference } => format!("Image {reference}"),
        Target::Network { name } => format!("Network {name}"),
        Target::Volume { name } => format!("Volume {name}"),
        Target::Container { name, .. } => format!("Container {name}"),
        Target::Service { name } => name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Snapshot;
    use crate::plan::{Cause, ContainerRef, NewContainer, Risk};
    use std::time::Duration;

    fn container(name: &str) -> Target {
        Target::Container {
            service: "web".into(),
            name: name.into(),
        }
    }

    fn plan(verb: Verb, operations: Vec<Operation>) -> Plan {
        let mut plan = Plan::new(verb, &Snapshot::default());
        for operation in operations {
            plan.push(
                container("p-web-1"),
                operation,
                Cause::Requested,
                Risk::Safe,
                [],
            );
        }
        plan
    }

    /// All lines when every step of the plan succeeds.
    fn play(plan: &Plan) -> Vec<String> {
        let mut lines = ComposeLines::new(false);
        let mut told = lines.expect(plan);
        for (step, one) in plan.steps.iter().enumerate() {
            let (target, verb) = (one.target.clone(), one.operation.verb());
            told.extend(lines.tell(&EventKind::StepStarted {
                step,
                target: target.clone(),
                verb,
            }));
            told.extend(lines.tell(&EventKind::StepFinished {
                step,
                target,
                verb,
                took: Duration::ZERO,
            }));
        }
        told
    }

    fn create() -> Operation {
        Operation::CreateContainer {
            container: Box::new(NewContainer {
                service: "web".into(),
                number: 1,
                spec: crate::engine::ContainerSpec::default(),
                name: "p-web-1".into(),
                references: Default::default(),
                inherited: Vec::new(),
                start_probe: None,
            }),
        }
    }

    fn reference() -> ContainerRef {
        ContainerRef::planned("web", "p-web-1")
    }

    fn stop() -> Operation {
        Operation::StopContainer {
            container: reference(),
            grace: None,
        }
    }

    fn start() -> Operation {
        Operation::StartContainer {
            container: reference(),
        }
    }

    #[test]
    fn a_container_is_created_and_started() {
        let mut plan = plan(Verb::Up, vec![create(), start()]);
        plan.unchanged.push("p-db-1".into());
        assert_eq!(
            play(&plan),
            [
                " Container p-db-1  Running",
                " Container p-web-1  Creating",
                " Container p-web-1  Created",
                " Container p-web-1  Starting",
                " Container p-web-1  Started",
            ]
        );
    }

    #[test]
    fn replacing_is_one_thing() {
        let remove = Operation::RemoveContainer {
            container: reference(),
            force: true,
            volumes: false,
        };
        let rename = Operation::RenameContainer {
            container: reference(),
            name: "p-web-1".into(),
        };
        let plan = plan(Verb::Up, vec![create(), stop(), remove, rename, start()]);
        assert_eq!(
            play(&plan),
            [
                " Container p-web-1  Recreate",
                " Container p-web-1  Recreated",
                " Container p-web-1  Starting",
                " Container p-web-1  Started",
            ]
        );
    }

    #[test]
    fn a_restart_is_one_thing() {
        let plan = plan(Verb::Restart, vec![stop(), start()]);
        assert_eq!(
            play(&plan),
            [
                " Container p-web-1  Restarting",
                " Container p-web-1  Started"
            ]
        );
    }

    #[test]
    fn a_replaced_network_and_what_stays_are_told_in_composes_words() {
        let network = Target::Network {
            name: "p_net".into(),
        };
        let both = |lines: &mut ComposeLines, verb| {
            let target = network.clone();
            let mut told = lines.tell(&EventKind::StepStarted {
                step: 0,
                target: target.clone(),
                verb,
            });
            told.extend(lines.tell(&EventKind::StepFinished {
                step: 0,
                target,
                verb,
                took: Duration::ZERO,
            }));
            told
        };
        let mut lines = ComposeLines::new(false);
        lines.expect(&plan(Verb::Up, Vec::new()));
        assert_eq!(both(&mut lines, "remove"), [" Network p_net  Removed"]);
        lines.expect(&plan(Verb::Down, Vec::new()));
        let kept = lines.tell(&EventKind::StillInUse {
            target: network.clone(),
            message: "others use it".into(),
        });
        assert_eq!(
            kept,
            [" Network p_net  Resource is still in use", "others use it"]
        );
        assert_eq!(both(&mut lines, "remove"), [" Network p_net  Removing"]);
    }
}
