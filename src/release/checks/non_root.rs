use super::{Checked, Inspected};

const CHECK: &str = "non-root";
const PASSWD: &str = "etc/passwd";

/// Whether a file is needed whole to know who a user is.
pub(super) fn keeps(path: &str) -> bool {
    path == PASSWD
}

/// Containers of the image run as somebody else than root, unless their service says otherwise.
pub(super) fn check(inspected: &Inspected<'_>) -> Checked {
    if inspected.component.limits.non_root == Some(false) {
        return Checked::skipped(CHECK, "root is allowed");
    }
    let user = &inspected.image.user;
    let passwd = inspected.tree.content(PASSWD).unwrap_or_default();
    let passwd = String::from_utf8_lossy(passwd);
    let is_root = |user: &str| is_root(user, &passwd);
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

/// Whether a user, as `USER` and `user` write it, is root. `passwd`: the image's file of that name.
/// <https://manpages.debian.org/bookworm/passwd/passwd.5.en.html>
fn is_root(user: &str, passwd: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    let is_zero = |number: &str| number.parse::<u64>() == Ok(0);
    if matches!(name, "" | "root") || is_zero(name) {
        return true;
    }
    passwd.lines().any(|line| {
        let mut fields = line.split(':');
        fields.next() == Some(name) && fields.nth(1).is_some_and(is_zero)
    })
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
            ("00", Verdict::Failed),
            ("toor", Verdict::Failed),
            ("root", Verdict::Failed),
            ("1000", Verdict::Passed),
            ("app:app", Verdict::Passed),
        ] {
            let mut sample = Sample::new(ReleaseLimits::default()).files(&[PASSWD]);
            sample.layers[0].files[0].content =
                Some(b"toor:x:0:0::/root:/bin/sh\napp:x:10:0::/:/bin/sh\n".to_vec());
            sample.image.user = user.into();
            assert_eq!(sample.check(check).verdict, verdict, "{user}");
        }
        let mut sample = Sample::new(ReleaseLimits::default());
        sample.project.services[0].user = Some("0".into());
        assert_eq!(sample.check(check).verdict, Verdict::Failed);
    }
}
