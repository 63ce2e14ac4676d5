use std::time::{Duration, Instant};

use indexmap::IndexMap;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle as BarStyle};

use super::prose::stopwatch;
use super::{Console, Tone, terminal};

/// Columns for labels at the most.
const LABEL_WIDTH: usize = 48;

/// Columns of a mark, a result and a time.
const BESIDE: usize = 22;

/// One line for each thing that is worked on: redrawn in a terminal, printed once it is done elsewhere.
pub struct Board {
    console: Console,
    live: Option<MultiProgress>,
    /// In the order in which work on them began.
    lines: IndexMap<String, Line>,
    /// Tells how many are worked on beyond those that the screen has room for.
    more: Option<ProgressBar>,
    /// Columns of the widest label so far.
    width: usize,
    /// How many things are to be worked on. `None`: nobody knows.
    expected: Option<usize>,
    done: usize,
}

struct Line {
    started: Instant,
    text: String,
    /// `None`: it is not shown, or not yet.
    bar: Option<ProgressBar>,
}

/// Rows of a terminal that are left for what is said beside the lines that move, and how many of these there are at most.
const ROWS_BESIDE: usize = 4;
const MOST_LINES: usize = 30;

impl Board {
    /// `live`: redraw lines; only for a terminal.
    pub fn new(console: Console, live: bool) -> Self {
        let live =
            live.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(12)));
        Board {
            console,
            live,
            lines: IndexMap::new(),
            more: None,
            width: 0,
            expected: None,
            done: 0,
        }
    }

    /// Learns how many things there will be, where the screen has no room for all of them.
    pub fn expect(&mut self, count: usize) {
        (self.expected, self.done) = (Some(count), 0);
    }

    /// Makes room for the longest label that is to come, so that columns stay where they are.
    pub fn reserve(&mut self, label: &str) {
        self.width = self.width.max(label.chars().count()).min(self.room());
    }

    /// Columns for labels: beside them stands what is done, and for how long.
    fn room(&self) -> usize {
        match self.live {
            Some(_) => LABEL_WIDTH
                .min(self.console.width().saturating_sub(BESIDE))
                .max(8),
            None => LABEL_WIDTH,
        }
    }

    /// Something begins, or goes on with another word for what is done.
    pub fn work(&mut self, key: &str, label: &str, doing: &str) {
        self.reserve(label);
        let label = self.fit(label);
        let text = self.cut(&format!("{label:width$}  {doing}", width = self.width), 12);
        match self.lines.get_mut(key) {
            Some(line) => {
                if let Some(bar) = &line.bar {
                    bar.set_message(text.clone());
                }
                line.text = text;
            }
            None => {
                let line = Line {
                    started: Instant::now(),
                    text,
                    bar: None,
                };
                self.lines.insert(key.to_owned(), line);
                self.arrange();
            }
        }
    }

    /// Shows as many lines as the screen has room for, the oldest first, and how many there are beyond.
    fn arrange(&mut self) {
        let Some(live) = &self.live else { return };
        let rows = terminal::rows().unwrap_or(24);
        let room = rows.saturating_sub(ROWS_BESIDE).clamp(3, MOST_LINES);
        let mut shown = self
            .lines
            .values()
            .filter(|line| line.bar.is_some())
            .count();
        for line in self.lines.values_mut().filter(|line| line.bar.is_none()) {
            if shown >= room {
                break;
            }
            shown += 1;
            let bar = ProgressBar::new_spinner().with_elapsed(line.started.elapsed());
            let bar = match &self.more {
                Some(more) => live.insert_before(more, bar),
                None => live.add(bar),
            };
            if let Ok(style) = BarStyle::with_template(" {spinner} {msg}  {elapsed}") {
                bar.set_style(style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
            }
            bar.set_message(line.text.clone());
            bar.enable_steady_tick(Duration::from_millis(100));
            line.bar = Some(bar);
        }
        let hidden = self.lines.len().saturating_sub(shown);
        if hidden == 0 {
            if let Some(more) = self.more.take() {
                more.finish_and_clear();
            }
            return;
        }
        let more = self.more.get_or_insert_with(|| {
            let bar = live.add(ProgressBar::new_spinner());
            if let Ok(style) = BarStyle::with_template("   {msg}") {
                bar.set_style(style);
            }
            bar
        });
        more.set_message(match self.expected {
            Some(expected) => format!("and {hidden} more; {} of {expected} done", self.done),
            None => format!("and {hidden} more"),
        });
    }

    /// The thing is done: a mark, its label, the result and the time it took.
    pub fn settle(&mut self, key: &str, label: &str, tone: Tone, result: &str) {
        self.done += 1;
        let line = self.lines.shift_remove(key);
        let took = line.as_ref().map(|line| line.started.elapsed());
        self.reserve(label);
        let label = self.fit(label);
        let mark = match tone {
            Tone::Bad => "✗",
            Tone::Warning => "!",
            Tone::Quiet => "-",
            _ => "✓",
        };
        let time = took
            .map(|took| self.console.paint(Tone::Quiet, &stopwatch(took)))
            .unwrap_or_default();
        let text = format!(
            " {} {label:width$}  {}  {time}",
            self.console.paint(tone, mark),
            self.console.paint(
                if tone == Tone::Good {
                    Tone::Plain
                } else {
                    tone
                },
                result
            ),
            width = self.width
        );
        let text = text.trim_end().to_owned();
        if let Some(bar) = line.and_then(|line| line.bar) {
            bar.finish_and_clear();
        }
        self.arrange();
        self.line(&text);
    }

    /// A line that stays: in a terminal above those that still move.
    pub fn line(&self, text: &str) {
        match &self.live {
            Some(live) if !self.console.is_quiet() => {
                let _ = live.println(text);
            }
            Some(_) => {}
            None => self.console.say(text),
        }
    }

    /// Takes the lines of whatever is still at work off the screen.
    pub fn clear(&mut self) {
        for (_, line) in self.lines.drain(..) {
            if let Some(bar) = line.bar {
                bar.finish_and_clear();
            }
        }
        if let Some(more) = self.more.take() {
            more.finish_and_clear();
        }
        if let Some(live) = &self.live {
            let _ = live.clear();
        }
    }

    /// A label that is too long for a terminal keeps its end: there the names differ.
    fn fit(&self, label: &str) -> String {
        match self.live {
            Some(_) => tail(label, self.room()),
            None => label.to_owned(),
        }
    }

    fn cut(&self, text: &str, reserve: usize) -> String {
        let room = self.console.width().saturating_sub(reserve).max(10);
        if text.chars().count() <= room {
            return text.to_owned();
        }
        let head: String = text.chars().take(room - 1).collect();
        format!("{head}…")
    }
}

/// The last `room` characters, the first of them replaced if something is missing.
fn tail(text: &str, room: usize) -> String {
    let count = text.chars().count();
    if count <= room {
        return text.to_owned();
    }
    let end: String = text.chars().skip(count + 1 - room.max(1)).collect();
    format!("…{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_labels_keep_their_end() {
        assert_eq!(tail("project-service-12", 8), "…vice-12");
        assert_eq!(tail("short", 8), "short");
    }
}
