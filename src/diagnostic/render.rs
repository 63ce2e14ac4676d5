use std::ops::Range;

use annotate_snippets::{
    AnnotationKind, Group, Level, Patch, Renderer, Snippet, normalize_untrusted_str,
};

use super::{Diagnostic, Edit, Help, Label, Severity};
use crate::source::{SourceFile, SourceId, Sources, Span};

/// A finding as people read it in a terminal: the message, the lines that it is about from every file, notes, and the
/// fixes as differences. Without a line break at the end. `width` is in columns.
pub fn render(finding: &Diagnostic, sources: &Sources, colour: bool, width: usize) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut report = vec![
        level
            .primary_title(finding.message.as_str())
            .id(finding.code)
            .elements(snippets(&finding.labels, sources))
            .elements(
                finding
                    .notes
                    .iter()
                    .map(|note| Level::NOTE.message(normalize_untrusted_str(note))),
            ),
    ];
    let mut plain_help = Vec::new();
    for help in &finding.help {
        match fix(help, sources) {
            Some(group) => report.push(group),
            None => plain_help.push(Level::HELP.message(normalize_untrusted_str(&help.text))),
        }
    }
    let first = report.swap_remove(0).elements(plain_help);
    report.push(first);
    let last = report.len() - 1;
    report.swap(0, last);
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    renderer.term_width(width.max(40)).render(&report)
}

/// One snippet for each file, the primary label's first.
fn snippets<'s>(
    labels: &'s [Label],
    sources: &'s Sources,
) -> Vec<Snippet<'s, annotate_snippets::Annotation<'s>>> {
    let mut order: Vec<SourceId> = Vec::new();
    let primary = labels.iter().filter(|label| label.primary);
    for label in primary.chain(labels) {
        if !order.contains(&label.span.source) {
            order.push(label.span.source);
        }
    }
    order
        .into_iter()
        .filter_map(|id| {
            let file = sources.get(id)?;
            let here: Vec<&Label> = labels
                .iter()
                .filter(|label| label.span.source == id)
                .collect();
            let window = window(file, here.iter().map(|label| label.span));
            let annotations = here.into_iter().map(|label| {
                let kind = match label.primary {
                    true => AnnotationKind::Primary,
                    false => AnnotationKind::Context,
                };
                let annotation = kind.span(window.first_line(label.span));
                match label.text.as_str() {
                    "" => annotation,
                    text => annotation.label(text),
                }
            });
            Some(window.snippet(file).annotations(annotations))
        })
        .collect()
}

/// The help with its edits as a difference; `None` when there is nothing to show but the text.
fn fix<'s>(help: &'s Help, sources: &'s Sources) -> Option<Group<'s>> {
    let first = help.edits.first()?;
    let id = first.span.source;
    let file = sources.get(id)?;
    let edits: Vec<&Edit> = help
        .edits
        .iter()
        .filter(|edit| edit.span.source == id)
        .collect();
    let window = window(file, edits.iter().map(|edit| edit.span));
    let patches = edits
        .into_iter()
        .map(|edit| Patch::new(window.range(edit.span), edit.replacement.as_str()));
    let snippet = window.snippet(file).patches(patches);
    let title = Level::HELP.secondary_title(normalize_untrusted_str(&help.text));
    Some(title.element(snippet))
}

/// The lines of a file that a snippet needs; handing over the whole text would make every finding cost the whole file.
struct Window<'f> {
    text: &'f str,
    start: usize,
    first_line: usize,
}

fn window(file: &SourceFile, spans: impl Iterator<Item = Span>) -> Window<'_> {
    let text = &*file.text;
    let (mut start, mut end) = (text.len(), 0);
    for span in spans {
        start = start.min(span.start as usize);
        end = end.max(first_line_end(text, span));
    }
    let start = text[..floor(text, start)]
        .rfind('\n')
        .map_or(0, |at| at + 1);
    let end = floor(text, end.max(start));
    let end = text[end..].find('\n').map_or(text.len(), |at| end + at);
    Window {
        text: &text[start..end],
        start,
        first_line: file.line_column(u32::try_from(start).unwrap_or(u32::MAX)).0,
    }
}

/// Where a span ends, or its first line if it has several: a mark below every line of a long value says no more.
fn first_line_end(text: &str, span: Span) -> usize {
    let start = floor(text, span.start as usize);
    let end = floor(text, span.end as usize).max(start);
    text[start..end]
        .find('\n')
        .map_or(end, |at| start + text[start..start + at].trim_end().len())
}

/// The character boundary at or before an offset.
fn floor(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset)
}

impl<'f> Window<'f> {
    fn range(&self, span: Span) -> Range<usize> {
        let offset = |offset: u32| floor(self.text, (offset as usize).saturating_sub(self.start));
        offset(span.start)..offset(span.end)
    }

    fn first_line(&self, span: Span) -> Range<usize> {
        let range = self.range(span);
        let end = self.text[range.clone()].find('\n').map_or(range.end, |at| {
            range.start + self.text[range.start..range.start + at].trim_end().len()
        });
        range.start..end
    }

    fn snippet<T: Clone>(&self, file: &'f SourceFile) -> Snippet<'f, T> {
        Snippet::source(self.text)
            .line_start(self.first_line)
            .path(&*file.display)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn files() -> (Sources, SourceId, SourceId) {
        let mut sources = Sources::default();
        let base = sources.add(
            Path::new("/p/docker-compose.base.yml"),
            "docker-compose.base.yml",
            "services:\n  api:\n    image: x\n    ports:\n      - \"8080:8080\"\n",
        );
        let dev = sources.add(
            Path::new("/p/docker-compose.dev.yml"),
            "docker-compose.dev.yml",
            "services:\n  api:\n    ports:\n      - \"8080:3000\"\n    labels:\n      ä: ö\n",
        );
        (sources, base, dev)
    }

    fn place(sources: &Sources, id: SourceId, written: &str) -> Span {
        let start = sources.get(id).unwrap().text.find(written).unwrap();
        Span::new(id, start, start + written.len())
    }

    #[test]
    fn shows_every_file_involved_and_the_fix() {
        let (sources, base, dev) = files();
        let list = place(&sources, dev, "ports:");
        let finding = Diagnostic::error(
            "port-conflict",
            "host port 8080 is published twice by service `api`",
        )
        .at(
            place(&sources, dev, "\"8080:3000\""),
            "second binding of 0.0.0.0:8080/tcp",
        )
        .because(
            place(&sources, base, "\"8080:8080\""),
            "first binding, kept because `ports` entries are appended",
        )
        .note("a note")
        .fix(
            "replace the inherited list instead of appending to it",
            vec![Edit {
                span: Span {
                    start: list.end,
                    ..list
                },
                replacement: " !override".into(),
            }],
        );
        let text = render(&finding, &sources, false, 120);
        insta::assert_snapshot!(text, @r#"
        error[port-conflict]: host port 8080 is published twice by service `api`
         --> docker-compose.dev.yml:4:9
          |
        4 |       - "8080:3000"
          |         ^^^^^^^^^^^ second binding of 0.0.0.0:8080/tcp
          |
         ::: docker-compose.base.yml:5:9
          |
        5 |       - "8080:8080"
          |         ----------- first binding, kept because `ports` entries are appended
          |
          = note: a note
        help: replace the inherited list instead of appending to it
          |
        3 |     ports: !override
          |            +++++++++
        "#);
    }

    #[test]
    fn marks_the_first_line_of_a_long_value_and_finds_columns_after_umlauts() {
        let (sources, _, dev) = files();
        let text = &sources.get(dev).unwrap().text;
        let service = text.find("ports").unwrap();
        let finding = Diagnostic::warning("value-type", "the service is strange")
            .at(Span::new(dev, service, text.len()), "")
            .because(place(&sources, dev, "ö"), "this")
            .help("rewrite it");
        insta::assert_snapshot!(render(&finding, &sources, false, 80), @r"
        warning[value-type]: the service is strange
         --> docker-compose.dev.yml:3:5
          |
        3 |     ports:
          |     ^^^^^^
        ...
        6 |       ä: ö
          |          - this
          |
          = help: rewrite it
        ");
    }

    #[test]
    fn without_a_place_there_is_only_the_message() {
        let finding = Diagnostic::error("file-missing", "there is no file")
            .help("run `wharf` in the project's directory");
        insta::assert_snapshot!(render(&finding, &Sources::default(), false, 80), @r"
        error[file-missing]: there is no file
         |
         = help: run `wharf` in the project's directory
        ");
        assert!(render(&finding, &Sources::default(), true, 80).contains("\u{1b}["));
    }
}
