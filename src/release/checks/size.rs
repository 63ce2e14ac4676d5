use super::{Checked, Inspected, largest, megabytes};

const CHECK: &str = "size";
/// Layers below this share of the image are not worth a line.
const SHARE: i64 = 100;

/// The image is not larger than its budget.
pub(super) fn check(inspected: &Inspected<'_>) -> Checked {
    let size = inspected.image.size;
    let Some(limit) = inspected.component.limits.size else {
        return Checked::skipped(CHECK, format!("{}, without a budget", megabytes(size)));
    };
    let said = format!("{} of {}", megabytes(size), megabytes(limit.0));
    if size <= limit.0 {
        return Checked::passed(CHECK, said);
    }
    let over = megabytes(size - limit.0);
    Checked::failed(CHECK, format!("{said}: {over} too much"))
        .with(largest(inspected.steps, size / SHARE))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::super::tests::Sample;
    use super::*;
    use crate::model::{ByteSize, ReleaseLimits};
    use crate::release::record::LayerRecord;

    #[test]
    fn an_image_over_its_budget_fails_with_the_lines_that_made_it() {
        let limits = |bytes| ReleaseLimits {
            size: Some(ByteSize(bytes)),
            ..ReleaseLimits::default()
        };
        let mut sample = Sample::new(limits(1_000_000));
        sample.steps = vec![LayerRecord {
            size: 1_900_000,
            created_by: "RUN apt-get install".into(),
            line: Some("images/app/Dockerfile:3".into()),
            ..LayerRecord::default()
        }];
        let checked = sample.check(check);
        assert_eq!(checked.verdict, Verdict::Failed);
        assert_eq!(checked.message, "2.0 MB of 1.0 MB: 1.0 MB too much");
        assert!(checked.details[0].contains("images/app/Dockerfile:3"));
        assert_eq!(
            Sample::new(limits(2_000_000)).check(check).verdict,
            Verdict::Passed
        );
    }
}
