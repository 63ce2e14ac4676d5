use std::fmt::Write;

use super::layout::{Area, MARGIN, layout};
use super::picture::{Edge, EdgeKind, Node, NodeKind, Picture};

/// Colours and strokes; both schemes, so that the drawing is readable on either background.
const STYLE: &str = "\
text{font-family:ui-sans-serif,system-ui,-apple-system,'DejaVu Sans',sans-serif;font-size:13px;fill:#1f2933}\
.title{font-size:17px;font-weight:600}\
.group{font-size:12px;font-weight:600;fill:#52606d}\
.detail,.legend{font-size:10.5px;fill:#52606d}\
.page{fill:#fff}.cluster{fill:#f5f7fa;stroke:#cbd2d9}\
.node{stroke:#52606d;fill:#fff}.service{fill:#e3f8ff;stroke:#1992d4}.image{fill:#e3f9e5;stroke:#31a24c}\
.foundation{fill:#fffbea;stroke:#cb6e17}.volume{fill:#f2ebfe;stroke:#8719e0}.network{fill:#ffe3ec;stroke:#da127d}\
.external{fill:#fff;stroke:#9aa5b1;stroke-dasharray:4 3}\
.edge{fill:none;stroke-width:1.5}.build{stroke:#31a24c}.run{stroke:#1992d4}\
.depend{stroke:#7b8794;stroke-dasharray:6 4}.healthy{stroke:#cb6e17}.completed{stroke:#8719e0}\
.attach{stroke:#9aa5b1;stroke-dasharray:2 4}\
path.tip{stroke:none}.tip.build{fill:#31a24c}.tip.run{fill:#1992d4}.tip.depend{fill:#7b8794}.tip.healthy{fill:#cb6e17}\
.tip.completed{fill:#8719e0}.tip.attach{fill:#9aa5b1}\
@media(prefers-color-scheme:dark){text{fill:#f5f7fa}.group,.detail,.legend{fill:#cbd2d9}\
.page{fill:#161b22}.cluster{fill:#21262d;stroke:#444c56}.service{fill:#05486b}.image{fill:#0b4a1f}\
.foundation{fill:#5c3b08}.volume{fill:#3b1161}.network{fill:#620042}.external{fill:#161b22}\
.healthy{stroke:#f7a34b}.tip.healthy{fill:#f7a34b}.completed{stroke:#b990ff}.tip.completed{fill:#b990ff}}";

/// How the legend is set, in pixels.
const LEGEND_LINE: f64 = 20.0;
const LEGEND_CHARACTER: f64 = 6.2;
const SAMPLE: f64 = 30.0;

impl Picture {
    /// A drawing that stands for itself: no script, no font, no file beside it.
    pub fn to_svg(&self) -> String {
        self.without_implied().drawn()
    }

    fn drawn(&self) -> String {
        let layout = layout(self);
        let width = layout
            .width
            .max(2.0 * MARGIN + LEGEND_CHARACTER * 24.0 + SAMPLE);
        let mut legend = String::new();
        let bottom = self.legend(&mut legend, width, layout.height);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{bottom:.0}\" viewBox=\"0 0 {width:.0} {bottom:.0}\" role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n<defs>\n",
            title = escaped(&self.title),
        );
        for class in self.edge_classes() {
            let _ = writeln!(
                out,
                "<marker id=\"{}\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerUnits=\"userSpaceOnUse\" markerWidth=\"9\" markerHeight=\"9\" orient=\"auto\"><path class=\"tip {class}\" d=\"M0,0.5 L8,4 L0,7.5 z\"/></marker>",
                marker(class)
            );
        }
        let _ = writeln!(
            out,
            "</defs>\n<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n<text class=\"title\" x=\"{MARGIN}\" y=\"40\">{}</text>",
            escaped(&self.title)
        );
        for (cluster, area) in self.clusters.iter().zip(&layout.clusters) {
            if let Some(area) = area {
                rectangle(&mut out, "cluster", area, 10.0);
                let (x, y) = (area.x + 14.0, area.y + 20.0);
                let _ = writeln!(
                    out,
                    "<text class=\"group\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
                    escaped(&cluster.title)
                );
            }
        }
        for (edge, points) in self.edges.iter().zip(&layout.edges) {
            let Some(path) = curve(points) else {
                continue;
            };
            let class = class_of(edge);
            let _ = writeln!(
                out,
                "<path class=\"edge {class}\" d=\"{path}\" marker-end=\"url(#{})\"><title>{} {} {}</title></path>",
                marker(class),
                escaped(&edge.from),
                meaning_of(class),
                escaped(&edge.to)
            );
        }
        for node in self.clusters.iter().flat_map(|cluster| &cluster.nodes) {
            if let Some(area) = layout.nodes.get(&node.id) {
                draw_node(&mut out, node, area);
            }
        }
        out.push_str(&legend);
        out.push_str("</svg>\n");
        out
    }

    /// What the lines and boxes of this picture mean; returns the height at which it ends.
    fn legend(&self, out: &mut String, width: f64, top: f64) -> f64 {
        let (mut x, mut y) = (MARGIN, top);
        let mut place = |text: &str| {
            let needed = SAMPLE + 8.0 + text.chars().count() as f64 * LEGEND_CHARACTER + 18.0;
            if x + needed > width - MARGIN && x > MARGIN {
                (x, y) = (MARGIN, y + LEGEND_LINE);
            }
            let at = (x, y);
            x += needed;
            at
        };
        for class in self.edge_classes() {
            let meaning = meaning_of(class);
            let (x, y) = place(meaning);
            let _ = writeln!(
                out,
                "<path class=\"edge {class}\" d=\"M{x:.1},{y:.1} h{SAMPLE}\" marker-end=\"url(#{})\"/><text class=\"legend\" x=\"{:.1}\" y=\"{:.1}\">{meaning}</text>",
                marker(class),
                x + SAMPLE + 8.0,
                y + 3.5
            );
        }
        for (kind, class, meaning) in SAMPLES {
            let mut nodes = self.clusters.iter().flat_map(|cluster| &cluster.nodes);
            if nodes.any(|node| node.kind == kind) {
                let (x, y) = place(meaning);
                let _ = writeln!(
                    out,
                    "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{SAMPLE}\" height=\"12\" rx=\"2\"/><text class=\"legend\" x=\"{:.1}\" y=\"{:.1}\">{meaning}</text>",
                    y - 6.0,
                    x + SAMPLE + 8.0,
                    y + 3.5
                );
            }
        }
        y + MARGIN
    }

    /// The looks of edges that this picture has, in a fixed order.
    fn edge_classes(&self) -> impl Iterator<Item = &'static str> {
        let has = |class: &str| self.edges.iter().any(|edge| class_of(edge) == class);
        MEANINGS
            .into_iter()
            .map(|(class, _)| class)
            .filter(move |class| has(class))
    }
}

/// What the looks of edges mean.
const MEANINGS: [(&str, &str); 6] = [
    ("run", "runs"),
    ("build", "is made from"),
    ("depend", "starts after"),
    ("depend healthy", "starts once healthy"),
    ("depend completed", "starts once completed"),
    ("attach", "holds, hangs on"),
];

/// Boxes whose meaning their cluster does not tell.
const SAMPLES: [(NodeKind, &str, &str); 2] = [
    (
        NodeKind::Foundation,
        "node foundation",
        "only made from, never run",
    ),
    (NodeKind::External, "node external", "from elsewhere"),
];

fn class_of(edge: &Edge) -> &'static str {
    match (edge.kind, edge.label.as_deref()) {
        (EdgeKind::Build, _) => "build",
        (EdgeKind::Run, _) => "run",
        (EdgeKind::Depend, Some("healthy")) => "depend healthy",
        (EdgeKind::Depend, Some("completed")) => "depend completed",
        (EdgeKind::Depend, _) => "depend",
        (EdgeKind::Attach, _) => "attach",
    }
}

fn meaning_of(class: &str) -> &'static str {
    let found = MEANINGS.iter().find(|(known, _)| *known == class);
    found.map_or("needs", |(_, meaning)| *meaning)
}

fn marker(class: &str) -> String {
    format!("tip-{}", class.replace(' ', "-"))
}

fn draw_node(out: &mut String, node: &Node, area: &Area) {
    let (class, corner) = match node.kind {
        NodeKind::Service => ("node service", 9.0),
        NodeKind::Image => ("node image", 2.0),
        NodeKind::Foundation => ("node foundation", 2.0),
        NodeKind::Volume => ("node volume", 18.0),
        NodeKind::Network => ("node network", 22.0),
        NodeKind::External => ("node external", 2.0),
    };
    rectangle(out, class, area, corner);
    let x = area.x + area.width / 2.0;
    let middle = area.y + area.height / 2.0;
    let mut line = |class: &str, y: f64, text: &str| {
        let _ = writeln!(
            out,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{}</text>",
            escaped(text)
        );
    };
    match &node.detail {
        None => line("name", middle + 4.5, &node.label),
        Some(detail) => {
            line("name", middle - 2.0, &node.label);
            line("detail", middle + 13.0, detail);
        }
    }
}

fn rectangle(out: &mut String, class: &str, area: &Area, corner: f64) {
    let _ = writeln!(
        out,
        "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{corner}\"/>",
        area.x, area.y, area.width, area.height
    );
}

/// A smooth line through the points. `None`: there is nothing to connect.
fn curve(points: &[(f64, f64)]) -> Option<String> {
    let (first, rest) = points.split_first()?;
    let mut path = format!("M{:.1},{:.1}", first.0, first.1);
    let mut here = *first;
    for next in rest {
        if (next.0 - here.0).abs() < 1.0 {
            // Both ends in one column: around the side.
            let x = here.0 + 42.0;
            let _ = write!(
                path,
                " C{x:.1},{:.1} {x:.1},{:.1} {:.1},{:.1}",
                here.1, next.1, next.0, next.1
            );
        } else {
            let middle = (here.0 + next.0) / 2.0;
            let _ = write!(
                path,
                " C{middle:.1},{:.1} {middle:.1},{:.1} {:.1},{:.1}",
                here.1, next.1, next.0, next.1
            );
        }
        here = *next;
    }
    (!rest.is_empty()).then_some(path)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::picture::tests::sample;

    #[test]
    fn everything_is_drawn_once_and_nothing_breaks_out() {
        let svg = sample().to_svg();
        // One box and four lines are the legend's.
        assert_eq!(svg.matches("<rect class=\"node").count(), 6 + 1);
        assert_eq!(svg.matches("<path class=\"edge").count(), 6 + 4);
        assert!(svg.contains("starts once healthy") && !svg.contains("once completed"));
        assert_eq!(svg.matches("<rect class=\"cluster").count(), 3);
        assert!(svg.contains("FROM debian &amp; &lt;more&gt;"));
        assert!(!svg.contains("<more>"));
        assert_eq!(svg, sample().to_svg());
    }
}
