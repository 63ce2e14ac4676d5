use std::collections::HashSet;

use clap::{Args, ValueEnum};

use super::build::graph_of;
use super::context::{Context, Purpose};
use super::{Exit, Failure};
use crate::build::{Image, ImageGraph};
use crate::graph::{Cluster, Edge, EdgeKind, Node, NodeKind, Picture};
use crate::model::{Condition, MountKind, Project, Service, is_image_only};
use crate::plan::{dependencies, image_of};

/// Draw the env: services, images, volumes, networks, what needs what
#[derive(Args, Debug)]
pub struct Graph {
    /// What to write to standard output
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = GraphFormat::Svg)]
    pub format: GraphFormat,
    #[arg(value_name = "ENV")]
    pub words: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// A drawing
    Svg,
    /// For Graphviz
    Dot,
    /// For Markdown that draws
    Mermaid,
    /// For programs
    Json,
}

impl Graph {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let scope = context.project(&self.words, Purpose::Build)?;
        if let Some(word) = scope.words.first() {
            return Err(not_an_env(context, word));
        }
        let resolved = scope.into_resolved()?;
        let images = graph_of(&resolved.project, context, &resolved)?;
        let picture = picture(&resolved.project, &images);
        let text = match self.format {
            GraphFormat::Svg => picture.to_svg(),
            GraphFormat::Dot => picture.to_dot(),
            GraphFormat::Mermaid => picture.to_mermaid(),
            GraphFormat::Json => {
                serde_json::to_string_pretty(&picture).map_err(anyhow::Error::from)?
            }
        };
        context.console.data(text.trim_end());
        Ok(Exit::OK)
    }
}

/// A word that stands where only an env can.
pub fn not_an_env(context: &Context, word: &str) -> Failure {
    let envs = context.envs();
    Failure::Usage(match envs.as_slice() {
        [] => format!("`{word}` is not an env, and there are none here"),
        envs => format!(
            "`{word}` is not an env\nhelp: the envs are {}",
            envs.join(", ")
        ),
    })
}

/// The drawing of a project. Images of services that no active profile needs are left out unless another is made from them.
fn picture(project: &Project, graph: &ImageGraph) -> Picture {
    let mut drawing = Drawing::default();
    let active = graph.needed_by(project, project.services.keys().map(String::as_str));
    for key in &active {
        if let Some(image) = graph.images.get(key) {
            drawing.image(image, graph);
        }
    }
    for (name, service) in &project.services {
        if !is_image_only(service) {
            drawing.service(project, graph, name, service);
        }
    }
    drawing.mark_what_runs();
    let used = |drawing: &Drawing, id: &str| drawing.edges.iter().any(|edge| edge.to == id);
    let mut volumes = Vec::new();
    for (key, volume) in &project.volumes {
        let id = format!("volume:{key}");
        if used(&drawing, &id) {
            volumes.push(node(id, key, None, kind(volume.external, NodeKind::Volume)));
        }
    }
    let mut networks = Vec::new();
    for (key, network) in &project.networks {
        let id = format!("network:{key}");
        if used(&drawing, &id) {
            let detail = network.internal.then(|| "internal".to_owned());
            let kind = kind(network.external, NodeKind::Network);
            networks.push(node(id, key, detail, kind));
        }
    }
    let cluster = |title: &str, nodes, below| Cluster {
        title: title.to_owned(),
        nodes,
        below,
    };
    // Services between what they hold and what they run: few lines pass anything.
    let has_volumes = !volumes.is_empty();
    let clusters = [
        cluster("Volumes", volumes, false),
        cluster("Networks", networks, has_volumes),
        cluster("Services", drawing.services, false),
        cluster("Images", drawing.images, false),
    ];
    Picture {
        title: project.name.clone(),
        clusters: clusters
            .into_iter()
            .filter(|cluster| !cluster.nodes.is_empty())
            .collect(),
        edges: drawing.edges,
    }
}

#[derive(Default)]
struct Drawing {
    services: Vec<Node>,
    images: Vec<Node>,
    edges: Vec<Edge>,
    known_edges: HashSet<(String, String, EdgeKind)>,
    /// Ids of images that come from elsewhere.
    foreign: HashSet<String>,
}

impl Drawing {
    fn edge(&mut self, from: &str, to: String, kind: EdgeKind, label: Option<String>) {
        let from = from.to_owned();
        if self.known_edges.insert((from.clone(), to.clone(), kind)) {
            self.edges.push(Edge {
                from,
                to,
                kind,
                label,
            });
        }
    }

    /// An image that others stand on may be run as well, by a service that names it.
    fn mark_what_runs(&mut self) {
        let runs = self.edges.iter().filter(|edge| edge.kind == EdgeKind::Run);
        let run: HashSet<&str> = runs.map(|edge| edge.to.as_str()).collect();
        for node in &mut self.images {
            if node.kind == NodeKind::Foundation && run.contains(node.id.as_str()) {
                node.kind = NodeKind::Image;
            }
        }
    }

    /// An image that comes from elsewhere; returns its id.
    fn foreign(&mut self, reference: &str) -> String {
        let id = format!("image:{reference}");
        if self.foreign.insert(id.clone()) {
            self.images
                .push(node(id.clone(), reference, None, NodeKind::External));
        }
        id
    }

    fn image(&mut self, image: &Image, graph: &ImageGraph) {
        let id = format!("build:{}", image.key);
        let kind = match image.image_only {
            true => NodeKind::Foundation,
            false => NodeKind::Image,
        };
        let detail = image.names.first().cloned();
        self.images.push(node(id.clone(), &image.key, detail, kind));
        for parent in &image.parents {
            let to = format!("build:{}", parent.key);
            self.edge(&id, to, EdgeKind::Build, None);
        }
        let Some(file) = &image.dockerfile else {
            return;
        };
        let arguments = image
            .build
            .args
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
            .collect();
        let target = image.build.target.as_deref();
        for reference in file.parsed.references(target, &arguments) {
            let ours = graph.named(&reference.name).is_some()
                || image.contexts.contains_key(&reference.name);
            if !ours {
                let to = self.foreign(&reference.name);
                self.edge(&id, to, EdgeKind::Build, None);
            }
        }
    }

    fn service(&mut self, project: &Project, graph: &ImageGraph, name: &str, service: &Service) {
        let id = format!("service:{name}");
        let ports: Vec<String> = service
            .ports
            .iter()
            .filter_map(|port| port.published.as_ref().map(ToString::to_string))
            .filter(|port| !port.is_empty())
            .collect();
        let detail = (!ports.is_empty()).then(|| format!("on {}", ports.join(", ")));
        self.services
            .push(node(id.clone(), name, detail, NodeKind::Service));
        let reference = image_of(project, name, service);
        let image = graph.of_service(name).or_else(|| graph.named(&reference));
        let image = match image {
            Some(image) => format!("build:{}", image.key),
            None => self.foreign(&reference),
        };
        self.edge(&id, image, EdgeKind::Run, None);
        for (other, dependency) in dependencies(service) {
            if !project.services.contains_key(&other) {
                continue;
            }
            let label = match dependency.condition {
                Condition::Started => None,
                Condition::Healthy => Some("healthy".to_owned()),
                Condition::CompletedSuccessfully => Some("completed".to_owned()),
            };
            self.edge(&id, format!("service:{other}"), EdgeKind::Depend, label);
        }
        for mount in &service.volumes {
            if let (MountKind::Volume, Some(source)) = (mount.kind, &mount.source) {
                self.edge(&id, format!("volume:{source}"), EdgeKind::Attach, None);
            }
        }
        if service.network_mode.is_none() {
            for network in service.networks.keys() {
                self.edge(&id, format!("network:{network}"), EdgeKind::Attach, None);
            }
        }
    }
}

fn node(id: String, label: &str, detail: Option<String>, kind: NodeKind) -> Node {
    Node {
        id,
        label: label.to_owned(),
        detail: detail.filter(|detail| detail != label),
        kind,
    }
}

fn kind(external: bool, own: NodeKind) -> NodeKind {
    if external { NodeKind::External } else { own }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::MemoryDisk;
    use serde_json::json;

    #[test]
    fn everything_that_hangs_together_is_drawn() {
        let mut project: Project = serde_json::from_value(json!({
            "name": "p",
            "services": {
                "base": {"build": {"dockerfile_inline": "FROM debian"}, "image": "p/base", "entrypoint": ["true"]},
                "app": {
                    "build": {"dockerfile_inline": "FROM p/base"},
                    "depends_on": {"db": {"condition": "service_healthy"}},
                    "volumes": [{"type": "volume", "source": "data", "target": "/d"}],
                    "networks": {"back": null},
                },
                "worker": {"image": "p/tools"},
                "tools": {"build": {"dockerfile_inline": "FROM p/base AS tools"}, "image": "p/tools", "entrypoint": ["true"]},
                "db": {"image": "postgres:16", "networks": {"back": null}},
            },
            "volumes": {"data": {"name": "p_data"}, "unused": {"name": "p_unused"}},
            "networks": {"back": {"name": "p_back"}},
        }))
        .unwrap();
        project.directory = "/p".into();
        let graph = ImageGraph::of(&project, &MemoryDisk::default()).unwrap();
        let picture = picture(&project, &graph);
        let edges: Vec<String> = picture
            .edges
            .iter()
            .map(|edge| format!("{} > {}", edge.from, edge.to))
            .collect();
        for edge in [
            "build:base > image:debian",
            "build:app > build:base",
            "service:app > build:app",
            "service:app > service:db",
            "service:db > image:postgres:16",
            "service:app > volume:data",
            "service:db > network:back",
        ] {
            assert!(edges.contains(&edge.to_owned()), "{edge} in {edges:?}");
        }
        let ids: Vec<&str> = picture
            .clusters
            .iter()
            .flat_map(|cluster| &cluster.nodes)
            .map(|node| node.id.as_str())
            .collect();
        let kind = |id: &str| {
            let mut nodes = picture.clusters.iter().flat_map(|cluster| &cluster.nodes);
            nodes.find(|node| node.id == id).map(|node| node.kind)
        };
        assert_eq!(kind("build:base"), Some(NodeKind::Foundation));
        assert_eq!(kind("build:tools"), Some(NodeKind::Image));
        assert!(!ids.contains(&"service:base") && !ids.contains(&"volume:unused"));
        assert!(
            picture
                .edges
                .iter()
                .all(|edge| ids.contains(&edge.to.as_str()))
        );
    }
}
