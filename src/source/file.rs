use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{SourceId, Span};

/// One text that was read: a Compose file, an env file, standard input, or the variables of the shell.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// The path as shown to people: relative to the working directory where it lies below it.
    pub display: Arc<str>,
    /// The absolute path; for standard input the directory it stands for, joined with `-`.
    pub path: PathBuf,
    pub text: Arc<str>,
    line_starts: Arc<[u32]>,
}

impl SourceFile {
    /// The 1-based line and column (in characters) of a byte offset.
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let line = self
            .line_starts
            .partition_point(|start| *start <= offset)
            .max(1)
            - 1;
        let start = self.line_starts.get(line).copied().unwrap_or(0) as usize;
        let end = (offset as usize).min(self.text.len());
        let column = self
            .text
            .get(start..end)
            .map_or(0, |text| text.chars().count());
        (line + 1, column + 1)
    }
}

/// All texts of one invocation; [`Span`]s point into it.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Keeps `text` and returns the id by which spans name it.
    pub fn add(&mut self, path: &Path, display: &str, text: impl Into<Arc<str>>) -> SourceId {
        let text = text.into();
        let mut line_starts = vec![0];
        line_starts.extend(
            text.bytes()
                .enumerate()
                .filter(|(_, byte)| *byte == b'\n')
                .map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)),
        );
        self.files.push(SourceFile {
            display: display.into(),
            path: path.to_path_buf(),
            text,
            line_starts: line_starts.into(),
        });
        SourceId(u32::try_from(self.files.len() - 1).unwrap_or(u32::MAX))
    }

    /// `None` for [`Span::NONE`]'s source.
    pub fn get(&self, id: SourceId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &SourceFile)> {
        (0u32..).map(SourceId).zip(&self.files)
    }

    /// The text that a span names; `None` when it stands in no file.
    pub fn slice(&self, span: Span) -> Option<&str> {
        self.get(span.source)?
            .text
            .get(span.start as usize..span.end as usize)
    }

    /// `file:line:column` of the start of a span, for messages and JSON; `None` when it stands in no file.
    pub fn locate(&self, span: Span) -> Option<String> {
        let file = self.get(span.source)?;
        let (line, column) = file.line_column(span.start);
        Some(format!("{}:{line}:{column}", file.display))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let mut sources = Sources::default();
        let id = sources.add(Path::new("/p/a.yml"), "a.yml", "ä: 1\nb: ü x\n");
        let at = |needle: &str| {
            let text = &sources.get(id).unwrap().text;
            let start = text.find(needle).unwrap();
            sources.locate(Span::new(id, start, start + 1)).unwrap()
        };
        assert_eq!(at("1"), "a.yml:1:4");
        assert_eq!(at("x"), "a.yml:2:6");
        assert_eq!(sources.slice(Span::NONE), None);
    }
}
