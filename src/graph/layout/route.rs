use std::collections::HashMap;

use super::Area;
use super::slot::Slots;

/// The side of a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Left,
    Right,
}

/// One end of an edge at a side of a node.
struct End {
    /// Where the edge comes from or goes to, so that those which meet do not cross.
    towards: f64,
    edge: usize,
    is_start: bool,
}

/// The points that each edge passes. Where several meet at one side of a node, each has a place of its own there.
pub(super) fn routes(slots: &Slots, areas: &[Area]) -> Vec<Vec<(f64, f64)>> {
    let mut ends: HashMap<(usize, Side), Vec<End>> = HashMap::new();
    for (edge, path) in slots.paths.iter().enumerate() {
        if let [first, .., last] = path.as_slice() {
            let (out, into) = sides(slots, *first, *last);
            let next = |at: usize| areas[path[at]].middle();
            ends.entry((*first, out)).or_default().push(End {
                towards: next(1),
                edge,
                is_start: true,
            });
            ends.entry((*last, into)).or_default().push(End {
                towards: next(path.len() - 2),
                edge,
                is_start: false,
            });
        }
    }
    let mut heights: HashMap<(usize, bool), f64> = HashMap::new();
    for ((slot, _), mut meeting) in ends {
        meeting.sort_by(|a, b| a.towards.total_cmp(&b.towards).then(a.edge.cmp(&b.edge)));
        let area = &areas[slot];
        let share = area.height / (meeting.len() + 1) as f64;
        for (at, end) in meeting.into_iter().enumerate() {
            heights.insert((end.edge, end.is_start), area.y + share * (at + 1) as f64);
        }
    }
    let end = |edge: usize, is_start: bool| heights.get(&(edge, is_start)).copied().unwrap_or(0.0);
    let routes = slots.paths.iter().enumerate().map(|(edge, path)| {
        let [first, between @ .., last] = path.as_slice() else {
            return Vec::new();
        };
        let (out, into) = sides(slots, *first, *last);
        let mut points = vec![(areas[*first].side(out), end(edge, true))];
        let order = match out {
            Side::Right => [Side::Left, Side::Right],
            Side::Left => [Side::Right, Side::Left],
        };
        for lane in between {
            let area = &areas[*lane];
            points.extend(order.map(|side| (area.side(side), area.middle())));
        }
        points.push((areas[*last].side(into), end(edge, false)));
        points
    });
    routes.collect()
}

/// Where an edge leaves and arrives; around the right side within a column.
fn sides(slots: &Slots, first: usize, last: usize) -> (Side, Side) {
    match slots.all[first].column.cmp(&slots.all[last].column) {
        std::cmp::Ordering::Less => (Side::Right, Side::Left),
        std::cmp::Ordering::Equal => (Side::Right, Side::Right),
        std::cmp::Ordering::Greater => (Side::Left, Side::Right),
    }
}

impl Area {
    fn middle(&self) -> f64 {
        self.y + self.height / 2.0
    }

    fn side(&self, side: Side) -> f64 {
        match side {
            Side::Left => self.x,
            Side::Right => self.x + self.width,
        }
    }
}
