use std::fmt::Write;

use super::layout::{Area, layout};
use super::picture::{EdgeKind, Node, NodeKind, Picture};

/// Colours and strokes; both schemes, so that the drawing is readable on either background.
const STYLE: &str = "\
text{font-family:ui-sans-serif,system-ui,sans-serif;font-size:13px;fill:#1f2933}\
.title{font-size:17px;font-weight:600}\
.group{font-size:12px;font-weight:600;fill:#52606d}\
.detail{font-size:10.5px;fill:#52606d}\
.label{font-size:10.5px;fill:#52606d;paint-order:stroke;stroke:#fff;stroke-width:3px}\
.page{fill:#fff}.cluster{fill:#f5f7fa;stroke:#cbd2d9}\
.node{stroke:#52606d;fill:#fff}.service{fill:#e3f8ff;stroke:#1992d4}.image{fill:#e3f9e5;stroke:#31a24c}\
.foundation{fill:#fffbea;stroke:#cb6e17}.volume{fill:#f2ebfe;stroke:#8719e0}.network{fill:#ffe3ec;stroke:#da127d}\
.external{fill:#fff;stroke:#9aa5b1;stroke-dasharray:4 3}\
.edge{fill:none;stroke:#616e7c;stroke-width:1.4}.run{stroke:#1992d4;stroke-width:2}\
.depend{stroke-dasharray:6 4}.attach{stroke-dasharray:2 4}\
@media(prefers-color-scheme:dark){text{fill:#f5f7fa}.group,.detail,.label{fill:#cbd2d9}.label{stroke:#1f2933}\
.page{fill:#1f2933}.cluster{fill:#323f4b;stroke:#52606d}.service{fill:#05486b}.image{fill:#0b4a1f}\
.foundation{fill:#5c3b08}.volume{fill:#3b1161}.network{fill:#620042}.external{fill:#1f2933}.edge{stroke:#cbd2d9}.run{stroke:#7cc4fa}}";

impl Picture {
    /// A drawing that stands for itself: no script, no font, no file beside it.
    pub fn to_svg(&self) -> String {
        let layout = layout(self);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w:.0}\" height=\"{h:.0}\" viewBox=\"0 0 {w:.0} {h:.0}\" role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
             <defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto-start-reverse\"><path d=\"M0,0.5 L8,4 L0,7.5 z\" fill=\"#616e7c\"/></marker></defs>\n\
             <rect class=\"page\" width=\"100%\" height=\"100%\"/>\n<text class=\"title\" x=\"24\" y=\"40\">{title}</text>\n",
            w = layout.width,
            h = layout.height,
            title = escaped(&self.title),
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
            let kind = match edge.kind {
                EdgeKind::Build => "build",
                EdgeKind::Run => "run",
                EdgeKind::Depend => "depend",
                EdgeKind::Attach => "attach",
            };
            let Some(path) = curve(points) else {
                continue;
            };
            let _ = writeln!(
                out,
                "<path class=\"edge {kind}\" d=\"{path}\" marker-end=\"url(#arrow)\"><title>{} needs {}</title></path>",
                escaped(&edge.from),
                escaped(&edge.to)
            );
            if let (Some(label), Some((x, y))) = (
                &edge.label,
                points
                    .first()
                    .zip(points.last())
                    .map(|(a, b)| ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0)),
            ) {
                let _ = writeln!(
                    out,
                    "<text class=\"label\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                    y - 4.0,
                    escaped(label)
                );
            }
        }
        for node in self.clusters.iter().flat_map(|cluster| &cluster.nodes) {
            if let Some(area) = layout.nodes.get(&node.id) {
                draw_node(&mut out, node, area);
            }
        }
        out.push_str("</svg>\n");
        out
    }
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
        assert_eq!(svg.matches("<rect class=\"node").count(), 6);
        assert_eq!(svg.matches("<path class=\"edge").count(), 6);
        assert_eq!(svg.matches("<rect class=\"cluster").count(), 3);
        assert!(svg.contains("FROM debian &amp; &lt;more&gt;"));
        assert!(!svg.contains("<more>"));
        assert_eq!(svg, sample().to_svg());
    }
}
