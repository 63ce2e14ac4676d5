use std::collections::HashMap;

use super::super::picture::{Cluster, Picture};
use super::LANE_HEIGHT;
use super::NODE_HEIGHT;

/// One place in a column.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// `None`: an edge passes here.
    pub node: Option<String>,
    /// The position of its cluster. `None`: it is a lane.
    pub cluster: Option<usize>,
    pub column: usize,
    pub height: f64,
    /// Slots that it is connected with, in the columns beside it.
    pub neighbours: Vec<usize>,
}

/// All places of a picture, and which of them each edge passes.
#[derive(Debug, Default)]
pub(super) struct Slots {
    pub all: Vec<Slot>,
    pub columns: usize,
    /// For each cluster the columns that it has; empty for an empty cluster.
    pub of_cluster: Vec<std::ops::Range<usize>>,
    /// For each edge, from its start to its end; empty when an end is unknown.
    pub paths: Vec<Vec<usize>>,
}

impl Slots {
    /// What is needed stands to the right of what needs it, within a cluster; clusters stand side by side.
    pub(super) fn of(picture: &Picture) -> Slots {
        let mut slots = Slots::default();
        let mut by_node: HashMap<&str, usize> = HashMap::new();
        for (at, cluster) in picture.clusters.iter().enumerate() {
            let ranks = ranks(picture, cluster);
            let width = ranks.values().max().map_or(0, |rank| rank + 1);
            let first = match slots.of_cluster.last() {
                Some(before) if cluster.below && before.len() == 1 && width == 1 => before.start,
                _ => slots.columns,
            };
            for node in &cluster.nodes {
                by_node.insert(&node.id, slots.all.len());
                slots.all.push(Slot {
                    node: Some(node.id.clone()),
                    cluster: Some(at),
                    column: first + ranks[node.id.as_str()],
                    height: NODE_HEIGHT,
                    neighbours: Vec::new(),
                });
            }
            slots.of_cluster.push(first..first + width);
            slots.columns = slots.columns.max(first + width);
        }
        for edge in &picture.edges {
            let ends = by_node
                .get(edge.from.as_str())
                .zip(by_node.get(edge.to.as_str()));
            let path = ends.map(|(from, to)| slots.path(*from, *to));
            slots.paths.push(path.unwrap_or_default());
        }
        slots
    }

    /// Adds lanes where an edge passes columns.
    fn path(&mut self, from: usize, to: usize) -> Vec<usize> {
        let (start, end) = (self.all[from].column, self.all[to].column);
        let between: Vec<usize> = match start <= end {
            true => (start + 1..end).collect(),
            false => (end + 1..start).rev().collect(),
        };
        let mut path = vec![from];
        for column in between {
            path.push(self.all.len());
            self.all.push(Slot {
                node: None,
                cluster: None,
                column,
                height: LANE_HEIGHT,
                neighbours: Vec::new(),
            });
        }
        path.push(to);
        for pair in path.windows(2) {
            self.all[pair[0]].neighbours.push(pair[1]);
            self.all[pair[1]].neighbours.push(pair[0]);
        }
        path
    }
}

/// The length of the longest chain of those who need each node, within its cluster. Edges that close a cycle do not count.
fn ranks<'p>(picture: &'p Picture, cluster: &'p Cluster) -> HashMap<&'p str, usize> {
    let members: Vec<&str> = cluster.nodes.iter().map(|node| node.id.as_str()).collect();
    let mut needed_by: HashMap<&str, Vec<&str>> = HashMap::new();
    for edge in &picture.edges {
        let both = [edge.from.as_str(), edge.to.as_str()];
        if both.iter().all(|end| members.contains(end)) && both[0] != both[1] {
            needed_by.entry(both[1]).or_default().push(both[0]);
        }
    }
    let mut ranks: HashMap<&str, usize> = members.iter().map(|member| (*member, 0)).collect();
    // A chain has at most as many links as there are members; in a cycle the ranks stop growing there.
    for _ in 0..members.len() {
        let mut grown = false;
        for member in &members {
            let above = needed_by.get(member).into_iter().flatten();
            let rank = above.map(|one| ranks[one] + 1).max().unwrap_or(0);
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
