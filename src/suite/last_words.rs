use std::collections::VecDeque;

/// Bytes that are kept.
const MOST: usize = 16 * 1024;
/// Lines that are shown.
const LINES: usize = 20;

/// The end of what tests have written: without a report of theirs, it is all that says why they failed.
#[derive(Debug, Default)]
pub struct LastWords(VecDeque<u8>);

impl LastWords {
    pub fn add(&mut self, bytes: &[u8]) {
        let surplus = (self.0.len() + bytes.len()).saturating_sub(MOST);
        self.0.drain(..surplus.min(self.0.len()));
        self.0
            .extend(bytes.iter().skip(bytes.len().saturating_sub(MOST)));
    }

    /// The last lines, oldest first, without what only a terminal understands.
    pub fn lines(self) -> Vec<String> {
        let text = String::from_utf8_lossy(&Vec::from(self.0)).into_owned();
        let lines: Vec<String> = text.lines().map(plain).collect();
        let first = lines.len().saturating_sub(LINES);
        lines.into_iter().skip(first).collect()
    }
}

/// A line without control sequences: <https://en.wikipedia.org/wiki/ANSI_escape_code#CSIsection>
fn plain(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' {
            if rest.next() == Some('[') {
                rest.by_ref().find(|c| matches!(c, '@'..='~'));
            }
        } else if c == '\t' || !c.is_control() {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let mut words = LastWords::default();
        for number in 0..10_000 {
            words.add(format!("line {number}\n").as_bytes());
        }
        words.add(b"\x1b[31mred\x1b[0m\r\nno newline");
        let lines = words.lines();
        assert_eq!(lines.len(), LINES);
        assert_eq!(lines[LINES - 3..], ["line 9999", "red", "no newline"]);
        let mut words = LastWords::default();
        words.add(&[b'x'; 3 * MOST]);
        assert_eq!(words.lines()[0].len(), MOST);
    }
}
