use std::time::{Duration, Instant};

use indexmap::IndexMap;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle as BarStyle};

use super::prose::{bytes, stopwatch};
use super::{Console, Tone, short_id};
use crate::build::{BuildEvent, BuildRunEvent, ImageGraph, StepId};

/// Columns for an image's name at the most.
const NAME_WIDTH: usize = 40;
/// Lines for the steps of one image at the most.
const STEP_LINES: usize = 6;

/// Images while they are built. In a terminal: a tree, what stands on an image below it, each with the steps that it is
/// at; steps are folded away when their image is done. Elsewhere: a line for each thing that is done.
pub(super) struct BuildView {
    console: Console,
    live: Option<MultiProgress>,
    images: IndexMap<String, ImageLine>,
    /// Columns of the widest name, indentation included.
    width: usize,
    /// What steps write is shown line by line.
    outputs: bool,
}

/// One image of the tree.
#[derive(Default)]
struct ImageLine {
    /// How many images it stands on, one upon the other.
    depth: usize,
    bar: Option<ProgressBar>,
    started: Option<Instant>,
    steps: IndexMap<StepId, StepLine>,
    /// Steps that are done, and how many of them were in the cache.
    done: usize,
    cached: usize,
    settled: bool,
}

struct StepLine {
    name: String,
    bar: Option<ProgressBar>,
    done: bool,
}

impl BuildView {
    /// `live`: redraw lines; only for a terminal.
    pub(super) fn new(console: Console, live: bool) -> Self {
        let live =
            live.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(12)));
        BuildView {
            console,
            live,
            images: IndexMap::new(),
            width: 0,
            outputs: false,
        }
    }

    pub(super) fn say_outputs(&mut self) {
        self.outputs = self.live.is_none();
    }

    /// Takes the images with these keys in, each below the first one that it stands on.
    pub(super) fn expect(&mut self, graph: &ImageGraph, keys: &[String]) {
        let mut open: Vec<(String, usize)> = Vec::new();
        let parent = |key: &String| graph.dag.needs(key).next();
        for key in keys.iter().rev() {
            if parent(key).is_none_or(|parent| !keys.contains(parent)) {
                open.push((key.clone(), 0));
            }
        }
        while let Some((key, depth)) = open.pop() {
            let children = keys.iter().rev().filter(|one| parent(one) == Some(&key));
            open.extend(children.map(|child| (child.clone(), depth + 1)));
            let name = 2 * depth + key.chars().count();
            self.width = self.width.max(name.min(NAME_WIDTH));
            let line = ImageLine {
                depth,
                ..ImageLine::default()
            };
            self.images.insert(key, line);
        }
    }

    pub(super) fn show(&mut self, event: &BuildRunEvent, unchanged: bool) {
        match event {
            BuildRunEvent::Started { image, reason } => {
                self.start(image);
                if self.live.is_none() {
                    self.above(&format!(" · image {image}  building: {reason}"));
                }
            }
            BuildRunEvent::Step { image, event } => self.step(image, event),
            BuildRunEvent::Unchanged { image, .. } => {
                if unchanged {
                    self.settle(image, Tone::Good, "unchanged");
                }
            }
            BuildRunEvent::Due { image, reason } => {
                self.settle(image, Tone::Quiet, &format!("would be built: {reason}"));
            }
            BuildRunEvent::Built {
                image, id, size, ..
            } => {
                let size = size.map(|size| format!("  {}", bytes(size)));
                let counts = self.images.get(image).map(ImageLine::counts);
                let result = format!(
                    "built {}{}{}",
                    short_id(id),
                    size.unwrap_or_default(),
                    counts.unwrap_or_default()
                );
                self.settle(image, Tone::Good, &result);
            }
            BuildRunEvent::Failed(failure) => self.settle(&failure.image, Tone::Bad, "failed"),
            BuildRunEvent::Abandoned { image } => self.settle(image, Tone::Quiet, "not built"),
        }
    }

    /// The place of the image's line is fixed by those before it in the tree.
    fn start(&mut self, image: &str) {
        if !self.images.contains_key(image) {
            self.images.insert(image.to_owned(), ImageLine::default());
        }
        let before = self
            .images
            .iter()
            .take_while(|(key, _)| *key != image)
            .filter_map(|(_, line)| line.last_bar())
            .last()
            .cloned();
        let bar = self.live.as_ref().map(|live| {
            let bar = ProgressBar::new_spinner();
            let bar = match &before {
                Some(before) => live.insert_after(before, bar),
                None => live.insert(0, bar),
            };
            if let Ok(style) = BarStyle::with_template(" {spinner} {msg}  {elapsed}") {
                bar.set_style(style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        if let Some(line) = self.images.get_mut(image) {
            line.bar = bar;
            line.started = Some(Instant::now());
        }
        self.name(image, "");
    }

    /// Writes the image's own line anew.
    fn name(&self, image: &str, doing: &str) {
        let Some(line) = self.images.get(image) else {
            return;
        };
        if let Some(bar) = &line.bar {
            let text = format!("{}  building{}{doing}", self.label(image), line.counts());
            bar.set_message(self.cut(&text, 12));
        }
    }

    /// The image's name in its place of the tree.
    fn label(&self, image: &str) -> String {
        let depth = self.images.get(image).map_or(0, |line| line.depth);
        let name = match depth {
            _ if self.live.is_none() => format!("image {image}"),
            0 => image.to_owned(),
            depth => format!("{}└ {image}", "  ".repeat(depth - 1)),
        };
        let more = if self.live.is_none() {
            "image ".len()
        } else {
            0
        };
        format!("{name:width$}", width = self.width + more)
    }

    fn step(&mut self, image: &str, event: &BuildEvent) {
        match event {
            BuildEvent::StepStarted { step, name } => {
                self.open_step(image, step, name);
            }
            BuildEvent::StepCompleted {
                step,
                name,
                cached,
                duration,
            } => {
                let result = match cached {
                    true => "CACHED".to_owned(),
                    false => stopwatch(*duration),
                };
                self.close_step(image, step, name, *cached, &result);
            }
            BuildEvent::StepFailed { step, name, .. } => {
                self.close_step(image, step, name, false, "failed");
            }
            BuildEvent::Output { step, line, .. } if !line.trim().is_empty() => {
                if self.outputs {
                    self.above(&format!("   {image} | {}", line.trim_end()));
                }
                self.tell_step(image, step, line.trim());
            }
            BuildEvent::Transfer {
                step,
                name,
                current,
                total,
                done: false,
            } => {
                let amount = match total {
                    Some(total) => format!("{name} {} of {}", bytes(*current), bytes(*total)),
                    None => format!("{name} {}", bytes(*current)),
                };
                self.tell_step(image, step, &amount);
            }
            BuildEvent::Warning { message, lines, .. } => {
                let place = lines
                    .map(|(first, _)| format!(" (line {first})"))
                    .unwrap_or_default();
                let mark = self.console.paint(Tone::Warning, "warning:");
                self.above(&format!("{mark} image {image}{place}: {message}"));
            }
            BuildEvent::Output { .. } | BuildEvent::Transfer { .. } => {}
        }
    }

    fn open_step(&mut self, image: &str, step: &StepId, name: &str) {
        let live = self.live.clone();
        let text = self.step_text(image, name, "");
        let Some(line) = self.images.get_mut(image) else {
            return;
        };
        if line.steps.contains_key(step) {
            return;
        }
        if line.steps.len() >= STEP_LINES
            && let Some(oldest) = line.steps.values().position(|step| step.done)
            && let Some((_, folded)) = line.steps.shift_remove_index(oldest)
        {
            folded.fold(live.as_ref());
        }
        let bar = live.as_ref().zip(line.last_bar()).map(|(live, before)| {
            let bar = live.insert_after(before, ProgressBar::new_spinner());
            if let Ok(style) = BarStyle::with_template("   {msg}") {
                bar.set_style(style);
            }
            bar.set_message(text);
            bar
        });
        let opened = StepLine {
            name: name.to_owned(),
            bar,
            done: false,
        };
        line.steps.insert(step.clone(), opened);
    }

    /// What a step is at.
    fn tell_step(&self, image: &str, step: &StepId, doing: &str) {
        let found = self.images.get(image).and_then(|line| line.steps.get(step));
        if let Some(StepLine {
            name,
            bar: Some(bar),
            ..
        }) = found
        {
            bar.set_message(self.step_text(image, name, doing));
        }
    }

    fn close_step(&mut self, image: &str, step: &StepId, name: &str, cached: bool, result: &str) {
        // A step from the cache may never have been said to start.
        self.open_step(image, step, name);
        let is_own = is_of_dockerfile(name);
        let text = self.step_text(image, name, result);
        if let Some(line) = self.images.get_mut(image) {
            line.done += usize::from(is_own);
            line.cached += usize::from(is_own && cached);
            if let Some(step) = line.steps.get_mut(step) {
                step.done = true;
                if let Some(bar) = &step.bar {
                    bar.set_message(text);
                }
            }
        }
        if self.live.is_some() {
            self.name(image, "");
        } else if is_own {
            let words: Vec<&str> = name.split_whitespace().collect();
            let room = self.console.width().saturating_sub(image.len() + 16);
            let step = shortened(&words.join(" "), room);
            self.above(&format!("   {image} {step}  {result}"));
        }
    }

    /// A step below its image: its name, and what it is at or how it ended.
    fn step_text(&self, image: &str, name: &str, doing: &str) -> String {
        let depth = self.images.get(image).map_or(0, |line| line.depth);
        let words: Vec<&str> = name.split_whitespace().collect();
        let name = words.join(" ");
        let room = self.console.width().saturating_sub(2 * depth + 6).max(20);
        let doing_room = room / 3;
        let doing = shortened(doing, doing_room.max(12));
        let name = shortened(&name, room.saturating_sub(doing.chars().count() + 4));
        let doing = self.console.paint(Tone::Quiet, &doing);
        format!("{}{name}  {doing}", "  ".repeat(depth))
    }

    fn settle(&mut self, image: &str, tone: Tone, result: &str) {
        let label = self.label(image);
        let live = self.live.clone();
        if live.is_some() && self.images.get(image).is_none_or(|line| line.bar.is_none()) {
            self.start(image);
        }
        let mut took = None;
        let mut bar = None;
        if let Some(line) = self.images.get_mut(image) {
            took = line.started.map(|started| started.elapsed());
            line.settled = true;
            for (_, step) in line.steps.drain(..) {
                step.fold(live.as_ref());
            }
            bar = line.bar.clone();
        }
        let mark = match tone {
            Tone::Bad => "✗",
            Tone::Quiet => "-",
            _ => "✓",
        };
        let time = took
            .filter(|took| took.as_millis() >= 1)
            .map(|took| self.console.paint(Tone::Quiet, &stopwatch(took)))
            .unwrap_or_default();
        let painted = match tone {
            Tone::Good => result.to_owned(),
            tone => self.console.paint(tone, result),
        };
        let mark = self.console.paint(tone, mark);
        match bar {
            Some(bar) => {
                if let Ok(style) = BarStyle::with_template(" {msg}") {
                    bar.set_style(style);
                }
                bar.finish_with_message(format!("{mark} {label}  {painted}  {time}"));
            }
            None => {
                let text = format!(" {mark} {label}  {painted}  {time}");
                self.above(text.trim_end());
            }
        }
    }

    /// A line that stays, above the tree.
    fn above(&self, text: &str) {
        match &self.live {
            Some(live) if !self.console.is_quiet() => {
                let _ = live.println(text);
            }
            Some(_) => {}
            None => self.console.say(text),
        }
    }

    /// Takes away what is still at work; finished images stay on the screen. Without a terminal, steps that will not end are named.
    pub(super) fn end(&mut self) {
        let live = self.live.clone();
        let mut stopped = Vec::new();
        for (image, line) in self.images.drain(..).filter(|(_, line)| !line.settled) {
            for step in line.steps.into_values() {
                if live.is_none() && !step.done && is_of_dockerfile(&step.name) {
                    let words: Vec<&str> = step.name.split_whitespace().collect();
                    stopped.push(format!("   {image} {}  CANCELED", words.join(" ")));
                }
                step.fold(live.as_ref());
            }
            if let Some(bar) = line.bar {
                bar.finish_and_clear();
            }
        }
        for line in stopped {
            self.above(&line);
        }
    }

    fn cut(&self, text: &str, reserve: usize) -> String {
        shortened(text, self.console.width().saturating_sub(reserve).max(10))
    }
}

impl ImageLine {
    /// The lowest line that belongs to the image.
    fn last_bar(&self) -> Option<&ProgressBar> {
        let steps = self.steps.values().rev();
        steps
            .filter_map(|step| step.bar.as_ref())
            .next()
            .or(self.bar.as_ref())
    }

    /// How far the build has come.
    fn counts(&self) -> String {
        match (self.done, self.cached) {
            (0, _) => String::new(),
            (1, 1) => "  1 step, cached".to_owned(),
            (1, _) => "  1 step".to_owned(),
            (done, 0) => format!("  {done} steps"),
            (done, cached) if done == cached => format!("  {done} steps, all cached"),
            (done, cached) => format!("  {done} steps, {cached} cached"),
        }
    }
}

impl StepLine {
    fn fold(self, live: Option<&MultiProgress>) {
        if let (Some(bar), Some(live)) = (self.bar, live) {
            bar.finish_and_clear();
            live.remove(&bar);
        }
    }
}

/// Whether a step comes from a line of the Dockerfile: `[2/7] RUN ..`, not `[internal] load ..` or `exporting to image`.
fn is_of_dockerfile(name: &str) -> bool {
    name.starts_with('[')
        && !name.starts_with("[internal]")
        && !name.starts_with("[auth]")
        && !name.starts_with("[context ")
}

/// Cut to `room` characters.
fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let head: String = text.chars().take(room.saturating_sub(1)).collect();
    format!("{head}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MemoryDisk;
    use crate::model::Project;
    use crate::report::Colour;
    use serde_json::json;

    #[test]
    fn images_stand_below_what_they_are_made_from() {
        let project: Project = serde_json::from_value(json!({"name": "p", "services": {
            "prod": {"build": {"dockerfile_inline": "FROM p-app"}},
            "app": {"build": {"dockerfile_inline": "FROM p-base"}},
            "base": {"build": {"dockerfile_inline": "FROM debian"}},
            "tools": {"build": {"dockerfile_inline": "FROM p-base\nRUN x"}},
            "alone": {"build": {"dockerfile_inline": "FROM scratch"}}
        }}))
        .unwrap();
        let graph = ImageGraph::of(&project, &MemoryDisk::default()).unwrap();
        let keys: Vec<String> = graph.images.keys().cloned().collect();
        let console = Console::new(Colour::Never, false, &Default::default());
        let mut view = BuildView::new(console, false);
        view.expect(&graph, &keys);
        let drawn: Vec<String> = view
            .images
            .iter()
            .map(|(key, line)| format!("{}{key}", " ".repeat(line.depth)))
            .collect();
        assert_eq!(drawn, ["base", " app", "  prod", " tools", "alone"]);
    }

    #[test]
    fn steps_of_the_dockerfile_are_counted() {
        for (done, cached, told) in [
            (0, 0, ""),
            (1, 1, "  1 step, cached"),
            (3, 0, "  3 steps"),
            (3, 2, "  3 steps, 2 cached"),
            (3, 3, "  3 steps, all cached"),
        ] {
            let line = ImageLine {
                done,
                cached,
                ..ImageLine::default()
            };
            assert_eq!(line.counts(), told);
        }
        assert!(is_of_dockerfile("[dev 2/7] RUN x"));
        assert!(!is_of_dockerfile("[internal] load build context"));
    }
}
