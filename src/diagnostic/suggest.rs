/// The candidate that `wanted` most likely means; `None` when none is near.
///
/// Near means: at most a third of its letters (and at most three) added, dropped, changed or swapped with a neighbour;
/// letter case counts nothing.
pub fn closest<'c>(wanted: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let wanted: Vec<char> = wanted.to_lowercase().chars().collect();
    let limit = (wanted.len().max(3) / 3).min(3);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let letters: Vec<char> = candidate.to_lowercase().chars().collect();
            if letters.len().abs_diff(wanted.len()) > limit {
                return None;
            }
            let distance = distance(&wanted, &letters);
            (distance <= limit && distance < wanted.len().max(1)).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment distance.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut best = (last[j] + usize::from(a[i] != b[j]))
                .min(last[j + 1] + 1)
                .min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = last;
        last = row;
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_was_meant() {
        let keys = ["environment", "env_file", "image", "ports"];
        assert_eq!(closest("enviroment", keys), Some("environment"));
        assert_eq!(closest("imgae", keys), Some("image"));
        assert_eq!(closest("Ports", keys), Some("ports"));
        assert_eq!(closest("volumes", keys), None);
        assert_eq!(closest("db", ["dv", "mq"]), Some("dv"));
        assert_eq!(closest("x", ["y"]), None);
        assert_eq!(closest("", ["y"]), None);
    }
}
