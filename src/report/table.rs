use comfy_table::{ColumnConstraint, ContentArrangement, Row, Width, presets};

/// Rows in columns with a title line, as `docker ps` prints them: no rules, columns three spaces apart.
#[derive(Debug)]
pub struct Table {
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
    /// The columns of the terminal. `None`: lines are as long as they are.
    width: Option<usize>,
    /// No column is narrower.
    least: u16,
    /// Columns between a cell and the next.
    gap: u16,
    /// Titles of what may be left out, least important first.
    dispensable: &'static [&'static str],
}

impl Table {
    /// `width`: long cells are wrapped to fit, between words only; what can be copied stays whole, even if lines run over. `None`: as
    /// wide as the content.
    pub fn new<'t>(titles: impl IntoIterator<Item = &'t str>, width: Option<usize>) -> Self {
        Table {
            titles: titles.into_iter().map(str::to_owned).collect(),
            rows: Vec::new(),
            width,
            least: 0,
            gap: 3,
            dispensable: &[],
        }
    }

    /// No column is narrower than this.
    pub fn at_least(&mut self, columns: u16) {
        self.least = columns;
    }

    /// Columns are that far apart.
    pub fn apart(&mut self, gap: u16) {
        self.gap = gap;
    }

    /// Where lines would run over, the columns with these titles are left out, one after the other, until they do not.
    pub fn can_spare(&mut self, titles: &'static [&'static str]) {
        self.dispensable = titles;
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Lines without trailing spaces, first column at the margin.
    pub fn render(&self) -> String {
        let least: Vec<u16> = (0..self.titles.len()).map(|at| self.least_of(at)).collect();
        let shown = self.shown(&least);
        let pick = |cells: &[String]| -> Row {
            let cells = shown.iter().filter_map(|at| cells.get(*at));
            Row::from(cells)
        };
        let mut inner = comfy_table::Table::new();
        inner
            .load_style(presets::NOTHING)
            .set_header(pick(&self.titles));
        if let Some(width) = self.width {
            inner
                .set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(u16::try_from(width).unwrap_or(u16::MAX));
        }
        inner.add_rows(self.rows.iter().map(|cells| pick(cells)));
        for (column, at) in inner.column_iter_mut().zip(&shown) {
            column.set_padding((0, self.gap));
            let least = least.get(*at).copied().unwrap_or_default();
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
        }
        let text = inner.to_string();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        lines.join("\n")
    }

    /// The columns that the longest word of a column needs, with the gap behind it.
    fn least_of(&self, at: usize) -> u16 {
        let cells = self.rows.iter().filter_map(|row| row.get(at));
        let words = cells
            .chain(self.titles.get(at))
            .flat_map(|cell| cell.split(' '));
        let longest = words
            .map(|word| word.chars().count())
            .max()
            .unwrap_or_default();
        let longest = match self.width {
            None => 0,
            Some(_) => u16::try_from(longest).unwrap_or(u16::MAX),
        };
        self.least.max(longest.saturating_add(self.gap))
    }

    /// Which columns are shown.
    fn shown(&self, least: &[u16]) -> Vec<usize> {
        let mut shown: Vec<usize> = (0..self.titles.len()).collect();
        let mut spare = self.dispensable.iter();
        let runs_over = |shown: &[usize]| {
            let needed = shown.iter().filter_map(|at| least.get(*at));
            // No gap follows the last.
            let needed = needed.map(|least| usize::from(*least)).sum::<usize>();
            self.width
                .is_some_and(|width| needed > width + usize::from(self.gap))
        };
        while runs_over(&shown)
            && let Some(title) = spare.next()
        {
            shown.retain(|at| self.titles.get(*at).is_some_and(|one| one != title));
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn containers(width: usize) -> String {
        let mut table = Table::new(["NAME", "COMMAND", "STATUS", "PORTS"], Some(width));
        table.can_spare(&["COMMAND"]);
        table.row([
            "auditload7b-a-very-long-service-name-indeed-1".into(),
            "\"sleep infinity\"".into(),
            "Up 2 hours".into(),
            "0.0.0.0:18399->80/tcp, [::]:18399->80/tcp".into(),
        ]);
        table.render()
    }

    #[test]
    fn what_can_be_copied_is_never_broken() {
        for width in [40, 80, 100, 200] {
            let text = containers(width);
            for word in [
                "auditload7b-a-very-long-service-name-indeed-1",
                "0.0.0.0:18399->80/tcp,",
                "[::]:18399->80/tcp",
                "hours",
            ] {
                assert!(text.contains(word), "{width}: {text}");
            }
        }
    }

    #[test]
    fn what_is_least_important_is_left_out_where_lines_would_run_over() {
        assert!(!containers(80).contains("COMMAND"));
        assert!(containers(100).contains("COMMAND"));
    }

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
