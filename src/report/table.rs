use comfy_table::{ColumnConstraint, ContentArrangement, Row, Width, presets};

/// Rows in columns with a title line, as `docker ps` prints them: no rules, columns three spaces apart.
#[derive(Debug)]
pub struct Table {
    inner: comfy_table::Table,
    /// Columns between a cell and the next.
    gap: u16,
}

impl Table {
    /// `width`: wrap long cells to fit; `None`: as wide as the content.
    pub fn new<'t>(titles: impl IntoIterator<Item = &'t str>, width: Option<usize>) -> Self {
        let mut inner = comfy_table::Table::new();
        inner
            .load_style(presets::NOTHING)
            .set_header(Row::from(titles));
        if let Some(width) = width {
            inner
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(u16::try_from(width).unwrap_or(u16::MAX));
        }
        Table { inner, gap: 3 }
    }

    /// No column is narrower than this.
    pub fn at_least(&mut self, columns: u16) {
        for column in self.inner.column_iter_mut() {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(columns)));
        }
    }

    /// Columns are that far apart.
    pub fn apart(&mut self, gap: u16) {
        self.gap = gap;
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.inner.add_row(Row::from(cells));
    }

    /// Lines without trailing spaces, first column at the margin.
    pub fn render(&mut self) -> String {
        for column in self.inner.column_iter_mut() {
            column.set_padding((0, self.gap));
        }
        let text = self.inner.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["SERVICE", "STATE"], None);
        table.row(["app".into(), "healthy".into()]);
        table.row(["database".into(), "running".into()]);
        assert_eq!(
            table.render(),
            "SERVICE    STATE\napp        healthy\ndatabase   running"
        );
    }
}
