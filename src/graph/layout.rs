use std::collections::HashMap;

use super::picture::Picture;

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

const CHARACTER: f64 = 7.4;
const NODE_HEIGHT: f64 = 44.0;
const NODE_GAP: f64 = 18.0;
/// Room for an edge that passes a column.
const LANE_HEIGHT: f64 = 14.0;
const COLUMN_GAP: f64 = 72.0;
const CLUSTER_PADDING: f64 = 18.0;
const CLUSTER_TITLE: f64 = 26.0;
const CLUSTER_GAP: f64 = 56.0;
const MARGIN: f64 = 24.0;
const TITLE: f64 = 34.0;
/// How often the order within the columns is improved.
const SWEEPS: usize = 12;

/// One place in a column.
#[derive(Clone, Debug)]
struct Slot {
    /// `None`: an edge passes here.
    node: Option<String>,
    column: usize,
    height: f64,
    /// Slots that it is connected with, in the columns beside it.
    neighbours: Vec<usize>,
}

/// Places the clusters side by side. Within a cluster, what needs nothing stands on the left and what needs it to the
/// right; the order in a column is the one with few crossings.
pub(super) fn layout(picture: &Picture) -> Layout {
    let mut slots: Vec<Slot> = Vec::new();
    let mut slot_of: HashMap<String, usize> = HashMap::new();
    let mut first_columns = Vec::new();
    let mut columns = 0;
    for cluster in &picture.clusters {
        first_columns.push(columns);
        let ranks = ranks(
            picture,
            cluster.nodes.iter().map(|node| node.id.as_str()).collect(),
        );
        for node in &cluster.nodes {
            let column = columns + ranks[node.id.as_str()];
            slot_of.insert(node.id.clone(), slots.len());
            slots.push(Slot {
                node: Some(node.id.clone()),
                column,
                height: NODE_HEIGHT,
                neighbours: Vec::new(),
            });
        }
        if !cluster.nodes.is_empty() {
            columns += ranks.values().max().map_or(0, |rank| rank + 1);
        }
    }
    let paths = paths(picture, &mut slots, &slot_of);
    let order = order(&slots, columns);
    place(picture, &slots, &order, &first_columns, &paths)
}

/// The length of the longest chain of needs below each node, within its cluster. Edges that close a cycle do not count.
fn ranks<'p>(picture: &'p Picture, members: Vec<&'p str>) -> HashMap<&'p str, usize> {
    let mut needs: HashMap<&str, Vec<&str>> = HashMap::new();
    for edge in &picture.edges {
        if members.contains(&edge.from.as_str()) && members.contains(&edge.to.as_str()) {
            needs.entry(&edge.from).or_default().push(&edge.to);
        }
    }
    let mut ranks: HashMap<&str, usize> = members.iter().map(|member| (*member, 0)).collect();
    // A chain has at most as many links as there are members; in a cycle the ranks stop growing there.
    for _ in 0..members.len() {
        let mut grown = false;
        for member in &members {
            let below = needs
                .get(member)
                .into_iter()
                .flatten()
                .filter(|need| *need != member);
            let rank = below.map(|need| ranks[need] + 1).max().unwrap_or(0);
            if rank > ranks[member] && rank < members.len() {
                ranks.insert(member, rank);
                grown = true;
            }
        }
        if !grown {
            break;
        }
    }
    ranks
}

/// For each edge the slots that it passes; lanes are added where it passes columns.
fn paths(
    picture: &Picture,
    slots: &mut Vec<Slot>,
    slot_of: &HashMap<String, usize>,
) -> Vec<Vec<usize>> {
    let mut paths = Vec::new();
    for edge in &picture.edges {
        let (Some(&from), Some(&to)) = (slot_of.get(&edge.from), slot_of.get(&edge.to)) else {
            paths.push(Vec::new());
            continue;
        };
        let mut path = vec![from];
        let (start, end) = (slots[from].column, slots[to].column);
        let between: Vec<usize> = match start <= end {
            true => (start + 1..end).collect(),
            false => (end + 1..start).rev().collect(),
        };
        for column in between {
            path.push(slots.len());
            slots.push(Slot {
                node: None,
                column,
                height: LANE_HEIGHT,
                neighbours: Vec::new(),
            });
        }
        path.push(to);
        for pair in path.windows(2) {
            slots[pair[0]].neighbours.push(pair[1]);
            slots[pair[1]].neighbours.push(pair[0]);
        }
        paths.push(path);
    }
    paths
}

/// The slots of each column from top to bottom: each one is drawn towards the middle of its neighbours.
fn order(slots: &[Slot], columns: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); columns];
    for (at, slot) in slots.iter().enumerate() {
        order[slot.column].push(at);
    }
    let mut position = vec![0.0; slots.len()];
    let settle = |column: &[usize], position: &mut Vec<f64>| {
        for (at, slot) in column.iter().enumerate() {
            position[*slot] = (at as f64 + 0.5) / column.len() as f64;
        }
    };
    for column in &order {
        settle(column, &mut position);
    }
    for sweep in 0..SWEEPS {
        let forward = sweep % 2 == 0;
        for step in 0..columns {
            let column = if forward { step } else { columns - 1 - step };
            let middle = |slot: &usize| {
                let near = &slots[*slot].neighbours;
                match near.is_empty() {
                    true => position[*slot],
                    false => near.iter().map(|at| position[*at]).sum::<f64>() / near.len() as f64,
                }
            };
            let mut keyed: Vec<(f64, usize)> = order[column]
                .iter()
                .map(|slot| (middle(slot), *slot))
                .collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            order[column] = keyed.into_iter().map(|(_, slot)| slot).collect();
            settle(&order[column], &mut position);
        }
    }
    order
}

fn place(
    picture: &Picture,
    slots: &[Slot],
    order: &[Vec<usize>],
    first_columns: &[usize],
    paths: &[Vec<usize>],
) -> Layout {
    let texts: HashMap<&str, usize> = picture
        .clusters
        .iter()
        .flat_map(|cluster| &cluster.nodes)
        .map(|node| {
            let detail = node
                .detail
                .as_ref()
                .map_or(0, |detail| detail.chars().count());
            (node.id.as_str(), node.label.chars().count().max(detail))
        })
        .collect();
    let column_width = |column: &Vec<usize>| {
        let longest = column
            .iter()
            .filter_map(|slot| texts.get(slots[*slot].node.as_deref()?))
            .max();
        longest.map_or(0, |length| *length) as f64 * CHARACTER + 32.0
    };
    let column_height = |column: &Vec<usize>| {
        let heights: f64 = column.iter().map(|slot| slots[*slot].height).sum();
        heights + NODE_GAP * column.len().saturating_sub(1) as f64
    };
    let inner_height = order.iter().map(column_height).fold(0.0, f64::max);
    let top = MARGIN + TITLE + CLUSTER_TITLE + CLUSTER_PADDING;
    let mut layout = Layout {
        height: top + inner_height + CLUSTER_PADDING + MARGIN,
        ..Layout::default()
    };
    let mut areas = vec![Area::default(); slots.len()];
    let mut x = MARGIN;
    for (at, cluster) in picture.clusters.iter().enumerate() {
        if cluster.nodes.is_empty() {
            layout.clusters.push(None);
            continue;
        }
        let end = picture.clusters[at + 1..]
            .iter()
            .zip(&first_columns[at + 1..])
            .find(|(cluster, _)| !cluster.nodes.is_empty())
            .map_or(order.len(), |(_, column)| *column);
        let left = x;
        x += CLUSTER_PADDING;
        for (number, column) in order[first_columns[at]..end].iter().enumerate() {
            if number > 0 {
                x += COLUMN_GAP;
            }
            let width = column_width(column);
            let mut y = top + (inner_height - column_height(column)) / 2.0;
            for slot in column {
                let height = slots[*slot].height;
                areas[*slot] = Area {
                    x,
                    y,
                    width,
                    height,
                };
                if let Some(node) = &slots[*slot].node {
                    layout.nodes.insert(node.clone(), areas[*slot]);
                }
                y += height + NODE_GAP;
            }
            x += width;
        }
        let title = cluster.title.chars().count() as f64 * CHARACTER + 2.0 * CLUSTER_PADDING;
        x = (x + CLUSTER_PADDING).max(left + title);
        layout.clusters.push(Some(Area {
            x: left,
            y: MARGIN + TITLE,
            width: x - left,
            height: CLUSTER_TITLE + inner_height + 2.0 * CLUSTER_PADDING,
        }));
        x += CLUSTER_GAP;
    }
    layout.width = (x - CLUSTER_GAP + MARGIN).max(2.0 * MARGIN);
    for path in paths {
        layout.edges.push(points(path, slots, &areas));
    }
    layout
}

fn points(path: &[usize], slots: &[Slot], areas: &[Area]) -> Vec<(f64, f64)> {
    let (Some(&first), Some(&last)) = (path.first(), path.last()) else {
        return Vec::new();
    };
    let middle = |area: &Area| area.y + area.height / 2.0;
    let right = |area: &Area| (area.x + area.width, middle(area));
    let left = |area: &Area| (area.x, middle(area));
    let (start, end) = (&areas[first], &areas[last]);
    if slots[first].column == slots[last].column {
        // Around the right side.
        return vec![right(start), right(end)];
    }
    let forward = slots[first].column < slots[last].column;
    let mut points = vec![if forward { right(start) } else { left(start) }];
    for lane in &path[1..path.len() - 1] {
        let area = &areas[*lane];
        points.extend(match forward {
            true => [left(area), right(area)],
            false => [right(area), left(area)],
        });
    }
    points.push(if forward { left(end) } else { right(end) });
    points
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
    fn what_is_needed_stands_on_the_left() {
        let layout = check(&sample());
        let x = |id: &str| layout.nodes[id].x;
        assert!(x("base") < x("dev") && x("dev") < x("prod") && x("prod") < x("db"));
        assert!(x("db") < x("app"));
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
                title: String::new(),
                nodes,
            }],
            edges,
            ..Picture::default()
        });
    }
}
