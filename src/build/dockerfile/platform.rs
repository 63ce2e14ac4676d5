/// What engines run on, where nothing says what an image is built for.
const USUAL: [&str; 7] = [
    "linux/amd64",
    "linux/arm64",
    "linux/arm/v7",
    "linux/386",
    "linux/ppc64le",
    "linux/riscv64",
    "linux/s390x",
];

/// The platforms that a build may be for, the likeliest first: those that are declared, else this machine's and the usual
/// ones, because the engine may be another machine.
pub(super) fn candidates(declared: &[String]) -> Vec<&str> {
    if !declared.is_empty() {
        return declared.iter().map(String::as_str).collect();
    }
    let own = match std::env::consts::ARCH {
        "aarch64" => "linux/arm64",
        "arm" => "linux/arm/v7",
        "x86" => "linux/386",
        "powerpc64" => "linux/ppc64le",
        "riscv64" => "linux/riscv64",
        "s390x" => "linux/s390x",
        _ => "linux/amd64",
    };
    let others = USUAL.into_iter().filter(|platform| *platform != own);
    std::iter::once(own).chain(others).collect()
}

/// A variable that every build has without an `ARG`, in a build for `platform`. `None`: it is none of them.
/// <https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope>
pub(super) fn variable(name: &str, platform: &str) -> Option<String> {
    let part = name
        .strip_prefix("TARGET")
        .or_else(|| name.strip_prefix("BUILD"))?;
    let mut parts = platform.splitn(3, '/');
    let (system, architecture, variant) = (parts.next(), parts.next(), parts.next());
    let value = match part {
        "PLATFORM" => Some(platform),
        "OS" => system,
        "ARCH" => architecture,
        "VARIANT" => variant,
        _ => return None,
    };
    Some(value.unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_platform_have_names() {
        for (name, expected) in [
            ("TARGETPLATFORM", Some("linux/arm/v7")),
            ("TARGETOS", Some("linux")),
            ("BUILDARCH", Some("arm")),
            ("TARGETVARIANT", Some("v7")),
            ("TARGET", None),
            ("ARCH", None),
        ] {
            let value = variable(name, "linux/arm/v7");
            assert_eq!(value.as_deref(), expected, "{name}");
        }
        assert_eq!(
            variable("TARGETVARIANT", "linux/amd64").as_deref(),
            Some("")
        );
    }

    #[test]
    fn what_is_declared_excludes_the_rest() {
        assert_eq!(candidates(&["linux/s390x".to_owned()]), ["linux/s390x"]);
        let usual = candidates(&[]);
        assert_eq!(usual.len(), USUAL.len());
        assert!(USUAL.iter().all(|platform| usual.contains(platform)));
    }
}
