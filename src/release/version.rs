use std::cmp::Ordering;
use std::fmt;

/// A semantic version. <https://semver.org/>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    /// `rc.1`; empty for a release.
    pub pre: String,
}

impl Version {
    /// Of a tag such as `v1.2.3` or `1.2.3-rc.1`; what follows a `+` is dropped. `None`: it names no version.
    pub fn of_tag(tag: &str) -> Option<Version> {
        let text = tag.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split_once('+').map_or(text, |(text, _)| text);
        let (numbers, pre) = match text.split_once('-') {
            Some((numbers, pre)) if !pre.is_empty() => (numbers, pre),
            Some(_) => return None,
            None => (text, ""),
        };
        let mut numbers = numbers.split('.').map(|number| {
            let is_number = !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit());
            is_number.then(|| number.parse::<u64>().ok()).flatten()
        });
        let version = Version {
            major: numbers.next()??,
            minor: numbers.next()??,
            patch: numbers.next()??,
            pre: pre.to_owned(),
        };
        numbers.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        Ok(())
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// <https://semver.org/#spec-item-11>
impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = |version: &Version| (version.major, version.minor, version.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| {
            match (self.pre.is_empty(), other.pre.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_pre(&self.pre, &other.pre),
            }
        })
    }
}

fn compare_pre(one: &str, other: &str) -> Ordering {
    let mut others = other.split('.');
    for left in one.split('.') {
        let Some(right) = others.next() else {
            return Ordering::Greater;
        };
        let order = match (left.parse::<u64>(), right.parse::<u64>()) {
            (Ok(left), Ok(right)) => left.cmp(&right),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => left.cmp(right),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    match others.next() {
        Some(_) => Ordering::Less,
        None => Ordering::Equal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_order() {
        let of = |text: &str| Version::of_tag(text).unwrap();
        let order = [
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-rc.2",
            "1.0.0-rc.10",
            "v1.0.0",
            "1.2.0",
            "1.10.0+build",
        ];
        let versions: Vec<Version> = order.iter().map(|text| of(text)).collect();
        assert!(versions.is_sorted(), "{versions:?}");
    }

    #[test]
    fn other_tags_name_no_version() {
        for tag in [
            "v1", "1.2", "1.2.3.4", "latest", "1.2.x", "1.2.3-", "v1.2.+3",
        ] {
            assert_eq!(Version::of_tag(tag), None, "{tag}");
        }
    }
}
