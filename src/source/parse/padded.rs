use std::borrow::Cow;

/// A text of which some lines are indented further than they are written, for a parser that wants it so. Places in it can be told in
/// the text as written.
#[derive(Debug)]
pub(super) struct Padded<'t> {
    text: Cow<'t, str>,
    /// Where spaces were put in, as places of the text as written, ascending.
    lines: Vec<usize>,
    /// How many each time.
    spaces: usize,
}

/// The most bytes that are read again for the sake of lines that are not indented.
const MOST_AGAIN: usize = 32 << 20;

impl<'t> Padded<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Padded {
            text: Cow::Borrowed(text),
            lines: Vec::new(),
            spaces: 0,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Indents what stands at a place of [`Padded::text`] further than any line is. Places come in ascending order. `false`: so much has
    /// been read again for such lines that this is enough.
    pub(super) fn indent(&mut self, at: usize) -> bool {
        if self.spaces == 0 {
            let indented = self.text.lines();
            let deepest = indented.map(|line| line.len() - line.trim_start_matches(' ').len());
            self.spaces = deepest.max().unwrap_or_default() + 1;
        }
        let read_again = (self.lines.len() + 1).saturating_mul(self.text.len());
        if read_again > MOST_AGAIN || !self.text.is_char_boundary(at) {
            return false;
        }
        self.lines.push(self.written(at));
        let spaces = " ".repeat(self.spaces);
        self.text.to_mut().insert_str(at, &spaces);
        true
    }

    /// A place of [`Padded::text`] in the text as written.
    pub(super) fn written(&self, at: usize) -> usize {
        let mut before = 0;
        for line in &self.lines {
            if at < line + before + self.spaces {
                // In the spaces is where they were put in.
                return (at - before).min(*line);
            }
            before += self.spaces;
        }
        at - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_as_they_are_written() {
        let text = "a: \"x\ny\nz\"\nb: 1\n";
        let mut padded = Padded::new(text);
        assert!(padded.indent(6));
        assert!(padded.indent(9));
        assert_eq!(padded.text(), "a: \"x\n y\n z\"\nb: 1\n");
        for (at, byte) in padded.text().bytes().enumerate() {
            if byte != b' ' {
                assert_eq!(text.as_bytes()[padded.written(at)], byte, "{at}");
            }
        }
        assert_eq!(padded.written(padded.text().len()), text.len());
    }
}
