use std::io::IsTerminal;

use rustix::stdio;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use tokio::io::{AsyncBufReadExt, BufReader, Stdin};

use super::Console;
use crate::engine::ConsoleSize;

/// Whether standard input is a terminal.
pub fn stdin_is_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// Reads a line from standard input; whether it says yes. The question is shown where somebody can see it.
pub async fn confirm(console: &Console, question: &str) -> bool {
    if stdin_is_terminal() {
        console.raw_talk(question.as_bytes());
    }
    Answers::default().next().await.unwrap_or(false)
}

/// The lines of standard input, as answers to questions.
pub struct Answers(BufReader<Stdin>);

impl Default for Answers {
    fn default() -> Answers {
        Answers(BufReader::new(tokio::io::stdin()))
    }
}

impl Answers {
    /// Shows a question, whoever may see it, and waits for the answer: whether it is yes. `None`: nobody answers.
    pub async fn ask(&mut self, console: &Console, question: &str) -> Option<bool> {
        console.raw_talk(question.as_bytes());
        let answer = self.next().await;
        if !stdin_is_terminal() {
            console.raw_talk(b"\n");
        }
        answer
    }

    async fn next(&mut self) -> Option<bool> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).await;
        let said = matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes");
        read.is_ok_and(|count| count > 0).then_some(said)
    }
}

/// The size of the terminal on standard output; `None` when there is none.
pub fn size() -> Option<ConsoleSize> {
    let size = tcgetwinsize(stdio::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some(ConsoleSize {
        rows: size.ws_row,
        columns: size.ws_col,
    })
}

/// The rows of the terminal on standard error; `None` when there is none.
pub fn rows() -> Option<usize> {
    let size = tcgetwinsize(stdio::stderr()).ok()?;
    (size.ws_row > 0).then_some(usize::from(size.ws_row))
}

/// The terminal of standard input in raw mode: every key goes to the container. Dropping it restores the terminal.
pub struct RawMode {
    before: Termios,
}

impl RawMode {
    /// `None` when standard input is no terminal.
    pub fn enter() -> Option<Self> {
        let before = tcgetattr(stdio::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdio::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(RawMode { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = tcsetattr(stdio::stdin(), OptionalActions::Now, &self.before);
    }
}
