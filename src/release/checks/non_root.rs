use super::{Checked, Inspected};

const CHECK: &str = "non-root";

/// Containers of the image run as somebody else than root, unless their service says otherwise.
pub(super) fn check(inspected: &Inspected<'_>) -> Checked {
    if inspected.component.limits.non_root == Some(false) {
        return Checked::skipped(CHECK, "root is allowed");
    }
    let user = &inspected.image.user;
    if is_root(user) {
        return Checked::failed(
            CHECK,
            "the image runs as root; end its Dockerfile with `USER name`, or say `non-root: false`",
        );
    }
    let named = inspected.component.services.iter().filter(|name| {
        let service = inspected.project.services.get(*name);
        service.is_some_and(|service| service.user.as_deref().is_some_and(is_root))
    });
    let named: Vec<String> = named.map(|name| format!("`{name}`")).collect();
    if !named.is_empty() {
        let names = named.join(", ");
        return Checked::failed(CHECK, format!("`user` makes {names} run as root"));
    }
    Checked::passed(CHECK, format!("runs as `{user}`"))
}

fn is_root(user: &str) -> bool {
    matches!(user.split(':').next(), None | Some("" | "0" | "root"))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::super::tests::Sample;
    use super::*;
    use crate::model::ReleaseLimits;

    #[test]
    fn root_fails_however_it_is_written() {
        for (user, verdict) in [
            ("", Verdict::Failed),
            ("0:1000", Verdict::Failed),
            ("root", Verdict::Failed),
            ("1000", Verdict::Passed),
            ("app:app", Verdict::Passed),
        ] {
            let mut sample = Sample::new(ReleaseLimits::default());
            sample.image.user = user.into();
            assert_eq!(sample.check(check).verdict, verdict, "{user}");
        }
        let mut sample = Sample::new(ReleaseLimits::default());
        sample.project.services[0].user = Some("0".into());
        assert_eq!(sample.check(check).verdict, Verdict::Failed);
    }
}
