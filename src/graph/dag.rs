use std::fmt;
use std::hash::Hash;

use indexmap::{IndexMap, IndexSet};

/// Things and what each of them needs, in the order in which they were added. All answers keep that order, so equal
/// input gives equal output.
#[derive(Clone, Debug, PartialEq)]
pub struct Dag<K: Eq + Hash> {
    /// Each node with the nodes that it needs.
    needs: IndexMap<K, IndexSet<K>>,
}

/// Nodes that need each other: the first one is repeated at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle<K>(pub Vec<K>);

impl<K: fmt::Display> fmt::Display for Cycle<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, node) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(" -> ")?;
            }
            write!(f, "`{node}`")?;
        }
        Ok(())
    }
}

impl<K: fmt::Debug + fmt::Display> std::error::Error for Cycle<K> {}

impl<K: Eq + Hash> Default for Dag<K> {
    fn default() -> Self {
        Dag {
            needs: IndexMap::new(),
        }
    }
}

impl<K: Clone + Eq + Hash> Dag<K> {
    /// Adds a node; nothing happens if it is there.
    pub fn node(&mut self, node: K) {
        self.needs.entry(node).or_default();
    }

    /// `node` needs `other`. Both are added if they are not there.
    pub fn edge(&mut self, node: K, other: K) {
        self.needs.entry(node).or_default().insert(other.clone());
        self.node(other);
    }

    pub fn nodes(&self) -> impl Iterator<Item = &K> {
        self.needs.keys()
    }

    /// What a node needs itself; nothing for an unknown node.
    pub fn needs(&self, node: &K) -> impl Iterator<Item = &K> {
        self.needs.get(node).into_iter().flatten()
    }

    /// The nodes that need this one themselves.
    pub fn needed_by<'a>(&'a self, node: &'a K) -> impl Iterator<Item = &'a K> {
        self.needs
            .iter()
            .filter(move |(_, needs)| needs.contains(node))
            .map(|(dependent, _)| dependent)
    }

    /// The given nodes and everything that they need, in the order of the graph.
    pub fn closure<'a>(&self, start: impl IntoIterator<Item = &'a K>) -> Vec<K>
    where
        K: 'a,
    {
        let mut reached: IndexSet<&K> = IndexSet::new();
        let mut open: Vec<&K> = start
            .into_iter()
            .filter_map(|node| self.needs.get_key_value(node).map(|(node, _)| node))
            .collect();
        while let Some(node) = open.pop() {
            if reached.insert(node) {
                open.extend(self.needs(node));
            }
        }
        self.nodes()
            .filter(|node| reached.contains(*node))
            .cloned()
            .collect()
    }

    /// Every node after all that it needs.
    pub fn order(&self) -> Result<Vec<K>, Cycle<K>> {
        Ok(self.waves()?.into_iter().flatten().collect())
    }

    /// The nodes in groups: what a node needs lies in the groups before its own.
    pub fn waves(&self) -> Result<Vec<Vec<K>>, Cycle<K>> {
        let mut missing: Vec<usize> = self.needs.values().map(IndexSet::len).collect();
        let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); self.needs.len()];
        for (at, needs) in self.needs.values().enumerate() {
            for need in needs {
                if let Some(need) = self.needs.get_index_of(need) {
                    dependents[need].push(at);
                }
            }
        }
        let mut waves = Vec::new();
        let mut placed = 0;
        let mut wave: Vec<usize> = (0..missing.len()).filter(|at| missing[*at] == 0).collect();
        while !wave.is_empty() {
            placed += wave.len();
            let mut next = Vec::new();
            for node in &wave {
                for dependent in &dependents[*node] {
                    missing[*dependent] -= 1;
                    if missing[*dependent] == 0 {
                        next.push(*dependent);
                    }
                }
            }
            next.sort_unstable();
            waves.push(
                wave.iter()
                    .filter_map(|at| self.needs.get_index(*at))
                    .map(|(node, _)| node.clone())
                    .collect(),
            );
            wave = next;
        }
        if placed == self.needs.len() {
            return Ok(waves);
        }
        let stuck: Vec<usize> = (0..missing.len()).filter(|at| missing[*at] > 0).collect();
        Err(self.cycle_among(&stuck))
    }

    /// Follows needs among nodes that all wait for each other until one comes again.
    fn cycle_among(&self, stuck: &[usize]) -> Cycle<K> {
        let mut path: IndexSet<usize> = IndexSet::new();
        let mut here = stuck.first().copied();
        while let Some(at) = here {
            if let Some(start) = path.get_index_of(&at) {
                let nodes = path
                    .iter()
                    .skip(start)
                    .chain([&at])
                    .filter_map(|at| self.needs.get_index(*at))
                    .map(|(node, _)| node.clone())
                    .collect();
                return Cycle(nodes);
            }
            path.insert(at);
            here = self.needs.get_index(at).and_then(|(_, needs)| {
                needs
                    .iter()
                    .filter_map(|need| self.needs.get_index_of(need))
                    .find(|need| stuck.contains(need))
            });
        }
        Cycle(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dag(edges: &[(&'static str, &'static str)]) -> Dag<&'static str> {
        let mut dag = Dag::default();
        for (node, need) in edges {
            dag.edge(*node, *need);
        }
        dag
    }

    #[test]
    fn waves_respect_needs_and_the_order_of_adding() {
        let mut dag = dag(&[
            ("app", "base"),
            ("app", "lib"),
            ("lib", "base"),
            ("prod", "dev"),
            ("dev", "base"),
        ]);
        dag.node("alone");
        assert_eq!(
            dag.waves().unwrap(),
            [
                vec!["base", "alone"],
                vec!["lib", "dev"],
                vec!["app", "prod"]
            ]
        );
        assert_eq!(
            dag.needed_by(&"base").copied().collect::<Vec<_>>(),
            ["app", "lib", "dev"]
        );
    }

    #[test]
    fn a_cycle_comes_back_as_its_path() {
        let dag = dag(&[
            ("start", "a"),
            ("a", "b"),
            ("b", "c"),
            ("c", "a"),
            ("c", "leaf"),
        ]);
        let cycle = dag.order().unwrap_err();
        assert_eq!(cycle.to_string(), "`a` -> `b` -> `c` -> `a`");
        let own = super::tests::dag(&[("self", "self")]).order().unwrap_err();
        assert_eq!(own.0, ["self", "self"]);
    }

    #[test]
    fn a_closure_is_what_is_needed_and_no_more() {
        let dag = dag(&[("app", "base"), ("other", "base"), ("base", "root")]);
        assert_eq!(dag.closure([&"app"]), ["app", "base", "root"]);
        assert_eq!(dag.closure([&"unknown"]), Vec::<&str>::new());
    }
}
