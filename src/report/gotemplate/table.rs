use serde_json::Value;

use super::function::json;
use super::parse::{Node, parse};
use super::run::{run, whole};
use super::{Row, TemplateError};

/// Least columns of a cell, and what stands between cells; those of the Docker tools.
const NARROWEST: usize = 10;
const GAP: usize = 3;

/// What `--format` asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// The verb's own table.
    Table,
    /// One JSON object a line.
    Json,
    /// A table of one's own: `table {{.Name}}\t{{.Status}}`.
    Columns(Template),
    /// A line for each row: `{{.Name}}`.
    Lines(Template),
}

/// A template that has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Vec<Node>);

impl Format {
    /// Reads the value of `--format`; empty is `table`.
    ///
    /// # Errors
    /// A template that cannot be read.
    pub fn parse(text: &str) -> Result<Format, TemplateError> {
        let template = |text: &str| {
            let text = text.replace("\\t", "\t").replace("\\n", "\n");
            parse(&text).map(Template)
        };
        match text {
            "" | "table" => Ok(Format::Table),
            "json" => Ok(Format::Json),
            _ => match text.strip_prefix("table ") {
                Some(columns) => Ok(Format::Columns(template(columns.trim())?)),
                None => Ok(Format::Lines(template(text)?)),
            },
        }
    }

    /// The rows as this format shows them, without the end of the last line; `None` for the verb's own table.
    /// `titles`: the titles of the fields; a field without one has its name in capitals.
    ///
    /// # Errors
    /// A template that asks for what is not there.
    pub fn render(
        &self,
        rows: &[Row],
        known: &Row,
        titles: &[(&'static str, &str)],
    ) -> Result<Option<String>, TemplateError> {
        match self {
            Format::Table => Ok(None),
            Format::Json => {
                let lines: Vec<String> = rows.iter().map(|row| json(&whole(row))).collect();
                Ok(Some(lines.join("\n")))
            }
            Format::Lines(template) => {
                let mut lines = Vec::new();
                for row in rows {
                    lines.push(run(&template.0, row, false)?);
                }
                Ok(Some(lines.join("\n")))
            }
            Format::Columns(template) => {
                let mut head = Row::default();
                for name in known.fields.keys() {
                    let title = titles.iter().find(|(field, _)| field == name);
                    let title =
                        title.map_or_else(|| name.to_uppercase(), |(_, title)| (*title).to_owned());
                    head.set(name, Value::from(title));
                }
                let mut lines = vec![run(&template.0, &head, true)?.to_uppercase()];
                for row in rows {
                    lines.push(run(&template.0, row, false)?);
                }
                Ok(Some(align(&lines)))
            }
        }
    }
}

/// Puts the cells between tabs under each other.
fn align(lines: &[String]) -> String {
    let cells: Vec<Vec<&str>> = lines
        .iter()
        .map(|line| line.split('\t').collect())
        .collect();
    let columns = cells.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            cells
                .iter()
                // The last cell of a line has no right edge.
                .filter(|line| column + 1 < line.len())
                .map(|line| (line[column].chars().count() + GAP).max(NARROWEST))
                .max()
                .unwrap_or(0)
        })
        .collect();
    let lines: Vec<String> = cells
        .iter()
        .map(|line| {
            let mut text = String::new();
            for (column, cell) in line.iter().enumerate() {
                text.push_str(cell);
                if column + 1 < line.len() {
                    let missing = widths[column].saturating_sub(cell.chars().count());
                    text.push_str(&" ".repeat(missing));
                }
            }
            text
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, state: &str) -> Row {
        let mut row = Row::default();
        row.set("Name", name);
        row.set("State", state);
        row.set(
            "Publishers",
            serde_json::json!([{"URL": "0.0.0.0", "PublishedPort": 80}]),
        );
        row.labels
            .insert("com.example.some-label".into(), "v".into());
        row
    }

    fn shown(format: &str) -> String {
        let rows = [row("p-web-1", "running"), row("p-db-1", "exited")];
        let format = Format::parse(format).unwrap();
        format
            .render(&rows, &rows[0], &[("State", "STATUS")])
            .unwrap()
            .unwrap()
    }

    // The expected texts are what docker compose 2.40.3 prints for the same templates.
    #[test]
    fn lines_are_what_the_peer_prints() {
        for (format, first) in [
            ("{{.Name}}", "p-web-1"),
            ("{{upper .Name}} {{title .State}}", "P-WEB-1 Running"),
            ("{{pad .State 1 2}}|", " running  |"),
            (
                "{{truncate .Name 3}} {{split .Name \"-\"}}",
                "p-w [p web 1]",
            ),
            ("{{join (split .Name \"-\") \"/\"}}", "p/web/1"),
            (
                "{{printf \"%5s|%-8s|%q\" .State \"db\" .Name}}",
                "running|db      |\"p-web-1\"",
            ),
            (
                "{{if eq .State \"running\"}}yes{{else}}no{{end}} {{len .Name}}",
                "yes 7",
            ),
            (
                "{{range $i, $x := split .Name \"-\"}}{{$i}}={{$x}},{{end}}",
                "0=p,1=web,2=1,",
            ),
            ("{{with .State}}<{{.}}>{{end}}", "<running>"),
            ("{{ .Name | upper | printf \"%s!\" }}", "P-WEB-1!"),
            (
                "{{range .Publishers}}{{.URL}}:{{.PublishedPort}}{{end}}",
                "0.0.0.0:80",
            ),
            ("{{(index .Publishers 0).URL}}", "0.0.0.0"),
            ("{{.Label \"com.example.some-label\"}}{{.Label \"x\"}}", "v"),
            ("a {{- /* not told */ -}} b", "ab"),
            (
                "{{$n := .Name}}{{if not (eq $n \"x\")}}{{$n}}{{end}}",
                "p-web-1",
            ),
            (
                "{{if false}}a{{else if eq .Name \"p-web-1\"}}b{{else}}c{{end}}",
                "b",
            ),
        ] {
            let shown = shown(format);
            assert_eq!(shown.lines().next(), Some(first), "{format}");
        }
    }

    #[test]
    fn tables_have_titles_and_columns() {
        assert_eq!(
            shown("table {{.Name}}\\t{{upper .State}}\\t{{.Label \"com.example.some-label\"}}"),
            "NAME      STATUS    SOME LABEL\np-web-1   RUNNING   v\np-db-1    EXITED    v"
        );
    }

    #[test]
    fn json_has_all_fields_by_name() {
        assert_eq!(
            shown("json").lines().next(),
            Some(
                r#"{"Name":"p-web-1","Publishers":[{"URL":"0.0.0.0","PublishedPort":80}],"State":"running"}"#
            )
        );
        assert_eq!(shown("{{json .State}}").lines().next(), Some("\"running\""));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for text in [
            "{{.Name",
            "{{if .Name}}",
            "{{end}}",
            "{{}}",
            "{{\"x}}",
            "{{(.Name}}",
            "{{template \"x\"}}",
            "{{/* x",
        ] {
            assert!(Format::parse(text).is_err(), "{text}");
        }
        let rows = [row("a", "b")];
        for text in [
            "{{.Nope}}",
            "{{nope .Name}}",
            "{{$x}}",
            "{{.Name 1}}",
            "{{range .Name}}{{end}}",
        ] {
            let format = Format::parse(text).unwrap();
            assert!(format.render(&rows, &rows[0], &[]).is_err(), "{text}");
        }
        let error = Format::parse("{{.Nope}}")
            .unwrap()
            .render(&rows, &rows[0], &[]);
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with("template parsing error:") && error.contains("Name, State"),
            "{error}"
        );
    }
}
