use super::slot::{Slot, Slots};

/// How often the order within the columns is improved.
const SWEEPS: usize = 16;

/// The slots of each column from top to bottom, with few crossings: each one is drawn towards the middle of its neighbours.
pub(super) fn order(slots: &Slots) -> Vec<Vec<usize>> {
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); slots.columns];
    for (at, slot) in slots.all.iter().enumerate() {
        order[slot.column].push(at);
    }
    let mut position = vec![0.0; slots.all.len()];
    for column in &order {
        settle(column, &mut position);
    }
    let mut best = order.clone();
    let mut fewest = crossings(slots, &position);
    for sweep in 0..SWEEPS {
        for step in 0..slots.columns {
            let column = match sweep % 2 == 0 {
                true => step,
                false => slots.columns - 1 - step,
            };
            let mut keyed: Vec<(usize, f64, usize)> = order[column]
                .iter()
                .map(|at| {
                    let slot = &slots.all[*at];
                    // Clusters that share a column stand one below the other.
                    let group = slot.cluster.unwrap_or(0);
                    let group = if shares_column(slots, slot) { group } else { 0 };
                    (group, middle(slot, &position).unwrap_or(position[*at]), *at)
                })
                .collect();
            keyed.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
            order[column] = keyed.into_iter().map(|(_, _, slot)| slot).collect();
            settle(&order[column], &mut position);
        }
        let now = crossings(slots, &position);
        if now < fewest {
            fewest = now;
            best.clone_from(&order);
        }
    }
    best
}

fn shares_column(slots: &Slots, slot: &Slot) -> bool {
    let here = slots
        .of_cluster
        .iter()
        .filter(|columns| columns.contains(&slot.column));
    here.count() > 1
}

fn settle(column: &[usize], position: &mut [f64]) {
    for (at, slot) in column.iter().enumerate() {
        position[*slot] = (at as f64 + 0.5) / column.len() as f64;
    }
}

/// The middle of its neighbours. `None`: it has none.
pub(super) fn middle(slot: &Slot, position: &[f64]) -> Option<f64> {
    let near = &slot.neighbours;
    let sum: f64 = near.iter().map(|at| position[*at]).sum();
    (!near.is_empty()).then(|| sum / near.len() as f64)
}

/// How many pairs of edges cross between neighbouring columns.
fn crossings(slots: &Slots, position: &[f64]) -> usize {
    let mut links: Vec<Vec<(f64, f64)>> = vec![Vec::new(); slots.columns];
    for path in &slots.paths {
        for pair in path.windows(2) {
            let (mut left, mut right) = (pair[0], pair[1]);
            if slots.all[left].column > slots.all[right].column {
                std::mem::swap(&mut left, &mut right);
            }
            links[slots.all[left].column].push((position[left], position[right]));
        }
    }
    let crossed = |mut links: Vec<(f64, f64)>| {
        links.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
        inversions(&mut links.into_iter().map(|link| link.1).collect::<Vec<_>>())
    };
    links.into_iter().map(crossed).sum()
}

/// How many pairs stand in the wrong order; sorts them, each half for itself and then both together.
fn inversions(values: &mut Vec<f64>) -> usize {
    if values.len() < 2 {
        return 0;
    }
    let mut right = values.split_off(values.len() / 2);
    let mut count = inversions(values) + inversions(&mut right);
    let left = std::mem::take(values);
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
        if other < one {
            count += left.len();
            values.extend(right.next());
        } else {
            values.extend(left.next());
        }
    }
    values.extend(left);
    values.extend(right);
    count
}
