use std::str::FromStr;

use super::{Checked, Inspected, largest, megabytes};
use crate::model::ByteSize;

const CHECK: &str = "growth";

/// The image has not grown more since the last release than it may.
pub(super) fn check(inspected: &Inspected<'_>) -> Checked {
    let Some(former) = inspected.former else {
        return Checked::skipped(CHECK, "there is no release to compare with");
    };
    let grown = inspected.image.size - former.size;
    let said = match grown {
        0 => "as large as the last release".to_owned(),
        grown if grown > 0 => format!("{} more than the last release", megabytes(grown)),
        grown => format!("{} less than the last release", megabytes(-grown)),
    };
    let Some(limit) = &inspected.component.limits.growth else {
        return Checked::skipped(CHECK, format!("{said}, without a limit"));
    };
    if grown <= bytes(limit, former.size) {
        return Checked::passed(CHECK, said);
    }
    let known: Vec<&str> = former
        .layers
        .iter()
        .map(|one| one.digest.as_str())
        .collect();
    let new: Vec<_> = inspected
        .steps
        .iter()
        .filter(|step| !known.contains(&step.digest.as_str()))
        .cloned()
        .collect();
    Checked::failed(CHECK, format!("{said}; the limit is {limit}")).with(largest(&new, 1))
}

/// What a limit such as `10%` or `5m` is in bytes.
fn bytes(limit: &str, former: i64) -> i64 {
    match limit.strip_suffix('%') {
        Some(share) => former / 100 * share.trim().parse::<i64>().unwrap_or(0),
        None => ByteSize::from_str(limit).map_or(0, |size| size.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::super::tests::Sample;
    use super::*;
    use crate::model::ReleaseLimits;
    use crate::release::record::{ComponentRecord, LayerRecord};

    #[test]
    fn an_image_that_grows_too_much_fails_with_the_new_layers() {
        let checked = |limit: &str, former: i64| {
            let mut sample = Sample::new(ReleaseLimits {
                growth: Some(limit.into()),
                ..ReleaseLimits::default()
            });
            let layer = |digest: &str| LayerRecord {
                digest: digest.into(),
                size: 1000,
                created_by: format!("RUN {digest}"),
                ..LayerRecord::default()
            };
            sample.steps = vec![layer("old"), layer("new")];
            sample.former = Some(ComponentRecord {
                size: former,
                layers: vec![layer("old")],
                ..ComponentRecord::default()
            });
            sample.check(check)
        };
        let failed = checked("10%", 1_000_000);
        assert_eq!(failed.verdict, Verdict::Failed, "{failed:?}");
        assert_eq!(failed.details.len(), 1);
        assert!(failed.details[0].contains("RUN new"));
        assert_eq!(checked("5m", 1_000_000).verdict, Verdict::Passed);
        assert_eq!(checked("0%", 3_000_000).verdict, Verdict::Passed);
    }
}
