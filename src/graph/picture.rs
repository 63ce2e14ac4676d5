use std::fmt::Write;

use serde::Serialize;

/// What a drawing shows: things, in groups, and how they hang together. Knows nothing of what the things are.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Picture {
    pub title: String,
    /// Drawn from left to right in this order.
    pub clusters: Vec<Cluster>,
    pub edges: Vec<Edge>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cluster {
    pub title: String,
    pub nodes: Vec<Node>,
    /// Drawn below the cluster before it instead of to its right, if nothing in either needs another; for the outermost
    /// ones, where no edge passes.
    #[serde(skip)]
    pub below: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Node {
    /// Unlike that of any other node.
    pub id: String,
    pub label: String,
    /// A second, smaller line.
    pub detail: Option<String>,
    pub kind: NodeKind,
}

/// How a node looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    #[default]
    Service,
    Image,
    /// An image of which no container ever runs, or that comes from elsewhere.
    Foundation,
    Volume,
    Network,
    /// Not part of the project.
    External,
}

/// `from` needs `to`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Edge {
    pub from: String,
    pub to: String,
    pub kind: EdgeKind,
    pub label: Option<String>,
}

/// How an edge looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeKind {
    /// Made from it.
    #[default]
    Build,
    /// Runs it.
    Run,
    /// Starts after it.
    Depend,
    /// Holds it or hangs on it (volumes, networks).
    Attach,
}

impl Picture {
    /// The same without the plain dependencies that follow from others: whoever starts after `b`, which starts after `a`,
    /// starts after `a`.
    pub(super) fn without_implied(&self) -> Picture {
        let depends = |edge: &&Edge| edge.kind == EdgeKind::Depend;
        let is_implied = |edge: &Edge| {
            let mut seen = vec![edge.from.as_str()];
            let mut open: Vec<&str> = self
                .edges
                .iter()
                .filter(|other| depends(other) && other.from == edge.from && other.to != edge.to)
                .map(|other| other.to.as_str())
                .collect();
            while let Some(at) = open.pop() {
                if at == edge.to {
                    return true;
                }
                if !seen.contains(&at) {
                    seen.push(at);
                    let further = self
                        .edges
                        .iter()
                        .filter(|other| depends(other) && other.from == at);
                    open.extend(further.map(|other| other.to.as_str()));
                }
            }
            false
        };
        let is_plain = |edge: &Edge| edge.kind == EdgeKind::Depend && edge.label.is_none();
        Picture {
            edges: self
                .edges
                .iter()
                .filter(|edge| !(is_plain(edge) && is_implied(edge)))
                .cloned()
                .collect(),
            ..self.clone()
        }
    }

    /// <https://graphviz.org/doc/info/lang.html>
    pub fn to_dot(&self) -> String {
        let mut out = format!(
            "digraph {} {{\n  rankdir=LR;\n  node [shape=box, style=rounded];\n",
            quoted(&self.title)
        );
        for (at, cluster) in self.clusters.iter().enumerate() {
            let _ = writeln!(
                out,
                "  subgraph cluster_{at} {{\n    label={};",
                quoted(&cluster.title)
            );
            for node in &cluster.nodes {
                let label = match &node.detail {
                    Some(detail) => format!("{}\n{detail}", node.label),
                    None => node.label.clone(),
                };
                let shape = match node.kind {
                    NodeKind::Service => "box",
                    NodeKind::Image => "component",
                    NodeKind::Foundation => "folder",
                    NodeKind::Volume => "cylinder",
                    NodeKind::Network => "hexagon",
                    NodeKind::External => "plain",
                };
                let _ = writeln!(
                    out,
                    "    {} [label={}, shape={shape}];",
                    quoted(&node.id),
                    quoted(&label)
                );
            }
            out.push_str("  }\n");
        }
        for edge in &self.edges {
            let style = match edge.kind {
                EdgeKind::Build => "solid",
                EdgeKind::Run => "bold",
                EdgeKind::Depend => "dashed",
                EdgeKind::Attach => "dotted",
            };
            let label = match &edge.label {
                Some(label) => format!(", label={}", quoted(label)),
                None => String::new(),
            };
            let _ = writeln!(
                out,
                "  {} -> {} [style={style}{label}];",
                quoted(&edge.from),
                quoted(&edge.to)
            );
        }
        out.push_str("}\n");
        out
    }

    /// <https://mermaid.js.org/syntax/flowchart.html>
    pub fn to_mermaid(&self) -> String {
        let mut out = String::from("flowchart LR\n");
        let mut ids: Vec<&str> = Vec::new();
        for (at, cluster) in self.clusters.iter().enumerate() {
            let _ = writeln!(out, "  subgraph c{at}[{}]", mermaid_text(&cluster.title));
            for node in &cluster.nodes {
                let mut label = node.label.clone();
                if let Some(detail) = &node.detail {
                    label = format!("{label}<br/>{detail}");
                }
                let (open, close) = match node.kind {
                    NodeKind::Service => ("(", ")"),
                    NodeKind::Image => ("[", "]"),
                    NodeKind::Foundation => ("[[", "]]"),
                    NodeKind::Volume => ("[(", ")]"),
                    NodeKind::Network => ("{{", "}}"),
                    NodeKind::External => ("[/", "/]"),
                };
                // Ids with dots or dashes have a meaning of their own there, so nodes are numbered.
                let _ = writeln!(
                    out,
                    "    n{}{open}{}{close}",
                    ids.len(),
                    mermaid_text(&label)
                );
                ids.push(&node.id);
            }
            out.push_str("  end\n");
        }
        let number = |id: &str| ids.iter().position(|known| *known == id);
        for edge in &self.edges {
            let (Some(from), Some(to)) = (number(&edge.from), number(&edge.to)) else {
                continue;
            };
            let arrow = match edge.kind {
                EdgeKind::Build => "-->",
                EdgeKind::Run => "==>",
                EdgeKind::Depend => "-.->",
                EdgeKind::Attach => "---",
            };
            let label = match &edge.label {
                Some(label) => format!("|{}|", mermaid_text(label)),
                None => String::new(),
            };
            let _ = writeln!(out, "  n{from} {arrow}{label} n{to}");
        }
        out
    }
}

fn quoted(text: &str) -> String {
    format!(
        "\"{}\"",
        text.replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n")
    )
}

fn mermaid_text(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "#quot;"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::graph) fn sample() -> Picture {
        let node = |id: &str, kind| Node {
            id: id.to_owned(),
            label: id.to_owned(),
            detail: None,
            kind,
        };
        let edge = |from: &str, to: &str, kind| Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            kind,
            label: None,
        };
        let mut picture = Picture {
            title: "a \"b\"".to_owned(),
            clusters: vec![
                Cluster {
                    title: "Images".to_owned(),
                    below: false,
                    nodes: vec![
                        node("prod", NodeKind::Image),
                        node("dev", NodeKind::Image),
                        node("base", NodeKind::Foundation),
                    ],
                },
                Cluster {
                    title: "Services".to_owned(),
                    below: false,
                    nodes: vec![
                        node("app", NodeKind::Service),
                        node("db", NodeKind::Service),
                    ],
                },
                Cluster {
                    title: "Volumes".to_owned(),
                    below: false,
                    nodes: vec![node("data", NodeKind::Volume)],
                },
            ],
            edges: vec![
                edge("dev", "base", EdgeKind::Build),
                edge("prod", "base", EdgeKind::Build),
                edge("prod", "dev", EdgeKind::Build),
                edge("app", "prod", EdgeKind::Run),
                edge("app", "db", EdgeKind::Depend),
                edge("db", "data", EdgeKind::Attach),
            ],
        };
        picture.edges[4].label = Some("healthy".to_owned());
        picture.clusters[0].nodes[2].detail = Some("FROM debian & <more>".to_owned());
        picture
    }

    #[test]
    fn plain_dependencies_that_follow_from_others_are_left_out() {
        let edge = |from: &str, to: &str, label: Option<&str>| Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            kind: EdgeKind::Depend,
            label: label.map(str::to_owned),
        };
        let picture = Picture {
            edges: vec![
                edge("app", "net", None),
                edge("app", "db", Some("healthy")),
                edge("app", "migrate", None),
                edge("migrate", "db", None),
                edge("db", "net", None),
                edge("net", "app", None),
            ],
            ..Picture::default()
        };
        let left = picture.without_implied().edges;
        let shown: Vec<String> = left
            .iter()
            .map(|edge| format!("{}-{}", edge.from, edge.to))
            .collect();
        assert_eq!(
            shown,
            ["app-db", "app-migrate", "migrate-db", "db-net", "net-app"]
        );
    }

    #[test]
    fn dot() {
        insta::assert_snapshot!(sample().to_dot(), @r#"
        digraph "a \"b\"" {
          rankdir=LR;
          node [shape=box, style=rounded];
          subgraph cluster_0 {
            label="Images";
            "prod" [label="prod", shape=component];
            "dev" [label="dev", shape=component];
            "base" [label="base\nFROM debian & <more>", shape=folder];
          }
          subgraph cluster_1 {
            label="Services";
            "app" [label="app", shape=box];
            "db" [label="db", shape=box];
          }
          subgraph cluster_2 {
            label="Volumes";
            "data" [label="data", shape=cylinder];
          }
          "dev" -> "base" [style=solid];
          "prod" -> "base" [style=solid];
          "prod" -> "dev" [style=solid];
          "app" -> "prod" [style=bold];
          "app" -> "db" [style=dashed, label="healthy"];
          "db" -> "data" [style=dotted];
        }
        "#);
    }

    #[test]
    fn mermaid() {
        insta::assert_snapshot!(sample().to_mermaid(), @r#"
        flowchart LR
          subgraph c0["Images"]
            n0["prod"]
            n1["dev"]
            n2[["base<br/>FROM debian & <more>"]]
          end
          subgraph c1["Services"]
            n3("app")
            n4("db")
          end
          subgraph c2["Volumes"]
            n5[("data")]
          end
          n1 --> n2
          n0 --> n2
          n0 --> n1
          n3 ==> n0
          n3 -.->|"healthy"| n4
          n4 --- n5
        "#);
    }
}
