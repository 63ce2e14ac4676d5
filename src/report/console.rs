use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anstyle::{AnsiColor, Style};

use crate::load::Environment;

/// Whether escape sequences may be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// When the stream is a terminal and `NO_COLOR` is unset.
    #[default]
    Auto,
    Never,
    Always,
}

/// How a word is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Strong,
    Quiet,
    Good,
    Warning,
    Bad,
    /// The n-th of a cycle of colours, to tell services apart.
    Series(usize),
}

/// Standard output and standard error, and what they can show.
#[derive(Clone, Debug)]
pub struct Console {
    out_colour: bool,
    err_colour: bool,
    err_terminal: bool,
    out_terminal: bool,
    width: Option<usize>,
    quiet: bool,
    talks_on_stdout: bool,
    /// Of the longest name that has stood in front of a log line, in bytes.
    names_width: Arc<AtomicUsize>,
}

impl Console {
    pub fn new(colour: Colour, quiet: bool, environment: &Environment) -> Self {
        let set = |name: &str| environment.get(name).is_some_and(|value| !value.is_empty());
        let dumb = environment.get("TERM") == Some("dumb");
        let show = |terminal: bool| match colour {
            Colour::Never => false,
            Colour::Always => true,
            Colour::Auto => !set("NO_COLOR") && (set("CLICOLOR_FORCE") || terminal && !dumb),
        };
        let out_terminal = io::stdout().is_terminal();
        let err_terminal = io::stderr().is_terminal() && !dumb;
        let columns = || {
            let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr()).ok()?;
            Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
        };
        Console {
            out_colour: show(out_terminal),
            err_colour: show(err_terminal),
            err_terminal,
            out_terminal,
            width: environment
                .get("COLUMNS")
                .and_then(|columns| columns.parse().ok())
                .or_else(columns),
            quiet,
            talks_on_stdout: false,
            names_width: Arc::default(),
        }
    }

    /// The same with its talk among the data, for those who read only that.
    pub fn talking_on_stdout(self) -> Console {
        Console {
            err_colour: self.out_colour,
            err_terminal: self.out_terminal,
            talks_on_stdout: true,
            ..self
        }
    }

    /// Whether talk goes to a terminal, where lines can be redrawn.
    pub fn talks_to_terminal(&self) -> bool {
        self.err_terminal
    }

    pub fn data_goes_to_terminal(&self) -> bool {
        self.out_terminal
    }

    pub fn talk_has_colour(&self) -> bool {
        self.err_colour
    }

    pub fn data_has_colour(&self) -> bool {
        self.out_colour
    }

    /// Columns of the terminal; 100 where it cannot be told.
    pub fn width(&self) -> usize {
        self.width.unwrap_or(100).max(20)
    }

    /// Columns of the terminal; `None` where lines go to a file or a pipe and need no limit.
    pub fn terminal_width(&self) -> Option<usize> {
        self.width
            .filter(|_| self.err_terminal || self.out_terminal)
    }

    /// Columns that tables among the data may take; `None` where the data go to a file or a pipe and need no limit.
    pub fn data_width(&self) -> Option<usize> {
        self.width.filter(|_| self.out_terminal)
    }

    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// The same without colours.
    pub fn plain(&self) -> Console {
        Console {
            out_colour: false,
            err_colour: false,
            ..self.clone()
        }
    }

    /// A name in front of a log line, as wide as the widest that there has been; `names` come later.
    pub fn name_in_front<'n>(
        &self,
        name: &str,
        names: impl IntoIterator<Item = &'n String>,
    ) -> String {
        let widest = names
            .into_iter()
            .map(String::len)
            .fold(name.len(), usize::max);
        let before = self.names_width.fetch_max(widest, Ordering::Relaxed);
        let width = widest.max(before);
        format!("{name:width$}  | ")
    }

    /// `text` in the style of `tone` for standard error.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        paint(self.err_colour, tone, text)
    }

    /// `text` in the style of `tone` for standard output.
    pub fn paint_data(&self, tone: Tone, text: &str) -> String {
        paint(self.out_colour, tone, text)
    }

    /// A line of data. A reader that has gone away ends the output, not the work.
    pub fn data(&self, line: &str) {
        let _ = writeln!(io::stdout().lock(), "{line}");
    }

    /// Data as it is, without a line's end.
    pub fn raw_data(&self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }

    /// Data that is written piece by piece. A reader that has gone away ends the output, not the work.
    pub fn write_data(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let _ = write(&mut out).and_then(|()| out.flush());
    }

    /// Bytes for standard error as they are: what a container wrote there.
    pub fn raw_talk(&self, bytes: &[u8]) {
        let mut err = io::stderr().lock();
        let _ = err.write_all(bytes).and_then(|()| err.flush());
    }

    /// A line of talk; silent with `--quiet`.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            self.insist(line);
        }
    }

    /// A line of talk that `--quiet` does not silence.
    pub fn insist(&self, line: &str) {
        let _ = match self.talks_on_stdout {
            true => writeln!(io::stdout().lock(), "{line}"),
            false => writeln!(io::stderr().lock(), "{line}"),
        };
    }

    pub fn note(&self, text: &str) {
        self.say(&format!("{} {text}", self.paint(Tone::Quiet, "note:")));
    }

    pub fn warn(&self, text: &str) {
        self.insist(&format!("{} {text}", self.paint(Tone::Warning, "warning:")));
    }

    pub fn error(&self, text: &str) {
        self.insist(&format!("{} {text}", self.paint(Tone::Bad, "error:")));
    }
}

const SERIES: [AnsiColor; 10] = [
    AnsiColor::Cyan,
    AnsiColor::Yellow,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::BrightCyan,
    AnsiColor::BrightYellow,
    AnsiColor::BrightGreen,
    AnsiColor::BrightMagenta,
    AnsiColor::BrightBlue,
];

fn paint(colour: bool, tone: Tone, text: &str) -> String {
    let style = match tone {
        _ if !colour => return text.to_owned(),
        Tone::Plain => return text.to_owned(),
        Tone::Strong => Style::new().bold(),
        Tone::Quiet => Style::new().dimmed(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Warning => AnsiColor::Yellow.on_default().bold(),
        Tone::Bad => AnsiColor::Red.on_default().bold(),
        Tone::Series(at) => SERIES[at % SERIES.len()].on_default(),
    };
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_wins_over_a_terminal_and_loses_to_a_demand() {
        let mut environment = Environment::default();
        environment.variables.insert("NO_COLOR".into(), "1".into());
        assert!(!Console::new(Colour::Auto, false, &environment).talk_has_colour());
        assert!(Console::new(Colour::Always, false, &environment).talk_has_colour());
    }

    #[test]
    fn names_in_front_of_lines_grow_no_narrower() {
        let console = Console::new(Colour::Never, false, &Environment::default());
        let names = ["a-1".to_owned(), "bb-1".to_owned()];
        assert_eq!(console.name_in_front("a-1", &names), "a-1   | ");
        assert_eq!(console.plain().name_in_front("bb-1 ->", []), "bb-1 ->  | ");
        assert_eq!(console.name_in_front("a-1", &names), "a-1      | ");
    }

    #[test]
    fn paints_only_where_colour_is_shown() {
        assert_eq!(paint(false, Tone::Bad, "x"), "x");
        assert_eq!(paint(true, Tone::Strong, "x"), "\u{1b}[1mx\u{1b}[0m");
    }
}
