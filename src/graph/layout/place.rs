use super::order::middle;
use super::slot::Slots;
use super::{CLUSTER_GAP, CLUSTER_PADDING, CLUSTER_TITLE, NODE_GAP};

/// How often the heights are improved.
const SWEEPS: usize = 40;

/// The height of the middle of each slot, from 0 on: as near to its neighbours as the order in its column allows, so that
/// edges run straight.
pub(super) fn heights(slots: &Slots, order: &[Vec<usize>]) -> Vec<f64> {
    let mut height = vec![0.0; slots.all.len()];
    for column in order {
        let gaps = distances(slots, column);
        for (slot, gap) in column.iter().zip(gaps) {
            height[*slot] = gap;
        }
    }
    for sweep in 0..SWEEPS {
        for step in 0..order.len() {
            let column = match sweep % 2 == 0 {
                true => &order[step],
                false => &order[order.len() - 1 - step],
            };
            let wanted: Vec<f64> = column
                .iter()
                .map(|at| middle(&slots.all[*at], &height).unwrap_or(height[*at]))
                .collect();
            for (slot, placed) in column.iter().zip(apart(&wanted, &distances(slots, column))) {
                height[*slot] = placed;
            }
        }
    }
    let top = |at: usize| height[at] - slots.all[at].height / 2.0;
    let highest = (0..height.len()).map(top).fold(f64::INFINITY, f64::min);
    height.iter().map(|middle| middle - highest).collect()
}

/// The least distance of each slot of a column from its first one, middle to middle.
fn distances(slots: &Slots, column: &[usize]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut distances = Vec::new();
    for (at, slot) in column.iter().enumerate() {
        if let Some(before) = at.checked_sub(1).map(|before| &slots.all[column[before]]) {
            let slot = &slots.all[*slot];
            let is_next_cluster = before.cluster != slot.cluster
                && before.cluster.is_some()
                && slot.cluster.is_some();
            let gap = match is_next_cluster {
                true => CLUSTER_GAP + CLUSTER_TITLE + 2.0 * CLUSTER_PADDING,
                false => NODE_GAP,
            };
            sum += (before.height + slot.height) / 2.0 + gap;
        }
        distances.push(sum);
    }
    distances
}

/// The heights nearest to the wanted ones that keep the order and the distances: what is too near is moved away from its
/// middle, together. (Isotonic regression by pooling.)
fn apart(wanted: &[f64], distances: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (want, distance) in wanted.iter().zip(distances) {
        let mut pool = (want - distance, 1);
        while let Some(above) = pools.last().filter(|above| above.0 > pool.0) {
            let count = above.1 + pool.1;
            pool = (
                (above.0 * above.1 as f64 + pool.0 * pool.1 as f64) / count as f64,
                count,
            );
            pools.pop();
        }
        pools.push(pool);
    }
    let starts = pools
        .iter()
        .flat_map(|(start, count)| std::iter::repeat_n(*start, *count));
    starts
        .zip(distances)
        .map(|(start, distance)| start + distance)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_kept_apart_around_their_middle() {
        assert_eq!(apart(&[5.0, 5.0], &[0.0, 10.0]), [0.0, 10.0]);
        assert_eq!(apart(&[0.0, 50.0], &[0.0, 10.0]), [0.0, 50.0]);
        assert_eq!(
            apart(&[30.0, 0.0, 100.0], &[0.0, 10.0, 20.0]),
            [10.0, 20.0, 100.0]
        );
        assert!(apart(&[], &[]).is_empty());
    }
}
