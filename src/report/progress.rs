use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::board::Board;
use super::build_line::BuildLine;
use super::build_view::BuildView;
use super::compose_lines::ComposeLines;
use super::prose::bytes;
use super::step_lines::StepLines;
use super::{Console, Tone};
use crate::apply::{Event, EventKind};
use crate::build::{BuildEvent, BuildRunEvent, ImageGraph};
use crate::engine::HealthStatus;
use crate::plan::{Gate, Operation, Plan, Target};

/// How long work is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressStyle {
    /// Lines that are redrawn, for a terminal.
    Bars,
    /// A line for each thing that is done.
    Lines,
    /// The lines of `docker compose`, for those who call wharf by its name.
    Compose {
        /// Nothing is really done.
        dry_run: bool,
        /// What hooks write is shown among what containers write.
        attended: bool,
    },
    /// Every event as one line of JSON on standard error.
    Json,
    Silent,
}

/// The view of builds and plans while they go on.
pub struct Progress {
    console: Console,
    style: ProgressStyle,
    board: Board,
    compose: ComposeLines,
    /// How many steps are left by container, network, volume or image.
    left: HashMap<String, usize>,
    /// Containers that have a health check.
    checked: HashSet<String>,
    images: BuildView,
    /// The builder's steps as data. `None`: as talk.
    steps: Option<StepLines>,
}

impl Progress {
    pub fn new(console: Console, style: ProgressStyle) -> Self {
        let board = Board::new(console.clone(), style == ProgressStyle::Bars);
        let images = BuildView::new(console.clone(), style == ProgressStyle::Bars);
        Progress {
            console,
            style,
            board,
            compose: ComposeLines::new(matches!(
                style,
                ProgressStyle::Compose { dry_run: true, .. }
            )),
            left: HashMap::new(),
            checked: HashSet::new(),
            images,
            steps: None,
        }
    }

    /// Learns what is to come, so that a thing is called done after its last step only.
    pub fn expect(&mut self, plan: &Plan) {
        if let ProgressStyle::Compose { .. } = self.style {
            for line in self.compose.expect(plan) {
                self.console.say(&line);
            }
            return;
        }
        self.left.clear();
        let mut lines = HashSet::new();
        for step in &plan.steps {
            match &step.operation {
                Operation::Wait { containers, .. } => {
                    // Several may wait for one container; it is past its gates together.
                    for container in containers {
                        let left = self.left.entry(gate_key(&container.name)).or_default();
                        *left = 1;
                        lines.insert(container_key(&container.name));
                    }
                }
                _ => {
                    *self.left.entry(key(&step.target)).or_default() += 1;
                    // What a provider does is told in words of its own.
                    if !matches!(step.target, Target::Service { .. }) {
                        lines.insert(key(&step.target));
                    }
                    self.board.reserve(&label(&step.target));
                }
            }
        }
        self.board.expect(lines.len());
    }

    /// Which services use which image, where work on an image is told by service.
    pub fn name_images(&mut self, services: HashMap<String, Vec<String>>) {
        self.compose.name_images(services);
    }

    fn json(&self, event: &impl Serialize) {
        if let Ok(line) = serde_json::to_string(event) {
            self.console.insist(&line);
        }
    }

    /// Shows what happened while a plan is applied.
    pub fn applying(&mut self, event: &Event) {
        match self.style {
            ProgressStyle::Silent => return,
            ProgressStyle::Json => return self.json(event),
            ProgressStyle::Compose { attended, .. } => {
                if let EventKind::HookOutput {
                    container, line, ..
                } = &event.kind
                    && attended
                {
                    let name = self.compose.hook_name(container);
                    let name = self.console.name_in_front(&name, []);
                    self.console.data(&format!("{name}{line}"));
                }
                for line in self.compose.tell(&event.kind) {
                    self.console.say(&line);
                }
                return;
            }
            ProgressStyle::Bars | ProgressStyle::Lines => {}
        }
        match &event.kind {
            EventKind::StepStarted { target, verb, .. }
                if !matches!(target, Target::Service { .. }) =>
            {
                self.board
                    .work(&key(target), &label(target), &going_on(verb));
            }
            EventKind::StepFinished { target, verb, .. }
                if !matches!(target, Target::Service { .. }) =>
            {
                let key = key(target);
                let left = self.left.entry(key.clone()).or_insert(1);
                *left = left.saturating_sub(1);
                if *left > 0 {
                    return;
                }
                if let Target::Container { name, .. } = target
                    && self.left.contains_key(&gate_key(name))
                    && matches!(*verb, "start" | "restart")
                {
                    self.board.work(&key, &label(target), "started");
                } else {
                    self.board
                        .settle(&key, &label(target), Tone::Good, &done(verb));
                }
            }
            EventKind::StepFailed { target, verb, .. } => {
                let result = match verb.strip_prefix("wait until ") {
                    Some(state) => format!("not {state}"),
                    None => format!("cannot {verb}"),
                };
                self.board
                    .settle(&key(target), &label(target), Tone::Bad, &result);
            }
            EventKind::PullProgress {
                reference,
                layer,
                status,
                current,
                total,
                ..
            } => {
                let amount = match (current, total) {
                    (Some(current), Some(total)) if *total > 0 => {
                        let of = |count: &i64| bytes(u64::try_from(*count).unwrap_or(0));
                        format!(" {} of {}", of(current), of(total))
                    }
                    _ => String::new(),
                };
                let target = Target::Image {
                    reference: reference.clone(),
                };
                self.board.work(
                    &key(&target),
                    &label(&target),
                    &format!("{layer} {status}{amount}"),
                );
            }
            EventKind::Waiting {
                container,
                gate,
                health,
                ..
            } => {
                if health.is_some() {
                    self.checked.insert(container.clone());
                }
                let doing = match (gate, health) {
                    (Gate::Completed, _) => "running to its end".to_owned(),
                    (_, Some(HealthStatus::Unhealthy)) => "unhealthy".to_owned(),
                    (_, Some(_)) => "waiting until healthy".to_owned(),
                    (_, None) => "starting".to_owned(),
                };
                self.board
                    .work(&container_key(container), container, &doing);
            }
            EventKind::Passed {
                container, gate, ..
            } => {
                if self.left.remove(&gate_key(container)).is_some() {
                    let result = match gate {
                        Gate::Healthy => "healthy",
                        Gate::Completed => "completed",
                        Gate::Ready if self.checked.contains(container) => "healthy",
                        Gate::Ready => "running",
                    };
                    self.board
                        .settle(&container_key(container), container, Tone::Good, result);
                }
            }
            EventKind::HookOutput {
                container, line, ..
            } => {
                self.board.line(&format!("   {container}: {line}"));
            }
            EventKind::Warning {
                container, message, ..
            } => {
                let mark = self.console.paint(Tone::Warning, "warning:");
                self.board
                    .line(&format!("{mark} {container}: {message} (says the engine)"));
            }
            EventKind::StillInUse { message, .. } | EventKind::Skipped { message, .. } => {
                let mark = self.console.paint(Tone::Warning, "warning:");
                self.board.line(&format!("{mark} {message}"));
            }
            EventKind::Interrupted => {
                self.board.line(
                    "interrupted: finishing the calls in flight (press Ctrl-C again to stop now)",
                );
            }
            EventKind::Finished { .. } => self.board.clear(),
            EventKind::Started { .. }
            | EventKind::StepStarted { .. }
            | EventKind::StepFinished { .. }
            | EventKind::StepSkipped { .. }
            | EventKind::Probe { .. } => {}
        }
    }

    /// Learns which images are to come, so that they are drawn as a tree.
    pub fn expect_images(&mut self, graph: &ImageGraph, keys: &[String]) {
        self.images.expect(graph, keys);
        if let Some(steps) = &mut self.steps {
            steps.expect(graph, keys);
        }
    }

    /// Writes the builder's steps and their output to standard output, as `docker compose` does.
    pub fn say_steps_as_data(&mut self) {
        if let ProgressStyle::Lines | ProgressStyle::Compose { .. } = self.style {
            self.steps = Some(StepLines::default());
        }
    }

    /// Shows what the steps of builds write, line by line.
    pub fn say_outputs(&mut self) {
        self.images.say_outputs();
    }

    /// Shows what happens while images are built. `unchanged`: name those too that are left alone.
    pub fn building(&mut self, event: &BuildRunEvent, unchanged: bool) {
        if let Some(steps) = &mut self.steps {
            for line in steps.tell(event) {
                self.console.data(&line);
            }
            if let Some(lines) = steps.results(event) {
                for line in lines {
                    self.console.say(&line);
                }
                return;
            }
            match event {
                BuildRunEvent::Started { .. } => return,
                BuildRunEvent::Step { event, .. }
                    if !matches!(event, BuildEvent::Warning { .. }) =>
                {
                    return;
                }
                _ => {}
            }
        }
        match self.style {
            ProgressStyle::Silent => {}
            ProgressStyle::Json => self.json(&BuildLine::of(event)),
            ProgressStyle::Bars | ProgressStyle::Lines | ProgressStyle::Compose { .. } => {
                self.images.show(event, unchanged)
            }
        }
    }

    pub(super) fn tells_as_json(&self) -> bool {
        self.style == ProgressStyle::Json
    }

    pub(super) fn tell(&self, event: &impl Serialize) {
        self.json(event);
    }

    /// `None`: nothing is shown, or not in lines.
    pub(super) fn board(&mut self) -> Option<&mut Board> {
        matches!(self.style, ProgressStyle::Bars | ProgressStyle::Lines).then_some(&mut self.board)
    }

    /// Takes what is redrawn off the screen.
    pub fn end(&mut self) {
        self.board.clear();
        self.images.end();
        for line in self.steps.iter_mut().flat_map(StepLines::cancel) {
            self.console.data(&line);
        }
    }
}

/// The first twelve digits of an image id.
pub fn short_id(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..12).unwrap_or(digits)
}

fn container_key(name: &str) -> String {
    format!("container {name}")
}

fn gate_key(container: &str) -> String {
    format!("gate {container}")
}

fn key(target: &Target) -> String {
    target.to_string()
}

fn label(target: &Target) -> String {
    match target {
        Target::Container { name, .. } => name.clone(),
        _ => target.to_string(),
    }
}

/// The verb of a step as something that goes on: `start` gives `starting`.
fn going_on(verb: &str) -> String {
    let (first, rest) = verb
        .split_once(' ')
        .map_or((verb, ""), |(first, rest)| (first, rest));
    let stem = match first {
        "stop" => "stopp",
        "run" => "runn",
        "wait" | "start" | "restart" | "kill" | "pull" => first,
        _ => first.strip_suffix('e').unwrap_or(first),
    };
    format!("{stem}ing {rest}").trim_end().to_owned()
}

/// The verb of a step as a result: `start` gives `started`.
fn done(verb: &str) -> String {
    let (first, rest) = verb
        .split_once(' ')
        .map_or((verb, ""), |(first, rest)| (first, rest));
    let past = match first {
        "stop" => "stopped".to_owned(),
        "run" => "ran".to_owned(),
        _ if first.ends_with('e') => format!("{first}d"),
        _ => format!("{first}ed"),
    };
    format!("{past} {rest}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_english() {
        for (verb, doing, result) in [
            ("create", "creating", "created"),
            ("start", "starting", "started"),
            ("stop", "stopping", "stopped"),
            ("remove", "removing", "removed"),
            ("kill", "killing", "killed"),
            ("pull", "pulling", "pulled"),
            ("rename", "renaming", "renamed"),
            (
                "run post_start in",
                "running post_start in",
                "ran post_start in",
            ),
        ] {
            assert_eq!(going_on(verb), doing);
            assert_eq!(done(verb), result);
        }
    }
}
