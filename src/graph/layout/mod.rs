//! Where everything of a picture stands.

mod order;
mod place;
mod route;
mod slot;

use std::collections::HashMap;

use super::picture::{Node, Picture};
use slot::Slots;

/// Where everything of a picture stands, in pixels.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layout {
    pub width: f64,
    pub height: f64,
    /// For each cluster; empty clusters have none.
    pub clusters: Vec<Option<Area>>,
    /// By node id.
    pub nodes: HashMap<String, Area>,
    /// For each edge the points that it passes, from its start to its end; empty when an end is unknown.
    pub edges: Vec<Vec<(f64, f64)>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Area {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// Columns of a name's and of a detail's character.
const CHARACTER: f64 = 7.6;
const SMALL_CHARACTER: f64 = 6.2;
const NODE_PADDING: f64 = 14.0;
const NARROWEST_NODE: f64 = 64.0;
const NODE_HEIGHT: f64 = 44.0;
const NODE_GAP: f64 = 16.0;
/// Room for an edge that passes a column.
const LANE_HEIGHT: f64 = 4.0;
const COLUMN_GAP: f64 = 58.0;
const CLUSTER_PADDING: f64 = 18.0;
const CLUSTER_TITLE: f64 = 26.0;
const CLUSTER_GAP: f64 = 48.0;
pub(super) const MARGIN: f64 = 24.0;
const TITLE: f64 = 34.0;

/// Places the clusters side by side, or below each other where they say so. Within a cluster, what is needed stands to the
/// right of what needs it; the order in a column is one with few crossings.
pub(super) fn layout(picture: &Picture) -> Layout {
    let slots = Slots::of(picture);
    let order = order::order(&slots);
    let heights = place::heights(&slots, &order);
    let nodes = picture.clusters.iter().flat_map(|cluster| &cluster.nodes);
    let widths: HashMap<&str, f64> = nodes.map(|node| (node.id.as_str(), width(node))).collect();
    let column_width = |column: &Vec<usize>| {
        let own = column
            .iter()
            .filter_map(|slot| widths.get(slots.all[*slot].node.as_deref()?));
        own.copied().fold(0.0, f64::max)
    };
    let top = MARGIN + TITLE + CLUSTER_TITLE + CLUSTER_PADDING;
    let mut areas = vec![Area::default(); slots.all.len()];
    let mut x = MARGIN;
    let mut columns = Vec::new();
    for (at, column) in order.iter().enumerate() {
        let starts = slots
            .of_cluster
            .iter()
            .any(|own| own.start == at && !own.is_empty());
        x += match (at, starts) {
            (0, _) => CLUSTER_PADDING,
            (_, true) => CLUSTER_PADDING + CLUSTER_GAP + CLUSTER_PADDING,
            (_, false) => COLUMN_GAP,
        };
        let titles = picture.clusters.iter().zip(&slots.of_cluster);
        let title = titles
            .filter(|(_, own)| own.end == at + 1 && own.start == at)
            .map(|(cluster, _)| cluster.title.chars().count() as f64 * CHARACTER)
            .fold(0.0, f64::max);
        let width = column_width(column).max(title);
        columns.push((x, width));
        for slot in column {
            let height = slots.all[*slot].height;
            areas[*slot] = Area {
                x,
                y: top + heights[*slot] - height / 2.0,
                width,
                height,
            };
        }
        x += width;
    }
    let bottom = areas
        .iter()
        .map(|area| area.y + area.height)
        .fold(top, f64::max);
    let mut layout = Layout {
        width: x + CLUSTER_PADDING + MARGIN,
        height: bottom + CLUSTER_PADDING + MARGIN,
        edges: route::routes(&slots, &areas),
        ..Layout::default()
    };
    for (slot, area) in slots.all.iter().zip(&areas) {
        if let Some(node) = &slot.node {
            layout.nodes.insert(node.clone(), *area);
        }
    }
    for (at, own) in slots.of_cluster.iter().enumerate() {
        let Some(((left, _), (right, width))) = columns
            .get(own.start)
            .zip(columns.get(own.end.wrapping_sub(1)))
        else {
            layout.clusters.push(None);
            continue;
        };
        let is_alone = slots
            .of_cluster
            .iter()
            .filter(|other| *other == own)
            .count()
            == 1;
        let inner = slots
            .all
            .iter()
            .zip(&areas)
            .filter(|(slot, _)| slot.cluster == Some(at));
        let (first, last) = match is_alone {
            true => (top, bottom),
            false => inner.fold((f64::INFINITY, 0.0), |(first, last), (_, area)| {
                (
                    f64::min(first, area.y),
                    f64::max(last, area.y + area.height),
                )
            }),
        };
        layout.clusters.push((!own.is_empty()).then(|| Area {
            x: left - CLUSTER_PADDING,
            y: first - CLUSTER_TITLE - CLUSTER_PADDING,
            width: right + width + 2.0 * CLUSTER_PADDING - left,
            height: last - first + CLUSTER_TITLE + 2.0 * CLUSTER_PADDING,
        }));
    }
    layout
}

fn width(node: &Node) -> f64 {
    let detail = node
        .detail
        .as_ref()
        .map_or(0, |detail| detail.chars().count());
    let name = node.label.chars().count() as f64 * CHARACTER;
    let text = name.max(detail as f64 * SMALL_CHARACTER);
    (text + 2.0 * NODE_PADDING).max(NARROWEST_NODE)
}

#[cfg(test)]
mod tests {
    use super::super::picture::tests::sample;
    use super::super::picture::{Cluster, Edge, Node};
    use super::*;

    fn overlap(a: &Area, b: &Area) -> bool {
        a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
    }

    fn check(picture: &Picture) -> Layout {
        let layout = layout(picture);
        let areas: Vec<&Area> = layout.nodes.values().collect();
        for (at, one) in areas.iter().enumerate() {
            assert!(
                one.x >= 0.0
                    && one.x + one.width <= layout.width
                    && one.y + one.height <= layout.height
            );
            assert!(
                areas[at + 1..].iter().all(|other| !overlap(one, other)),
                "{layout:?}"
            );
        }
        for (cluster, area) in picture.clusters.iter().zip(&layout.clusters) {
            for node in &cluster.nodes {
                assert!(overlap(&area.unwrap(), &layout.nodes[&node.id]));
            }
        }
        let clusters: Vec<&Area> = layout.clusters.iter().flatten().collect();
        for (at, one) in clusters.iter().enumerate() {
            assert!(clusters[at + 1..].iter().all(|other| !overlap(one, other)));
        }
        layout
    }

    #[test]
    fn what_is_needed_stands_on_the_right() {
        let layout = check(&sample());
        let x = |id: &str| layout.nodes[id].x;
        assert!(x("prod") < x("dev") && x("dev") < x("base") && x("base") < x("app"));
        assert!(x("app") < x("db"));
    }

    #[test]
    fn a_cluster_may_stand_below_another() {
        let mut picture = sample();
        picture.clusters[2].below = true;
        let aside = check(&picture);
        picture.edges.retain(|edge| edge.to != "db");
        let layout = check(&picture);
        assert!(layout.width < aside.width);
        let (services, volumes) = (layout.clusters[1].unwrap(), layout.clusters[2].unwrap());
        assert_eq!(services.x, volumes.x);
        assert!(services.y + services.height < volumes.y);
    }

    #[test]
    fn edges_that_meet_have_places_of_their_own() {
        let layout = check(&sample());
        let ends: Vec<_> = [0, 1]
            .map(|edge| *layout.edges[edge].last().unwrap())
            .into();
        assert_eq!(ends[0].0, ends[1].0);
        assert!((ends[0].1 - ends[1].1).abs() > 8.0, "{ends:?}");
    }

    #[test]
    fn edges_pass_beside_the_nodes_between() {
        let layout = check(&sample());
        // From `prod` to `base`, past the column of `dev`.
        let dev = &layout.nodes["dev"];
        let lane = layout.edges[1][1];
        assert!(lane.1 < dev.y || lane.1 > dev.y + dev.height);
    }

    #[test]
    fn cycles_strangers_and_nothing_are_no_harm() {
        let node = |id: &str| Node {
            id: id.to_owned(),
            label: id.to_owned(),
            ..Node::default()
        };
        let edge = |from: &str, to: &str| Edge {
            from: from.to_owned(),
            to: to.to_owned(),
            ..Edge::default()
        };
        check(&Picture::default());
        let picture = Picture {
            clusters: vec![
                Cluster::default(),
                Cluster {
                    title: "x".repeat(50),
                    nodes: vec![node("a"), node("b"), node("c")],
                    below: true,
                },
                Cluster::default(),
            ],
            edges: vec![
                edge("a", "b"),
                edge("b", "a"),
                edge("c", "c"),
                edge("a", "unknown"),
            ],
            ..Picture::default()
        };
        assert!(check(&picture).edges[3].is_empty());
    }

    #[test]
    fn a_large_picture_is_drawn_without_overlap() {
        let nodes = (0..60)
            .map(|at| Node {
                id: format!("n{at}"),
                label: format!("node {at}"),
                ..Node::default()
            })
            .collect();
        let edges = (0..60usize)
            .flat_map(|at| [(at, at / 2), (at, at / 3)])
            .filter(|(from, to)| from != to)
            .map(|(from, to)| Edge {
                from: format!("n{from}"),
                to: format!("n{to}"),
                ..Edge::default()
            })
            .collect();
        check(&Picture {
            clusters: vec![Cluster {
                nodes,
                ..Cluster::default()
            }],
            edges,
            ..Picture::default()
        });
    }
}
